"""Run a model's methods on its device, which may run out of memory, and leave it as it was."""

from collections.abc import Callable
from functools import wraps
from typing import Any, Concatenate, ParamSpec, Protocol, TypeVar

from xpnet.backends import Backend, resolve
from xpnet.engine.engine import Engine
from xpnet.errors import DeviceMemoryError
from xpnet.lowering import blas_threads

__all__ = ["on_device"]


class _Model(Protocol):
    _engine: Engine | None

    @property
    def backend(self) -> Backend | None: ...


_P = ParamSpec("_P")
_R = TypeVar("_R")
_Self = TypeVar("_Self", bound=_Model)


def on_device(
    method: Callable[Concatenate[_Self, _P], _R],
) -> Callable[Concatenate[_Self, _P], _R]:
    """Run a model's method on the model's device, or on that of its first argument.

    If the device runs out of memory, the model's programs are dropped and their memory is
    returned to the pool, so the model remains usable. On the CPU, limits on threads end with the
    method, even if a signal interrupts it.
    """

    @wraps(method)
    def placed(self: _Self, /, *args: _P.args, **kwargs: _P.kwargs) -> _R:
        engine = self._engine
        if engine is not None and engine.threads is not None:
            return engine.threads.run(method, self, args, kwargs)
        backend = self.backend
        if backend is None:
            backend = resolve(None, args[0] if args else kwargs.get("X"))
        threads = blas_threads(backend)
        if threads is not None:
            return threads.run(method, self, args, kwargs)
        try:
            with backend.work():
                return method(self, *args, **kwargs)
        except DeviceMemoryError as error:
            failure: Any = error
        # Without its history, whose frames hold the arrays that took the memory.
        failure.__traceback__ = failure.__context__ = failure.__cause__ = None
        if self._engine is not None:
            self._engine.programs.forget()
            self._engine.state.results = None
        backend.release()
        raise failure

    return placed
