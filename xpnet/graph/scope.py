"""Name scopes: the dotted path of each layer in a trace, such as ``layers.0``."""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import Any

from xpnet.errors import GraphError
from xpnet.typing import Shape

__all__ = ["LayerCall", "Scope", "above", "under_any"]


@dataclass(eq=False)
class LayerCall:
    """A layer's call in a trace, for summaries: its path, its kind and its output."""

    path: str
    kind: str
    depth: int
    shape: Shape = ()


class Scope:
    """The state of a trace: the path of the layer being called, and the paths of earlier layers.

    Attributes
    ----------
    calls : list of LayerCall
    observed : dict of str to Value
        What the layers compute with parameters whose initial values depend on data, by their paths.
    """

    def __init__(self) -> None:
        self.calls: list[LayerCall] = []
        self.observed: dict[str, Any] = {}
        self._path, self._depth = "", 0
        self._declared: set[str] = set()  # in the current call
        self._paths: dict[
            int, tuple[Any, str]
        ] = {}  # keeps the layer alive, so that its id stays unique
        self._taken: set[str] = set()  # these paths
        self._counts: dict[str, int] = {}  # how often each path was wanted by another layer

    def path(self, name: str = "") -> str:
        """The dotted path of the layer being called, or of its parameter of this name."""
        return _join(self._path, name)

    def declare(self, name: str) -> str:
        """The dotted path of a parameter of the layer being called."""
        path = self.path(name)
        if path in self._declared:
            raise GraphError(f"parameter {path!r} is declared twice in one call of its layer.")
        self._declared.add(path)
        return path

    def call(self, layer: Callable[..., Any], *xs: Any, name: str | None = None) -> Any:
        """Call a layer, or a plain function, inside its own name scope.

        A layer keeps the path of its first call, so that all calls share its parameters.
        """
        forward = getattr(layer, "forward", None)
        if forward is None and name is None:
            return layer(*xs)
        outer, declared = self._path, self._declared
        self._declared = set()
        try:
            if forward is None:
                self._path = _join(outer, name)
                return layer(*xs)
            self._path = self._path_of(layer, name)
            return self._record(layer, forward, xs)
        finally:
            self._path, self._declared = outer, declared

    def _record(self, layer: Any, forward: Callable[..., Any], xs: tuple[Any, ...]) -> Any:
        """Run a layer and record its call."""
        entry = LayerCall(self._path, type(layer).__name__, self._depth)
        self.calls.append(entry)
        self._depth += 1
        try:
            result = forward(*xs)
        finally:
            self._depth -= 1
        entry.shape = getattr(result, "shape", ())
        return result

    def _path_of(self, layer: Any, name: str | None) -> str:
        """The dotted path of a layer, from its first call."""
        if id(layer) not in self._paths:
            path = _join(self._path, type(layer).__name__.lower() if name is None else name)
            self._paths[id(layer)] = (layer, self._free(path))
        return self._paths[id(layer)][1]

    def _free(self, path: str) -> str:
        """Take this path, or the first of ``path_1``, ``path_2``, ... that is free."""
        candidate, count = path, self._counts.get(path, 1)
        while candidate in self._taken:
            candidate, count = f"{path}_{count}", count + 1
        self._counts[path] = count
        self._taken.add(candidate)
        return candidate


def under_any(names: Collection[str], path: str) -> bool:
    """Whether a dotted path is one of these names or below one; quick if the names are a set."""
    return bool(names) and not set(above(path)).isdisjoint(names)


def above(path: str) -> Iterator[str]:
    """The path, and all names that it is below."""
    parts = path.split(".")
    return (".".join(parts[:n]) for n in range(len(parts), 0, -1))


def _join(*parts: str | None) -> str:
    return ".".join(part for part in parts if part)
