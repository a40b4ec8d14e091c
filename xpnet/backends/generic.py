"""Any other namespace that follows the Array API standard, run by the interpreter."""

from typing import Any

from xpnet.backends.base import Backend, dtype_name
from xpnet.typing import Namespace

__all__ = ["GenericBackend"]


class GenericBackend(Backend):
    """An Array API namespace: array-api-strict, torch through array-api-compat, JAX, ..."""

    def __init__(self, xp: Namespace) -> None:
        self.xp = xp
        self.name = xp.__name__.removeprefix("array_api_compat.")
        self._array_type = type(xp.zeros(1))

    def owns(self, x: Any) -> bool:
        return isinstance(x, self._array_type)

    def quiet(self) -> Any:
        import numpy as np  # under which many of these libraries compute

        return np.errstate(all="ignore")

    def asarray(self, x: Any, dtype: str | None = None) -> Any:
        if getattr(x, "requires_grad", False):
            x = x.detach()  # torch's own gradients end at the door
        if dtype is None:
            return self.xp.asarray(x)
        if self.owns(x):
            return x if dtype_name(x.dtype) == dtype else self.xp.astype(x, self.dtype(dtype))
        return self.xp.asarray(x, dtype=self.dtype(dtype))

    def to_numpy(self, x: Any) -> Any:
        import numpy as np

        return np.from_dlpack(self.asarray(x))
