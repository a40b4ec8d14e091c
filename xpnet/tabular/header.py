"""The names of a file's columns, from its first record or by number."""

from dataclasses import dataclass

from xpnet.errors import DataError
from xpnet.tabular.content import Content
from xpnet.tabular.dialect import Dialect, header_doubt, records

__all__ = ["Header", "header_of"]


@dataclass(frozen=True)
class Header:
    """Names of columns.

    Attributes
    ----------
    names : tuple of str
        One for each field; empty where it has none.
    written : bool
        Whether the file's first record holds them.
    line : int
        The lines before the first row of data.
    notes : tuple of str
        What was assumed.
    """

    names: tuple[str, ...]
    written: bool
    line: int
    notes: tuple[str, ...] = ()


def header_of(content: Content, dialect: Dialect, header: bool | None) -> Header:
    """Take the first record for names, unless `header` is false or the record looks like data.

    Raises
    ------
    DataError
        If there is no record, or none of its fields is a name.
    """
    line, first = next(records(content, dialect), (0, []))
    if not first:
        raise DataError(f"{content.name} is empty. Expected a table with a header and rows.")
    if header is False or (header is None and header_doubt(first)):
        numbered = tuple(f"x{i}" for i in range(len(first)))
        note = f"line {line} looks like data, so the columns are named x0 to x{len(first) - 1}"
        return Header(numbered, False, dialect.skipped, (note,) if header is None else ())
    if not any(first):
        raise DataError(
            f"{content.name}, line {line}: expected a header that names the columns, found none."
        )
    if first[0]:
        return Header(tuple(first), True, line)
    note = "the first column has no name, as the index that pandas writes"
    return Header(("Unnamed: 0", *first[1:]), True, line, (note,))
