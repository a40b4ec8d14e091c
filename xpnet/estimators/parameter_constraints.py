"""The valid values of each parameter, for scikit-learn's validation."""

from numbers import Integral, Real
from types import ModuleType
from typing import Any

import numpy as np
from sklearn.utils._param_validation import Interval, Options, StrOptions

from xpnet.lowering import MOST_THREADS
from xpnet.nn import Loss
from xpnet.optim import Optimizer

__all__ = ["CONSTRAINTS", "keep"]

CONSTRAINTS: dict[str, Any] = {
    "hidden_layer_sizes": ["array-like", Interval(Integral, 1, None, closed="left")],
    "activation": [str, callable, list, tuple],
    "solver": [StrOptions({"lbfgs", "sgd", "adam"})],
    "alpha": [Interval(Real, 0, None, closed="left")],
    "batch_size": [StrOptions({"auto"}), Interval(Integral, 1, None, closed="left")],
    "learning_rate": [StrOptions({"constant", "invscaling", "adaptive"})],
    "learning_rate_init": [Interval(Real, 0, None, closed="neither")],
    "power_t": [Interval(Real, 0, None, closed="left")],
    "max_iter": [Interval(Integral, 1, None, closed="left")],
    "loss": [str, Loss, callable],
    "shuffle": ["boolean"],
    "random_state": ["random_state"],
    "tol": [Interval(Real, 0, None, closed="left")],
    "verbose": ["verbose"],
    "warm_start": ["boolean"],
    "momentum": [Interval(Real, 0, 1, closed="left")],
    "nesterovs_momentum": ["boolean"],
    "early_stopping": ["boolean"],
    "validation_fraction": [Interval(Real, 0, 1, closed="left")],
    "beta_1": [Interval(Real, 0, 1, closed="left")],
    "beta_2": [Interval(Real, 0, 1, closed="left")],
    "epsilon": [Interval(Real, 0, None, closed="neither")],
    "n_iter_no_change": [
        Interval(Integral, 1, None, closed="left"),
        Options(Real, {np.inf}),
    ],
    "max_fun": [Interval(Integral, 1, None, closed="left")],
    "dropout": [Interval(Real, 0, 1, closed="left"), list, tuple],
    "normalization": [StrOptions({"batch", "layer"}), None],
    "optimizer": [str, Optimizer, None],
    "clip_value": [Interval(Real, 0, None, closed="neither"), None],
    "clip_norm": [Interval(Real, 0, None, closed="neither"), None],
    "clip_global_norm": [Interval(Real, 0, None, closed="neither"), None],
    "scoring": [str, callable, None],
    "restore_best": ["boolean"],
    "callbacks": [list, tuple, None],
    "initial_weights": [list, tuple, None],
    "backend": [str, ModuleType, None],  # a module raises a clearer error later
    "dtype": [StrOptions({"float32", "float64"}), type, np.dtype, None],
    "threads": [Interval(Integral, 1, MOST_THREADS, closed="both"), None],  # `fit` refuses True
}


def keep(estimator: Any, given: dict[str, Any]) -> None:
    """Store each parameter of a constructor under its name, unchanged."""
    vars(estimator).update({k: v for k, v in given.items() if k not in ("self", "__class__")})
