"""The settings that an object was made with: the attributes named like its parameters."""

from collections.abc import Callable, Hashable
from functools import cache
from inspect import Parameter, signature
from typing import Any, cast

from xpnet.errors import ArgumentError
from xpnet.nn import Loss, Maxout, Residual
from xpnet.nn.init import Initializer
from xpnet.optim import Optimizer
from xpnet.optim.optimizer import Options

__all__ = ["make", "settings_of"]


def settings_of(thing: Any, maker: Callable[..., Any]) -> dict[str, Any]:
    """The named arguments with which `maker` makes such an object.

    A class's parameters must be attributes of the same name. For a parameter ``*layers``, the
    attribute is a list.

    Raises
    ------
    ArgumentError
        If a parameter has no attribute, or no name of its own.
    """
    if isinstance(thing, Loss):
        return thing.settings
    if isinstance(thing, Initializer):
        return dict(zip(signature(maker).parameters, thing.settings, strict=True))
    reader = _READERS.get(type(thing).__init__, _attributes)
    return reader(thing)


def make(maker: Callable[..., Any], settings: dict[str, Any]) -> Any:
    """The object that the maker makes from these settings: the inverse of `settings_of`."""
    rest = dict(settings)
    several = [p.name for p in _parameters(maker) if p.kind is Parameter.VAR_POSITIONAL]
    given = [rest.pop(name) for name in several if name in rest]
    return maker(*(given[0] if given else ()), **rest)


@cache  # slow, and a file may name the same maker 10,000 times
def _parameters(maker: Hashable) -> list[Parameter]:
    assert callable(maker)
    return list(signature(maker).parameters.values())


def _attributes(thing: Any) -> dict[str, Any]:
    """The attributes with the names of the constructor's parameters."""
    names = []
    for parameter in _parameters(cast(Hashable, type(thing))):
        if parameter.kind is Parameter.VAR_KEYWORD and isinstance(thing, Optimizer):
            names += list(Options.__annotations__)
        elif parameter.kind in (Parameter.VAR_KEYWORD, Parameter.POSITIONAL_ONLY):
            raise ArgumentError(
                f"the constructor of {type(thing).__name__} takes {parameter}, which a file cannot "
                "hold: make each setting a parameter with its own name."
            )
        else:
            names.append(parameter.name)
    for name in names:
        if not hasattr(thing, name):
            raise ArgumentError(
                f"{type(thing).__name__} takes {name!r} but has no such attribute, so it cannot "
                f"be saved: write self.{name} = {name} in its __init__."
            )
    return {name: getattr(thing, name) for name in names}


def _residual(layer: Residual) -> dict[str, Any]:
    return {"layers": layer.inner.layers}


def _maxout(layer: Maxout) -> dict[str, Any]:
    dense = {name: value for name, value in _attributes(layer.maps).items() if name != "units"}
    return {"units": layer.units, "pieces": layer.pieces, **dense}


# Keyed by the constructor, which a subclass may inherit or replace.
_READERS: dict[Any, Callable[[Any], dict[str, Any]]] = {
    Residual.__init__: _residual,
    Maxout.__init__: _maxout,
}
