"""A column of text cells as pyarrow read them: parsed when it is asked for, by compiled code."""

from collections.abc import Sequence
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xpnet.optional import require
from xpnet.tabular.calendar_texts import Leading
from xpnet.tabular.cells import cell_of
from xpnet.tabular.column import Column, Place, Texts
from xpnet.tabular.columns import TextColumn, factorize
from xpnet.tabular.numerals import Numerals

__all__ = ["ArrowColumn"]

_FEW = 100


class ArrowColumn(Column):
    """Text cells in a chunked array of pyarrow, null where missing."""

    stored = "text"

    def __init__(self, name: str, origin: Place, cells: Any, numerals: Numerals) -> None:
        super().__init__(name, origin)
        self._cells, self._numerals = cells, numerals

    def __len__(self) -> int:
        return len(self._cells)

    def numbers(self) -> NDArray[np.float64]:
        """See `Column.numbers`."""
        return self._text.numbers() if self._floats is None else self._floats

    def texts(self) -> Texts:
        """See `Column.texts`."""
        return self._text.texts()

    def dates(self, known: Leading | None = None) -> NDArray[np.datetime64]:
        """See `Column.dates`."""
        return self._text.dates(known)

    def missing(self) -> NDArray[np.bool_]:
        """See `Column.missing`."""
        return self._text.missing() if self._floats is None else np.isnan(self._floats)

    def zero_padded(self) -> bool:
        """See `Column.zero_padded`."""
        floats = self._floats
        if floats is None:
            return super().zero_padded()
        if (floats != np.trunc(floats))[~np.isnan(floats)].any():
            return False
        return any(map(_has_leading_zero, self._cells.chunks)) and super().zero_padded()

    @cached_property
    def _floats(self) -> NDArray[np.float64] | None:
        """All cells as plain numbers; None if they are not."""
        pa = require("pyarrow", "tables", "reading a table")
        cells = self._with_points()
        if cells is None:
            return None
        try:
            numbers = _as_numpy(cells.cast(pa.float64()).chunks, np.nan, np.float64)
        except pa.ArrowInvalid:
            return None
        plain = np.isfinite(numbers).sum() == len(self) - self._cells.null_count
        return numbers if plain else None

    def _with_points(self) -> Any:
        """The cells with points for decimal commas; None if that takes a closer look."""
        pc = require("pyarrow.compute", "tables", "reading a table")
        cells = self._cells
        first = next(filter(None, cells.slice(0, _FEW).to_pylist()), "")
        if first != first.strip():
            cells = pc.utf8_trim_whitespace(cells)
        if (self._numerals.decimal or self._numerals.usual) != ",":
            return cells
        grouped = pc.any(pc.match_substring(cells, ".")).as_py()
        return None if grouped else pc.replace_substring(cells, ",", ".")

    @cached_property
    def _text(self) -> TextColumn:
        """The same by its distinct texts."""
        encoded = self._cells.dictionary_encode().combine_chunks()  # chunks share one
        texts = factorize([cell_of(cell) for cell in encoded.dictionary.to_pylist()])
        codes = np.append(texts.codes, np.int32(-1))[_as_numpy([encoded.indices], -1, np.int32)]
        return TextColumn(self.name, self.origin, Texts(codes, texts.values), self._numerals)


def _as_numpy(arrays: Sequence[Any], missing: Any, dtype: Any) -> NDArray[Any]:
    """Arrays of pyarrow as one, with a value for nulls; its own to_numpy would import pandas."""
    parts = [_part_as_numpy(array, missing, dtype) for array in arrays]
    joined = parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, dtype), *parts])
    joined.flags.writeable = False  # others read it too
    return joined


def _part_as_numpy(array: Any, missing: Any, dtype: Any) -> NDArray[Any]:
    part = slice(array.offset, array.offset + len(array))
    valid, data = array.buffers()
    values = np.frombuffer(data, dtype)[part]
    if not array.null_count:
        return values
    bits = np.unpackbits(np.frombuffer(valid, np.uint8), bitorder="little")[part]
    return np.where(bits, values, missing).astype(dtype, copy=False)


def _has_leading_zero(chunk: Any) -> bool:
    """Whether a text of several characters begins with 0, in a chunk of strings."""
    _, offsets, data = chunk.buffers()
    starts = np.frombuffer(offsets, np.int32)[chunk.offset : chunk.offset + len(chunk) + 1]
    longer = starts[:-1][np.diff(starts) > 1]
    return bool(len(longer)) and bool((np.frombuffer(data, np.uint8)[longer] == ord("0")).any())
