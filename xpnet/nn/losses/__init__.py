"""Losses by name. Each function returns a `Loss`; the name alone means its default settings.

``loss="huber"`` is ``loss=xpnet.losses.huber()``; ``xpnet.losses.huber(delta=2.0)`` changes a
setting. Your own loss is a plain function of two symbolic values, output and target, built from
ops. The short names ``"mse"``, ``"mae"``, ``"rss"`` and ``"bce"`` stand for mean_squared_error,
mean_absolute_error, residual_sum_of_squares and binary_cross_entropy.
"""

from collections.abc import Callable
from typing import TypeAlias

from xpnet.arguments import is_function
from xpnet.errors import ArgumentError, UnknownNameError, in_brief
from xpnet.nn.losses.classification import (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    binary_focal,
    cross_entropy,
    focal,
    hinge,
    multiclass_hinge,
    softmax_cross_entropy,
)
from xpnet.nn.losses.loss import Loss, LossFunction
from xpnet.nn.losses.regression import (
    gaussian_nll,
    half_mean_squared_error,
    huber,
    log_cosh,
    mean_absolute_error,
    mean_squared_error,
    poisson,
    quantile,
    residual_sum_of_squares,
)

__all__ = [
    "Loss",
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "binary_focal",
    "cross_entropy",
    "focal",
    "gaussian_nll",
    "get",
    "half_mean_squared_error",
    "hinge",
    "huber",
    "log_cosh",
    "mean_absolute_error",
    "mean_squared_error",
    "multiclass_hinge",
    "names",
    "poisson",
    "quantile",
    "residual_sum_of_squares",
    "softmax_cross_entropy",
]

LossLike: TypeAlias = str | Loss | LossFunction
"""The name of a loss, one of `xpnet.losses`, or a function of output and target."""

_MAKERS: tuple[Callable[[], Loss], ...] = (
    binary_cross_entropy,
    binary_cross_entropy_with_logits,
    binary_focal,
    cross_entropy,
    focal,
    gaussian_nll,
    half_mean_squared_error,
    hinge,
    huber,
    log_cosh,
    mean_absolute_error,
    mean_squared_error,
    multiclass_hinge,
    poisson,
    quantile,
    residual_sum_of_squares,
    softmax_cross_entropy,
)
_BY_NAME = {make.__name__: make for make in _MAKERS} | {
    "bce": binary_cross_entropy,
    "mae": mean_absolute_error,
    "mse": mean_squared_error,
    "rss": residual_sum_of_squares,
}


def names() -> list[str]:
    """The names of all losses, including the short ones."""
    return sorted(_BY_NAME)


def check_function(kind: str, spec: object) -> None:
    """Raise `ArgumentError` unless `spec` is a function of output and target."""
    if not is_function(spec) or any(spec is make for make in _MAKERS):
        raise ArgumentError(
            f"a {kind} is a name or a function of output and target, or the result of a function "
            f"of xpnet.losses, such as xpnet.losses.huber(delta=2.0); got {in_brief(spec)}."
        )


def get(spec: LossLike) -> Loss:
    """The loss of this name, `spec` itself if it is a loss, or a loss from the user's function.

    Raises
    ------
    UnknownNameError, ArgumentError
        If there is no such loss, or `spec` cannot be one.
    """
    if isinstance(spec, Loss):
        return spec
    if isinstance(spec, str):
        if spec not in _BY_NAME:
            raise UnknownNameError("loss", spec, _BY_NAME)
        return _BY_NAME[spec]()
    check_function("loss", spec)
    return Loss(getattr(spec, "__name__", "loss"), spec, "any")
