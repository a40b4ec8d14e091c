"""All parameters as one flat vector; names are views of it.

Weights come first, then biases, so that weight decay applies to one slice; behind them what
is not trained, so that gradients and the optimiser's vectors cover one slice too.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from xpnet.errors import ShapeError
from xpnet.graph.graph import Graph, ParameterSpec
from xpnet.typing import Namespace, Shape, size_of

__all__ = ["ParameterTable"]


@dataclass(frozen=True)
class ParameterTable:
    """Where each named parameter stands in the flat vector.

    Attributes
    ----------
    specs : dict of str to ParameterSpec
        In the order in which the layers declared them.
    offsets : dict of str to int
        First element of each parameter.
    size, trainable, decayed : int
        Length of the vector, of its leading part that is trained, and of the part of that to
        which weight decay applies.
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
        """Names of the parameters that are trained, in the order of their declaration."""
        return [name for name, spec in self.specs.items() if spec.trainable]

    @property
    def shapes(self) -> dict[str, Shape]:
        """Each parameter's shape."""
        return {name: spec.shape for name, spec in self.specs.items()}

    def part(self, name: str) -> slice:
        """Where a parameter stands in the flat vector."""
        start = self.offsets[name]
        return slice(start, start + size_of(self.specs[name].shape))

    def view(self, xp: Namespace, flat: Any, name: str) -> Any:
        """One parameter's part of a flat vector, in its shape."""
        return xp.reshape(flat[self.part(name)], self.specs[name].shape)

    def views(self, xp: Namespace, flat: Any) -> dict[str, Any]:
        """Every parameter's part of a flat vector, by name."""
        return {name: self.view(xp, flat, name) for name in self.specs}

    def flatten(self, xp: Namespace, arrays: Mapping[str, Any]) -> Any:
        """One new flat vector of these arrays: of all parameters, or of those that are trained."""
        ordered = sorted(arrays, key=self.offsets.__getitem__)
        return xp.concat([xp.reshape(arrays[name], (-1,)) for name in ordered])

    def check(self, names: Iterable[str], shapes: Mapping[str, Any]) -> None:
        """Raise `ShapeError` unless these names and shapes are the table's."""
        missing, extra = sorted(set(self.specs) - set(names)), sorted(set(names) - set(self.specs))
        if missing or extra:
            raise ShapeError(
                f"the parameters' names do not fit this network: missing {missing}, not known "
                f"{extra}. Its parameters are {', '.join(self.specs)}."
            )
        for name, spec in self.specs.items():
            if tuple(shapes[name]) != spec.shape:
                raise ShapeError(
                    f"parameter {name!r} has shape {spec.shape}, got {tuple(shapes[name])}."
                )
