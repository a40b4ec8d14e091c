"""Read a file as a table: delimited text, parquet, Arrow, or an archive of NumPy."""

import os
import zlib
from pathlib import Path
from typing import Any

from xpnet.arguments import flag, instance
from xpnet.errors import ArgumentError, DataError, in_brief
from xpnet.optional import require
from xpnet.saving.whole_file import given_path
from xpnet.tabular.content import Content, content_of
from xpnet.tabular.delimited import read_delimited
from xpnet.tabular.dialect import dialect_of
from xpnet.tabular.frames import as_table
from xpnet.tabular.npzfile import read_columns
from xpnet.tabular.table import Table

__all__ = ["read"]

_NOT_TEXT = {
    b"PK\x03\x04": "a zip archive or an Excel workbook; save its table as CSV",
    b"\xd0\xcf\x11\xe0": "an old Excel workbook; save its table as CSV",
    b"%PDF": "a PDF; save its table as CSV",
    b"SQLite format 3": "an SQLite database; export its table as CSV",
    b"\x89HDF": "an HDF5 file; write its table as parquet or CSV",
    b"BZh9": "compressed by bzip2; decompress it",
    b"\xfd7zXZ": "compressed by xz; decompress it",
    b"\x28\xb5\x2f\xfd": "compressed by zstd; decompress it",
    b"\x93NUMPY": "a single array; write it with numpy.savez(path, X=X)",
    b"\x80\x04": "a pickle, which could run code; write its table as parquet or CSV",
    b"\x80\x05": "a pickle, which could run code; write its table as parquet or CSV",
    b"\x89PNG": "a picture",
    b"<!DOCTYPE": "a web page, perhaps an error page instead of a download",
    b"<html": "a web page, perhaps an error page instead of a download",
    b"{": "JSON; write its rows as CSV",
    b"[{": "JSON; write its rows as CSV",
    b"FEA1": "the old Feather format; write it with pyarrow.feather.write_feather",
}
_NAMED = {
    ".parquet": "parquet",
    ".feather": "Arrow",
    ".arrow": "Arrow",
    ".npz": "a NumPy archive",
}


def read(
    path: str | os.PathLike[str],
    *,
    delimiter: str | None = None,
    decimal: str | None = None,
    header: bool | None = None,
    encoding: str | None = None,
) -> Table:
    """Read a file as a table.

    Delimited text may be compressed by gzip. Its content shows the delimiter (tab, semicolon,
    comma, ``|``, and spaces in files not named ``.csv`` or ``.tsv``), decimal commas, the encoding
    (UTF-8, UTF-16, UTF-32, otherwise Latin-1), and whether there is a header. A line
    has at most 64 MiB, a cell with line breaks at most 131,072 characters. Parquet, Arrow files
    (Feather) and NumPy archives have no such options. The table of an archive has the columns of
    its array ``X``, named ``x0``, ``x1``, ..., and its array ``y``, if there is one.

    Parameters
    ----------
    path : path-like
        The file; ``"-"`` is standard input.
    delimiter : str, optional
        The character that separates fields; ``" "`` stands for any number of blanks.
    decimal : {".", ","}, optional
        The decimal mark; the other one may then group thousands.
    header : bool, optional
        Whether the first line names the columns; without names they are ``x0``, ``x1``, ...
    encoding : str, optional
        The encoding of the text, such as ``"utf-8"`` or ``"cp1252"``.

    Raises
    ------
    DataError
        If the file cannot be read; the message names the line.
    ArgumentError
        If an option has an invalid value.
    MissingDependencyError
        If pyarrow or narwhals is not installed.
    """
    _check_options(delimiter, decimal, encoding)
    header = None if header is None else flag("header", header)
    path = given_path(path)
    try:
        content = content_of(path)
        head = content.head()
        if head.startswith(b"PAR1"):
            return _by_pyarrow("parquet", content)
        if head.startswith(b"ARROW1"):
            return _by_pyarrow("feather", content)
        if path.suffix.lower() == ".npz":
            return as_table(read_columns(path), source=content.name)
        _check_text(path, head)
        content = content.as_utf8(encoding)
        blanks = path.suffix.lower() not in (".csv", ".tsv")
        return read_delimited(content, dialect_of(content, delimiter, blanks), header, decimal)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path} cannot be read: {error}") from error


def _check_options(delimiter: str | None, decimal: str | None, encoding: str | None) -> None:
    for name, text in (("delimiter", delimiter), ("decimal", decimal), ("encoding", encoding)):
        instance(name, text, (str, type(None)), "a text or None")
    if delimiter is not None and (len(delimiter) != 1 or delimiter in '"\r\n'):
        raise ArgumentError(
            f"delimiter: expected one character, such as ';', got {in_brief(delimiter)}."
        )
    if decimal not in (None, ".", ","):
        raise ArgumentError(f"decimal: expected '.' or ',', got {in_brief(decimal)}.")
    try:
        "a".encode(encoding or "utf-8")
    except (LookupError, ValueError) as error:  # a text with a null
        raise ArgumentError(
            "encoding: expected one such as 'utf-8', 'latin-1' or 'utf-16', got "
            f"{in_brief(encoding)}."
        ) from error


def _check_text(path: Path, head: bytes) -> None:
    expected = _NAMED.get(path.suffix.lower())
    if expected is not None:
        raise DataError(
            f"{path} is not {expected}, as its name says. Rename it, or write it again."
        )
    for magic, what in _NOT_TEXT.items():
        if head.startswith(magic):
            raise DataError(f"{path} is {what}. Expected a table as text, parquet or Arrow.")


def _by_pyarrow(form: str, content: Content) -> Table:
    pa: Any = require("pyarrow", "tables", "reading a table")
    library: Any = require(f"pyarrow.{form}", "tables", "reading a table")
    try:
        with content.on_disk() as file, pa.OSFile(os.fsencode(file)) as stream:
            return as_table(library.read_table(stream), source=content.name)
    except pa.ArrowException as error:
        raise DataError(f"{content.name} cannot be read as {form}: {error}") from error
