"""Whether a table has the columns that are named, and messages about those that it lacks."""

from collections.abc import Sequence

from xpnet.errors import DataError
from xpnet.tabular.cells import shown
from xpnet.tabular.table import Table

__all__ = ["check_names", "lacks", "listed"]


def check_names(table: Table, names: Sequence[str]) -> None:
    """Check columns that a user names.

    Raises
    ------
    DataError
        If one is missing or not unique.
    """
    for name in names:
        _ = table[name]  # raises if there is no such column
        if name in table.repeated:
            raise DataError(f"{table.source} has several columns named {shown(name)}. Rename one.")


def lacks(table: Table, missing: list[str]) -> str:
    """What to say of a table without columns that a model reads."""
    return (
        f"{table.source} lacks {'columns' if len(missing) > 1 else 'the column'} "
        f"{listed(missing)}, which the model reads. It has {listed(list(table.columns))}."
    )


def listed(names: list[str]) -> str:
    """The first names, quoted, and how many more there are."""
    more = f" and {len(names) - 20:,} more" if len(names) > 20 else ""
    return ", ".join(map(shown, names[:20])) + more
