"""The scales of inputs and targets, judged from a few thousand rows."""

from math import hypot, inf
from typing import Any

from xpnet.backends import Backend, get
from xpnet.data.sparse_rows import column_sizes, is_sparse
from xpnet.data.stored_column import StoredColumn
from xpnet.typing import Array, size_of

__all__ = ["column_doubt", "target_doubt"]

_ROWS, _NUMBERS = 2000, 2_000_000  # at most so many are looked at
_RATIO = 1e3  # between the sizes of two columns, or of one and 1
_TARGET = 30.0  # mean and standard deviation; below its inverse, the standard deviation alone


def column_doubt(x: Array, backend: Backend) -> str | None:
    """What is wrong with the scales of the inputs' columns; None if nothing is.

    A column's size is the mean |x| of what is not 0 in it, so a category that is rare among
    columns of 0 and 1 has the size 1.
    """
    sizes = _known_sizes(x, backend)
    if not sizes:
        return None
    (low, small), (high, large) = min(sizes), max(sizes)
    if high > _RATIO * low:
        return (
            f"the columns of X are on very different scales: column {large} holds numbers of "
            f"about {high:.2g}, column {small} of about {low:.2g}"
        )
    worst = high if high > _RATIO else low if low * _RATIO < 1 else None
    return None if worst is None else f"X holds numbers of about {worst:.2g}, which are far from 1"


def target_doubt(y: Array, backend: Backend) -> str | None:
    """What is wrong with the scale of a regression target; None if nothing is."""
    values = _sample(y, backend)
    with get("numpy").quiet():
        moments = zip(values.mean(axis=0), values.std(axis=0), strict=True)
        pairs = [(float(mean), float(std)) for mean, std in moments]
    for mean, std in pairs:
        if 0 < std < inf and (hypot(mean, std) > _TARGET or std * _TARGET < 1):
            return f"the target has a mean of {mean:.2g} and a standard deviation of {std:.2g}"
    return None


def _known_sizes(x: Array, backend: Backend) -> list[tuple[float, int]]:
    """The size of each column that has one, and the column's number."""
    host = get("numpy")
    with host.quiet():
        if is_sparse(x):
            sums, filled = column_sizes(x[:: -(-x.shape[0] // _ROWS)])
        else:
            values = _sample(x, backend)
            sums, filled = abs(values).sum(axis=0), (values != 0).sum(axis=0)
        sizes = sums / host.xp.maximum(filled, 1)
    return [(float(size), i) for i, size in enumerate(sizes) if 0 < size < inf]


def _sample(x: Array, backend: Backend) -> Any:
    """Some rows from the whole length of an array, flat, on the host, in float64."""
    most = max(min(_ROWS, _NUMBERS // size_of(tuple(x.shape[1:]))), 1)
    step = -(-int(x.shape[0]) // most)
    stored = isinstance(x, StoredColumn)
    rows = x.sample(most) if stored else backend.to_numpy(x[::step, ...])
    return rows.reshape(rows.shape[0], -1).astype("float64")
