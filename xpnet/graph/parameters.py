"""All parameters as one flat vector. Named parameters are views of it.

Weights come first, then biases, so that weight decay applies to one slice. Parameters that are not
trained come last, so that gradients and the optimizer's vectors also cover one slice.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from xpnet.backends import Backend
from xpnet.errors import ShapeError
from xpnet.graph.graph import Graph, ParameterSpec
from xpnet.typing import Namespace, Shape, size_of

__all__ = ["ParameterTable"]


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
    """

    specs: dict[str, ParameterSpec]
    offsets: dict[str, int]
    size: int
    trainable: int
    decayed: int

    @classmethod
    def of(cls, graph: Graph) -> "ParameterTable":
        """The table of a traced graph's parameters."""
        groups: list[list[str]] = [[], [], []]
        for name, spec in graph.specs.items():
            groups[2 if not spec.trainable else 0 if spec.decay else 1].append(name)
        offsets, ends = {}, [0, 0, 0]
        size = 0
        for group, names in enumerate(groups):
            for name in names:
                offsets[name], size = size, size + size_of(graph.specs[name].shape)
            ends[group] = size
        return cls(dict(graph.specs), offsets, size, trainable=ends[1], decayed=ends[0])

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
                f"the parameter names do not match this network: missing {missing}, unknown "
                f"{extra}. Its parameters are {', '.join(self.specs)}."
            )
        for name, spec in self.specs.items():
            if tuple(shapes[name]) != spec.shape:
                raise ShapeError(
                    f"parameter {name!r} has shape {spec.shape}, got {tuple(shapes[name])}."
                )
