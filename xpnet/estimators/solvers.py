"""scikit-learn's solvers as xpnet's optimizers, and its rules for their learning rate."""

from copy import deepcopy
from inspect import signature
from math import sqrt
from typing import Any

from xpnet.errors import ArgumentError, in_brief
from xpnet.estimators.model_access import rescale_velocity
from xpnet.model import Model
from xpnet.optim import LBFGS, SGD, Adam, Optimizer, get_optimizer

__all__ = ["InnerAdam", "Rate", "is_stochastic", "keeps_best", "make_optimizer"]


class InnerAdam(Adam):
    """Adam with epsilon added before the bias correction, as scikit-learn has it.

    p = p - learning_rate sqrt(1 - beta2**t) / (1 - beta1**t) m / (sqrt(v) + epsilon): the form at
    the end of section 2 of Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015.
    """

    def coefficients(self, learning_rate: float, step: int) -> dict[str, float]:
        found = super().coefficients(learning_rate, step)
        return {**found, "eps": self.epsilon / sqrt(1 - self.beta2)}


def make_optimizer(estimator: Any) -> Optimizer:
    """The optimizer from `optimizer`, or else from `solver` and its settings.

    Raises
    ------
    ArgumentError
        If clipping is set where it has no effect, or settings of `solver` are set together with
        an `optimizer` that does not read them.
    """
    clips = ("clip_value", "clip_norm", "clip_global_norm")
    clip = {n: getattr(estimator, n) for n in clips if getattr(estimator, n) is not None}
    own, solver = estimator.optimizer, estimator.solver
    if clip and (own is not None or solver == "lbfgs"):
        raise ArgumentError(
            f"{', '.join(clip)} needs the solver 'sgd' or 'adam'. Otherwise set it in an optimizer "
            "object, such as xpnet.AdamW(clip_norm=1.0); L-BFGS does not clip."
        )
    if own is not None:
        return _own_optimizer(estimator)
    rate = estimator.learning_rate_init
    if solver == "lbfgs":
        smallest = 5e-324  # a tolerance of 0
        return LBFGS(
            gradient_tolerance=max(estimator.tol, smallest), max_evaluations=estimator.max_fun
        )
    if solver == "adam":
        return InnerAdam(rate, estimator.beta_1, estimator.beta_2, estimator.epsilon, **clip)
    nesterov = estimator.nesterovs_momentum and estimator.momentum > 0
    return SGD(rate, estimator.momentum, bool(nesterov), **clip)


def is_stochastic(estimator: Any) -> bool:
    """Whether the optimizer trains on batches."""
    if estimator.optimizer is None:
        return bool(estimator.solver != "lbfgs")
    try:
        return not get_optimizer(estimator.optimizer).whole_batch
    except ArgumentError:  # no such optimizer: `fit` raises this error
        return True


def keeps_best(estimator: Any) -> bool:
    """Whether the best weights are restored; L-BFGS has no early stopping."""
    return bool(estimator.restore_best or (estimator.early_stopping and is_stochastic(estimator)))


_OF_SOLVERS = (
    "solver", "learning_rate", "power_t", "momentum", "nesterovs_momentum", "beta_1", "beta_2",
    "epsilon", "max_fun",
)  # fmt: skip


def _own_optimizer(estimator: Any) -> Optimizer:
    """The optimizer by name, with the estimator's rate if that was set; or a copy."""
    own, defaults = estimator.optimizer, signature(type(estimator)).parameters
    optimizer: Optimizer = get_optimizer(own) if isinstance(own, str) else deepcopy(own)
    changed = [
        name
        for name in ("learning_rate_init", *_OF_SOLVERS)
        if name in defaults and getattr(estimator, name) != defaults[name].default
    ]
    rate_is_set = "learning_rate_init" in changed
    if isinstance(own, str) and not optimizer.whole_batch and rate_is_set:
        changed.remove("learning_rate_init")
    if changed:
        raise ArgumentError(
            f"optimizer={in_brief(own)} does not read {', '.join(changed)}: leave them at their "
            "defaults, "
            "and set them in an optimizer object, such as xpnet.AdamW(learning_rate=0.01)."
        )
    if rate_is_set:
        optimizer.learning_rate = float(estimator.learning_rate_init)
    return optimizer


class Rate:
    """scikit-learn's rules for the learning rate of the solver ``"sgd"``.

    Its velocity includes the rate, v = momentum v - rate g; xpnet's does not, v = momentum v + g.
    So when the rate changes, xpnet's velocity is multiplied by old rate / new rate.
    """

    def __init__(self, estimator: Any) -> None:
        plain = estimator.optimizer is None and estimator.solver == "sgd"
        self._rule = estimator.learning_rate if plain else "constant"
        self._start, self._power = estimator.learning_rate_init, estimator.power_t

    def after_epoch(self, model: Model, seen: int) -> None:
        """Set the rate of the next epoch, after `seen` samples in all."""
        if self._rule == "invscaling":
            self._set(model, float(self._start) / (seen + 1) ** self._power)

    def lower(self, model: Model) -> str | None:
        """Divide the rate by 5 if the rule says so; return a message about it, or None."""
        now = model.optimizer.rate(model.epoch)
        if self._rule != "adaptive" or now <= 1e-6:
            return None
        self._set(model, now / 5.0)
        return f"Setting learning rate to {now / 5.0:f}"

    def _set(self, model: Model, rate: float) -> None:
        rescale_velocity(model, model.optimizer.rate(model.epoch) / rate)
        model.optimizer.learning_rate = rate
