"""Where a model's methods run: on its device, which may run out of memory."""

from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Any, Concatenate, ParamSpec, TypeVar

from xpnet.backends import resolve
from xpnet.errors import DeviceMemoryError

if TYPE_CHECKING:
    from xpnet.base_model import BaseModel

__all__ = ["on_device"]

_P = ParamSpec("_P")
_R = TypeVar("_R")
_Self = TypeVar("_Self", bound="BaseModel")


def on_device(
    method: Callable[Concatenate[_Self, _P], _R],
) -> Callable[Concatenate[_Self, _P], _R]:
    """Let a model's method work on the model's device, or on that of its first argument.

    Where the device has no room, the programs that the model keeps are dropped and their memory
    is given back, so that the model can be used as before.
    """

    @wraps(method)
    def placed(self: _Self, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        backend = self._setup.backend
        if backend is None:
            backend = resolve(None, args[0] if args else kwargs.get("X"))
        if backend.index is None:
            return method(self, *args, **kwargs)
        try:
            with backend.work():
                return method(self, *args, **kwargs)
        except DeviceMemoryError as error:
            failure: Any = error
        # Without its history, whose frames hold the arrays that took the memory.
        failure.__traceback__ = failure.__context__ = failure.__cause__ = None
        if self._trainer is not None:
            self._trainer.forget()
        backend.release()
        raise failure

    return placed
