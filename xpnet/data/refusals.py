"""Why data are not numbers, and what to do about it."""

from datetime import date, time, timedelta
from itertools import islice
from numbers import Number
from typing import Any

from xpnet.backends import dtype_name

__all__ = ["dates", "encoding", "one_column", "text_in", "why_not_numbers"]

_LOOKED_AT = 100_000  # elements of an array of objects


def why_not_numbers(name: str, data: Any, array: Any) -> str:
    """A sentence on an array that does not hold numbers, made of a user's data."""
    kind = dtype_name(array.dtype)
    if kind == "object":
        return _objects(name, data, array)
    if kind.startswith(("datetime", "timedelta")):
        return dates(name, f"dtype {array.dtype}")
    if kind.startswith("complex"):
        return (
            f"{name} must hold real numbers, got dtype {array.dtype}: give the real and the "
            "imaginary parts as columns of their own."
        )
    if getattr(array.dtype, "names", None):
        return (
            f"{name} must hold real numbers, got named fields ({', '.join(array.dtype.names)}): "
            f"numpy.lib.recfunctions.structured_to_unstructured({name}) makes a matrix of them."
        )
    return f"{name} must hold real numbers, got dtype {array.dtype}: {encoding(name)}."


def encoding(name: str) -> str:
    """How to encode text as numbers: labels, or features."""
    if name.endswith("y"):
        return f"encode text first, labels with numpy.unique({name}, return_inverse=True)[1]"
    return (
        f"convert numbers in text with {name}.astype(float), and encode categories as one column "
        "each (one-hot), or with numpy.unique(column, return_inverse=True)[1] for an Embedding"
    )


def one_column(name: str, y: Any) -> str:
    """How to make a vector of targets that have one column."""
    if hasattr(y, "iloc"):
        return f"{name}.iloc[:, 0]"
    if hasattr(y, "to_series"):
        return f"{name}.to_series()"
    if hasattr(y, "ravel") or hasattr(y, "reshape"):
        return f"{name}.ravel()" if hasattr(y, "ravel") else f"{name}.reshape(-1)"
    return f"numpy.ravel({name})"


def text_in(array: Any) -> str | None:
    """The first text in an array of objects."""
    return next((v for v in islice(array.flat, _LOOKED_AT) if isinstance(v, str)), None)


def dates(name: str, found: str) -> str:
    """The sentence on dates, times and durations."""
    return (
        f"{name} must hold real numbers, got dates or times ({found}): convert them, for instance "
        f"to days with ({name} - {name}.min()) / numpy.timedelta64(1, 'D'), or use a TableModel or "
        "an estimator for tables, which read dates."
    )


def _objects(name: str, data: Any, array: Any) -> str:
    """The sentence on an array of objects."""
    if array.ndim == 0:
        kind = type(data).__name__
        return f"{name} must be an array with a row for each sample, got a {kind}."
    return _elements(name, array)


def _elements(name: str, array: Any) -> str:
    """The sentence on objects in an array, of which the first that is no number is named."""
    odd = next((v for v in islice(array.flat, _LOOKED_AT) if not isinstance(v, Number)), 0)
    if isinstance(odd, str | bytes):
        return f"{name} must hold real numbers, got text, such as {odd!r:.40}: {encoding(name)}."
    if isinstance(odd, date | time | timedelta):
        return dates(name, f"such as {odd}")
    if odd is None or type(odd).__name__ in ("NAType", "NaTType"):
        return (
            f"{name} has missing values (such as {odd}): fill them in, or remove these rows from X "
            "and y."
        )
    if isinstance(odd, Number):
        return (
            f"{name} must hold real numbers, got dtype object, Python's own numbers: convert them "
            f"with {name}.astype(float)."
        )
    return (
        f"{name} must hold real numbers, got objects of the class {type(odd).__name__}: give an "
        "array of numbers, with rows of equal length."
    )
