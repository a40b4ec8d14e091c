"""Activations that exporters write as several operators."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import sqrt
from typing import Any

import numpy as np

from xpnet import nn

__all__ = ["PATTERNS", "Pattern", "hard_swish"]


@dataclass(frozen=True)
class Pattern:
    """Consecutive operators whose first input is read again by a later one.

    Attributes
    ----------
    layer : callable
        Makes the equivalent layer.
    kinds : tuple of str
    constants : tuple of float
        Their constant operands, in order.
    """

    layer: Callable[[], Any]
    kinds: tuple[str, ...]
    constants: tuple[float, ...] = ()
    alpha: float | None = None  # an attribute of the first operator

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
        alphas = [a.f for a in part[0].attribute if a.name == "alpha"]
        if self.alpha is not None and not np.allclose([*alphas, 0][:1], self.alpha, rtol=1e-6):
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


def hard_swish() -> nn.Multiply:
    """x times its hard sigmoid."""
    return nn.Multiply(nn.Identity(), nn.HardSigmoid())


PATTERNS = (
    Pattern(hard_swish, ("HardSigmoid", "Mul"), alpha=1 / 6),
    Pattern(nn.SiLU, ("Sigmoid", "Mul")),
    Pattern(nn.Mish, ("Softplus", "Tanh", "Mul")),
    Pattern(nn.Softsign, ("Abs", "Add", "Div"), (1.0,)),
    Pattern(nn.GELU, ("Mul", "Erf", "Add", "Mul", "Mul"), (1 / sqrt(2), 1.0, 0.5)),
    Pattern(nn.GELU, ("Div", "Erf", "Add", "Mul", "Mul"), (sqrt(2), 1.0, 0.5)),
)
