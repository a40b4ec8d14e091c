"""CUDA kernels that loop over the elements of vectors."""

from functools import cache
from typing import Any

__all__ = ["LOOP", "cached_kernel", "launch_of"]

LOOP = "for (long long i = blockIdx.x * (long long)blockDim.x + threadIdx.x; i < n;"
LOOP += " i += (long long)gridDim.x * blockDim.x)"

_THREADS, _BLOCKS = 256, 4096


@cache
def cached_kernel(cupy: Any, source: str, name: str, device: int) -> Any:
    """A kernel on a device."""
    return cupy.RawKernel(source, name)


def launch_of(cupy: Any, source: str, name: str, n: int, *args: Any) -> tuple[Any, ...]:
    """A kernel and its launch parameters for n elements: grid, block, arguments."""
    kernel = cached_kernel(cupy, source, name, cupy.cuda.Device().id)
    blocks = min(-(-n // _THREADS), _BLOCKS)
    return kernel, (blocks,), (_THREADS if n > 1 else 1,), args
