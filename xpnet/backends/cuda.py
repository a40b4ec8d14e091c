"""CuPy: arrays on an NVIDIA GPU. Only this module imports cupy, and only on request."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from copy import copy
from functools import partial
from types import SimpleNamespace
from typing import Any, cast

from xpnet.backends.base import PlannedBackend
from xpnet.errors import DeviceMemoryError
from xpnet.typing import Precision, Shape

__all__ = ["CupyBackend", "count_devices", "load", "probe"]

_NAMES = """abs add arange argmax copyto divide dtype empty equal exp expand_dims
    greater greater_equal log log1p max maximum minimum multiply negative  ones power sqrt
    subtract sum swapaxes tanh zeros""".split()
_PIECE = 1 << 24  # elements that are checked at a time
_SHARE = 0.8  # share of free memory for data; parameters and workspace need the rest


def load() -> Any:
    """Import CuPy; raises ImportError, or whatever its own import raises."""
    import cupy

    return cupy


def count_devices(cupy: Any) -> int:
    """The number of devices that the driver reports; 0 if it does not respond."""
    try:
        return int(cupy.cuda.runtime.getDeviceCount())
    except Exception:  # no driver, or one that does not respond
        return 0


def probe(cupy: Any) -> None:
    """Prove that CuPy works: one elementwise kernel and one matrix product.

    CuPy imports without a driver and counts devices without their libraries, so lesser tests
    prove nothing. Raises a RuntimeError that names the failed stage and CuPy's own error.
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
    """CuPy 14 or newer, on one device.

    All work runs on the backend's own stream, which can be captured. It first waits for the work
    on the user's stream; afterwards the user's stream waits for it.

    Parameters
    ----------
    cupy : module
    index : int
        Which device.
    compiles : bool
        Whether recorded calls are fused into kernels. NVRTC, which comes with CuPy, compiles them.
    """

    name = "cupy"
    families: tuple[str, ...] = ("out",)
    lowering = "cuda"
    synchronous = False
    separate = True

    def __init__(self, cupy: Any, index: int = 0, compiles: bool = False) -> None:
        from array_api_compat import cupy as xp

        self._cupy, self.index, self.compiles = cupy, index, compiles
        if compiles:
            self.families = ("loops", "out")
        self.name = f"cupy:{index}" if index else "cupy"
        self.xp = xp
        self.raw = SimpleNamespace(
            **{name: getattr(cupy, name) for name in _NAMES},
            add_at=cupy.add.at,
            take=_rows(cupy),
            put=cupy.put,
            matmul=_true_matmul(cupy),
            concatenate=_concatenate,
        )
        self._streams: dict[str, Any] = {}

    def rounded(self, precision: Precision) -> "CupyBackend":
        """The same backend with another rounding of products' operands."""
        twin = copy(self)
        twin.precision = precision
        twin.families = ("cuda", *self.families)
        twin._streams = {}
        return twin

    @property
    def cupy(self) -> Any:
        """The library."""
        return self._cupy

    @property
    def stream(self) -> Any:
        """The stream on which the backend works, created on first use."""
        return self._made_stream("work")

    @property
    def capturing(self) -> Any:
        """The stream that captures graphs and never computes."""
        return self._made_stream("capture")

    def _made_stream(self, purpose: str) -> Any:
        if purpose not in self._streams:
            with self._cupy.cuda.Device(self.index):
                self._streams[purpose] = self._cupy.cuda.Stream(non_blocking=True)
        return self._streams[purpose]

    @contextmanager
    def work(self) -> Iterator[None]:
        with self._cupy.cuda.Device(self.index):
            outside = self._cupy.cuda.get_current_stream()
            try:
                if outside == self.stream:  # within other work
                    yield
                    return
                self.stream.wait_event(self._mark(outside))
                try:
                    with self.stream:
                        yield
                finally:
                    outside.wait_event(self._mark(self.stream))
            except self._cupy.cuda.memory.OutOfMemoryError as error:
                raise self._no_memory(error) from error

    def _mark(self, stream: Any) -> Any:
        """An event after all work on a stream so far."""
        return stream.record(self._cupy.cuda.Event(disable_timing=True))

    def _memory(self) -> tuple[int, int]:
        """Free and total bytes of the device, within CuPy's limit."""
        with self._cupy.cuda.Device(self.index) as device:
            pool = self._cupy.get_default_memory_pool()
            free, total = device.mem_info
            free += pool.free_bytes()
            limit = pool.get_limit()
            if limit:
                free, total = min(free, limit - pool.used_bytes()), min(total, limit)
        return max(free, 0), total

    def _no_memory(self, error: Any) -> DeviceMemoryError:
        free, total = self._memory()
        return DeviceMemoryError(
            f"{self.name} is out of memory: {error} Of its {total:,} bytes {free:,} are free. Use "
            "a smaller batch_size, smaller layers or float32; pass large data as NumPy arrays, "
            "which stay in host memory if they do not fit; or end other programs that use the GPU "
            "(nvidia-smi lists them).",
            getattr(error, "_size", None),
            free,
            total,
        )

    def release(self) -> None:
        with self._cupy.cuda.Device(self.index):
            self._cupy.get_default_memory_pool().free_all_blocks()
            self._cupy.get_default_pinned_memory_pool().free_all_blocks()

    def fits(self, nbytes: int) -> bool:
        return nbytes <= _SHARE * self._memory()[0]

    def owns(self, x: Any) -> bool:
        return isinstance(x, self._cupy.ndarray) and bool(x.device.id == self.index)

    def finite(self, x: Any) -> bool:
        # In pieces: CuPy computes the product of two vectors from a vector of products.
        flat = x.reshape(-1)
        pieces = range(0, flat.size, _PIECE)
        check = super().finite
        return all(check(flat[start : start + _PIECE]) for start in pieces)

    def pinned(self, shape: Shape, dtype: str) -> Any:
        """A NumPy array in pinned host memory, from which the device copies by itself."""
        import cupyx

        return cupyx.empty_pinned(shape, dtype)

    def asarray(self, x: Any, dtype: str | None = None) -> Any:
        with self._cupy.cuda.Device(self.index):
            return self._cupy.asarray(x, dtype=dtype, order="C")

    def to_numpy(self, x: Any) -> Any:
        return self._cupy.asnumpy(x)

    def write(self, out: Any, values: Any) -> None:
        if hasattr(values, "__array_interface__"):  # on the host
            out.set(values)
        else:
            out[...] = values

    def address(self, x: Any) -> int:
        return int(x.data.ptr)

    def synchronize(self) -> None:
        self._cupy.cuda.get_current_stream().synchronize()

    def gather(self, source: Any, out: Any) -> Callable[[Any], Any]:
        return partial(self._cupy.take, source, axis=0, out=out)


def _rows(cupy: Any) -> Callable[..., Any]:
    """CuPy's ``take`` along the first axis, with the kernels' order of arguments."""

    def take(source: Any, index: Any, out: Any) -> None:
        cupy.take(source, index, axis=0, out=out)

    return take


def _true_matmul(cupy: Any) -> Callable[..., Any]:
    """CuPy's product in true float32, even if ``CUPY_TF32=1`` makes CuPy round to TF32."""
    if not int(os.environ.get("CUPY_TF32", "0")):
        return cast(Callable[..., Any], cupy.matmul)
    core = cupy._core
    float32, tf32 = 4, core.get_compute_type("float32")

    def matmul(a: Any, b: Any, out: Any) -> None:
        core.set_compute_type("float32", float32)
        try:
            cupy.matmul(a, b, out=out)
        finally:
            core.set_compute_type("float32", tf32)

    return matmul


def _concatenate(arrays: Any, axis: int, out: Any) -> None:
    """Concatenate arrays; CuPy's own function uploads their addresses each time."""
    start = 0
    for array in arrays:
        stop = start + array.shape[axis]
        part = (slice(None),) * (axis % out.ndim) + (slice(start, stop),)
        out[part] = array
        start = stop
