"""Objects that cannot be read as arrays are refused before a library reads them.

NumPy iterates over any object that has ``__getitem__``, until the memory is gone if its indices
never end.
"""

from array import array
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from xpnet.backends.select import backend_of, get
from xpnet.errors import DataError, DTypeError, XpnetError

__all__ = ["check_given", "foreign_errors", "host_array", "host_numbers"]

_PLAIN = (list, tuple, range, str, bytes, bytearray, memoryview, array, deque)
_PROTOCOLS = ("__array__", "__array_interface__", "__array_struct__", "__array_namespace__")
_OTHERS = ("__dlpack__", "__buffer__", "__arrow_c_stream__", "__dataframe__", "to_numpy", "toarray")


def check_given(name: str, data: Any) -> None:
    """Raise `DataError` unless the data can be an array, a table, a number or nested lists.

    Elements are read in lists alone.
    """
    kind, called = type(data), f"{name} is {_a(type(data))}"
    if isinstance(data, _PLAIN):
        if isinstance(data, list | tuple | deque):
            _check_elements(name, data)
        return
    if any(hasattr(kind, protocol) for protocol in (*_PROTOCOLS, *_OTHERS)):
        return
    if isinstance(data, Mapping):
        raise DataError(
            f"{called}, which has no order of columns: put its values side by side, with "
            f"numpy.column_stack([*{name}.values()]), or use a TableModel or an estimator for "
            "tables."
        )
    if hasattr(kind, "collect") and hasattr(kind, "collect_schema"):
        raise DataError(f"{called}, whose cells are not in memory: call its collect() first.")
    if isinstance(data, Sequence) and hasattr(data, "data"):
        check_given(name, data.data)  # such as UserList
    elif hasattr(kind, "__getitem__") and hasattr(kind, "__len__"):
        raise DataError(
            f"{called}, which has __len__ and __getitem__ but is no array. If its elements are "
            f"batches, fit takes xpnet.data.batches({name}). If they are samples, collect them, "
            f"such as with numpy.stack([{name}[i] for i in range(len({name}))])."
        )
    elif hasattr(kind, "__iter__"):
        raise DataError(
            f"{called}, which is no array. If it yields batches, give fit a function that makes "
            f"it: xpnet.data.batches(function). If it yields samples, collect them, such as with "
            f"numpy.stack(list({name}))."
        )


def _check_elements(name: str, data: Any, depth: int = 8) -> None:
    """Check nested lists, and one of the other elements of each type."""
    inner = f"{name}'s element"
    for kind, element in {type(element): element for element in data}.items():
        if issubclass(kind, list | tuple | deque):
            for part in (e for e in data if type(e) is kind) if depth else ():
                _check_elements(inner, part, depth - 1)
        elif hasattr(kind, "__getitem__") or hasattr(kind, "__iter__"):
            check_given(inner, element)


def _a(kind: type) -> str:
    """A type with its article: "a list"."""
    name = kind.__qualname__
    return f"{'an' if name[:1].lower() in 'aeiou' else 'a'} {name}"


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


def host_array(name: str, data: Any) -> Any:
    """Data of any library as an array of NumPy.

    Raises
    ------
    DataError
        If the data cannot become one.
    """
    check_given(name, data)
    with foreign_errors(name):
        library = backend_of(data)
        return get("numpy").asarray(data) if library is None else library.to_numpy(data)


def host_numbers(name: str, data: Any) -> Any:
    """The same, of real numbers.

    Raises
    ------
    DataError, DTypeError
    """
    found = host_array(name, data)
    if found.dtype.kind not in "fiub":
        raise DTypeError(f"{name} must hold real numbers, got dtype {found.dtype}.")
    return found
