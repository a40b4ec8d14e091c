"""A source as a model sees it: in the model's type, and checked as it is read."""

from collections.abc import Callable
from typing import Any

from xpnet.backends import get
from xpnet.backends.readable import foreign_errors
from xpnet.data.row_source import Source
from xpnet.errors import DataError
from xpnet.typing import Array, Shape

__all__ = ["StoredColumn"]

_PIECES = 8  # from which a sample is taken


class StoredColumn:
    """Inputs or targets that are not in memory; slices of rows are NumPy arrays.

    Parameters
    ----------
    name : str
        For messages.
    source : Source
    shape : tuple of int
        That of all rows, as a model takes them.
    dtype : str
        The type that a model takes.
    check : callable, optional
        ``check(name, rows)`` raises `DataError` for numbers that a model does not take.
    convert : callable, optional
        ``convert(name, rows)`` are a source's rows as a model takes them, checked. By default they
        are cast to the type.

    Attributes
    ----------
    shape, dtype, ndim
        As of an array.
    """

    def __init__(
        self,
        name: str,
        source: Source,
        shape: Shape,
        dtype: str,
        *,
        check: Callable[[str, Array], None] | None = None,
        convert: Callable[[str, Array], Array] | None = None,
    ) -> None:
        self._name, self._source, self._check, self._convert = name, source, check, convert
        self.shape, self.dtype = shape, get("numpy").xp.dtype(dtype)
        self.ndim = len(shape)

    @property
    def chunk(self) -> int:
        """Rows that are stored together."""
        return max(1, min(int(self._source.chunk), self.shape[0]))

    @property
    def row_bytes(self) -> int:
        """Bytes of a row in the model's type."""
        count = 1
        for n in self.shape[1:]:
            count *= n
        return int(count * self.dtype.itemsize)

    def expect(self, rows: slice) -> None:
        """Let the source prepare for rows that are read soon."""
        self._source.expect(rows)

    def read(self, rows: slice, out: Array, checked: bool = True) -> None:
        """Write rows into an array of the model's type; without `checked`, they are known good."""
        name = f"{self._name}[{rows.start}:{rows.stop}]"
        with foreign_errors(name), get("numpy").quiet():
            if self._convert is not None:
                found = self._convert(name, self._rows(name, rows))
                out[...] = found
                return
            if type(self._source).read is Source.read:
                out[...] = self._rows(name, rows)
            else:
                self._source.read(rows, out)
        if checked and self._check is not None:
            self._check(name, out)

    def _rows(self, name: str, rows: slice) -> Array:
        """Rows as the source returns them, which must be as many as were asked for."""
        found, wanted = self._source[rows], (rows.stop - rows.start, *self._source.shape[1:])
        if tuple(found.shape) != wanted:
            raise DataError(
                f"the source of {self._name} returned an array of shape {tuple(found.shape)} for "
                f"the rows from {rows.start} to {rows.stop}: its shape must be {wanted}."
            )
        return found

    def __getitem__(self, key: Any) -> Array:
        """The rows of a slice; an ellipsis may follow it."""
        start, stop, step = (key[0] if isinstance(key, tuple) else key).indices(self.shape[0])
        if step != 1:
            raise DataError(f"{self._name} is read in slices without steps.")
        out = get("numpy").zeros((max(0, stop - start), *self.shape[1:]), str(self.dtype))
        if stop > start:
            self.read(slice(start, stop), out)
        return out

    def taken(self, index: Array) -> Array:
        """The rows at these numbers; rows that are stored together are read together."""
        host, chunk = get("numpy"), self.chunk
        out = host.zeros((len(index), *self.shape[1:]), str(self.dtype))
        for number in sorted({*(index // chunk).tolist()}):
            start = number * chunk
            here = index // chunk == number
            out[here] = self[start : min(start + chunk, self.shape[0])][index[here] - start]
        return out

    def sample(self, count: int) -> Array:
        """About so many rows, from several places along the whole length."""
        rows, each = self.shape[0], max(1, count // _PIECES)
        if rows <= count:
            return self[0:rows]
        starts = [i * (rows - each) // (_PIECES - 1) for i in range(_PIECES)]
        return get("numpy").xp.concat([self[start : start + each] for start in starts])
