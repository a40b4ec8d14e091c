"""`Refusal`: why a request gets no prediction, as the client reads it."""

import json
from collections.abc import Iterable, Mapping
from http import HTTPStatus
from typing import Any

from xpnet.serve.wording import quoted

__all__ = ["Refusal", "given_twice"]

_LONGEST = 200  # characters of a column's name


class Refusal(Exception):
    """A request that is not answered, and why.

    Parameters
    ----------
    status : int
        An HTTP status.
    detail : str
        What was expected, what came, and what to do.
    column : str, optional
        The column that is wrong.
    headers : mapping of str to str, optional
        More headers of the answer.
    """

    def __init__(
        self,
        status: int,
        detail: str,
        column: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> None:
        super().__init__(detail)
        self.status, self.detail, self.column = status, detail, column
        self.headers = {"content-type": "application/problem+json", **(headers or {})}

    @property
    def body(self) -> bytes:
        """The answer, as RFC 9457 has it."""
        found: dict[str, Any] = {
            "title": HTTPStatus(self.status).phrase,
            "status": self.status,
            "detail": self.detail,
        }
        if self.column is not None:
            found["column"] = self.column[:_LONGEST]
        return json.dumps(found).encode()


def given_twice(names: Iterable[str]) -> Refusal:
    """The refusal of columns of which one has the name of another."""
    seen: set[str] = set()
    for name in names:
        if name in seen:
            break
        seen.add(name)
    return Refusal(400, f"column {quoted(name)} is given twice: give it once.", name)
