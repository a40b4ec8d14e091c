"""How cuBLASLt sees arrays: column by column.

An array is stored row by row, so cuBLASLt sees the transposed matrix in its memory. The product
C = A B is therefore computed as C^T = B^T A^T, with the operands exchanged and without copies.
cuBLASLt transposes a view with exchanged axes while it reads.
"""

from dataclasses import dataclass
from itertools import pairwise

from xpnet.lowering.reading import Operand
from xpnet.typing import Shape, size_of

__all__ = ["Stored", "product_of"]


@dataclass(frozen=True)
class Stored:
    """A batch of matrices as stored in memory, column by column.

    Attributes
    ----------
    dtype : str
    rows, columns : int
        Rows and columns of a matrix as it is stored.
    leading : int
        Elements from the start of a column to the start of the next.
    transposed : bool
        Whether the product uses the transposed matrix.
    batch, step : int
        Number of matrices, and elements from one to the next (0 repeats the same one).
    """

    dtype: str
    rows: int
    columns: int
    leading: int
    transposed: bool = False
    batch: int = 1
    step: int = 0


def product_of(a: Operand, b: Operand, out: Operand) -> tuple[Stored, Stored, Stored] | None:
    """The operands of ``out = a @ b`` in cuBLASLt's order (b, a, out); None if it cannot do it.

    Vectors are matrices of one row (`a`) or one column (`b`), as for ``matmul``.
    """
    left, right, result = _matrix(a), _matrix(b), _matrix(out)
    if len(a.shape) == 1:
        left = ((1, *left[0]), (left[0][0] * left[1][0], *left[1]))
        result = _inserted(result, len(result[0]) - (len(b.shape) > 1))
    if len(b.shape) == 1:
        right = ((*right[0], 1), (*right[1], 1))
        result = _inserted(result, len(result[0]))
    batch = result[0][:-2]
    if 0 in result[0] or 0 in left[0]:
        return None
    found = [
        _stored(operand.dtype, shape, strides, batch)
        for operand, (shape, strides) in ((b, right), (a, left), (out, result))
    ]
    first, second, target = found
    if first is None or second is None or target is None:
        return None
    if target.transposed or (target.batch > 1 and target.step == 0):
        return None
    return _flat(first, second, target)


_Matrix = tuple[Shape, Shape]  # shape, and strides in elements


def _matrix(operand: Operand) -> _Matrix:
    return operand.shape, tuple(s // operand.itemsize for s in operand.strides)


def _inserted(matrix: _Matrix, axis: int) -> _Matrix:
    """The same with one more axis, of length 1."""
    shape, strides = matrix
    after = size_of(shape[axis:])
    return (*shape[:axis], 1, *shape[axis:]), (*strides[:axis], after, *strides[axis:])


def _stored(dtype: str, shape: Shape, strides: Shape, batch: Shape) -> Stored | None:
    """A matrix, or a batch of them, as cuBLASLt sees its transpose."""
    step = _step(shape[:-2], strides[:-2], batch)
    if step is None or min(strides, default=0) < 0:
        return None
    (rows, columns), (down, across) = shape[-2:], strides[-2:]
    if (across == 1 or columns == 1) and (down >= columns or rows == 1):
        leading = down if rows > 1 else columns
        return Stored(dtype, columns, rows, leading, False, size_of(batch), step)
    if (down == 1 or rows == 1) and (across >= rows or columns == 1):
        return Stored(dtype, rows, columns, across, True, size_of(batch), step)
    return None


def _step(shape: Shape, strides: Shape, batch: Shape) -> int | None:
    """Elements from one matrix to the next; None if the distances differ."""
    missing = len(batch) - len(shape)
    steps = [0] * missing + [s if n > 1 else 0 for n, s in zip(shape, strides, strict=True)]
    lead = [(n, s) for n, s in zip(batch, steps, strict=True) if n > 1]
    for (_, outer), (n, inner) in pairwise(lead):
        if outer != n * inner:
            return None
    return lead[-1][1] if lead else 0


def _flat(first: Stored, second: Stored, target: Stored) -> tuple[Stored, Stored, Stored]:
    """Merge a batch of products with the same right matrix into one product of many rows."""
    if target.batch == 1 or first.step or second.transposed:
        return first, second, target
    if any(m.step != m.columns * m.leading for m in (second, target)):
        return first, second, target
    second, target = (
        Stored(m.dtype, m.rows, m.columns * m.batch, m.leading) for m in (second, target)
    )
    return (
        Stored(first.dtype, first.rows, first.columns, first.leading, first.transposed),
        second,
        target,
    )
