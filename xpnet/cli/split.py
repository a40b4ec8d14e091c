"""Hold out rows, for the test or for validation."""

import argparse
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xpnet.backends import get
from xpnet.errors import DataError
from xpnet.random import Key, permutation

__all__ = ["held_share", "split"]

_SPLIT = 16  # the random stream that chooses the rows
_FOR_STOPPING, _FOR_PRESETS = 0.1, 0.2  # shares of the training rows


def split(
    rows: int, labels: NDArray[Any] | None, seed: int, share: float = 0.2
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Choose rows to keep for training and rows to hold out.

    Parameters
    ----------
    rows : int
        Number of rows, at least 2.
    labels : ndarray of int, shape (rows,), or None
        Their classes. Of each class its share is held out, rounded, and at least one row is kept,
        except in tables so small that no row would be held out.
    seed : int
        The same seed gives the same rows.
    share : float
        Fraction of the rows to hold out.

    Returns
    -------
    kept, held : ndarray of int64
        Indices of rows, ascending.

    Raises
    ------
    DataError
        If there are fewer than two rows.
    """
    if rows < 2:
        raise DataError(f"at least two rows are needed, one to learn and one to test; got {rows}.")
    order = permutation(get("numpy").xp, Key(seed, _SPLIT), rows)
    groups = [order] if labels is None else _by_class(order, labels[order])
    counts = [max(min(int(len(group) * share + 0.5), len(group) - 1), 0) for group in groups]
    if not any(counts):
        groups, counts = [order], [1]
    pairs = list(zip(groups, counts, strict=True))
    kept = np.concatenate([group[count:] for group, count in pairs])
    held = np.concatenate([group[:count] for group, count in pairs])
    return np.sort(kept), np.sort(held)


def _by_class(order: NDArray[Any], labels: NDArray[Any]) -> list[NDArray[Any]]:
    grouped = order[np.argsort(labels, kind="stable")]
    return np.split(grouped, np.cumsum(np.bincount(labels))[:-1])


def held_share(arguments: argparse.Namespace) -> float | str | None:
    """The fraction of the training rows to measure while learning, or a file; None for neither."""
    asked: float | str | None = arguments.validation
    if asked is None and arguments.preset != "mlp":
        return _FOR_PRESETS
    if asked is None and arguments.early_stopping is not None:
        return _FOR_STOPPING
    return asked
