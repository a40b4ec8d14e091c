"""The columns of a table by kind, as text."""

from collections.abc import Iterator
from textwrap import wrap

from xpnet.cli.words import clean, fit, listed
from xpnet.tabular.guess import Kind
from xpnet.tabular.schema import Feature, Schema
from xpnet.tabular.table import Table
from xpnet.tabular.target import Target

__all__ = ["columns_text", "schema_notes", "target_text", "two_columns"]

_HEADINGS: dict[Kind, str] = {
    "number": "numbers",
    "category": "categories",
    "boolean": "booleans",
    "date": "dates",
}
_LINE, _INDENT, _GAP = 79, "  ", "  "
_SHORT, _LONG = 64, 250  # columns of a list: about one line, and four
_MOST_IGNORED = 6


def schema_notes(schema: Schema, train: Table, task: str) -> list[tuple[str, str]]:
    """The target and the columns by kind, and what became of missing cells."""
    assert schema.target is not None
    target = target_text(schema.target)
    labels = schema.target.classes
    if (
        task == "auto"
        and labels is not None
        and all(type(label) in (int, float) for label in labels)
    ):
        target += " (--task regression to predict the number)"
    gaps = [(f, int(train[f.name].missing().sum())) for f in schema.used]
    missing = [f"{f.name} ({count:,})" for f, count in gaps if count]
    notes = [("target", target), *columns_text(schema)]
    if missing:
        notes.append(("missing", listed(missing, _LONG)))
    return notes


def target_text(target: Target) -> str:
    """What is predicted."""
    name = fit(clean(target.name), 24)
    if target.classes is not None:
        start = f"{name}: {len(target.classes):,} classes ("
        return f"{start}{listed(target.classes, max(_SHORT - len(start) - 1, 20))})"
    return f"{name}: a number (mean {target.center:.6g}, standard deviation {target.scale:.6g})"


def columns_text(schema: Schema) -> Iterator[tuple[str, str]]:
    """The columns of each kind, with a heading."""
    for kind, heading in _HEADINGS.items():
        features = schema.of_kind(kind)
        if features:
            named = (_named(feature) for feature in features)
            count = f"{len(features):,}: " if len(features) > 1 else ""
            yield heading, count + listed(named, _LONG)
    ignored = schema.of_kind("ignored")
    for feature in ignored[:_MOST_IGNORED]:
        name = fit(clean(feature.name), _SHORT)
        yield "ignored", fit(f"{name}: {clean(feature.note) or 'as requested'}", 2 * _SHORT)
    if len(ignored) > _MOST_IGNORED:
        yield "ignored", f"and {len(ignored) - _MOST_IGNORED:,} more columns"
    yield from _doubts(schema)


def _doubts(schema: Schema) -> Iterator[tuple[str, str]]:
    """Why columns are categories, if that is not obvious, and which values are not learned."""
    categories = schema.of_kind("category")
    for note in dict.fromkeys(f.note for f in categories if f.note):
        names = listed((f.name for f in categories if f.note == note), _SHORT)
        yield "note", fit(f"{names}: taken as categories, because {clean(note)}", _LONG)
    rare = [f"{f.name} ({len(f.rare):,})" for f in categories if f.rare]
    if rare:
        yield "rare", f"{listed(rare, 2 * _SHORT)}: values of at most 1 training row, so unknown"


def two_columns(rows: list[tuple[str, str]]) -> list[str]:
    """Headings and texts as lines of at most 79 columns; a repeated heading is left out."""
    width = max((len(heading) for heading, _ in rows), default=0)
    lines, last = [], ""
    for heading, text in rows:
        whole = text.replace(" (", "\xa0(")  # a name and its number stay on one line
        for part in wrap(whole, _LINE - width - len(_INDENT + _GAP), break_on_hyphens=False):
            shown = "" if heading == last else heading
            lines.append(f"{_INDENT}{shown.ljust(width)}{_GAP}{part}".replace("\xa0", " "))
            last = heading
    return lines


def _named(feature: Feature) -> str:
    if feature.kind != "category":
        return feature.name
    return f"{feature.name} ({len(feature.categories):,})"
