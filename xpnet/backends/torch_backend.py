"""PyTorch: tensors on a CPU or on any device that PyTorch drives. Only this module imports torch.

The functions with ``out=`` do not allocate, so steps are planned as on NumPy. xpnet computes the
gradients itself: its tensors never track them.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from typing import Any

from xpnet.backends.generic import GenericBackend
from xpnet.errors import BackendUnavailableError, DeviceMemoryError, DTypeError

__all__ = ["TorchBackend", "devices", "find", "on", "version"]

_INSTALL = "pip install 'xpnet[torch]'"


@cache
def _load() -> Any:
    """Import PyTorch; raises ImportError, or whatever its own import raises."""
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
    """The backend of a tensor's device."""
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


class TorchBackend(GenericBackend):
    """PyTorch on one device.

    Parameters
    ----------
    torch : module
    device : torch.device
    """

    def __init__(self, torch: Any, device: Any) -> None:
        from array_api_compat import torch as xp

        super().__init__(xp, device)
        self._torch = torch
        self.name = "torch" if device.type == "cpu" else f"torch:{device}"
        self.separate = device.type != "cpu"

    def check(self, dtype: str) -> None:
        if dtype == "float64" and self.device.type == "mps":
            raise DTypeError("PyTorch's device 'mps' has no float64: use dtype='float32'.")

    def to_numpy(self, x: Any) -> Any:
        return x.detach().cpu().numpy() if self.owns(x) else x

    @contextmanager
    def work(self) -> Iterator[None]:
        try:
            yield
        except self._torch.OutOfMemoryError as error:
            raise DeviceMemoryError(
                f"{self.name} is out of memory: {error} Use a smaller batch_size, smaller layers "
                "or float32."
            ) from error
