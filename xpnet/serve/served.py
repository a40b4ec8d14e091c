"""What a server needs of a model: how rows are read, and what is predicted for them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple, Protocol

from numpy.typing import NDArray

from xpnet.tabular.guess import Kind
from xpnet.tabular.target import Label

__all__ = ["Description", "Encoded", "Served", "ServedColumn"]


class ServedColumn(NamedTuple):
    """A column that a model reads.

    Attributes
    ----------
    name : str
    kind : {"number", "category", "boolean", "date"}
    categories : tuple of str
        Those that are known.
    example : object
        A value as it stands in JSON.
    """

    name: str
    kind: Kind
    categories: tuple[str, ...]
    example: Any


@dataclass(frozen=True)
class Description:
    """What a model reads and predicts.

    Attributes
    ----------
    name : str
        The model's.
    columns : tuple of ServedColumn
        Empty if rows are arrays.
    target : str
        What is predicted.
    classes : tuple of label, or None
        Those whose probabilities are predicted, in order; None if values are predicted.
    low, high : float or None
        The range of the values that are predicted, where it is known.
    shape : tuple of int or None
        The shape of a row that is given as an array; None if rows are objects alone.
    """

    name: str
    columns: tuple[ServedColumn, ...]
    target: str
    classes: tuple[Label, ...] | None
    low: float | None = None
    high: float | None = None
    shape: tuple[int, ...] | None = None

    @property
    def example(self) -> Any:
        """A row as it stands in JSON."""
        if self.columns:
            return {column.name: column.example for column in self.columns}
        row: Any = 0
        for size in reversed(self.shape or ()):
            row = [row] * size
        return row


class Encoded(NamedTuple):
    """Rows as a model takes them.

    Attributes
    ----------
    rows : ndarray
    warnings : list of str
        What the model does not know about them.
    """

    rows: NDArray[Any]
    warnings: list[str]


class Served(Protocol):
    """A model that is served."""

    @property
    def description(self) -> Description:
        """What it reads and predicts."""

    @property
    def header(self) -> Sequence[str] | None:
        """The columns of CSV without a header line; None if CSV has one."""

    def encode_rows(self, rows: Sequence[Any]) -> Encoded:
        """Check rows of JSON, and encode them.

        Raises
        ------
        Refusal
            400 if they are not what the model reads.
        """

    def encode_columns(self, columns: Mapping[str, Sequence[Any]]) -> Encoded:
        """Check columns of equal length, and encode them; see `encode_rows`."""

    def predict(self, rows: NDArray[Any]) -> NDArray[Any]:
        """The probabilities of classes, or the values, for encoded rows."""
