"""The layers that an estimator's parameters describe, and their initial weights."""

from collections.abc import Iterable, Iterator
from copy import copy
from itertools import pairwise
from numbers import Integral
from typing import Any

import numpy as np

from xpnet.arguments import elements
from xpnet.errors import ArgumentError, in_brief
from xpnet.estimators.heads import Head
from xpnet.nn import L2, BatchNorm, Dense, Dropout, Layer, LayerNorm, Sequential, activation

__all__ = ["dense_names", "draw_weights", "hidden_sizes", "make_network"]

_NORMALIZATIONS = {"batch": BatchNorm, "layer": LayerNorm}


def hidden_sizes(given: Any) -> list[int]:
    """Size of each hidden layer, from a number or a sequence.

    Raises
    ------
    ArgumentError
        If a size is not a whole number greater than 0.
    """
    alone = isinstance(given, Integral)
    sizes = [given] if alone else elements("hidden_layer_sizes", given, "(100, 50)")
    if any(isinstance(n, bool) or not isinstance(n, Integral) or n <= 0 for n in sizes):
        raise ArgumentError(
            f"hidden_layer_sizes must be > 0 and whole numbers, got {in_brief(given)}."
        )
    return [int(size) for size in sizes]


def _each(name: str, given: Any, layers: int) -> list[Any]:
    """One setting per hidden layer, from one setting for all or from a sequence."""
    if isinstance(given, str) or not isinstance(given, Iterable):
        return [given] * layers
    found = list(given)
    if len(found) != layers:
        raise ArgumentError(
            f"{name} has {len(found)} entries, but there are {layers} hidden layers: give one per "
            "layer, or one for all."
        )
    return found


def _activation(spec: Any) -> Any:
    """A new layer from scikit-learn's or xpnet's name for it, or from the user's own layer."""
    if isinstance(spec, Layer):
        return copy(spec)
    return activation("sigmoid" if isinstance(spec, str) and spec == "logistic" else spec)


def make_network(estimator: Any, head: Head) -> Sequential:
    """The chain of layers: dense, normalization, activation, dropout; the output layer last."""
    penalty = L2(estimator.alpha, per_sample=True) if estimator.alpha else None
    sizes = hidden_sizes(estimator.hidden_layer_sizes)
    activations = _each("activation", estimator.activation, len(sizes))
    rates = _each("dropout", estimator.dropout, len(sizes))
    layers: list[Any] = []
    for units, function, share in zip(sizes, activations, rates, strict=True):
        layers.append(Dense(units, kernel_penalty=penalty))
        if estimator.normalization is not None:
            layers.append(_NORMALIZATIONS[estimator.normalization]())
        layers.append(_activation(function))
        if share:
            layers.append(Dropout(share))
    layers.append(Dense(head.units, kernel_penalty=penalty))
    if head.inside:
        layers.append(_activation("softmax" if head.out == "softmax" else "sigmoid"))
    return Sequential(*layers)


def dense_names(network: Sequential) -> list[str]:
    """Dotted names of the dense layers."""
    return [f"layers.{i}" for i, layer in enumerate(network.layers) if isinstance(layer, Dense)]


def draw_weights(estimator: Any, sizes: list[int], random: np.random.RandomState) -> list[Any]:
    """Draw each layer's weights and biases as scikit-learn does, in the same order.

    Uniform within +-sqrt(f / (inputs + outputs)), with f = 2 for a logistic activation and 6
    for others (Glorot and Bengio, 2010).
    """
    names = _each("activation", estimator.activation, len(sizes) - 2) or ["identity"]
    following = [*names, names[-1]] if len(sizes) > 2 else [estimator.activation]
    return list(_drawn(following, sizes, random))


def _drawn(
    names: list[Any], sizes: list[int], random: np.random.RandomState
) -> Iterator[tuple[Any, Any]]:
    for (inputs, outputs), name in zip(pairwise(sizes), names, strict=True):
        factor = 2.0 if isinstance(name, str) and name in ("logistic", "sigmoid") else 6.0
        bound = np.sqrt(factor / (inputs + outputs))
        weight = random.uniform(-bound, bound, (inputs, outputs))
        yield weight, random.uniform(-bound, bound, outputs)
