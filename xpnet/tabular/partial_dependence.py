"""How a model's predictions depend on a column, averaged over the other columns."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xpnet.arguments import count, instance, texts
from xpnet.errors import ArgumentError, in_brief, nearest
from xpnet.nn.table_inputs import FIRST_CODE, MISSING_CODE, UNKNOWN_CODE
from xpnet.tabular.feature import Feature
from xpnet.tabular.guess import Kind
from xpnet.tabular.sampled import some_rows
from xpnet.tabular.table_model import TableLike, TableModel

__all__ = ["Dependence", "dependence"]

_NO_CELL = "(missing)"


@dataclass(frozen=True, eq=False)
class Dependence:
    """The mean prediction of a model for several values of one column.

    Attributes
    ----------
    name : str
        The column.
    kind : {"number", "category", "boolean", "date"}
    values : tuple
        Numbers; categories, ``"(missing)"`` among them; False and True; or dates as text.
    share : ndarray
        For each category or boolean, its share of the rows; for each number or date, the share of
        the rows that are at most so large.
    mean : ndarray, shape (values,) or (values, classes)
        The mean prediction, in the target's units; or the mean probability of each class.
    """

    name: str
    kind: Kind
    values: tuple[Any, ...]
    share: NDArray[np.float64]
    mean: NDArray[np.float64]

    @property
    def ordered(self) -> bool:
        """Whether the values are points of a line, not names."""
        return self.kind in ("number", "date")

    def to_dict(self) -> dict[str, Any]:
        """All of it as JSON has it."""
        return {
            "column": self.name,
            "kind": self.kind,
            "values": list(self.values),
            "share": self.share.tolist(),
            "mean": self.mean.tolist(),
        }


def dependence(
    model: TableModel,
    table: TableLike,
    columns: Sequence[str] | None = None,
    *,
    points: int = 20,
    rows: int = 1000,
    seed: int = 0,
) -> list[Dependence]:
    """Partial dependence: predictions with one column set to a value in all rows, averaged.

    It shows the model, not the world. If columns depend on each other, setting one of them creates
    rows that never occur.

    Parameters
    ----------
    model : TableModel
    table : table
        Its rows supply the other columns and the values: quantiles of numbers and dates, the most
        frequent categories. The target is not needed.
    columns : sequence of str, optional
        Columns that the model reads; by default all.
    points : int, default 20
        The most values for each column, at least 2.
    rows : int, default 1000
        The most rows to use; if the table has more, a random sample of this size.
    seed : int, default 0
        Chooses the rows.

    Raises
    ------
    ArgumentError
        If the model does not read such a column.

    References
    ----------
    Friedman, "Greedy function approximation: a gradient boosting machine", Annals of Statistics
    29 (2001).

    Examples
    --------
    >>> import numpy as np, xpnet as xn
    >>> table = {"size": np.linspace(0, 1, 200), "price": np.linspace(5, 8, 200)}
    >>> schema = xn.tabular.Schema.infer(table, target="price")
    >>> model = xn.tabular.TableModel.of(table, schema, xn.Dense(1), optimizer=xn.Adam(0.1))
    >>> history = model.fit(table, epochs=50)
    >>> (found,) = xn.tabular.dependence(model, table, points=3)
    >>> np.round(found.values, 1), found.mean.round(1)
    (array([0. , 0.5, 1. ]), array([5. , 6.5, 8. ]))
    """
    points, seed = count("points", points, 2), count("seed", seed, 0)
    instance("model", model, TableModel, "a TableModel")
    used = {feature.name: i for i, feature in enumerate(model.schema.used)}
    columns = None if columns is None else texts("columns", columns, "['age']")
    for name in columns or ():
        if name not in used:
            near = nearest(name, used)
            hint = f" Did you mean {near!r}?" if near else ""
            raise ArgumentError(f"the model does not read a column {in_brief(name)}.{hint}")
    encoded = model.schema.encode(some_rows(table, rows, seed))
    return [
        _one(model, encoded, used[name], points) for name in (used if columns is None else columns)
    ]


def _one(model: TableModel, encoded: NDArray[np.float64], place: int, points: int) -> Dependence:
    feature, column = model.schema.used[place], encoded[:, place]
    grid, shares = _grid(feature, column, points)
    rows, means = encoded.copy(), []
    for value in grid:
        rows[:, place] = value
        means.append(_predicted(model, rows).mean(axis=0))
    names = tuple(_named(feature, grid))
    return Dependence(feature.name, feature.kind, names, shares, np.array(means))


def _predicted(model: TableModel, encoded: NDArray[np.float64]) -> NDArray[np.float64]:
    outputs = model.outputs_of(encoded)
    return model.values_of(outputs) if model.classes is None else model.probabilities_of(outputs)


def _grid(
    feature: Feature, column: NDArray[np.float64], points: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Values of an encoded column, and their shares of the rows."""
    known = column[~np.isnan(column)]
    if feature.kind in ("number", "date"):
        values = _quantiles(known, points) if len(known) else np.zeros(1)
        return values, (known[:, None] <= values).mean(axis=0) if len(known) else np.zeros(1)
    if feature.kind == "boolean":
        values, counts = np.array([0.0, 1.0]), np.array([(known == v).sum() for v in (0, 1)])
    else:
        values, counts = np.unique(known, return_counts=True)
        values, counts = values[values != UNKNOWN_CODE], counts[values != UNKNOWN_CODE]
        most = np.sort(np.argsort(-counts, kind="stable")[:points])
        values, counts = values[most], counts[most]
    return values, counts / len(column)


def _quantiles(known: NDArray[np.float64], points: int) -> NDArray[np.float64]:
    """All distinct values if they are few; else quantiles of those in the middle 98 % of the rows.

    Quantiles of the rows themselves would all be 0 in a column that is nearly always 0.
    """
    distinct = np.unique(known)
    if len(distinct) > points:
        low, high = np.quantile(known, (0.01, 0.99))
        inside = distinct[(distinct >= low) & (distinct <= high)]
        shares = np.linspace(0, 1, points)
        distinct = np.unique(np.quantile(inside, shares, method="nearest"))
    return distinct


def _named(feature: Feature, grid: NDArray[np.float64]) -> Iterator[Any]:
    """The values of a grid as the table has them."""
    unit = "D" if feature.kind == "date" and not (grid % 86_400).any() else "s"
    for value in grid.tolist():
        if feature.kind == "number":
            yield value
        elif feature.kind == "boolean":
            yield bool(value)
        elif feature.kind == "date":
            yield str(np.datetime64(round(value * 1e6), "us").astype(f"datetime64[{unit}]"))
        else:
            yield _NO_CELL if value == MISSING_CODE else feature.categories[int(value) - FIRST_CODE]
