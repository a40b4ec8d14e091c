"""The model that an estimator's parameters describe, and its initial weights."""

from typing import Any

import numpy as np

from xpnet.backends import check_float, dtype_name
from xpnet.errors import ArgumentError, in_brief
from xpnet.estimators.architecture import draw_weights, hidden_sizes
from xpnet.estimators.array_library import backend_for
from xpnet.estimators.heads import DataLoss
from xpnet.estimators.solvers import make_optimizer
from xpnet.estimators.stored_samples import FloatSource
from xpnet.model import Model

__all__ = ["make_model", "starting_weights"]

_SEEDS = 2**32


def make_model(estimator: Any, X: Any, random: np.random.RandomState, *, measured: bool) -> Model:
    """Build the estimator's model; `measured` if the loss without penalty is also reported."""
    head = estimator._head
    stored = isinstance(X, FloatSource)  # checked as it is read, shuffled by the model's seed
    noisy = (stored and estimator.shuffle) or np.any(
        np.asarray(estimator.dropout, dtype="float64") > 0
    )
    return Model(
        estimator._network,
        head.loss,
        make_optimizer(estimator),
        metrics=[DataLoss(head.reported)] if measured or head.factor > 1 else (),
        backend=backend_for(estimator.backend, X),
        dtype=check_float(dtype_name(X.dtype)) if estimator.dtype is None else estimator.dtype,
        seed=int(random.randint(_SEEDS, dtype=np.int64)) if noisy else 0,
        input_shape=int(X.shape[1]),
        check_finite=stored,
    ).build()


def starting_weights(
    estimator: Any, random: np.random.RandomState, *, first: bool
) -> tuple[Any, Any]:
    """The weights and the biases: the user's, or random ones."""
    if not first:  # the user set them before any fit
        return estimator.coefs_, estimator.intercepts_
    if estimator.initial_weights is not None:
        given = estimator.initial_weights
        if len(given) != 2 or not all(isinstance(part, list | tuple) for part in given):
            raise ArgumentError(
                "initial_weights must be a list of weights and a list of biases, one of each per "
                f"layer, got {in_brief(given)}."
            )
        return given[0], given[1]
    hidden = hidden_sizes(estimator.hidden_layer_sizes)
    sizes = [estimator.n_features_in_, *hidden, estimator._head.units]
    drawn = draw_weights(estimator, sizes, random)
    return [w for w, _ in drawn], [b for _, b in drawn]
