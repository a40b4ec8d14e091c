"""CuPy: arrays on an NVIDIA GPU. The only module that imports cupy, and only when asked."""

from types import SimpleNamespace
from typing import Any

from xpnet.backends.base import PlannedBackend

__all__ = ["CupyBackend", "load", "probe"]

_NAMES = """abs add arange argmax concatenate copyto divide dtype empty equal exp expand_dims
    greater greater_equal log log1p matmul max maximum minimum multiply negative  ones power sqrt
    subtract sum swapaxes tanh zeros""".split()


def load() -> Any:
    """Import CuPy; raises ImportError, or whatever its own import raises."""
    import cupy

    return cupy


def probe(cupy: Any) -> None:
    """Prove that CuPy works: one elementwise kernel and one matrix product.

    CuPy imports without a driver and counts devices without their libraries, so nothing less
    tells. Raises whatever CuPy raises, with the stage that failed in front.
    """
    stage = "finding a device"
    try:
        if cupy.cuda.runtime.getDeviceCount() < 1:
            raise RuntimeError("the CUDA driver reports no device")
        stage = "compiling and running an elementwise kernel"
        x = cupy.arange(4, dtype="float32").reshape(2, 2) + 1
        if float((x * x).sum()) != 30.0:
            raise RuntimeError("the kernel returned a wrong result")
        stage = "running a 2x2 matrix product (cuBLAS)"
        if float((x @ x)[0, 0]) != 7.0:
            raise RuntimeError("the product is wrong")
    except Exception as error:
        text = " ".join(str(error).split()) or "no message"
        raise RuntimeError(f"{stage} failed: {type(error).__name__}: {text}") from error


class CupyBackend(PlannedBackend):
    """CuPy 14 or newer."""

    name = "cupy"
    families = ("out",)
    synchronous = False

    def __init__(self, cupy: Any) -> None:
        from array_api_compat import cupy as xp

        self._cupy = cupy
        self.xp = xp
        self.raw = SimpleNamespace(
            **{name: getattr(cupy, name) for name in _NAMES}, take=self.gather, put=cupy.put
        )

    def owns(self, x: Any) -> bool:
        return isinstance(x, self._cupy.ndarray)

    def asarray(self, x: Any, dtype: str | None = None) -> Any:
        return self._cupy.asarray(x, dtype=dtype, order="C")

    def to_numpy(self, x: Any) -> Any:
        return self._cupy.asnumpy(x)

    def address(self, x: Any) -> int:
        return int(x.data.ptr)

    def synchronize(self) -> None:
        self._cupy.cuda.get_current_stream().synchronize()

    def gather(self, source: Any, index: Any, out: Any) -> None:
        self._cupy.take(source, index, axis=0, out=out)
