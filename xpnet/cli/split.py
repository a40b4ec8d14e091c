"""Hold out test rows, and put the features on one scale."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xpnet.backends import get
from xpnet.errors import DataError
from xpnet.random import Key, permutation

__all__ = ["Scale", "split"]

_SPLIT = 16  # the random stream that chooses the rows


def split(
    rows: int, labels: NDArray[Any] | None, seed: int, share: float = 0.2
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Choose rows for training and for the test.

    Parameters
    ----------
    rows : int
        Number of rows, at least 2.
    labels : ndarray of int, shape (rows,), or None
        Their classes. Each class gives its share to the test, rounded, except in tables so small
        that the test would be empty.
    seed : int
        The same seed gives the same rows.
    share : float
        Fraction of the rows for the test.

    Returns
    -------
    train, test : ndarray of int64
        Indices of rows, ascending.

    Raises
    ------
    DataError
        If there are fewer than two rows.
    """
    if rows < 2:
        raise DataError(f"a table needs at least two rows, to train and to test; it has {rows}.")
    order = permutation(get("numpy").xp, Key(seed, _SPLIT), rows)
    groups = [order] if labels is None else _by_class(order, labels[order])
    counts = [int(len(group) * share + 0.5) for group in groups]
    if not any(counts):
        groups, counts = [order], [1]
    pairs = list(zip(groups, counts, strict=True))
    train = np.concatenate([group[count:] for group, count in pairs])
    test = np.concatenate([group[:count] for group, count in pairs])
    return np.sort(train), np.sort(test)


def _by_class(order: NDArray[Any], labels: NDArray[Any]) -> list[NDArray[Any]]:
    grouped = order[np.argsort(labels, kind="stable")]
    return np.split(grouped, np.cumsum(np.bincount(labels))[:-1])


@dataclass(frozen=True, eq=False)
class Scale:
    """Standardization: ``(x - mean) / std``, column by column."""

    mean: NDArray[np.float64]
    std: NDArray[np.float64]

    @classmethod
    def of(cls, x: NDArray[Any]) -> "Scale":
        """Measure the training rows; a constant column is centered but not divided."""
        std = x.std(axis=0, dtype=np.float64)
        # Rounding of the mean gives constant columns a tiny deviation.
        constant = x.max(axis=0) == x.min(axis=0)
        return cls(x.mean(axis=0, dtype=np.float64), np.where(constant, 1.0, std))

    def apply(self, x: NDArray[Any]) -> NDArray[np.float64]:
        """Standardize."""
        scaled: NDArray[np.float64] = (x - self.mean) / self.std
        return scaled
