"""A learned vector for each of a number of things: words, tags, categories."""

from typing import Any

from xpnet import ops
from xpnet.arguments import count
from xpnet.backends import is_float
from xpnet.errors import ArgumentError
from xpnet.graph import Value
from xpnet.nn import init
from xpnet.nn.init.initializer import InitLike
from xpnet.nn.layer import Layer, Penalty, check_constraint, check_penalty
from xpnet.nn.weight_constraints import Constraint

__all__ = ["Embedding"]


class Embedding(Layer):
    """y = the rows of a table that the input names: (n, ...) numbers give (n, ..., units).

    The backward pass adds each gradient to the row that it came from. Numbers may be given in any
    type; they are 0 to `size` - 1, which is checked where they are the model's input, or columns
    of it.

    Parameters
    ----------
    size : int
        How many rows the table has.
    units : int
        Length of each row's vector.
    table_init : str or initialiser, default normal with a standard deviation of 1
    penalty, constraint : callable, optional
        See `Dense`; for a constraint on each row use ``MaxNorm(axis=-1)``.

    Raises
    ------
    ArgumentError
        If `size` or `units` is not a whole number of at least 1, or the model's float32 cannot
        count so many rows.

    Notes
    -----
    Source: Bengio, Ducharme, Vincent and Jauvin, "A neural probabilistic language model", JMLR 3
    (2003).
    """

    def __init__(
        self,
        size: int,
        units: int,
        *,
        table_init: InitLike | None = None,
        penalty: Penalty | None = None,
        constraint: Constraint | None = None,
    ) -> None:
        self.size, self.units = count("Embedding: size", size), count("Embedding: units", units)
        self.table_init = init.normal(1.0) if table_init is None else init.get(table_init)
        self.penalty = check_penalty("Embedding: penalty", penalty)
        self.constraint = check_constraint("Embedding: constraint", constraint)

    def forward(self, x: Value) -> Any:
        """Look the rows up."""
        if x.dtype == "float32" and self.size > 2**24:
            raise ArgumentError(
                f"float32 tells only {2**24:,} whole numbers apart, this Embedding has "
                f"{self.size:,} rows: make the model with dtype='float64'."
            )
        table = self.parameter(
            x,
            "weight",
            (self.size, self.units),
            self.table_init,
            penalty=self.penalty,
            constraint=self.constraint,
        )
        return ops.embedding(table, ops.as_index(x) if is_float(x.dtype) else x)
