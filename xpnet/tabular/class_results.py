"""How good predicted classes are: scores, confusion, each class, calibration."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray

__all__ = ["Calibration", "ClassResults"]

_BINS = 10
_SMALLEST = float(np.finfo(np.float64).tiny)  # a probability of 0 makes the log loss infinite


class Calibration(NamedTuple):
    """How often the predicted class is right, by the probability that it was given.

    Attributes
    ----------
    edges : ndarray, shape (b + 1,)
        Bin i holds the rows whose probability is in (edges[i], edges[i + 1]].
    rows : ndarray of int, shape (b,)
        Number of rows in each bin.
    said, right : ndarray, shape (b,)
        Mean probability and share of right predictions in each bin; NaN in an empty one.
    """

    edges: NDArray[np.float64]
    rows: NDArray[np.int64]
    said: NDArray[np.float64]
    right: NDArray[np.float64]

    @classmethod
    def of(cls, said: NDArray[np.float64], right: NDArray[np.bool_], bins: int = _BINS) -> Self:
        """Sort predictions into bins of equal width."""
        edges = np.linspace(0, 1, bins + 1)
        place = np.clip(np.searchsorted(edges, said) - 1, 0, bins - 1)
        rows = np.bincount(place, minlength=bins)
        divisor = np.where(rows > 0, rows, np.nan)
        means = (np.bincount(place, values, bins) / divisor for values in (said, right))
        return cls(edges, rows, *means)

    @property
    def error(self) -> float:
        """The expected calibration error: the mean of |said - right| over all rows."""
        full = self.rows > 0
        gaps = np.abs(self.said[full] - self.right[full])
        return float(np.average(gaps, weights=self.rows[full])) if full.any() else float("nan")


@dataclass(frozen=True, eq=False)
class ClassResults:
    """Scores of predicted classes.

    Attributes
    ----------
    classes : tuple
        The k classes.
    support : ndarray of int, shape (k,)
        Rows of each true class.
    confusion : ndarray of int, shape (k, k)
        Rows by true class (first axis) and predicted class. A row whose probabilities are NaN has
        no predicted class and counts as wrong.
    log_loss : float
        Mean of -log(probability of the true class).
    auc : float or None
        With two classes of which both occur: the probability that a row of the second class is
        given a higher probability of it than a row of the first.
    calibration : Calibration
    """

    classes: tuple[Any, ...]
    support: NDArray[np.int64]
    confusion: NDArray[np.int64]
    log_loss: float
    auc: float | None
    calibration: Calibration

    @classmethod
    def of(
        cls, classes: Sequence[Any], true: NDArray[np.int64], probabilities: NDArray[np.float64]
    ) -> Self:
        """Compare probabilities of shape (n, k) with the numbers of the true classes."""
        k = len(classes)
        known = np.isfinite(probabilities).all(axis=1)
        chosen, said = probabilities.argmax(axis=1), probabilities.max(axis=1)
        pairs = true[known] * k + chosen[known]
        picked = probabilities[np.arange(len(true)), true]
        return cls(
            tuple(classes),
            np.bincount(true, minlength=k),
            np.bincount(pairs, minlength=k * k).reshape(k, k),
            float(-np.log(np.maximum(picked, _SMALLEST)).mean()),
            _auc(true == 1, probabilities[:, 1]) if k == 2 and known.all() else None,
            Calibration.of(said[known], (chosen == true)[known]),
        )

    @property
    def rows(self) -> int:
        """Number of rows."""
        return int(self.support.sum())

    @property
    def unpredicted(self) -> int:
        """Number of rows without a predicted class."""
        return self.rows - int(self.confusion.sum())

    @property
    def accuracy(self) -> float:
        """Share of the rows that are right."""
        return float(self.confusion.trace() / self.rows)

    @property
    def most_frequent(self) -> float:
        """The accuracy of always predicting the most frequent class."""
        return float(self.support.max() / self.rows)

    @property
    def recall(self) -> NDArray[np.float64]:
        """Share of each class's rows that were predicted as such; NaN without rows."""
        return _ratio(self.confusion.diagonal(), self.support)

    @property
    def precision(self) -> NDArray[np.float64]:
        """Share of the rows predicted as each class that belong to it; NaN if there are none."""
        return _ratio(self.confusion.diagonal(), self.confusion.sum(axis=0))

    @property
    def f1(self) -> NDArray[np.float64]:
        """Harmonic mean of precision and recall; NaN for a class that occurs on neither side."""
        both = self.confusion.sum(axis=0) + self.support
        return _ratio(2 * self.confusion.diagonal(), both)

    @property
    def balanced_accuracy(self) -> float:
        """Mean recall of the classes that occur."""
        return float(np.mean(self.recall[self.support > 0]))

    @property
    def macro_f1(self) -> float:
        """Mean F1 of the classes that occur on either side."""
        found = self.f1
        return float(np.mean(found[~np.isnan(found)]))

    def to_dict(self) -> dict[str, Any]:
        """All results as JSON has them, apart from NaN."""
        columns = (self.classes, self.precision, self.recall, self.f1, self.support)
        names = ("class", "precision", "recall", "f1", "rows")
        bins, c = ("from", "to", "rows", "said", "right"), self.calibration
        parts = (c.edges[:-1], c.edges[1:], c.rows, c.said, c.right)
        table = zip(*(part.tolist() for part in parts), strict=True)
        return {
            "rows": self.rows,
            "unpredicted": self.unpredicted,
            "accuracy": self.accuracy,
            "accuracy_of_most_frequent": self.most_frequent,
            "balanced_accuracy": self.balanced_accuracy,
            "macro_f1": self.macro_f1,
            "log_loss": self.log_loss,
            "roc_auc": self.auc,
            "calibration_error": c.error,
            "classes": [
                dict(zip(names, row, strict=True))
                for row in zip(*(_listed(column) for column in columns), strict=True)
            ],
            "confusion": self.confusion.tolist(),
            "calibration": [dict(zip(bins, row, strict=True)) for row in table],
        }


def _listed(column: Any) -> list[Any]:
    return column.tolist() if isinstance(column, np.ndarray) else list(column)


def _ratio(part: NDArray[Any], whole: NDArray[Any]) -> NDArray[np.float64]:
    found: NDArray[np.float64] = part / np.where(whole > 0, whole, np.nan)
    return found


def _auc(second: NDArray[np.bool_], score: NDArray[np.float64]) -> float | None:
    """Area under the ROC curve, by the ranks of the scores; equal scores share a rank."""
    n = int(second.sum())
    if not 0 < n < len(second):
        return None
    _, place, counts = np.unique(score, return_inverse=True, return_counts=True)
    ranks = np.cumsum(counts) - (counts - 1) / 2
    pairs = float(ranks[place][second].sum()) - n * (n + 1) / 2
    return pairs / (n * (len(second) - n))
