"""PyTorch: tensors on any device that PyTorch supports. Only this module imports torch.

The functions with ``out=`` do not allocate, so steps are planned as on NumPy. xpnet computes the
gradients itself: its tensors never track them.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache, partial
from math import isfinite
from typing import Any

from xpnet.backends.base import PlannedBackend
from xpnet.backends.torch_functions import Chosen, functions
from xpnet.errors import BackendUnavailableError, DataError, DeviceMemoryError, DTypeError
from xpnet.typing import DTypeName, Shape, size_of

__all__ = ["TorchBackend", "devices", "find", "on", "version"]

_INSTALL = "pip install 'xpnet[torch]'"
_VIEWS = 1 << 12  # rows of a table of which a view each is kept
_BLOCK = 1 << 20  # elements; a call takes as long as thousands of them


@cache
def _load() -> Any:
    """Import PyTorch; raise ImportError, or whatever PyTorch's own import raises."""
    import torch

    return torch


def version() -> str:
    """The version of PyTorch."""
    return str(_load().__version__)


def devices() -> list[str]:
    """The names of all devices: ``"cpu"``, ``"cuda:0"``, ``"mps"``."""
    torch = _load()
    found = ["cpu"]
    for kind in ("cuda", "xpu"):
        module = getattr(torch, kind, None)
        if module is not None and module.is_available():
            found += [f"{kind}:{i}" for i in range(module.device_count())]
    if torch.backends.mps.is_available():
        found.append("mps")
    return found


def find(name: str = "") -> "TorchBackend":
    """The backend for a device as PyTorch names it; by default PyTorch's default device.

    Raises
    ------
    BackendUnavailableError
        If PyTorch cannot be imported, or has no such device.
    """
    try:
        torch = _load()
        if not name:
            return _on(torch.get_default_device())
    except Exception as error:  # a broken installation may raise anything
        raise BackendUnavailableError(
            f"backend 'torch' cannot run here: {type(error).__name__}: {error}. {_INSTALL}"
        ) from error
    try:
        return _on(torch.empty(0, device=name).device)
    except Exception as error:  # no such device; each kind raises its own type
        raise BackendUnavailableError(
            f"backend 'torch:{name}' cannot run here: PyTorch has the devices "
            f"{', '.join(devices())} ({' '.join(str(error).split())})."
        ) from error


def on(array: Any) -> "TorchBackend":
    """The backend of a tensor's device; raises `DataError` for a layout other than the usual."""
    if array.layout != _load().strided or array.is_nested:
        raise DataError(
            f"expected a dense tensor, got one of layout {array.layout}"
            f"{', which is nested' if array.is_nested else ''}: convert it with to_dense()."
        )
    return _on(array.device)


def _on(device: Any) -> "TorchBackend":
    torch = _load()
    if device.type == "meta":
        raise BackendUnavailableError(
            "tensors on PyTorch's device 'meta' have no values: create them on "
            f"{' or '.join(devices())}."
        )
    return _made(torch.empty(0, device=device).device)  # with its number


@cache
def _made(device: Any) -> "TorchBackend":
    return TorchBackend(_load(), device)


