"""The objects that a file can name: xpnet's own, and the ones that a program registers.

A file holds names and settings, never code. Names are looked up here, so loading a file can make
only registered objects.
"""

from collections.abc import Callable
from typing import Any, TypeVar, overload

from xpnet import nn, optim
from xpnet.errors import ArgumentError, in_brief
from xpnet.nn import Loss, Metric, init, losses
from xpnet.nn.init import Initializer
from xpnet.ops.op_registry import REGISTRY

__all__ = ["maker_named", "maker_of", "name_of", "object_named", "register"]

T = TypeVar("T", bound=Callable[..., Any] | Metric)

_LONGEST = 200  # characters of a name


def _own_makers() -> dict[str, Callable[..., Any]]:
    """Every layer, penalty, constraint, optimizer, schedule, initializer and loss."""
    classes = {
        name: value
        for room in (nn, optim)
        for name, value in vars(room).items()
        if name in room.__all__ and isinstance(value, type)
    }
    for base in ("Layer", "Link", "Loss", "Metric", "Optimizer", "Schedule"):
        del classes[base]
    plain = {"get", "names", "Initializer", "DataInitializer", "Loss"}
    starts = {f"init.{n}": getattr(init, n) for n in init.__all__ if n not in plain}
    measures = {f"losses.{n}": getattr(losses, n) for n in losses.__all__ if n not in plain}
    return {**classes, **starts, **measures}


_MAKERS = _own_makers()  # called with settings from a file
_OBJECTS: dict[str, Any] = {f"ops.{name}": op for name, op in REGISTRY.items()}  # used unchanged
_OWN = frozenset(_MAKERS) | frozenset(_OBJECTS)


@overload
def register(name: str | None = None) -> Callable[[T], T]: ...
@overload
def register(name: T) -> T: ...
def register(name: Any = None) -> Any:
    """Let files name your own layer, loss or function: a decorator.

    `xpnet.load` looks the name up again, so the loading program must register it too, by
    importing the module that defines it.

    Parameters
    ----------
    name : str, optional
        The name; by default ``__name__``. The decorator also works without parentheses.

    Returns
    -------
    function
        Registers its argument and returns it unchanged. The argument is a class, whose
        constructor's parameters must be attributes of the same name; or a function (a loss, a
        metric, an activation, a schedule, a whole network), a `Loss` or a `Metric`, which is
        used unchanged.

    Raises
    ------
    ArgumentError
        If the name is taken, or the argument cannot be registered.

    Examples
    --------
    >>> import xpnet as xn
    >>> @xn.register
    ... class Scale(xn.Layer):
    ...     def __init__(self, start=1.0):
    ...         self.start = start
    ...     def forward(self, x):
    ...         return x * self.parameter(x, "scale", x.shape[1:], xn.init.constant(self.start))
    >>> swish = xn.register("swish")(lambda x: x * xn.ops.sigmoid(x))
    """
    if name is None or isinstance(name, str):
        return lambda thing: _add(thing, name)
    return _add(name, None)


def _add(thing: Any, name: str | None) -> Any:
    if not callable(thing) and not isinstance(thing, Metric):
        raise ArgumentError(f"only a class or a function can be registered, got {in_brief(thing)}.")
    name = getattr(thing, "__name__", None) if name is None else name
    if not name or name == "<lambda>" or len(name) > _LONGEST or not name.isprintable():
        raise ArgumentError(
            f"{in_brief(thing)} needs a name: xpnet.register('name')(...), got {in_brief(name)}."
        )
    taken = _MAKERS.get(name, _OBJECTS.get(name))
    if name in _OWN or (taken is not None and _place(taken) != _place(thing)):
        raise ArgumentError(
            f"the name {in_brief(name)} is taken by {taken!r}: choose another, such as "
            f"xpnet.register('my.{name}')."
        )
    (_MAKERS if isinstance(thing, type) else _OBJECTS)[name] = thing
    return thing


def _place(thing: Any) -> tuple[Any, Any]:
    """Where a thing is defined: a notebook cell may define it again."""
    return getattr(thing, "__module__", None), getattr(thing, "__qualname__", id(thing))


def maker_named(name: str) -> Callable[..., Any] | None:
    """The class or the function that makes objects of this kind."""
    return _MAKERS.get(name)


def object_named(name: str) -> Any:
    """The function or object that is used unchanged; None if there is none."""
    return _OBJECTS.get(name)


def name_of(thing: Any) -> str | None:
    """The name of an object that is used unchanged."""
    return next((name for name, other in _OBJECTS.items() if other is thing), None)


def maker_of(thing: Any) -> str | None:
    """The name of the class or function that makes such objects."""
    if isinstance(thing, Initializer):
        name = f"init.{thing.name}"
        return name if name in _MAKERS and _MAKERS[name](*thing.settings) == thing else None
    made_by = thing.made_by if isinstance(thing, Loss) else type(thing)
    return next((name for name, other in _MAKERS.items() if other is made_by), None)
