"""Any other Array API namespace, run by the interpreter."""

from typing import Any

from xpnet.backends.base import Backend
from xpnet.backends.data_types import dtype_name
from xpnet.errors import BackendUnavailableError
from xpnet.typing import Namespace

__all__ = ["GenericBackend"]


class GenericBackend(Backend):
    """An Array API namespace, such as array-api-strict."""

    def __init__(self, xp: Namespace, device: Any = None) -> None:
        self.xp, self.device = xp, device
        self._library: str = xp.__name__.removeprefix("array_api_compat.")
        self._usable: set[str] = set()  # floating types that were tried
        self.name = self._library
        if device is not None:
            self.name += f" on {device}"
        sample = xp.zeros(1, device=device)
        self._array_type = type(sample)
        on_cpu = "cpu" in str(getattr(sample, "device", "cpu")).lower()
        self.synchronous = self.denormals_cost = on_cpu

    @property
    def library(self) -> str:
        return self._library

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
        try:
            return np.from_dlpack(host)
        except (AttributeError, BufferError):  # not every library can export by DLPack
            return np.asarray(host)

    def check(self, dtype: str) -> None:
        if dtype in self._usable:
            return
        try:
            self._try(dtype)
            self._usable.add(dtype)
        except Exception as error:  # libraries raise errors of their own types
            raise BackendUnavailableError(
                f"{self.name} cannot train networks: {type(error).__name__}: {error}. Convert the "
                "data with numpy.asarray, or create the model with backend='numpy', which converts "
                "them. Model.function() computes predictions on arrays of any library."
            ) from error

    def _try(self, dtype: str) -> None:
        """Try what all training needs: products, indexing, values read on the host."""
        from array_api_compat import is_lazy_array

        xp = self.xp
        x = self.asarray([[1.0, 2.0], [3.0, 4.0]], dtype)
        index = self.asarray([1, 0], "int64")
        if is_lazy_array(x):
            raise TypeError("its arrays are lazy, so each step would repeat all steps before it")
        y = xp.where(x > 2, self.take(x, index) @ x[:, 1:], xp.zeros_like(x))
        if float(xp.max(y)) != 10 or not self.finite(y):
            raise ValueError("a product of small matrices is wrong")
        if self.to_numpy(xp.argmax(y, axis=1)).tolist() != [0, 0]:
            raise ValueError("the index of a maximum is wrong")
