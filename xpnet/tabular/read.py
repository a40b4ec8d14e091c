"""Read a file as a table."""

import os
from pathlib import Path
from typing import Any

from xpnet.errors import DataError
from xpnet.optional import require
from xpnet.tabular.cells import MISSING
from xpnet.tabular.columns import TextColumn, factorize
from xpnet.tabular.table import Place, Table

__all__ = ["read"]


def read(
    path: str | os.PathLike[str],
    *,
    delimiter: str | None = None,
    decimal: str | None = None,
    header: bool | None = None,
    encoding: str | None = None,
) -> Table:
    """Read a CSV file as a table."""
    path = Path(path)
    csv: Any = require("pyarrow.csv", "tables", "reading a table")
    pa: Any = require("pyarrow", "tables", "reading a table")
    try:
        first = path.open(encoding="utf-8-sig").readline().rstrip("\n")
        sep = delimiter or max(",;\t|", key=first.count)
        names = [name.strip().strip('"') for name in first.split(sep)]
        frame = csv.read_csv(
            path,
            read_options=csv.ReadOptions(column_names=names, skip_rows=1),
            parse_options=csv.ParseOptions(delimiter=sep, newlines_in_values=True),
            convert_options=csv.ConvertOptions(
                column_types=dict.fromkeys(names, pa.string()),
                null_values=sorted(MISSING),
                strings_can_be_null=True,
            ),
        )
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    place = Place(str(path), lambda row: row + 2)
    columns = {}
    for name in names:
        cells = [None if c is None else c.strip() for c in frame[name].to_pylist()]
        cells = [None if c in MISSING else c for c in cells]
        columns[name] = TextColumn(name, place, factorize(cells))
    return Table(place, columns, frame.num_rows)
