"""A metric: numbers computed for each batch on its device, and how to combine them."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from xpnet import ops
from xpnet.errors import ShapeError
from xpnet.graph import Value, checked
from xpnet.nn.losses.loss import LossFunction

__all__ = ["Metric", "mean_over_samples", "of_samples", "sum_over_samples"]


@dataclass(frozen=True)
class Metric:
    """A measure of a model on some data, combined from the batches.

    Attributes
    ----------
    name : str
    parts : callable
        ``parts(output, target, samples, weights)`` appends ops to the graph and returns a list of
        symbolic values, scalars or vectors, for one batch. `samples` is the number of samples,
        `weights` their weights or None.
    combine : callable
        ``combine(rows, shares)`` returns the metric. `rows` has the parts' numbers, one row
        per batch; `shares` has each batch's number of samples, or their total weight.
    own : bool
        Whether a function of the user computes it, which may look targets up.
    merge : callable or None
        ``merge(rows, shares)`` returns the parts' numbers for one batch from those of the pieces
        that several processes computed. Without it, a metric cannot be measured by several.
    """

    name: str
    parts: Callable[[Value, Value, int, Value | None], list[Value]]
    combine: Callable[[Any, Any], float]
    own: bool = True
    merge: Callable[[Any, Any], Any] | None = None


def mean_over_samples(name: str, values: Value, samples: int, weights: Value | None) -> Value:
    """The mean of one value per sample, weighted if weights are given.

    Raises
    ------
    ShapeError
        If there is not one value per sample (without weights, a scalar is accepted).
    """
    if _is_number(name, values, samples, weights):
        return values
    mean: Value = ops.mean(values) if weights is None else ops.weighted_mean(values, weights)
    return mean


def sum_over_samples(name: str, values: Value, samples: int, weights: Value | None) -> Value:
    """The sum of one value per sample, weighted if weights are given.

    Raises
    ------
    ShapeError
        See `mean_over_samples`.
    """
    if _is_number(name, values, samples, weights):
        return values
    total: Value
    if weights is None:
        total = ops.sum(values)
    else:
        total = ops.weighted_mean(values, weights) * ops.sum(weights)  # 0 times infinity is 0
    return total


def _is_number(name: str, values: Value, samples: int, weights: Value | None) -> bool:
    """Whether the result is a scalar, not one value per sample; raise if it is neither."""
    if values.shape == (samples,):
        return False
    if values.shape == () and weights is None:
        return True
    more = " so that sample weights can be applied" if values.shape == () else " or one number"
    raise ShapeError(
        f"{name} must return one value per sample, shape ({samples},){more}; it returned shape "
        f"{values.shape}."
    )


def _average(rows: Any, shares: Any) -> float:
    return float((rows[:, 0] * shares).sum() / shares.sum())


def _total(rows: Any, shares: Any) -> float:
    return float(rows[:, 0].sum())


def _merged_mean(rows: Any, shares: Any) -> Any:
    total = shares.sum()
    return shares @ rows / total if total else rows[0]


def _merged_total(rows: Any, shares: Any) -> Any:
    return rows.sum(axis=0)


def of_samples(
    name: str, function: LossFunction, reduction: str = "mean", own: bool = False
) -> Metric:
    """The mean, or the sum, of one value per sample."""
    reduced = sum_over_samples if reduction == "sum" else mean_over_samples

    def parts(output: Value, target: Value, samples: int, weights: Value | None) -> list[Value]:
        values = checked(function, function(output, target))
        return [reduced(name, values, samples, weights)]

    if reduction == "sum":
        return Metric(name, parts, _total, own, _merged_total)
    return Metric(name, parts, _average, own, _merged_mean)
