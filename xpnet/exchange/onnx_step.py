"""What a rule for an operator of ONNX reads and writes."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from xpnet import nn
from xpnet.errors import ArgumentError
from xpnet.typing import DTypeName, Shape

__all__ = ["Found", "Rule", "Step"]


@dataclass
class Found:
    """The contents of an MLP's graph: layers, parameters by name, the type, a sample's shape.

    Attributes
    ----------
    shape : tuple of int
        The shape of one sample after the layers so far.
    opset : int
        The version of ONNX's operators.
    """

    dtype: DTypeName
    features: Shape
    opset: int
    shape: Shape = ()
    layers: list[Any] = field(default_factory=list)
    state: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.shape = self.features

    @property
    def ndim(self) -> int:
        """Number of dimensions of the value so far."""
        return len(self.shape) + 1

    def add(self, layer: Any, **parameters: Any) -> None:
        """Append a layer."""
        at = f"layers.{len(self.layers)}"
        self.layers.append(layer)
        self.state |= {f"{at}.{name}": value for name, value in parameters.items()}

    def dense(self, weight: Any, bias: Any = None) -> None:
        """Append a dense layer."""
        units = int(weight.shape[1])
        given = {"weight": weight} if bias is None else {"weight": weight, "bias": bias}
        typed = {name: np.asarray(array, self.dtype) for name, array in given.items()}
        self.add(nn.Dense(units, bias=bias is not None), **typed)
        self.shape = (*self.shape[:-1], units)

    def standardize(self, mean: Any, std: Any) -> None:
        """Append (x - mean) / std, with one number for each unit or one for all."""
        given = (np.broadcast_to(np.asarray(n, "float64"), self.shape[-1:]) for n in (mean, std))
        mean, std = given
        typed = {"mean": mean.astype(self.dtype), "std": std.astype(self.dtype)}
        self.add(nn.Standardize(mean.tolist(), std.tolist()), **typed)


@dataclass(frozen=True)
class Step:
    """One operator: its name, its attributes and its inputs (constants, None for the value)."""

    kind: str
    name: str
    attributes: dict[str, Any]
    inputs: list[Any]

    def refuse(self, why: str) -> ArgumentError:
        """The error for an operator that has no layer in xpnet."""
        where = f" (node {self.name!r})" if self.name else ""
        return ArgumentError(f"from_onnx: operator {self.kind}{where} {why}.")

    def need(self, name: str, default: Any, *allowed: Any) -> None:
        """Raise unless an attribute has one of these values."""
        found = self.attributes.get(name, default)
        if not any(np.isclose(found, value, rtol=1e-6) for value in allowed):
            raise self.refuse(f"has {name}={found!r}; xpnet has only {allowed[-1]!r}")

    def last_axis(self, found: Found, default: int) -> None:
        """Raise unless the operator works along the last axis."""
        self.need("axis", default, found.ndim - 1, -1)

    def matrix(self, found: Found, transposed: bool = False) -> Any:
        """The two-dimensional constant at the second input, with a row for each unit so far."""
        w = self.inputs[1] if len(self.inputs) > 1 else None
        if w is None or w.ndim != 2:
            raise self.refuse("needs a constant matrix as its second input")
        w = w.T if transposed else w
        if w.shape[0] != found.shape[-1]:
            raise self.refuse(
                f"has a matrix for {w.shape[0]} units, but its input has {found.shape[-1]}"
            )
        return w

    def vector(self, at: int, units: int) -> Any:
        """The constant at this input: one number per unit, or one for all units."""
        found = self.inputs[at] if at < len(self.inputs) else None
        if (
            found is None
            or found.shape[-1:] not in ((), (found.size,))
            or found.size not in (1, units)
        ):
            raise self.refuse(f"needs {units} constants, one for each unit, as input {at}")
        return found.reshape(-1)

    def filled(self, at: int, units: int) -> Any:
        """The constant at this input, with one number per unit."""
        return np.broadcast_to(self.vector(at, units), (units,))


Rule = Callable[[Step, Found], None]
