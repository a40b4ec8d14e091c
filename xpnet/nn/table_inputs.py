"""Layers for tables: prepare a table's columns, and embed its categories."""

from collections.abc import Sequence
from math import pi
from typing import Any, Literal, get_args

from xpnet import ops
from xpnet.arguments import choice, count, elements, flag
from xpnet.errors import ArgumentError
from xpnet.graph import Value
from xpnet.nn import init
from xpnet.nn.calendar import day_parts, time_of_day
from xpnet.nn.init.initializer import InitLike
from xpnet.nn.layer import Layer

__all__ = [
    "FIRST_CODE",
    "MISSING_CODE",
    "UNKNOWN_CODE",
    "EmbedColumns",
    "PrepareColumns",
    "Scaling",
]

MISSING_CODE, UNKNOWN_CODE, FIRST_CODE = 0, 1, 2  # of categories; the first known one
_TOGETHER = 64  # categories in one product, which takes the square of their number

Scaling = Literal["standard", "robust", "quantile", "none"]


class PrepareColumns(Layer):
    """Turn a table's encoded columns into inputs for a network.

    The input has a column for each of these groups, in this order: numbers; dates, as seconds since
    1970; booleans, as 0 and 1; categories that become one-hot columns; categories that are left to
    an embedding. A missing number, date or boolean is NaN. Categories are codes: 0 for a missing
    one, 1 for an unknown one, then the known ones.

    The output has, in this order: numbers and dates, filled and scaled; a mark 1 for each missing
    value of the columns in `marked`; the parts of the dates; booleans as -1, 1, and 0 if missing;
    one-hot columns, in which an unknown category is all 0; the codes for the embedding, unchanged.
    A category with two known values and without `blanks` is a single column of -1 and 1.

    Parameters
    ----------
    numbers, dates, booleans : int
        Number of columns of each kind, at least 0.
    few, many : sequence of int
        Codes of each category (its known values, plus 2) that becomes one-hot columns, or is left
        to an embedding.
    marked : sequence of int
        Which of the numbers and dates have a mark for missing values.
    blanks : sequence of int
        Which of the categories in `few` have a column for missing values.
    clock : bool
        Whether dates have a time of day.
    scaling : {"standard", "robust", "quantile", "none"}
        ``"standard"``: (x - center) / scale, with the mean and the standard deviation.
        ``"robust"``: z = (x - center) / scale, with the median and the interquartile range, then
        z / sqrt(1 + (z / 3)**2). ``"quantile"``: a piecewise linear map that makes the training
        rows normally distributed. The numbers are states of the layer: `xpnet.tabular` sets them.
    knots : int, default 64
        Points of the map for ``"quantile"``, at least 2.

    Raises
    ------
    ArgumentError, UnknownNameError
        If a setting is invalid.

    Notes
    -----
    Source of the robust scaling: Holzmüller, Grinsztajn and Steinwart, "Better by default: strong
    pre-tuned MLPs and boosted trees on tabular data", NeurIPS 2024.
    """

    def __init__(
        self,
        numbers: int = 0,
        dates: int = 0,
        booleans: int = 0,
        few: Sequence[int] = (),
        many: Sequence[int] = (),
        *,
        marked: Sequence[int] = (),
        blanks: Sequence[int] = (),
        clock: bool = False,
        scaling: Scaling = "standard",
        knots: int = 64,
    ) -> None:
        self.numbers = count("PrepareColumns: numbers", numbers, 0)
        self.dates = count("PrepareColumns: dates", dates, 0)
        self.booleans = count("PrepareColumns: booleans", booleans, 0)
        self.few = tuple(
            count("PrepareColumns: few", n, 2)
            for n in elements("PrepareColumns: few", few, "[5, 3]")
        )
        self.many = tuple(
            count("PrepareColumns: many", n, 2)
            for n in elements("PrepareColumns: many", many, "[5, 3]")
        )
        self.marked = tuple(
            count("PrepareColumns: marked", i, 0, self.numbers + self.dates)
            for i in elements("PrepareColumns: marked", marked, "[0, 1]")
        )
        self.blanks = tuple(
            count("PrepareColumns: blanks", i, 0, len(self.few))
            for i in elements("PrepareColumns: blanks", blanks, "[0, 1]")
        )
        if any(n == FIRST_CODE and i not in self.blanks for i, n in enumerate(self.few)):
            raise ArgumentError("PrepareColumns: a category without known values needs blanks.")
        self.clock, self.knots = (
            flag("PrepareColumns: clock", clock),
            count("PrepareColumns: knots", knots, 2),
        )
        choice("scaling", scaling, get_args(Scaling))
        self.scaling: Scaling = scaling

    @property
    def width(self) -> int:
        """Number of encoded columns that come in."""
        return self.numbers + self.dates + self.booleans + len(self.few) + len(self.many)

    @property
    def plain(self) -> int:
        """Number of columns that go out, without the codes for an embedding."""
        parts = self.dates * (8 if self.clock else 6)
        one_hot = sum(self.one_hot_width(i) for i in range(len(self.few)))
        return self.numbers + self.dates + len(self.marked) + parts + self.booleans + one_hot

    def forward(self, x: Value) -> Any:
        """Prepare a batch of encoded rows."""
        if x.ndim != 2 or x.shape[1] != self.width:
            raise ArgumentError(f"PrepareColumns expects {self.width} columns, got {x.shape}.")
        ends = [self.numbers + self.dates, self.booleans, len(self.few), len(self.many)]
        groups, start = [], 0
        for length in ends:
            groups.append(x[:, start : start + length] if length else None)
            start += length
        values, booleans, few, many = groups
        made = [] if values is None else self._values(values)
        if booleans is not None:
            made.append(ops.fill_nan(booleans, 0.5) * 2.0 - 1.0)
        if few is not None:
            made += [
                self._one_hot(few[:, i : i + _TOGETHER], i)
                for i in range(0, len(self.few), _TOGETHER)
            ]
        made += [] if many is None else [many]
        return made[0] if len(made) == 1 else ops.concat(*made, axis=-1)

    def _values(self, x: Value) -> list[Any]:
        """Numbers and dates: scaled, marked where missing, and the parts of the dates."""
        filled = ops.fill_nan(x, self.state(x, "fill", x.shape[1:], "zeros"))
        made = [self._scaled(filled)]
        if self.marked:
            missing = ops.is_nan(x)
            made += [missing[:, i : i + 1] for i in self.marked]
        if self.dates:
            seconds = filled[:, self.numbers :]
            phases = day_parts(seconds) + ([time_of_day(seconds)] if self.clock else [])
            made += [f(phase * (2 * pi)) for phase in phases for f in (ops.sin, ops.cos)]
        return made

    def _scaled(self, x: Value) -> Any:
        if self.scaling == "none":
            return x
        if self.scaling == "quantile":
            return self._quantiles(x)
        center = self.state(x, "center", x.shape[1:], "zeros")
        z = (x - center) * self.state(x, "inverse_scale", x.shape[1:], "ones")
        return z if self.scaling == "standard" else z / ops.sqrt(1.0 + (z / 3.0) * (z / 3.0))

    def _quantiles(self, x: Value) -> Any:
        """base + sum_k slope_k min(max(x - start_k, 0), width_k)."""
        shape = (self.knots - 1, x.shape[1])
        start, width, slope = (
            self.state(x, name, shape, "zeros")
            for name in ("knot_start", "knot_width", "knot_slope")
        )
        steps = ops.minimum(ops.relu(ops.reshape(x, shape=(-1, 1, x.shape[1])) - start), width)
        return ops.sum(steps * slope, axis=1) + self.state(x, "base", x.shape[1:], "zeros")

    def one_hot_width(self, i: int) -> int:
        """Number of columns that a category of `few` becomes."""
        known = self.few[i] - FIRST_CODE
        return 1 if self._signed(i) else known + (i in self.blanks)

    def _signed(self, i: int) -> bool:
        return self.few[i] == FIRST_CODE + 2 and i not in self.blanks

    def _one_hot(self, codes: Value, start: int) -> Any:
        """The one-hot columns of some categories at once: 1 - |code - k|, or 0 if that is less."""
        chosen = range(start, start + codes.shape[1])
        wanted = [
            (i, code)
            for i in chosen
            for code in ([MISSING_CODE] if i in self.blanks else [])
            + [*range(FIRST_CODE, self.few[i])]
        ]
        picks = [[float(i == j) for j, _ in wanted] for i in chosen]
        numbers = _constant(codes, [float(code) for _, code in wanted])
        hot = ops.relu(1.0 - ops.abs(ops.matmul(codes, _constant(codes, picks)) - numbers))
        return self._differences(hot, wanted) if any(map(self._signed, chosen)) else hot

    def _differences(self, hot: Value, wanted: list[tuple[int, int]]) -> Any:
        """The second column minus the first, for categories with two values."""
        columns, rows = 0, []
        for i, code in wanted:
            first = self._signed(i) and code == FIRST_CODE
            columns += not self._signed(i) or first
            rows.append((columns - 1, -1.0 if first else 1.0))
        sums = [[sign * (at == j) for j in range(columns)] for at, sign in rows]
        return ops.matmul(hot, _constant(hot, sums))


