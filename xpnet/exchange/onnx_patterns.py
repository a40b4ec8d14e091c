"""Activations that exporters write as several operators."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np

from xpnet import nn

__all__ = ["PATTERNS", "Pattern"]


@dataclass(frozen=True)
class Pattern:
    """Consecutive operators whose first input is read again by a later one.

    Attributes
    ----------
    layer : type
        The equivalent layer.
    kinds : tuple of str
    constants : tuple of float
        Their constant operands, in order.
    """

    layer: type
    kinds: tuple[str, ...]
    constants: tuple[float, ...] = ()

    def __str__(self) -> str:
        return "-".join(self.kinds)

    def matches(
        self,
        nodes: Sequence[Any],
        value: str,
        arrays: Mapping[str, Any],
        uses: Mapping[str, int],
    ) -> bool:
        """Whether these consecutive nodes start with the pattern."""
        part = nodes[: len(self.kinds)]
        if tuple(node.op_type for node in part) != self.kinds or uses[value] != 2:
            return False
        numbers: list[Any] = []
        last = value
        for node in part:
            numbers += [arrays[name] for name in node.input if name in arrays]
            inputs = {name for name in node.input if name not in arrays}
            ordered = node.op_type != "Div" or node.input[0] == value
            if last not in inputs or not inputs <= {value, last} or not ordered:
                return False
            last = node.output[0]
        lone = all(uses[node.output[0]] == 1 for node in part[:-1])
        again = any(value in node.input for node in part[1:])
        return lone and again and self._same(numbers)

    def _same(self, numbers: list[Any]) -> bool:
        sizes = all(number.size == 1 for number in numbers)
        return (
            sizes
            and len(numbers) == len(self.constants)
            and bool(np.allclose([n.item() for n in numbers], self.constants, rtol=1e-6))
        )


PATTERNS = (
    Pattern(nn.SiLU, ("Sigmoid", "Mul")),
    Pattern(nn.Mish, ("Softplus", "Tanh", "Mul")),
    Pattern(nn.Softsign, ("Abs", "Add", "Div"), (1.0,)),
    Pattern(nn.GELU, ("Div", "Erf", "Add", "Mul", "Mul"), (sqrt(2), 1.0, 0.5)),
)
