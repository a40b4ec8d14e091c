"""A fitted estimator of xpnet as a model in the units of its targets."""

from copy import deepcopy
from typing import Any

from xpnet.errors import ArgumentError
from xpnet.exchange.tree import host
from xpnet.model import Model
from xpnet.model_settings import ModelSettings

__all__ = ["as_model", "built", "unbuilt"]

# Losses that only the estimators have, and those of xpnet.losses with the same minimum.
_NAMED = {
    "log_loss": "binary_cross_entropy_with_logits",
    "half_squares": "half_mean_squared_error",
    "poisson_deviance": "poisson",
}


def as_model(estimator: Any, settings: ModelSettings) -> Model:
    """A new model with the layers and weights of an estimator.

    Its output is the one before the last activation. `scale_target` is undone in the last layer.

    Raises
    ------
    ArgumentError
        If it cannot be undone there.
    """
    model = estimator.model_
    loss, net, state = model.network.loss, deepcopy(model.network.net), host(model)
    scale = getattr(estimator._targets, "scale", None)
    if scale is not None:
        if loss.prediction is not None:
            raise ArgumentError(
                f"scale_target cannot be undone in a network for {loss.name}. Fit without it, or "
                "use estimator.model_, whose outputs are standardized."
            )
        scale.check(model.dtype)
        last = f"layers.{len(net.layers) - 1}"
        mean, deviation = (a.astype(model.dtype) for a in (scale.mean, scale.deviation))
        state[f"{last}.weight"] = state[f"{last}.weight"] * deviation
        state[f"{last}.bias"] = state[f"{last}.bias"] * deviation + mean
    kind: Any = _NAMED.get(loss.name, loss)
    given: ModelSettings = {"loss": kind, "dtype": model.dtype, **settings}
    made = built("from_sklearn", net, given, model.network.features)
    made.load_state_dict(state)
    return made


def built(caller: str, net: Any, settings: ModelSettings, features: Any) -> Model:
    """A new model with parameters; see `unbuilt`."""
    return unbuilt(caller, net, settings, features).build()


def unbuilt(caller: str, net: Any, settings: ModelSettings, features: Any) -> Model:
    """A new model whose source fixes the shape of a sample, still without parameters.

    Raises
    ------
    ArgumentError
        If the settings have a shape too.
    """
    if "input_shape" in settings:
        raise ArgumentError(
            f"{caller} reads the shape of a sample, {features}, from its source. Leave out "
            "input_shape."
        )
    return Model(net, **settings, input_shape=features)