def _constant(like: Value, numbers: list[Any]) -> Value:
    value: Value = like.graph.constant(numbers, like.dtype)
    return value


class EmbedColumns(Layer):
    """Replace the last columns, which are codes of categories, by learned vectors.

    An input of shape (n, d + k), where the last k columns are codes, gives (n, d + k units).

    Parameters
    ----------
    sizes : sequence of int
        Number of codes of each of the last k columns, at least 1.
    units : int, default 8
        Length of each vector.
    table_init : str or initializer, default normal with a standard deviation of 1
        Initial vectors, a table of shape (size, units) for each column.

    Raises
    ------
    ArgumentError
        If a number is not a whole number of at least 1.
    """

    def __init__(
        self, sizes: Sequence[int], units: int = 8, *, table_init: InitLike | None = None
    ) -> None:
        self.sizes = tuple(
            count("EmbedColumns: sizes", n)
            for n in elements("EmbedColumns: sizes", sizes, "[5, 3]")
        )
        self.units = count("EmbedColumns: units", units)
        self.table_init = init.normal(1.0) if table_init is None else init.get(table_init)

    def forward(self, x: Value) -> Any:
        """Look up the vectors."""
        if x.ndim != 2 or x.shape[1] < len(self.sizes):
            raise ArgumentError(
                f"EmbedColumns expects at least {len(self.sizes)} columns, got {x.shape}."
            )
        first = x.shape[1] - len(self.sizes)
        made = [x[:, :first]] if first else []
        for i, size in enumerate(self.sizes):
            table = self.parameter(x, f"table_{i}", (size, self.units), self.table_init)
            codes = ops.reshape(x[:, first + i : first + i + 1], shape=(-1,))
            made.append(ops.embedding(table, ops.as_index(codes, whole=True)))
        return made[0] if len(made) == 1 else ops.concat(*made, axis=-1)
