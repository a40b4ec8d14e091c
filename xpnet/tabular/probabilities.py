"""Probabilities of classes from a network's outputs."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xpnet.errors import ArgumentError
from xpnet.model import Model

__all__ = ["FROM_LOSS", "probabilities"]

# What turns the outputs for these losses into probabilities.
FROM_LOSS = {
    "softmax_cross_entropy": "softmax",
    "focal": "softmax",
    "cross_entropy": "none",
    "binary_cross_entropy_with_logits": "sigmoid",
    "binary_focal": "sigmoid",
    "binary_cross_entropy": "none",
}


def probabilities(model: Model, outputs: Any, classes: int) -> NDArray[np.float64]:
    """The probability of each class; without outputs, only check that the model has them.

    Raises
    ------
    ArgumentError
        If the model's loss or its number of outputs does not give probabilities of classes.
    """
    loss, shape = model.network.loss.name, model.network.output_shape
    way = FROM_LOSS.get(loss)
    if way is None or shape not in ((classes,), *(((1,), ()) if classes == 2 else ())):
        raise ArgumentError(
            f"{classes} classes need {classes} outputs and a loss with probabilities "
            f"({', '.join(FROM_LOSS)}); this model has outputs of shape {shape} and {loss}."
        )
    if outputs is None:
        return np.empty((0, classes))
    z = outputs.astype(np.float64).reshape(len(outputs), -1)
    if way == "softmax":
        with np.errstate(invalid="ignore"):  # infinite outputs give NaN
            powers = np.exp(z - z.max(axis=1, keepdims=True))
        shares: NDArray[np.float64] = powers / powers.sum(axis=1, keepdims=True)
        return shares
    if way == "sigmoid":
        z = np.exp(-np.logaddexp(0, -z))
    return np.concatenate([1 - z, z], axis=1) if z.shape[1] == 1 else z
