"""The columns of a CSV body."""

import csv
import io
from collections.abc import Sequence

from xpnet.serve.refusal import Refusal, given_twice

__all__ = ["read_csv_body"]


def read_csv_body(body: bytes, names: Sequence[str] | None) -> dict[str, list[str]]:
    """Read a body of CSV: commas, quotes doubled in quoted cells, UTF-8.

    Parameters
    ----------
    body : bytes
    names : sequence of str or None
        The columns, if there is no header line.

    Raises
    ------
    Refusal
        400 if it is not such a table.
    """
    lines = csv.reader(io.StringIO(_text(body), newline=""), strict=True)
    found: list[list[str]] = []
    try:
        header = next(lines, None) if names is None else list(names)
        if not header:
            raise Refusal(
                400, "the body is empty: expected a header line, and a line for each row."
            )
        for cells in lines:
            if len(cells) == len(header):
                found.append(cells)
            elif not cells and len(header) == 1:  # an empty line is an empty cell
                found.append([""])
            elif cells:
                raise Refusal(
                    400,
                    f"line {lines.line_num} has {len(cells)} cells, but there are {len(header)} "
                    "columns.",
                )
    except csv.Error as error:
        raise Refusal(400, f"line {lines.line_num} is not CSV: {error}.") from None
    if len(set(header)) < len(header):
        raise given_twice(header)
    return {name: [cells[i] for cells in found] for i, name in enumerate(header)}


def _text(body: bytes) -> str:
    if b"\0" in body:
        raise Refusal(400, f"byte {body.index(0)} of the body is NUL: expected text.")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Refusal(
            400, f"the body is not UTF-8: byte {error.start} is {body[error.start]:#04x}."
        ) from None