class TorchBackend(PlannedBackend):
    """PyTorch on one device.

    Parameters
    ----------
    torch : module
    device : torch.device
    """

    families = ("torch", "out")
    tests_as_numbers = True

    def __init__(self, torch: Any, device: Any) -> None:
        from array_api_compat import torch as xp

        self._torch, self.xp, self.device = torch, xp, device
        self.raw = functions(torch, device)
        on_cpu = device.type == "cpu"
        self.name = "torch" if on_cpu else f"torch:{device}"
        self.separate, self.synchronous, self.denormals_cost = not on_cpu, on_cpu, on_cpu
        self.block = _BLOCK if on_cpu else None  # a GPU's cache holds no vector for long
        if device.type == "cuda":
            self.lowering = "torch"

    @property
    def torch(self) -> Any:
        """The library."""
        return self._torch

    @property
    def widest(self) -> DTypeName:
        return "float32" if self.device.type == "mps" else "float64"

    @property
    def _module(self) -> Any:
        """PyTorch's functions for this kind of device: `torch.cuda`, `torch.mps`, ..."""
        return getattr(self._torch, self.device.type)

    def check(self, dtype: str) -> None:
        if dtype == "float64" != self.widest:
            raise DTypeError("PyTorch's device 'mps' has no float64: use dtype='float32'.")

    def owns(self, x: Any) -> bool:
        return isinstance(x, self._torch.Tensor) and x.device == self.device

    def plain(self, x: Any) -> bool:
        own = type(x) is self._torch.Tensor and x.device == self.device
        return own and not x.requires_grad and x.layout is self._torch.strided

    def asarray(self, x: Any, dtype: str | None = None) -> Any:
        kind, torch = None if dtype is None else self.dtype(dtype), self._torch
        if not isinstance(x, torch.Tensor):
            return torch.asarray(_writable(x), dtype=kind, device=self.device)
        if x.requires_grad or type(x) is not torch.Tensor:
            x = x.detach()  # xpnet computes the gradients
        return x.to(self.device, kind).contiguous()  # the same tensor if nothing changes

    def to_numpy(self, x: Any) -> Any:
        return x.detach().cpu().numpy() if isinstance(x, self._torch.Tensor) else x

    # Memory that steps write to must not be made in the user's inference mode: PyTorch would refuse
    # to write to it outside.

    def arena(self, nbytes: int) -> Any:
        with self._torch.inference_mode(False):
            return super().arena(nbytes)

    def zeros(self, shape: Shape, dtype: str) -> Any:
        with self._torch.inference_mode(False):
            return super().zeros(shape, dtype)

    def counter(self, number: int) -> Any:
        with self._torch.inference_mode(False):
            return super().counter(number)

    def copy(self, x: Any) -> Any:
        with self._torch.inference_mode(False):
            return x.detach().clone(memory_format=self._torch.contiguous_format)

    def write(self, out: Any, values: Any) -> None:
        if isinstance(values, int | float):
            out.fill_(values)
        else:
            given = isinstance(values, self._torch.Tensor)
            out.copy_(values if given else self.asarray(values))

    def setter(self, x: Any) -> Callable[[int, Any], Any]:
        if x.shape[0] > _VIEWS:
            return lambda i, value: x.__setitem__(i, value)
        places = x.unbind()  # views, made once: assigning to x[i] takes three times as long
        if x.ndim == 1:
            return lambda i, value: places[i].fill_(value)
        return lambda i, row: places[i].copy_(row)

    def number(self, value: float, dtype: Any) -> Any:
        return self._torch.tensor(value, dtype=dtype, device=self.device)

    def bound(
        self, function: Callable[..., Any], args: tuple[Any, ...], settings: dict[str, Any]
    ) -> Callable[[], Any]:
        if isinstance(function, Chosen):
            return function.choose(*args, **settings)
        return partial(function, *args, **settings)

    def takes_out(self, function: object) -> bool:
        return isinstance(function, Chosen) or super().takes_out(function)

    def view(self, arena: Any, offset: int, shape: Shape, dtype: str) -> Any:
        kind = self.dtype(dtype)
        stop = offset + size_of(shape) * kind.itemsize
        return arena[offset:stop].view(kind).view(shape)

    def dense(self, x: Any) -> bool:
        return bool(x.is_contiguous())

    def gather(self, source: Any, out: Any) -> Callable[[Any], Any]:
        return partial(self._torch.index_select, source, 0, out=out)

    def address(self, x: Any) -> int:
        return int(x.data_ptr())

    def finite(self, x: Any) -> bool:
        flat = x.detach().reshape(-1)
        return isfinite(self._torch.dot(flat, flat)) or bool(self._torch.isfinite(flat).all())

    def within(self, x: Any, count: int) -> bool:
        least, most = self._torch.aminmax(x)
        return int(least) >= 0 and int(most) < count

    def quiet(self) -> Any:
        """Run the body without the record that autograd keeps.

        xpnet computes its own gradients, and calls are faster without the record.
        """
        return self._torch.no_grad()

    def synchronize(self) -> None:
        if self.separate:
            self._module.synchronize()

    def release(self) -> None:
        if self.separate:
            self._module.empty_cache()

    @contextmanager
    def work(self) -> Iterator[None]:
        try:
            with self._torch.inference_mode(False):
                yield
        except self._torch.OutOfMemoryError as error:
            raise DeviceMemoryError(
                f"{self.name} is out of memory: {error} Use a smaller batch_size, smaller layers "
                "or float32."
            ) from error


def _writable(x: Any) -> Any:
    """A host array whose memory PyTorch can share; a copy if it cannot share that of `x`.

    PyTorch warns about read-only arrays, so these are copied, too.
    """
    import numpy as np

    host = np.asarray(x)
    native = host.astype(host.dtype.newbyteorder("="), copy=False)
    return np.require(native, requirements=["C", "W", "A"])
