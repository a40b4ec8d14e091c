"""The parameters that both estimators for tables share: valid values, and their documentation."""

from collections.abc import Mapping
from numbers import Integral, Real
from types import ModuleType
from typing import Any, TypeVar, get_args

import numpy as np
from sklearn.utils._param_validation import Interval, StrOptions

from xpnet.lowering import MOST_THREADS
from xpnet.tabular.recipe import Preset

__all__ = ["TABLE_CONSTRAINTS", "documented_table"]

_COUNT = Interval(Integral, 1, None, closed="left")
_AT_LEAST_0 = Interval(Real, 0, None, closed="left")
_POSITIVE = Interval(Real, 0, None, closed="neither")
_SHARE = Interval(Real, 0, 1, closed="left")

TABLE_CONSTRAINTS: dict[str, Any] = {
    "preset": [StrOptions(set(get_args(Preset)))],
    "n_ens": [_COUNT],
    "random_state": ["random_state"],
    "validation_fraction": [_SHARE],
    "max_epochs": [_COUNT, None],
    "batch_size": [_COUNT, None],
    "hidden": [_COUNT, list, tuple, np.ndarray, None],
    "learning_rate": [_POSITIVE, None],
    "dropout": [_SHARE, None],
    "weight_decay": [_AT_LEAST_0, None],
    "kinds": [Mapping, None],
    "time_limit": [_POSITIVE, None],
    "threads": [Interval(Integral, 1, MOST_THREADS, closed="both"), None],
    "backend": [str, ModuleType, None],
    "verbose": ["verbose"],
    "callbacks": [list, tuple, None],
}

_PARAMETERS = """
    preset : {"realmlp", "fast"}, default "realmlp"
        ``"realmlp"`` is the recipe RealMLP-TD below. ``"fast"`` takes seconds: <fast>
    n_ens : int, default 1
        Number of networks, which are trained one after the other, with different initial weights
        and different rows for validation. The model averages their <averaged>. More networks
        predict better, and take that many times as long.
    random_state : int, RandomState or None, default None
        Seed for the initial weights, the rows for validation and the order of the rows.
    validation_fraction : float, default 0.2
        Share of the rows on which the best epoch is chosen<stratified>, in [0, 1). With 0, or with
        fewer than 30 rows, all rows are used for training and the last epoch is kept.
    max_epochs, batch_size : int, optional
        By default 256 each. All batches have about the same size.
    hidden : int or sequence of int, optional
        Units of each hidden layer, by default (256, 256, 256).
    learning_rate : float, optional
        The peak of the schedule, by default <rate>.
    dropout, weight_decay : float, optional
        By default 0.15 and 0.02 for the first half of the training; then both fall to 0.
""".strip("\n")

_MORE = """
    kinds : mapping of str to kind, optional
        Kinds of columns that are not detected: ``"number"``, ``"category"``, ``"boolean"``,
        ``"date"`` or ``"ignored"``. The columns of an array are named ``x0``, ``x1``, ...
    time_limit : float, optional
        Seconds for the training. If necessary, there are fewer epochs.
    threads : int, optional
        From 1 to 64: with the extra ``fast``, the most threads that share a step; see `Model.fit`.
    backend : str, optional
        Where to compute, such as ``"numpy"``, ``"cupy"`` or ``"torch"``; see `Model`.
    verbose : bool or int, default False
        Show a progress bar.
    callbacks : list of Callback or function, optional
        xpnet's callbacks, for each network.
""".strip("\n")

_ATTRIBUTES = """
    table_model_ : TableModel
        The trained model: its `schema`, `prepared` and `model`. ``table_model_.save(file)`` writes
        one file that `xpnet.load`, ``xpnet predict`` and ``xpnet serve`` read.
    history_ : list of dict
        A row for each epoch, with ``loss``, ``val_loss``, ...; with several networks also
        ``member``.
    n_iter_ : int
        Number of epochs.
    n_features_in_ : int
    feature_names_in_ : array of str
        Only if X had column names.
""".strip("\n")

_NOTES = """
    The recipe: numbers are scaled by median and interquartile range and clipped smoothly
    (`PrepareColumns`), and embedded by waves with learned frequencies (`PeriodicEmbedding`).
    Categories become one-hot columns, those with more than 8 values vectors of length 8. A learned
    scale for each column follows (`LearnedScale`), then hidden layers in the NTK parametrization
    with <activation>, whose share is learned for each unit (`ParametricActivation`). Initial
    weights give outputs of standard deviation 1 on the training rows; initial biases put the kinks
    where rows are ("he+5"). AdamW follows the schedule `CosLog`; dropout and weight decay follow
    `FlatCosine`. <loss> The epoch with the best validation <score> is kept; of equal ones, the
    last.

    Columns are found by name: at prediction, their order does not matter, and others are ignored.

    Source: Holzmüller, Grinsztajn and Steinwart, "Better by default: strong pre-tuned MLPs and
    boosted trees on tabular data", NeurIPS 2024 (arXiv:2407.04491).
""".strip("\n")

_FAST = "about 2,500 steps, at least 4 epochs."

Kind = TypeVar("Kind", bound=type)


def documented_table(**words: str) -> Any:
    """Insert the shared parts into a class's docstring, with these words for <...>."""

    def insert(kind: Kind) -> Kind:
        text = kind.__doc__
        if text is None:  # python -OO has none
            return kind
        parts = {"parameters": _PARAMETERS, "more": _MORE, "attributes": _ATTRIBUTES}
        for name, part in {**parts, "notes": _NOTES}.items():
            text = text.replace(f"    <{name}>", part)
        for name, word in {**words, "fast": _FAST}.items():
            text = text.replace(f"<{name}>", word)
        kind.__doc__ = text
        return kind

    return insert
