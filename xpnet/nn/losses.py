"""Losses by name, and the metrics that go with them.

A loss is a function of two symbolic values, the network's output and the target, that returns
one value a sample, shape (n,), or one number. The model averages it, by the samples' weights
where there are any.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from xpnet import ops
from xpnet.backends import is_float
from xpnet.errors import ArgumentError, ShapeError, UnknownNameError
from xpnet.graph import Value

__all__ = ["Loss", "get_loss", "get_metrics", "mean_over_samples"]

LossFunction = Callable[[Value, Value], Value]


@dataclass(frozen=True)
class Loss:
    """A loss and what it expects.

    Attributes
    ----------
    name : str
    function : callable
        ``function(output, target)``.
    target : {"classes", "binary", "real"}
        Class numbers or probabilities of classes; 0, 1 or a probability; any number.
    metrics : tuple of str
        What is reported beside the loss unless the user says otherwise.
    """

    name: str
    function: LossFunction
    target: str
    metrics: tuple[str, ...] = ()


def _by_target(hard: Any, soft: Any) -> LossFunction:
    """One op for class numbers, another for a probability of each class."""

    def function(output: Value, target: Value) -> Value:
        op = soft if is_float(target.dtype) else hard
        result: Value = op(output, target)
        return result

    return function


_LOSSES = {
    loss.name: loss
    for loss in (
        Loss(
            "softmax_cross_entropy",
            _by_target(ops.softmax_cross_entropy, ops.soft_cross_entropy),
            "classes",
            ("accuracy",),
        ),
        Loss(
            "binary_cross_entropy_with_logits",
            ops.binary_cross_entropy_with_logits,
            "binary",
            ("accuracy",),
        ),
        Loss("mean_squared_error", ops.mean_squared_error, "real"),
    )
}

_ACCURACY: dict[str, LossFunction] = {
    "classes": _by_target(ops.accuracy, ops.soft_accuracy),
    "binary": ops.binary_accuracy,
}


def get_loss(spec: str | LossFunction) -> Loss:
    """The loss of this name, or one made of the user's function."""
    if isinstance(spec, str):
        if spec not in _LOSSES:
            raise UnknownNameError("loss", spec, _LOSSES)
        return _LOSSES[spec]
    if not callable(spec):
        raise ArgumentError(f"a loss is a name or a function, got {spec!r}.")
    return Loss(getattr(spec, "__name__", "loss"), spec, "any")


_COLUMNS = ("epoch", "loss", "learning_rate", "seconds")  # of a history


def get_metrics(specs: Any, loss: Loss) -> dict[str, LossFunction]:
    """Metrics by name, from names and functions; the loss's usual ones for None."""
    if specs is None:
        specs = loss.metrics
    if isinstance(specs, str) or not isinstance(specs, Iterable):
        raise ArgumentError(f"metrics must be a list, such as ['accuracy'], got {specs!r}.")
    metrics: dict[str, LossFunction] = {}
    for spec in specs:
        name, function = _get_metric(spec, loss)
        if name in metrics or name in _COLUMNS or name.startswith("val_"):
            raise ArgumentError(
                f"the name {name!r} of a metric is taken: each needs one of its own, other than "
                f"{', '.join(_COLUMNS)} and those that begin with val_. Set function.__name__."
            )
        metrics[name] = function
    return metrics


def _get_metric(spec: Any, loss: Loss) -> tuple[str, LossFunction]:
    """A metric's name and function, by name or from the user's function."""
    if callable(spec):
        return getattr(spec, "__name__", type(spec).__name__), spec
    known: dict[Any, LossFunction] = {"mean_squared_error": ops.mean_squared_error}
    if loss.target in _ACCURACY:
        known["accuracy"] = _ACCURACY[loss.target]
    if spec == "accuracy" and spec not in known:
        raise ArgumentError(
            f"accuracy needs a classification loss (softmax_cross_entropy or "
            f"binary_cross_entropy_with_logits), not {loss.name!r}."
        )
    if not isinstance(spec, str) or spec not in known:
        raise UnknownNameError("metric", spec, known)
    return spec, known[spec]


def mean_over_samples(name: str, values: Value, samples: int, weights: Value | None) -> Value:
    """The mean of one value a sample, by weights where given.

    Raises
    ------
    ShapeError
        If there is not one value a sample (one number will do without weights).
    """
    if values.shape == (samples,):
        mean: Value = ops.mean(values) if weights is None else ops.weighted_mean(values, weights)
        return mean
    if values.shape == () and weights is None:
        return values
    more = " so that sample weights can be applied" if values.shape == () else " or one number"
    raise ShapeError(
        f"{name} must return one value a sample, shape ({samples},){more}; it returned shape "
        f"{values.shape}."
    )
