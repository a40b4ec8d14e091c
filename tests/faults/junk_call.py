"""A public function with valid arguments, of which one is replaced by junk."""

import inspect
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

__all__ = ["CALLED", "CONTRACT", "Call", "Target"]

CALLED = __file__  # where the functions are called: Python's own errors come from here
CONTRACT = "scikit-learn"  # whose checks an estimator calls, and whose errors it so raises


@dataclass
class Call:
    """A function with valid arguments.

    Attributes
    ----------
    function : callable
    given : tuple
        Arguments by position.
    named : dict
        Arguments by name. Optional ones that are not here are read off the signature.
    use : callable, optional
        What is done with the result, because some arguments are only used later.
    state : callable, optional
        What the function could have changed, as something that can be compared.
    more : tuple of str
        Further names, which the signature only has as ``**options``.
    without : tuple of str
        Kinds of junk that are valid, but take hours or more memory than there is.
    allowed : tuple of str
        Names of other warnings and errors that are as documented, or `CONTRACT`.
    """

    function: Callable[..., Any]
    given: tuple[Any, ...] = ()
    named: dict[str, Any] = field(default_factory=dict)
    use: Callable[[Any], Any] | None = None
    state: Callable[[], Any] | None = None
    more: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    allowed: tuple[str, ...] = ()

    def places(self) -> list[int | str]:
        """Positions and names of the arguments."""
        found = _signature(self.function)
        positional = [
            p.name for p in found if p.kind in (p.POSITIONAL_ONLY, p.POSITIONAL_OR_KEYWORD)
        ]
        optional = [
            p.name
            for p in found
            if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)
            and p.name not in self.named
            and p.name not in positional[: len(self.given)]
        ]
        return [*range(len(self.given)), *self.named, *optional, *self.more]

    def with_junk(self, place: int | str, junk: Any) -> Callable[[], Any]:
        """The call, with junk in one place."""
        given, named = list(self.given), dict(self.named)
        if isinstance(place, int):
            given[place] = junk
        else:
            named[place] = junk
        return lambda: self.function(*given, **named)


def _signature(function: Callable[..., Any]) -> list[inspect.Parameter]:
    try:
        return [*inspect.signature(function).parameters.values()]
    except (TypeError, ValueError):
        return []


@dataclass(frozen=True)
class Target:
    """A public function: `make` returns a new call, which may write into a folder of its own."""

    name: str
    make: Callable[[Path], Call]
