"""How `xpnet train` prepared a table's columns: stored in the model's file, repeated later."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray

from xpnet.cli.split import Scale
from xpnet.errors import FormatError

__all__ = ["Preprocessing"]


@dataclass(frozen=True, eq=False)
class Preprocessing:
    """The columns that a model reads and predicts, and their scales.

    Attributes
    ----------
    columns : tuple of str or None
        Names of the features, in order; None if they have none.
    target : str or None
        Name of the column to predict.
    classes : tuple of str or None
        Names of the classes, in order of their numbers; None for regression.
    features : Scale or None
        How the features were standardized; None if they were not.
    values : Scale or None
        How the values to predict were standardized.
    """

    columns: tuple[str, ...] | None = None
    target: str | None = None
    classes: tuple[str, ...] | None = None
    features: Scale | None = None
    values: Scale | None = None

    @property
    def unit(self) -> float:
        """One standardized unit, in the units of the table."""
        return 1.0 if self.values is None else float(self.values.std)

    def to_dict(self) -> dict[str, Any]:
        """The same as a dict for JSON."""
        return {
            "columns": None if self.columns is None else list(self.columns),
            "target": self.target,
            "classes": None if self.classes is None else list(self.classes),
            "features": _written(self.features),
            "values": _written(self.values),
        }

    @classmethod
    def of(cls, given: Mapping[str, Any] | None) -> Self:
        """Read it from a model's file; without an entry, data are left unchanged.

        Raises
        ------
        FormatError
            If an entry is not in the form that `xpnet train` writes.
        """
        given = {} if given is None else given
        target = given.get("target")
        if target is not None and not isinstance(target, str):
            raise FormatError(f"the model's preprocessing has an invalid 'target': {target!r}.")
        return cls(
            _names(given, "columns"),
            target,
            _names(given, "classes"),
            _scale(given, "features"),
            _scale(given, "values"),
        )


def _written(scale: Scale | None) -> dict[str, Any] | None:
    return None if scale is None else {"mean": scale.mean.tolist(), "std": scale.std.tolist()}


def _names(given: Mapping[str, Any], key: str) -> tuple[str, ...] | None:
    found = given.get(key)
    if found is None:
        return None
    if not isinstance(found, list) or not found or not all(isinstance(n, str) for n in found):
        raise FormatError(
            f"the model's preprocessing has an invalid {key!r}: expected a list of names."
        )
    return tuple(found)


def _scale(given: Mapping[str, Any], key: str) -> Scale | None:
    found = given.get(key)
    if found is None:
        return None
    try:
        scale = Scale(_numbers(found["mean"]), _numbers(found["std"]))
        if scale.mean.shape == scale.std.shape and (scale.std > 0).all():
            return scale
    except (TypeError, ValueError, KeyError):
        pass
    raise FormatError(
        f"the model's preprocessing has an invalid {key!r}: expected means, and "
        "deviations greater than 0."
    )


def _numbers(found: Any) -> NDArray[np.float64]:
    numbers = np.asarray(found)
    if numbers.dtype.kind not in "if" or numbers.ndim > 1 or not np.isfinite(numbers).all():
        raise ValueError("not numbers")
    return numbers.astype(np.float64)
