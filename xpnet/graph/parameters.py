"""All parameters as one flat vector. Named parameters are views of it.

Weights come first, then biases, so that weight decay applies to one slice. Parameters that are not
trained come last, so that gradients and the optimizer's vectors also cover one slice. Within these
parts, parameters with equal factors of the learning rate and of the decay are neighbors.
"""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple

from xpnet.backends import Backend
from xpnet.errors import ShapeError, in_brief
from xpnet.graph.graph import Graph, ParameterSpec
from xpnet.typing import Namespace, Shape, size_of

__all__ = ["Group", "ParameterTable"]

_SHOWN = 40  # names in a message


class Group(NamedTuple):
    """A part of the vector, and its factors of the learning rate and of the weight decay."""

    part: slice
    rate: float
    decay: float


def _place(key: tuple[bool, float, float]) -> tuple[bool, bool, bool]:
    """Where a group stands. Most have the rate 1: they are neighbors, with decay or without."""
    trained, rate, decay = key
    return not trained, not decay, (rate == 1) == bool(decay)


@dataclass(frozen=True)
class ParameterTable:
    """The position of each named parameter in the flat vector.

    Attributes
    ----------
    specs : dict of str to ParameterSpec
        In order of declaration.
    offsets : dict of str to int
        Index of each parameter's first element.
    size, trainable, decayed : int
        Length of the vector, of its trained leading part, and of the part of that to which weight
        decay applies.
    groups : tuple of Group
        The trained parameters by their factors, in the order of the vector.
    """

    specs: dict[str, ParameterSpec]
    offsets: dict[str, int]
    size: int
    trainable: int
    decayed: int
    groups: tuple[Group, ...]

    @classmethod
    def of(cls, graph: Graph) -> "ParameterTable":
        """The table of a traced graph's parameters."""
        names: dict[tuple[bool, float, float], list[str]] = {}
        for name, spec in graph.specs.items():
            names.setdefault((spec.trainable, spec.rate, spec.decay), []).append(name)
        offsets, size, groups = {}, 0, []
        for key in sorted(names, key=_place):
            start = size
            for name in names[key]:
                offsets[name], size = size, size + size_of(graph.specs[name].shape)
            if key[0]:
                groups.append(Group(slice(start, size), *key[1:]))
        decayed = max((group.part.stop for group in groups if group.decay), default=0)
        trainable = groups[-1].part.stop if groups else 0
        return cls(dict(graph.specs), offsets, size, trainable, decayed, tuple(groups))

    @property
    def trained(self) -> list[str]:
        """Names of the trained parameters, in order of declaration."""
        return [name for name, spec in self.specs.items() if spec.trainable]

    @property
    def shapes(self) -> dict[str, Shape]:
        """Each parameter's shape."""
        return {name: spec.shape for name, spec in self.specs.items()}

    def part(self, name: str) -> slice:
        """A parameter's position in the flat vector."""
        start = self.offsets[name]
        return slice(start, start + size_of(self.specs[name].shape))

    def view(self, xp: Namespace, flat: Any, name: str) -> Any:
        """One parameter's part of a flat vector, in its shape."""
        return xp.reshape(flat[self.part(name)], self.specs[name].shape)

    def views(self, xp: Namespace, flat: Any) -> dict[str, Any]:
        """Every parameter's part of a flat vector, by name."""
        return {name: self.view(xp, flat, name) for name in self.specs}

    def flatten(self, backend: Backend, arrays: Mapping[str, Any]) -> Any:
        """These arrays as a new flat vector: all parameters, or only the trained ones."""
        return backend.joined(arrays[name] for name in sorted(arrays, key=self.offsets.__getitem__))

    def check(self, names: Iterable[str], shapes: Mapping[str, Any]) -> None:
        """Raise `ShapeError` unless these names and shapes are the table's."""
        missing, extra = sorted(set(self.specs) - set(names)), sorted(set(names) - set(self.specs))
        if missing or extra:
            raise ShapeError(
                f"the parameter names do not match this network: missing {_brief(missing)}, "
                f"unknown {_brief(extra)}. Its parameters are {_brief(self.specs)}."
            )
        for name, spec in self.specs.items():
            if tuple(shapes[name]) != spec.shape:
                raise ShapeError(
                    f"parameter {name!r} has shape {spec.shape}, got {tuple(shapes[name])}."
                )


def _brief(names: Collection[str]) -> str:
    """Names for a message: all of them, or the first and their number; as Python writes them."""
    shown = [in_brief(name) for name in islice(names, _SHOWN)]
    more = [f"... ({len(names):,} names)"] if len(names) > _SHOWN else []
    return f"[{', '.join(shown + more)}]"
