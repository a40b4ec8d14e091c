"""The dialect of a delimited file: its delimiter, and the lines that come before its table."""

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import pairwise

from xpnet.errors import DataError
from xpnet.tabular.content import Content
from xpnet.tabular.numerals import is_number

__all__ = ["Dialect", "dialect_of", "header_doubt", "records"]

_DELIMITERS = "\t;|,"  # with decimal commas in every row, a comma is the last to think of
_SAMPLE = 1 << 16
_SAMPLE_LINES = 200
_SPECTRUM = 10
_EXCEL = re.compile(r'"?sep=(.)"?\s*')
_COMMENT = ("|", "#", "%")


@dataclass(frozen=True)
class Dialect:
    """How a file separates its fields.

    Attributes
    ----------
    delimiter : str
        A character; a blank stands for any number of blanks and tabs.
    skipped : int
        The lines before the table that are not part of it.
    note : str
        Why lines are skipped; empty where none are.
    """

    delimiter: str
    skipped: int = 0
    note: str = ""

    @property
    def blanks(self) -> bool:
        """Whether blanks separate the fields."""
        return self.delimiter == " "


def records(
    content: Content, dialect: Dialect, strict: bool = False
) -> Iterator[tuple[int, list[str]]]:
    """Yield the line that every record ends on, counted from 1, and its stripped cells.

    Records of blanks alone are left out.

    Raises
    ------
    DataError
        If the file is not well-formed and `strict` is true, or a cell is too long.
    """
    with io.TextIOWrapper(content.open(), encoding="utf-8", newline="") as stream:
        for _ in range(dialect.skipped):
            stream.readline()
        reader = _reader(stream, dialect, strict)
        try:
            for record in reader:
                cells = [cell.strip() for cell in record]
                if cells not in ([], [""]):
                    yield dialect.skipped + reader.line_num, cells
        except csv.Error as error:
            raise DataError(
                f"{content.name}, line {dialect.skipped + reader.line_num}: not well-formed CSV "
                f"({error}). Check that every quote is closed."
            ) from error


def _reader(lines: Iterable[str], dialect: Dialect, strict: bool) -> "csv._reader":  # type: ignore
    if dialect.blanks:
        lines = (f"{line.replace(chr(9), ' ').strip()}\n" for line in lines)
    return csv.reader(lines, delimiter=dialect.delimiter, skipinitialspace=True, strict=strict)


def dialect_of(content: Content, delimiter: str | None, blanks: bool) -> Dialect:
    """Find the delimiter that splits the first records into equally many fields.

    Parameters
    ----------
    content : Content
        The file, as UTF-8.
    delimiter : str or None
        The delimiter, if it is known.
    blanks : bool
        Whether blanks may be the delimiter, if nothing else is.
    """
    lines = _sample(content)
    excel = _EXCEL.fullmatch(lines[0]) if lines else None
    if excel is not None:
        return Dialect(delimiter or excel[1], 1)
    comments = next((i for i, line in enumerate(lines) if not line.startswith(_COMMENT)), 0)
    found, fields = _best(lines[comments:], blanks, delimiter)
    if comments and all(len(row) != fields for row in _rows(lines[:comments], found)):
        which = (
            "line 1 is a comment and" if comments == 1 else f"lines 1 to {comments} are comments"
        )
        return Dialect(found, comments, f"{which} skipped")
    return Dialect(_best(lines, blanks, delimiter)[0])


def _sample(content: Content) -> list[str]:
    """The first lines: three long ones, or more that are short."""
    lines: list[str] = []
    size = 0
    with io.TextIOWrapper(content.open(), encoding="utf-8", newline="") as stream:
        for line in stream:
            lines.append(line)
            size += len(line)
            if len(lines) > 2 and (size > _SAMPLE or len(lines) > _SAMPLE_LINES):
                break
    return lines


def _best(lines: list[str], blanks: bool, delimiter: str | None) -> tuple[str, int]:
    """The delimiter by which most records have equally many fields, and their number."""
    scores = {one: _score(_rows(lines, one)) for one in delimiter or _DELIMITERS}
    best = max(scores, key=lambda one: scores[one])
    if scores[best][1] < 2 and blanks and delimiter is None:
        share, fields = _score(_rows(lines, " "))
        return (" ", fields) if share == 1 and len(lines) > 1 else (",", 1)
    return (best, scores[best][1]) if scores[best][0] else (delimiter or ",", 1)


def _score(rows: list[list[str]]) -> tuple[float, int]:
    """The share of the rows that have as many fields as most; 0 if that is one field."""
    counts = Counter(len(row) for row in rows)
    if not counts:
        return 0.0, 1
    fields, times = counts.most_common(1)[0]
    return (times / len(rows) if fields > 1 else 0.0), fields


def _rows(lines: Iterable[str], delimiter: str) -> list[list[str]]:
    """The records of a few lines that are not blank, up to one that is not CSV."""
    found: list[list[str]] = []
    with suppress(csv.Error):
        found.extend(_reader(iter(lines), Dialect(delimiter), strict=False))
    return [row for row in found if any(map(str.strip, row))]


def header_doubt(names: Sequence[str]) -> bool:
    """Whether a header looks like data: it has several numbers that do not count on.

    Numbers that count on are names: pandas numbers columns, years and wavelengths name them.
    """
    numbers = [float(name) for name in names if is_number(name)]
    steps = {round(right - left, 9) for left, right in pairwise(numbers)}
    if len(numbers) < len(names):
        years = all(step > 0 for step in steps) and all(1800 <= n <= 2200 for n in numbers)
        even = len(steps) == 1 and min(steps) > 0 and (len(numbers) > 2 or steps == {1})
        counted = {right - left for left, right in pairwise(sorted(numbers))} <= {1}
        return not (years or even or counted)
    return numbers != list(range(len(names))) and (len(names) < _SPECTRUM or len(steps) > 1)
