"""Text for a terminal: without control characters, and cut to the columns that it takes."""

from collections.abc import Iterable, Sequence
from unicodedata import category, east_asian_width

__all__ = ["clean", "columns_of", "fit", "listed", "table"]

_WIDE = "WF"  # letters that take two columns
_CUT = ".."
_GAP = "  "


def clean(text: str) -> str:
    """The text without control characters, which could affect a terminal."""
    return "".join(c if c.isprintable() else "?" for c in text)


def columns_of(text: str) -> int:
    """How many columns of a terminal a text takes."""
    marks = sum(category(c) in ("Mn", "Me") for c in text)  # accents on the letter before
    return len(text) - marks + sum(east_asian_width(c) in _WIDE for c in text)


def fit(text: str, columns: int) -> str:
    """The text, its end cut off if it takes more columns than these."""
    if columns_of(text) <= columns:
        return text
    room = columns - len(_CUT)
    while text and columns_of(text) > room:
        text = text[:-1]
    return (text + _CUT)[: max(columns, 0)]


def listed(names: Iterable[object], columns: int) -> str:
    """Names with commas between them, as many as fit, and how many more there are."""
    texts = [clean(str(name)) for name in names]
    best = line = ""
    for shown, text in enumerate(texts, 1):
        line = f"{line}, {text}" if line else text
        if columns_of(line) > columns:
            break
        more = f", ... {len(texts) - shown:,} more" if shown < len(texts) else ""
        best = line + more if columns_of(line + more) <= columns else best
    return best or (fit(texts[0], columns) if texts else "")


def table(rows: Sequence[Sequence[str]], *, left: int = 1) -> list[str]:
    """Rows of cells as lines: the first columns start at the left, the others end at the right."""
    widths = [max(map(columns_of, column)) for column in zip(*rows, strict=True)]
    return [
        _GAP.join(
            cell + space if i < left else space + cell
            for i, (cell, space) in enumerate(
                (cell, " " * (width - columns_of(cell)))
                for cell, width in zip(row, widths, strict=True)
            )
        ).rstrip()
        for row in rows
    ]
