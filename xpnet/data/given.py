"""What users give as data: dates among numbers."""

from collections.abc import Mapping
from typing import Any

from xpnet.data.refusals import dates
from xpnet.errors import DTypeError

__all__ = ["check_times"]


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
