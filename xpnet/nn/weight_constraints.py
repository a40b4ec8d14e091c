"""Constraints on weights: applied after every update."""

from dataclasses import dataclass
from typing import Any, TypeAlias

from xpnet import ops
from xpnet.arguments import positive
from xpnet.errors import ArgumentError, in_brief

__all__ = ["Constraint", "MaxNorm", "UnitNorm"]


@dataclass(frozen=True)
class MaxNorm:
    """w_o = w_o min(1, limit / |w_o|): no unit's incoming weights have a norm above `limit`.

    Parameters
    ----------
    limit : float, default 3
        Greater than 0.
    axis : int, default -2
        The axis of the norm: -2 for the incoming weights of a unit of `Dense`, -1 for the rows of
        an `Embedding`.

    Raises
    ------
    ArgumentError
        If `limit` is not greater than 0.

    Notes
    -----
    Source: Srivastava and others, "Dropout: a simple way to prevent neural networks from
    overfitting", JMLR 15 (2014), section 5.1.
    """

    limit: float = 3.0
    axis: int = -2

    op = ops.max_norm

    def __post_init__(self) -> None:
        positive("MaxNorm: limit", self.limit)
        _check_axis(self)

    @property
    def static(self) -> dict[str, Any]:
        """Settings of the op."""
        return {"limit": self.limit, "axis": self.axis}


@dataclass(frozen=True)
class UnitNorm:
    """w_o = w_o / |w_o|: each unit's incoming weights have norm 1; a zero vector stays 0.

    Parameters
    ----------
    axis : int, default -2
        See `MaxNorm`.
    """

    axis: int = -2

    op = ops.unit_norm

    def __post_init__(self) -> None:
        _check_axis(self)

    @property
    def static(self) -> dict[str, Any]:
        """Settings of the op."""
        return {"axis": self.axis}


Constraint: TypeAlias = MaxNorm | UnitNorm


def _check_axis(constraint: Constraint) -> None:
    axis = constraint.axis
    if not isinstance(axis, int) or isinstance(axis, bool):
        raise ArgumentError(
            f"{type(constraint).__name__}: axis must be an integer, got {in_brief(axis)}."
        )
