"""Any other Array API namespace, run by the interpreter."""

from typing import Any

from xpnet.backends.base import Backend
from xpnet.backends.data_types import dtype_name
from xpnet.typing import Namespace

__all__ = ["GenericBackend"]


class GenericBackend(Backend):
    """An Array API namespace: array-api-strict, dask, ..."""

    def __init__(self, xp: Namespace, device: Any = None) -> None:
        self.xp, self.device = xp, device
        self.name = xp.__name__.removeprefix("array_api_compat.")
        if device is not None:
            self.name += f" on {device}"
        sample = xp.zeros(1, device=device)
        self._array_type = type(sample)
        on_cpu = "cpu" in str(getattr(sample, "device", "cpu")).lower()
        self.synchronous = self.denormals_cost = on_cpu

    def owns(self, x: Any) -> bool:
        return isinstance(x, self._array_type)

    def plain(self, x: Any) -> bool:
        return False  # it may be on another device

    def quiet(self) -> Any:
        import numpy as np  # many of these libraries compute with NumPy

        return np.errstate(all="ignore")

    def asarray(self, x: Any, dtype: str | None = None) -> Any:
        if getattr(x, "requires_grad", False):
            x = x.detach()  # xpnet computes the gradients, not torch
        if dtype is None:
            return self.xp.asarray(x, device=self.device)
        if self.owns(x):
            return x if dtype_name(x.dtype) == dtype else self.xp.astype(x, self.dtype(dtype))
        return self.xp.asarray(x, dtype=self.dtype(dtype), device=self.device)

    def to_numpy(self, x: Any) -> Any:
        import numpy as np

        host = self.asarray(x)
        if self.device is not None:
            from array_api_compat import device, to_device

            host = to_device(host, device(self.xp.zeros(1)))
        return np.from_dlpack(host)
