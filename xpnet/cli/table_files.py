"""Tables from the files that the command line is given: CSV, parquet, NumPy archives, stdin."""

import argparse
from pathlib import Path

from xpnet.cli.image_source import IMAGES
from xpnet.errors import DataError, UnknownNameError, nearest
from xpnet.tabular import Table, as_table, read
from xpnet.tabular.npzfile import read_test_columns

__all__ = ["archive_tables", "is_archive", "read_table", "read_to_predict"]

_STDIN = "-"


def read_table(given: str, arguments: argparse.Namespace) -> Table:
    """The table in a file or on the standard input, read as the arguments say.

    Raises
    ------
    UnknownNameError
        If the name does not belong to a file.
    DataError
        If it cannot be read.
    """
    if given != _STDIN:
        _check_there(given)
    return read(
        given,
        delimiter=arguments.delimiter,
        decimal=arguments.decimal,
        header=False if arguments.no_header else None,
        encoding=arguments.encoding,
    )


def is_archive(given: str) -> bool:
    """Whether a name is that of a NumPy archive."""
    return given.lower().endswith(".npz")


def archive_tables(given: str) -> tuple[Table, Table | None]:
    """The table in a NumPy archive, its target named ``y``, and its test rows if it has some."""
    _check_there(given)
    test = read_test_columns(Path(given))
    return read(given), None if test is None else as_table(test, source=given)


def read_to_predict(given: str, arguments: argparse.Namespace) -> Table:
    """A table whose target is not needed: of an archive the columns of ``X``."""
    table = read_table(given, arguments)
    return table.without("y") if is_archive(given) and "y" in table.columns else table


def _check_there(given: str) -> None:
    """Refuse a name that belongs to no file, with a suggestion."""
    path = Path(given)
    if path.is_file():
        return
    if not path.suffix and not path.exists() and path.parent == Path():
        raise UnknownNameError("data set", given, [*IMAGES, "FILE.csv", "FILE.npz", "FILE.parquet"])
    raise DataError(_missing(path))


def _missing(path: Path) -> str:
    folder = path.parent
    if path.exists():
        return f"{path} is not a file."
    if not folder.is_dir():
        return f"there is no file {path}: the folder {folder} does not exist."
    near = nearest(path.name, [file.name for file in folder.iterdir() if file.is_file()])
    return f"there is no file {path}." + (f" Did you mean {folder / near}?" if near else "")
