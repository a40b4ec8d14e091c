"""A column that cannot be used."""

from typing import NoReturn

import numpy as np
from numpy.typing import NDArray

from xpnet.errors import DataError
from xpnet.tabular.calendar_texts import Leading
from xpnet.tabular.column import Column, Place, Texts

__all__ = ["UnusableColumn"]


class UnusableColumn(Column):
    """A column that cannot be used, for a reason that matters only if its cells are asked for."""

    stored = "text"

    def __init__(self, name: str, origin: Place, length: int, reason: str) -> None:
        super().__init__(name, origin)
        self._length, self._reason = length, reason

    def __len__(self) -> int:
        return self._length

    def numbers(self) -> NDArray[np.float64]:
        """Raise an error."""
        self._refuse()

    def texts(self) -> Texts:
        """Raise an error."""
        self._refuse()

    def dates(self, known: Leading | None = None) -> NDArray[np.datetime64]:
        """Raise an error."""
        self._refuse()

    def missing(self) -> NDArray[np.bool_]:
        """Raise an error."""
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise DataError(self._reason)
