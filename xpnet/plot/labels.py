"""Class labels as positions 0 .. k-1 with names."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from xpnet.arguments import elements
from xpnet.backends.readable import host_array
from xpnet.errors import DataError, ShapeError, in_brief

__all__ = ["class_names", "positions", "vector"]


def vector(name: str, y: Any) -> Any:
    """Labels as a NumPy vector; a column of shape (n, 1) is accepted.

    Raises
    ------
    ShapeError
        If `y` has another shape.
    DataError
        If it is empty.
    """
    found = host_array(name, y)
    if found.ndim == 2 and found.shape[1] == 1:
        found = found[:, 0]
    if found.ndim != 1:
        raise ShapeError(
            f"{name} must hold one class label per sample, shape (n,), got {found.shape}. For "
            "scores or one-hot rows, take the argmax over the last axis first."
        )
    if not found.size:
        raise DataError(f"{name} is empty; there is nothing to draw.")
    if found.dtype.kind == "V" or (found.dtype.kind == "O" and not _of_one_kind(found)):
        raise DataError(
            f"{name} must hold class labels, all texts or all numbers, got {in_brief(y)}."
        )
    return found


def _of_one_kind(y: Any) -> bool:
    """Whether objects are all texts, or all numbers."""
    return any(all(isinstance(v, kind) for v in y) for kind in (str, bool | int | float))


def _numbered(y: Any) -> bool:
    """Whether labels are the numbers 0, 1, 2, ..."""
    if y.dtype.kind in "ui":
        return bool(y.min() >= 0)
    return bool(y.dtype.kind == "b" or (y.dtype.kind == "f" and np.all((y >= 0) & (y % 1 == 0))))


def class_names(labels: Sequence[Any] | None, *ys: Any, count: int = 0) -> list[Any]:
    """Names of the classes: `labels`, the numbers below `count`, or the distinct labels, in order.

    Raises
    ------
    DataError
        If `labels` does not have `count` different names.
    """
    if labels is not None:
        given = list(labels) if isinstance(labels, str) else labels  # a letter for each class
        names = list(elements("labels", given, "['cat', 'dog']"))
        if not all(isinstance(name, str | int | float) for name in names):
            raise DataError(f"labels must be texts or numbers, got {in_brief(labels)}.")
        if len(set(names)) != len(names) or (count and len(names) != count) or not names:
            raise DataError(
                f"labels must be {count or 'some'} different names, got {len(names)}: {names}."
            )
        return names
    if count:
        return list(range(count))
    distinct = np.unique(np.concatenate([np.unique(y) for y in ys]))
    return [int(v) for v in distinct] if _numbered(distinct) else distinct.tolist()


def positions(name: str, y: Any, names: Sequence[Any], given: bool) -> Any:
    """The position of each label in the names; integer labels are positions themselves.

    Parameters
    ----------
    given : bool
        Whether the user gave the names, so that the label 2 means the third name.

    Raises
    ------
    DataError
        If a label has no name.
    """
    if given and _numbered(y):
        found = y.astype(int)
        bad = found >= len(names)
    else:
        position_of = {value: position for position, value in enumerate(names)}
        found = np.asarray([position_of.get(value, -1) for value in y.tolist()])
        bad = found < 0
    if np.any(bad):
        raise DataError(
            f"{name} holds {y[bad][0].item()!r}, which is not one of the {len(names)} classes "
            f"({', '.join(map(str, names[:12]))}{', ...' if len(names) > 12 else ''})."
        )
    return found
