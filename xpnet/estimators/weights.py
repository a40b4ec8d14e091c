"""The dense layers' parameters as scikit-learn has them: lists of weights and of biases."""

from collections.abc import Sequence
from typing import Any

from xpnet.errors import ShapeError
from xpnet.model import Model

__all__ = ["Weights"]


class Weights:
    """The weights and biases of a model's dense layers.

    Parameters
    ----------
    names : list of str
        Dotted names of the dense layers.
    """

    def __init__(self, names: list[str]) -> None:
        self._names = [[f"{name}.{what}" for name in names] for what in ("weight", "bias")]

    def of(self, model: Model) -> tuple[list[Any], list[Any]]:
        """Weights and biases; live views on NumPy and CuPy."""
        found = model.parameters
        weights, biases = ([found[name] for name in names] for names in self._names)
        return weights, biases

    def put(self, model: Model, weights: Sequence[Any], biases: Sequence[Any]) -> None:
        """Set the weights and biases.

        Raises
        ------
        ShapeError
            If there is not one of each per dense layer, or if shapes differ.
        """
        given: dict[str, Any] = {}
        for names, arrays in zip(self._names, (weights, biases), strict=True):
            if len(arrays) != len(names):
                raise ShapeError(f"expected {len(names)} weights and biases, got {len(arrays)}.")
            given.update(zip(names, arrays, strict=True))
        model.load_state_dict(given, only=list(given))
