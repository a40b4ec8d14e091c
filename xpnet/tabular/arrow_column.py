"""A column of text cells as pyarrow read them: parsed when it is asked for, by compiled code."""

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
        return self._text.numbers() if self._floats is None else self._floats.copy()

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
        pc = require("pyarrow.compute", "tables", "reading a table")
        longer = pc.greater(pc.binary_length(self._cells), 1)
        possible = pc.any(pc.and_(longer, pc.starts_with(self._cells, "0"))).as_py()
        return bool(possible) and super().zero_padded()

    @cached_property
    def _floats(self) -> NDArray[np.float64] | None:
        """All cells as plain numbers; None if they are not."""
        pa = require("pyarrow", "tables", "reading a table")
        cells = self._with_points()
        if cells is None:
            return None
        try:
            numbers: NDArray[np.float64] = cells.cast(pa.float64()).to_numpy()
        except pa.ArrowInvalid:
            return None
        plain = np.isfinite(numbers).sum() == len(cells) - cells.null_count
        return numbers if plain else None

    def _with_points(self) -> Any:
        """The cells with points for their decimal commas; None if that takes a closer look."""
        if (self._numerals.decimal or self._numerals.usual) != ",":
            return self._cells
        pc = require("pyarrow.compute", "tables", "reading a table")
        if pc.any(pc.match_substring(self._cells, ".")).as_py():
            return None
        return pc.replace_substring(self._cells, ",", ".")

    @cached_property
    def _text(self) -> TextColumn:
        """The same by its distinct texts."""
        encoded = self._cells.dictionary_encode().unify_dictionaries().combine_chunks()
        texts = factorize([cell_of(cell) for cell in encoded.dictionary.to_pylist()])
        codes = np.append(texts.codes, np.int32(-1))[encoded.indices.fill_null(-1).to_numpy()]
        return TextColumn(self.name, self.origin, Texts(codes, texts.values), self._numerals)
