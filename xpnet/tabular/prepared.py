"""`PrepareColumns` with its state: measured on training rows, and computed in float64."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property, lru_cache
from statistics import NormalDist
from typing import Any, Self, get_args

import numpy as np
from numpy.typing import NDArray

from xpnet.arguments import choice, instance
from xpnet.backends import get
from xpnet.backends.readable import host_numbers
from xpnet.data.arrays import batch_slices
from xpnet.errors import DataError, FormatError
from xpnet.graph import Graph, ParameterTable, Value, interpret, trace
from xpnet.nn import PrepareColumns
from xpnet.nn.table_inputs import Scaling
from xpnet.tabular.magnitude import SMALLEST, spread_or
from xpnet.tabular.schema import Schema

__all__ = ["Prepared", "traced"]

_CHUNK = 4096  # rows at a time: few enough to stay in cache
_CHUNK_BYTES = 32 * 2**20  # of the largest array that a chunk needs
_QUARTILES = (0.25, 0.5, 0.75)


@dataclass(frozen=True, eq=False)
class Prepared:
    """A table's encoded columns as the network takes them; see `PrepareColumns`.

    Attributes
    ----------
    layer : PrepareColumns
    state : mapping of str to ndarray of float64
        Its fill values, centers and scales.
    """

    layer: PrepareColumns
    state: Mapping[str, NDArray[np.float64]]

    @classmethod
    def of(
        cls, schema: Schema, encoded: NDArray[np.float64], scaling: Scaling = "standard"
    ) -> Self:
        """Measure encoded training rows.

        Missing numbers and dates are filled with the median.
        """
        instance("schema", schema, Schema, "a Schema")
        choice("scaling", scaling, get_args(Scaling))
        encoded = checked_rows(encoded, len(schema.used))
        kinds = {kind: schema.of_kind(kind) for kind in ("number", "date", "boolean", "category")}
        few = [f for f in kinds["category"] if not f.wide]
        many = [f for f in kinds["category"] if f.wide]
        values = encoded[:, : len(kinds["number"]) + len(kinds["date"])]
        missing = np.isnan(values)
        first = values.shape[1] + len(kinds["boolean"])
        dates = values[:, len(kinds["number"]) :]
        layer = PrepareColumns(
            len(kinds["number"]),
            len(kinds["date"]),
            len(kinds["boolean"]),
            [f.codes for f in few],
            [f.codes for f in many],
            marked=np.flatnonzero(missing.any(axis=0)).tolist(),
            blanks=[
                i
                for i, f in enumerate(few)
                if not f.categories or (encoded[:, first + i] == 0).any()
            ],
            clock=bool((dates[~np.isnan(dates)] % 86_400 != 0).any()),
            scaling=scaling,
        )
        return cls(layer, _measured(values, missing, layer))

    @classmethod
    def checked(cls, layer: Any, state: Mapping[str, Any]) -> Self:
        """A layer and its state from a file.

        Raises
        ------
        FormatError
            If they do not belong together.
        """
        if not isinstance(layer, PrepareColumns):
            raise FormatError(f"it prepares columns with {layer!r}, not with PrepareColumns.")
        table = ParameterTable.of(traced(layer, 1)[0])
        table.check(state, {name: array.shape for name, array in state.items()})
        for name, array in state.items():
            if array.dtype != np.float64 or not np.isfinite(array).all():
                raise FormatError(f"its {name!r} must hold finite float64 numbers.")
        return cls(layer, dict(state))

    @property
    def unchanged(self) -> bool:
        """Whether the network takes encoded columns as they are: codes for an embedding."""
        return not (self.state or self.layer.booleans or self.layer.few)

    @cached_property
    def chunk(self) -> int:
        """How many rows are prepared at a time: fewer, if there are many columns."""
        layer, widest = self.layer, max(self.layer.width, self.layer.plain, 1)
        if layer.scaling == "quantile":
            widest = max(widest, (layer.knots - 1) * (layer.numbers + layer.dates))
        return min(_CHUNK, max(1, _CHUNK_BYTES // (8 * widest)))

    def __call__(self, encoded: NDArray[np.float64]) -> NDArray[np.float64]:
        """The network's inputs for encoded rows."""
        if self.unchanged:
            return encoded
        slices = batch_slices(len(encoded), self.chunk)
        made = [self._prepare(encoded[rows]) for rows in slices]
        return made[0] if len(made) == 1 else np.concatenate(made)

    def inputs(self, encoded: NDArray[np.float64], dtype: str) -> NDArray[Any]:
        """The same in the network's type; a number that it cannot hold becomes infinite."""
        with np.errstate(over="ignore"):
            return self(encoded).astype(dtype)

    def _prepare(self, encoded: NDArray[np.float64]) -> NDArray[np.float64]:
        graph, output = traced(self.layer, len(encoded))
        feeds: dict[Value, Any] = {v: self.state[name] for name, v in graph.parameters.items()}
        feeds[graph.inputs[0]] = encoded
        found: NDArray[np.float64] = interpret(graph, get("numpy").xp, feeds, [output])[0]
        return found


