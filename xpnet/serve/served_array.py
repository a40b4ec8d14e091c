"""A plain `Model` that is served: its rows are arrays."""

from collections.abc import Mapping, Sequence
from functools import cached_property
from math import inf
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xpnet.model import Model
from xpnet.serve.refusal import Refusal
from xpnet.serve.served import Description, Encoded, ServedColumn
from xpnet.serve.wording import listed, quoted, shown
from xpnet.tabular.numerals import is_number
from xpnet.tabular.probabilities import FROM_LOSS, probabilities
from xpnet.tabular.target import Label
from xpnet.typing import Shape

__all__ = ["ServedArray"]

_MOST_COLUMNS = 256  # the columns of wider rows have no names


class ServedArray:
    """A model of arrays: a row is a (nested) list, or an object with x0, x1, ...

    Parameters
    ----------
    model : Model
    name : str
        What the model is called.
    strict : bool
        Whether columns that the model does not know are refused.
    """

    def __init__(self, model: Model, name: str, strict: bool) -> None:
        self._model, self._name, self._strict = model, name, strict
        self._shape: Shape = tuple(model.network.features)
        named = len(self._shape) == 1 and self._shape[0] <= _MOST_COLUMNS
        self._names = tuple(f"x{i}" for i in range(self._shape[0])) if named else ()

    @cached_property
    def description(self) -> Description:
        """What the model reads and predicts."""
        columns = tuple(ServedColumn(name, "number", (), 0) for name in self._names)
        return Description(self._name, columns, "output", _classes(self._model), shape=self._shape)

    @property
    def header(self) -> Sequence[str] | None:
        """None: CSV has a header line."""
        return None

    def encode_rows(self, rows: Sequence[Any]) -> Encoded:
        """See `Served.encode_rows`."""
        arrays = [self._in_order(row) if isinstance(row, dict) else row for row in rows]
        try:
            found = np.array(arrays)
        except ValueError:  # lists of different lengths
            found = np.array("")
        if found.dtype.kind not in "biuf" or found.shape != (len(rows), *self._shape):
            checked = [self._checked(row, self._shape, (i,)) for i, row in enumerate(arrays)]
            found = np.array(checked, dtype=np.float64)
        dtype = self._model.dtype
        large = np.abs(found) > np.finfo(dtype).max
        if large.any():
            at = tuple(int(i) for i in np.argwhere(large)[0])
            raise self._refusal(at, f"expected a number that {dtype} can hold, got {found[at]:g}")
        return Encoded(found.astype(dtype), [])

    def encode_columns(self, columns: Mapping[str, Sequence[Any]]) -> Encoded:
        """See `Served.encode_rows`."""
        values = zip(*self._in_order(columns), strict=True)
        return self.encode_rows([list(row) for row in values])

    def predict(self, rows: NDArray[Any]) -> NDArray[Any]:
        """See `Served.predict`."""
        outputs = np.asarray(self._model.predict(rows))
        classes = self.description.classes
        return outputs if classes is None else probabilities(self._model, outputs, len(classes))

    def _in_order(self, given: Mapping[str, Any]) -> list[Any]:
        """The values of x0, x1, ..."""
        if not self._names:
            raise Refusal(
                400,
                f'expected rows as arrays of shape {list(self._shape)}: {{"rows": [row, ...]}}.',
            )
        missing = [name for name in self._names if name not in given]
        if missing:
            raise Refusal(400, f"{listed(missing)} missing.", missing[0])
        if self._strict and len(given) > len(self._names):
            more = next(name for name in given if name not in self._names)
            raise Refusal(400, f"the model does not read the column {quoted(more)}.", more)
        return [given[name] for name in self._names]

    def _checked(self, value: Any, shape: Shape, at: tuple[int, ...]) -> Any:
        """A nested list of this shape, with text read as numbers."""
        if not shape:
            number = _number(value)
            if abs(number) == inf:
                raise self._refusal(at, f"expected a finite number, got {shown(value)}")
            return number
        if not isinstance(value, list):
            raise self._refusal(at, f"expected a list of length {shape[0]}, got {shown(value)}")
        if len(value) != shape[0]:
            raise self._refusal(at, f"expected a list of length {shape[0]}, got {len(value)}")
        return [self._checked(part, shape[1:], (*at, i)) for i, part in enumerate(value)]

    def _refusal(self, at: tuple[int, ...], why: str) -> Refusal:
        row, *place = at
        if place and self._names:
            name = self._names[place[0]]
            return Refusal(400, f"row {row}, column {name!r}: {why}.", name)
        where = f", at {place}" if place else ""
        return Refusal(400, f"row {row}{where}: {why}.")


def _number(value: Any) -> float:
    """A number, or infinity for what is none."""
    if isinstance(value, str):
        text = value.strip()
        return float(text) if is_number(text) else inf
    try:
        return float(value) if isinstance(value, int | float) else inf
    except OverflowError:
        return inf


def _classes(model: Model) -> tuple[Label, ...] | None:
    """The classes whose probabilities the outputs give; None if they give none."""
    loss, shape = model.network.loss, model.network.output_shape
    if loss.name not in FROM_LOSS or len(shape) > 1:
        return None
    if loss.target != "classes" and shape not in ((1,), ()):
        return None  # each output is a question of its own
    count = shape[0] if loss.target == "classes" else 2
    names = (model.preprocessing or {}).get("classes")
    if isinstance(names, list) and len(names) == count:
        return tuple(names)
    return tuple(range(count))
