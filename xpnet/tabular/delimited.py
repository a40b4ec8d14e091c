"""Read delimited text by pyarrow; what it refuses is read by Python, which names the line."""

import csv
import os
from dataclasses import replace
from itertools import chain, islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from xpnet.errors import DataError
from xpnet.optional import require
from xpnet.tabular.arrow_column import ArrowColumn
from xpnet.tabular.cells import MISSING
from xpnet.tabular.column import Column, Place
from xpnet.tabular.content import Content
from xpnet.tabular.dialect import Dialect, records
from xpnet.tabular.frames import table_of
from xpnet.tabular.header import Header, header_of
from xpnet.tabular.numerals import Numerals, usual_mark
from xpnet.tabular.table import Table

__all__ = ["read_delimited"]

_BLOCK = 1 << 20
_ROWS_LOOKED_AT, _COLUMNS_LOOKED_AT = 200, 200


def read_delimited(
    content: Content, dialect: Dialect, header: bool | None, decimal: str | None
) -> Table:
    """Read a file whose cells are text.

    Raises
    ------
    DataError
        If it has no rows, a row with more or fewer fields than the header, or an unnamed column.
    """
    head = header_of(content, dialect, header)
    frame = _parsed(content, dialect, head)
    frame = frame.slice(0, _rows_with_cells(frame))
    if frame.num_rows == 0:
        raise DataError(f"{content.name} has a header but no rows of data below it.")
    commas = dialect.delimiter == ","
    numerals = Numerals(decimal, None if commas else _usual(frame), commas)
    origin = Place(content.name, lambda row: _line_of(content, dialect, row + head.written))
    columns: list[tuple[str, Column]] = []
    notes = [*content.notes, *filter(None, [dialect.note]), *head.notes]
    for number, (name, cells) in enumerate(zip(head.names, frame.columns, strict=True), start=1):
        if name:
            columns.append((name, ArrowColumn(name, origin, cells, numerals)))
        elif cells.null_count == len(cells):
            notes.append(f"column {number} has neither a name nor cells, and is left out")
        else:
            raise DataError(
                f"{content.name}, line {head.line}: column {number} has no name. Name or remove it."
            )
    return replace(table_of(origin, columns, tuple(notes)), named=head.written)


def _parsed(content: Content, dialect: Dialect, head: Header) -> Any:
    """The records below the header as a table of pyarrow, by the fastest way that reads them."""
    pa = require("pyarrow", "tables", "reading a table")
    survey = content.survey
    plain = dialect.delimiter.isascii() and not dialect.blanks
    if survey is not None and not survey.late_quotes and plain:
        try:
            with content.on_disk() as file:
                return _by_arrow(file, dialect.delimiter, head.line, head, survey.longest)
        except pa.ArrowInvalid:
            pass  # Python finds out why, or reads what is only unusual
    with TemporaryDirectory() as folder:
        file = Path(folder, "rewritten")
        longest = _rewrite(content, dialect, head, file)
        try:
            return _by_arrow(file, ",", 0, head, longest)
        except pa.ArrowInvalid as error:
            raise DataError(f"{content.name} cannot be read: {error}") from error


def _by_arrow(file: Path, delimiter: str, skipped: int, head: Header, longest: int) -> Any:
    pa = require("pyarrow", "tables", "reading a table")
    arrow = require("pyarrow.csv", "tables", "reading a table")
    numbered = [str(i) for i in range(len(head.names))]
    with pa.OSFile(os.fsencode(file)) as stream:
        return arrow.read_csv(
            stream,
            arrow.ReadOptions(
                column_names=numbered, skip_rows=skipped, block_size=max(_BLOCK, 2 * longest)
            ),
            arrow.ParseOptions(delimiter=delimiter, newlines_in_values=True),
            arrow.ConvertOptions(
                column_types=dict.fromkeys(numbered, pa.string()),
                null_values=sorted(MISSING),
                strings_can_be_null=True,
            ),
        )


def _rewrite(content: Content, dialect: Dialect, head: Header, file: Path) -> int:
    """Write the records below the header in the plainest dialect; the bytes of the longest.

    Raises
    ------
    DataError
        If the content is not well-formed, or a record has more or fewer fields than the header.
    """
    with file.open("w", encoding="utf-8", newline="") as text:
        writer, longest = csv.writer(text, quoting=csv.QUOTE_ALL, lineterminator="\n"), 0
        for line, cells in islice(records(content, dialect, strict=True), int(head.written), None):
            if len(cells) != len(head.names):
                raise DataError(
                    f"{content.name}, line {line}: expected {len(head.names)} fields, as in the "
                    f"{'header' if head.written else 'first line'}, found {len(cells)}. Add the "
                    "missing fields, or quote fields that contain the delimiter."
                )
            longest = max(longest, writer.writerow(cells))
    return 4 * longest  # a character has up to four


def _rows_with_cells(frame: Any) -> int:
    """The number of rows without the empty ones at the end, which spreadsheets write."""
    rows: int = frame.num_rows
    while rows and not any(column[rows - 1].is_valid for column in frame.columns):
        rows -= 1
    return rows


def _usual(frame: Any) -> str | None:
    """The decimal mark in the first cells."""
    part = frame.slice(0, _ROWS_LOOKED_AT).columns[:_COLUMNS_LOOKED_AT]
    cells = chain.from_iterable(column.drop_null().to_pylist() for column in part)
    return usual_mark(map(str.strip, cells))


def _line_of(content: Content, dialect: Dialect, record: int) -> int | None:
    """The line that a record ends on; None if the file is not what it was."""
    try:
        return next((line for line, _ in islice(records(content, dialect), record, None)), None)
    except (DataError, OSError):
        return None
