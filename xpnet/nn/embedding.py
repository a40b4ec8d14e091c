"""Learned vectors for items such as words, tags and categories."""

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
    """y = the table's rows at the input's indices: (n, ...) indices give (n, ..., units).

    The backward pass adds each gradient to the row that it came from. Indices may have any type and
    are whole numbers from 0 to `size` - 1. `fit`, `predict` and the other methods of a model refuse
    others with a `DataError` if they are the model's input or computed from it. Where numbers are
    not known beforehand (they depend on parameters; in `Model.function`, in an exported model, in
    `train_on_batch` on a GPU), a number that names no row gives a row of NaN, and no gradient.

    Parameters
    ----------
    size : int
        Number of rows in the table.
    units : int
        Length of each row.
    table_init : str or initializer, default normal with a standard deviation of 1
    penalty, constraint : callable, optional
        See `Dense`; for a constraint on each row use ``MaxNorm(axis=-1)``.

    Raises
    ------
    ArgumentError
        If `size` or `units` is not a whole number of at least 1, or if `size` is too large for the
        model's float32 to represent every index.

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
        """Look up the rows."""
        if x.dtype == "float32" and self.size > 2**24:
            raise ArgumentError(
                f"float32 represents only {2**24:,} indices exactly, but this Embedding has "
                f"{self.size:,} rows: create the model with dtype='float64'."
            )
        table = self.parameter(
            x,
            "weight",
            (self.size, self.units),
            self.table_init,
            penalty=self.penalty,
            constraint=self.constraint,
        )
        return ops.embedding(table, ops.as_index(x, whole=True) if is_float(x.dtype) else x)