def checked_rows(encoded: Any, columns: int) -> NDArray[np.float64]:
    """Rows as `Schema.encode` returns them.

    Raises
    ------
    DataError, DTypeError
        If they have another shape, hold infinity, or are not numbers.
    """
    found = encoded if type(encoded) is np.ndarray else host_numbers("encoded", encoded)
    if found.dtype != np.float64 or found.ndim != 2 or found.shape[1] != columns or not len(found):
        raise DataError(
            f"encoded rows have shape (rows, {columns}) and dtype float64, as Schema.encode "
            f"returns them; got shape {found.shape} and dtype {found.dtype}."
        )
    return found


@lru_cache(maxsize=64)
def traced(layer: PrepareColumns, rows: int) -> tuple[Graph, Value]:
    """The graph of the layer for a number of encoded rows, and its output."""
    return trace(layer, [("x", (rows, layer.width), "float64")])


def _measured(
    values: NDArray[np.float64], missing: NDArray[np.bool_], layer: PrepareColumns
) -> dict[str, NDArray[np.float64]]:
    """The state that training rows give."""
    if not values.shape[1]:
        return {}
    columns = [values[~gap, i] for i, gap in enumerate(missing.T)]
    columns = [column if len(column) else np.zeros(1) for column in columns]
    fill = np.array([np.median(column) for column in columns])
    if layer.scaling == "none":
        return {"fill": fill}
    if layer.scaling == "quantile":
        knots = [_knots(column, layer.knots) for column in columns]
        names = ("base", "knot_start", "knot_width", "knot_slope")
        return {"fill": fill} | {
            name: np.stack(arrays, axis=-1)
            for name, arrays in zip(names, zip(*knots, strict=True), strict=True)
        }
    measure = _standard if layer.scaling == "standard" else _robust
    center, inverse = zip(*map(measure, columns), strict=True)
    return {"fill": fill, "center": np.array(center), "inverse_scale": np.array(inverse)}


def _standard(x: NDArray[np.float64]) -> tuple[float, float]:
    """Mean, and 1 / standard deviation; a constant column is not divided."""
    return float(x.mean()), 1 / spread_or(x.std(), 1.0) if x.min() < x.max() else 1.0


def _robust(x: NDArray[np.float64]) -> tuple[float, float]:
    """Median, and 1 / interquartile range, or 2 / range if that is 0; 0 for a constant column."""
    low, middle, high = np.quantile(x, _QUARTILES)
    return float(middle), 1 / spread_or(high - low, spread_or((x.max() - x.min()) / 2, np.inf))


def _knots(x: NDArray[np.float64], count: int) -> tuple[NDArray[np.float64], ...]:
    """A piecewise linear map from the quantiles of x to those of the normal distribution."""
    shares = (np.arange(count) + 0.5) / count
    heights = np.array([NormalDist().inv_cdf(share) for share in shares])
    quantiles = np.quantile(x, shares)
    new = np.append(True, np.diff(quantiles) > SMALLEST)
    ends, group = quantiles[new], np.cumsum(new) - 1
    levels = np.bincount(group, heights) / np.bincount(group)  # equal quantiles: their mean
    start, width, slope = np.zeros((3, count - 1))
    pieces = len(ends) - 1
    start[:pieces], width[:pieces] = ends[:-1], np.diff(ends)
    slope[:pieces] = np.diff(levels) / np.diff(ends)
    return levels[0], start, width, slope
