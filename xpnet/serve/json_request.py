"""What a JSON body asks for: one row, rows, or columns."""

import json
from collections.abc import Collection
from typing import Any, Literal, NamedTuple, NoReturn

from xpnet.serve.refusal import Refusal, given_twice
from xpnet.serve.wording import quoted, shown

__all__ = ["Asked", "Form", "read_json"]

Form = Literal["row", "rows", "columns"]


class Asked(NamedTuple):
    """The rows or columns of a request.

    Attributes
    ----------
    form : {"row", "rows", "columns"}
        How they were given, and how predictions are returned.
    data : list or dict
        A list of rows, or for ``"columns"`` a list of values by name.
    """

    form: Form
    data: Any


def read_json(body: bytes, names: Collection[str]) -> Asked:
    """Read a body of JSON.

    Parameters
    ----------
    body : bytes
    names : collection of str
        The columns that the model reads.

    Raises
    ------
    Refusal
        400 if it is not JSON in UTF-8, or of another form.
    """
    data = _decoded(body)
    if not isinstance(data, dict):
        raise Refusal(
            400,
            f"expected an object with one row, with 'rows', or with columns, got {shown(data)}. "
            'Send several rows as {"rows": [row, row, ...]}.',
        )
    if _holds_rows(data, names):
        return Asked("rows", data["rows"])
    lists = [name for name, value in data.items() if isinstance(value, list)]
    if not lists:
        return Asked("row", [data])
    if len(lists) < len(data):
        other = next(name for name in data if name not in lists)
        raise Refusal(
            400,
            f"column {quoted(lists[0])} has a list, column {quoted(other)} has one value: give one "
            "value for each column (a row), or a list for each (columns).",
            lists[0],
        )
    _check_lengths(data)
    return Asked("columns", data)


def _decoded(body: bytes) -> Any:
    try:
        return _DECODER.decode(body.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise Refusal(
            400, f"the body is not UTF-8: byte {error.start} is {body[error.start]:#04x}."
        ) from None
    except json.JSONDecodeError as error:
        raise Refusal(
            400,
            f"the body is not JSON: {error.msg} in line {error.lineno}, column {error.colno}.",
        ) from None
    except RecursionError:
        raise Refusal(400, "the body is nested too deeply.") from None
    except ValueError:  # Python does not convert thousands of digits
        raise Refusal(400, "the body has a number with too many digits.") from None


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise given_twice(name for name, _ in pairs)
    return found


def _constant(text: str) -> NoReturn:
    raise Refusal(400, f"the body is not JSON: {text} is not a number. A missing value is null.")


_DECODER = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant)


def _holds_rows(data: dict[str, Any], names: Collection[str]) -> bool:
    """Whether "rows" is the key of rows, not a column of that name."""
    if data.keys() != {"rows"}:
        return False
    rows = data["rows"]
    if "rows" in names:
        return isinstance(rows, list) and any(isinstance(row, dict | list) for row in rows)
    if not isinstance(rows, list):
        raise Refusal(400, f"'rows' must be a list of rows, got {shown(rows)}.", "rows")
    return True


def _check_lengths(columns: dict[str, list[Any]]) -> None:
    (first, values), *others = columns.items()
    for name, found in others:
        if len(found) != len(values):
            raise Refusal(
                400,
                f"column {quoted(name)} has {len(found)} values, but column {quoted(first)} has "
                f"{len(values)}: give all columns the same number of values.",
                name,
            )
