"""Metrics by name: the numbers that `fit` and `evaluate` report besides the loss.

- ``"accuracy"``: the share of correct predictions, for classification losses;
- ``"top_<k>_accuracy"``: the share of samples whose label is among the k largest outputs;
- ``"r2"``: the coefficient of determination, for regression;
- the name of a loss that compares numbers (``"mean_absolute_error"``), or a `Loss`;
- a function of output and target, like your own loss, averaged over the samples;
- a `Metric`.
"""

import re
from collections.abc import Sequence
from typing import TypeAlias

from xpnet import ops
from xpnet.arguments import elements, instance
from xpnet.errors import ArgumentError, UnknownNameError
from xpnet.graph import Value
from xpnet.nn import losses
from xpnet.nn.losses import Loss
from xpnet.nn.losses.loss import LossFunction, by_target
from xpnet.nn.metrics.metric import Metric, mean_over_samples, of_samples, sum_over_samples
from xpnet.nn.metrics.r2 import r2

__all__ = [
    "Metric",
    "MetricLike",
    "get_metrics",
    "loss_metric",
    "mean_over_samples",
    "sum_over_samples",
]

MetricLike: TypeAlias = str | Loss | Metric | LossFunction
"""The name of a metric, a `Metric`, a `Loss`, or a function of output and target."""

_COLUMNS = ("epoch", "loss", "learning_rate", "seconds")  # of a history


def loss_metric(loss: Loss) -> Metric:
    """The loss as a metric. Its one part is the value that a training step differentiates."""
    instance("loss", loss, Loss, "a loss such as xpnet.losses.huber()")
    return of_samples(loss.name, loss, loss.reduction, own=loss.target == "any")


def get_metrics(specs: Sequence[MetricLike] | None, loss: Loss) -> dict[str, Metric]:
    """Metrics by name, from names, metrics, losses and functions; None gives the loss's defaults.

    Raises
    ------
    ArgumentError, UnknownNameError
        If there is no such metric, it does not fit the loss, or two have the same name.
    """
    instance("loss", loss, Loss, "a loss such as xpnet.losses.huber()")
    if specs is None:
        specs = loss.metrics
    metrics: dict[str, Metric] = {}
    for spec in elements("metrics", specs, "['accuracy']"):
        metric = _get_metric(spec, loss)
        name = metric.name
        if name in metrics or name in _COLUMNS or name.startswith("val_"):
            raise ArgumentError(
                f"the metric name {name!r} is taken: each metric needs a unique name, other than "
                f"{', '.join(_COLUMNS)} and those that begin with val_. Set function.__name__."
            )
        metrics[name] = metric
    return metrics


def _get_metric(spec: MetricLike, loss: Loss) -> Metric:
    """A metric from a name, a loss or the user's function."""
    if isinstance(spec, Metric):
        return spec
    if isinstance(spec, Loss):
        return _of_loss(spec.name, spec, loss)
    if callable(spec):
        losses.check_function("metric", spec)
        return of_samples(getattr(spec, "__name__", type(spec).__name__), spec, own=True)
    top = re.fullmatch(r"top_([1-9]\d{0,18})_accuracy", spec) if isinstance(spec, str) else None
    if top:
        return _top_accuracy(spec, int(top[1]), loss)
    errors = _errors(loss)
    if isinstance(spec, str) and spec in ("accuracy", "r2"):
        return _accuracy(loss) if spec == "accuracy" else r2(loss)
    if not isinstance(spec, str) or spec not in errors:
        more = {"classes": ["accuracy", "top_5_accuracy"], "binary": ["accuracy"]}
        raise UnknownNameError("metric", spec, [*errors, *more.get(loss.target, ["r2"])])
    return _of_loss(spec, errors[spec], loss)


def _errors(loss: Loss) -> dict[str, Loss]:
    """The losses whose names are also metrics: losses that compare numbers, and the model's own."""
    known = {name: losses.get(name) for name in losses.names()}
    plain = {n: f for n, f in known.items() if f.target == "real" and f.columns is None}
    return plain if loss.target == "any" else {**plain, loss.name: loss}


def _of_loss(name: str, found: Loss, loss: Loss) -> Metric:
    """A loss as a metric of a model that trains on another loss."""
    read = None if found.name == loss.name else loss.prediction
    if read is None:
        return of_samples(name, found, found.reduction, own=found.target == "any")
    return of_samples(name, lambda z, t: found(read(z), t), found.reduction)


def _accuracy(loss: Loss) -> Metric:
    """The share of correct predictions."""
    if loss.target == "classes":
        return of_samples("accuracy", by_target(ops.accuracy, ops.soft_accuracy))
    if loss.target == "binary":
        return of_samples(
            "accuracy", lambda z, t: ops.binary_accuracy(z, t, threshold=loss.threshold)
        )
    raise ArgumentError(
        f"accuracy needs a classification loss (such as softmax_cross_entropy or "
        f"binary_cross_entropy_with_logits), not {loss.name!r}."
    )


def _top_accuracy(name: str, k: int, loss: Loss) -> Metric:
    """The share of samples whose label is among the k classes with the largest outputs."""
    if loss.target != "classes":
        raise ArgumentError(
            f"{name} needs a class loss (such as softmax_cross_entropy), not {loss.name!r}."
        )
    counted = by_target(ops.top_k_accuracy, ops.soft_top_k_accuracy)

    def function(output: Value, target: Value) -> Value:
        if k >= output.shape[-1]:
            raise ArgumentError(
                f"{name} is always 1 for {output.shape[-1]} classes: k must be smaller."
            )
        return counted(output, target, top=k)

    return of_samples(name, function)
