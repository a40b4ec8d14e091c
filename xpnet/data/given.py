"""What users give as data: errors of other libraries' objects, and dates among numbers."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from xpnet.data.refusals import dates
from xpnet.errors import DataError, DTypeError, XpnetError

__all__ = ["check_times", "foreign_errors"]


@contextmanager
def foreign_errors(name: str, *kept: str) -> Iterator[None]:
    """Raise a `DataError` in place of errors that an object of another library raises.

    Parameters
    ----------
    name : str
        What is read, for the message.
    *kept : str
        Libraries whose own errors stay.
    """
    try:
        yield
    except (XpnetError, MemoryError, ImportError):
        raise
    except Exception as error:  # libraries raise errors of their own types
        if _raised_in(error) in kept:
            raise
        raise DataError(
            f"{name} cannot be turned into an array: {type(error).__name__}: {error}. Convert it "
            "to an array of NumPy or another library first."
        ) from error


def _raised_in(error: Exception) -> str:
    """The library whose Python code raised an error."""
    traceback = error.__traceback__
    while traceback is not None and traceback.tb_next is not None:
        traceback = traceback.tb_next
    name = "" if traceback is None else traceback.tb_frame.f_globals.get("__name__", "")
    return str(name).partition(".")[0]


def check_times(name: str, data: Any) -> None:
    """Raise `DTypeError` for dates, times and durations, also in a column of a table.

    Some libraries turn them into numbers, counts of days or microseconds, beside other numbers.
    """
    kinds = _column_types(data)
    for column, kind in kinds:
        temporal = getattr(kind, "is_temporal", None)
        text = str(kind).lower()
        if (callable(temporal) and temporal()) or text.startswith(_TIMES):
            where = "" if column is None else f"column {column!r}, "
            raise DTypeError(dates(name, f"{where}dtype {kind}"))


_TIMES = ("datetime", "timedelta", "timestamp", "duration", "date32", "date64", "time32", "time64")


def _column_types(data: Any) -> list[tuple[Any, Any]]:
    """The type of each column of a frame, by name, or that of an array or a single column."""
    schema = getattr(data, "schema", None)
    if schema is not None and hasattr(data, "columns"):
        if hasattr(schema, "types"):  # pyarrow's
            return [*zip(schema.names, schema.types, strict=True)]
        return [*schema.items()] if isinstance(schema, Mapping) else []
    if hasattr(data, "dtypes") and hasattr(data.dtypes, "items"):  # a frame of pandas
        return [*data.dtypes.items()]
    kind = getattr(data, "dtype", None)
    return [] if kind is None else [(None, kind)]
