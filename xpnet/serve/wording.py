"""Values and names as messages show them."""

import json
from collections.abc import Sequence
from typing import Any

__all__ = ["listed", "quoted", "shown"]

_LONGEST = 40  # characters
_MOST = 5  # names


def quoted(name: str) -> str:
    """A name in quotes, shortened."""
    return repr(name if len(name) <= _LONGEST else f"{name[:_LONGEST]}...")


def listed(names: Sequence[str]) -> str:
    """Columns as the subject of a sentence, with its verb."""
    if len(names) == 1:
        return f"the column {quoted(names[0])} is"
    more = f" and {len(names) - _MOST:,} more" if len(names) > _MOST else ""
    return f"the columns {', '.join(map(quoted, names[:_MOST]))}{more} are"


def shown(value: Any) -> str:
    """A value of JSON, shortened, and what it is."""
    match value:
        case dict():
            return "an object"
        case list():
            return "a list"
        case None | True | False:
            return json.dumps(value)
        case str():
            return f"the text {quoted(value)}"
        case int() if abs(value) >= 10**_LONGEST:
            return f"a whole number of more than {_LONGEST} digits"
    return f"the number {value}"
