"""Optimizers by name."""

from collections.abc import Callable
from typing import TypeAlias

from xpnet.errors import ArgumentError, UnknownNameError, in_brief
from xpnet.optim.adam import Adam, AdamW, Nadam, RAdam
from xpnet.optim.adaptive import Adadelta, Adagrad, RMSprop
from xpnet.optim.optimizer import Optimizer
from xpnet.optim.quasi_newton import LBFGS
from xpnet.optim.sgd import SGD, Lion

__all__ = ["OptimizerLike", "get_optimizer"]

OptimizerLike: TypeAlias = str | Optimizer
"""An optimizer, or the name of one."""

_BY_NAME: dict[str, Callable[..., Optimizer]] = {
    kind.__name__.lower(): kind
    for kind in (SGD, Adagrad, Adadelta, RMSprop, Adam, AdamW, Nadam, RAdam, Lion, LBFGS)
}


def get_optimizer(
    spec: OptimizerLike, learning_rate: float | None = None, **options: float
) -> Optimizer:
    """The optimizer of this name, or `spec` itself if it is an optimizer."""
    if isinstance(spec, Optimizer):
        return spec
    if not isinstance(spec, str):
        raise ArgumentError(
            "an optimizer must be a name or an object such as xpnet.SGD(0.1), got "
            f"{in_brief(spec)}."
        )
    if spec not in _BY_NAME:
        raise UnknownNameError("optimizer", spec, _BY_NAME)
    if learning_rate is None:
        return _BY_NAME[spec](**options)
    if _BY_NAME[spec] is LBFGS:
        raise ArgumentError("lbfgs has no learning rate: a line search finds its step lengths.")
    return _BY_NAME[spec](learning_rate, **options)
