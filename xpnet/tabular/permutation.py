"""How much a model relies on each column: scores after the column's cells are shuffled."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xpnet.arguments import choice, count, instance
from xpnet.optional import require
from xpnet.tabular.sampled import some_rows
from xpnet.tabular.scores import class_scores, value_scores
from xpnet.tabular.table_model import TableLike, TableModel

__all__ = ["Importance", "importance"]

_CLASSES = {"accuracy": 1, "balanced_accuracy": 1, "log_loss": -1}  # -1: less is better
_VALUES = {"r2": 1, "rmse": -1, "mse": -1, "mae": -1}


@dataclass(frozen=True, eq=False)
class Importance:
    """How much a score suffers when a column's cells are shuffled among the rows.

    Attributes
    ----------
    names : tuple of str
        The columns that the model reads, the most important first.
    mean, std : ndarray
        How much the score worsens for each column, over the repeats. Near 0 or below, the model
        does not need the column.
    score : str
        ``"accuracy"``, ``"r2"``, ...
    whole : float
        The score without shuffling.
    rows, repeats : int
        Number of rows, and of times that each column was shuffled.
    """

    names: tuple[str, ...]
    mean: NDArray[np.float64]
    std: NDArray[np.float64]
    score: str
    whole: float
    rows: int
    repeats: int

    @property
    def falls(self) -> bool:
        """Whether the score falls when it gets worse; losses and errors rise."""
        return {**_CLASSES, **_VALUES}[self.score] > 0

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON has it."""
        columns = zip(self.names, self.mean.tolist(), self.std.tolist(), strict=True)
        return {
            "score": self.score,
            "without_shuffling": self.whole,
            "rows": self.rows,
            "repeats": self.repeats,
            "columns": [{"column": n, "mean": mean, "std": std} for n, mean, std in columns],
        }


def importance(
    model: TableModel,
    table: TableLike,
    *,
    score: str | None = None,
    repeats: int = 5,
    rows: int = 5000,
    seed: int = 0,
) -> Importance:
    """Permutation importance of each column that a model reads, by scikit-learn.

    A column that carries the same information as another one seems unimportant, because the model
    can read the other. Measured on training rows, a column that the model merely memorized seems
    important.

    Parameters
    ----------
    model : TableModel
    table : table
        With the target; rows that the model was not trained on.
    score : str, optional
        ``"accuracy"``, ``"balanced_accuracy"`` or ``"log_loss"``; for numbers ``"r2"``,
        ``"rmse"``, ``"mse"`` or ``"mae"``. By default the first, which is also scikit-learn's.
    repeats : int, default 5
        How often each column is shuffled.
    rows : int, default 5000
        The most rows to use; if the table has more, a random sample of this size.
    seed : int, default 0
        Chooses the rows and the shuffles.

    Raises
    ------
    UnknownNameError
        If the model has no such score.
    DataError
        If a column or the target is missing.
    MissingDependencyError
        If scikit-learn is not installed.

    References
    ----------
    Breiman, "Random forests", Machine Learning 45 (2001).

    Examples
    --------
    >>> import numpy as np, xpnet as xn
    >>> rng = np.random.default_rng(0)
    >>> table = {"size": rng.normal(size=200), "noise": rng.normal(size=200)}
    >>> table["price"] = 3 * table["size"] + 5
    >>> schema = xn.tabular.Schema.infer(table, target="price")
    >>> model = xn.tabular.TableModel.of(table, schema, xn.Dense(1), optimizer=xn.Adam(0.1))
    >>> history = model.fit(table, epochs=50)
    >>> found = xn.tabular.importance(model, table)
    >>> found.names, found.score
    (('size', 'noise'), 'r2')
    """
    repeats, seed = count("repeats", repeats), count("seed", seed, 0, 2**32)
    instance("model", model, TableModel, "a TableModel")
    known = _VALUES if model.classes is None else _CLASSES
    score = next(iter(known)) if score is None else score
    choice("score", score, known)
    inspection = require("sklearn.inspection", "sklearn", "permutation importance")
    part = some_rows(table, rows, seed)
    measure = _measure(score, known[score])
    encoded, true = model.schema.encode(part), model.true(part)
    found = inspection.permutation_importance(
        model, encoded, true, scoring=measure, n_repeats=repeats, random_state=seed
    )
    mean, std = found.importances_mean, found.importances_std
    order = np.argsort(-mean, kind="stable")
    names = [feature.name for feature in model.schema.used]
    return Importance(
        tuple(names[i] for i in order),
        mean[order],
        std[order],
        score,
        known[score] * measure(model, encoded, true),
        part.rows,
        repeats,
    )


def _measure(score: str, sign: int) -> Callable[[TableModel, Any, Any], float]:
    """What scikit-learn calls a scorer, for rows that the schema has encoded."""

    def measure(model: TableModel, encoded: Any, true: Any) -> float:
        outputs = model.outputs_of(encoded)
        if model.classes is None:
            return sign * value_scores(true, model.values_of(outputs))[score]
        return sign * class_scores(true, model.probabilities_of(outputs))[score]

    return measure
