"""The part of a report about the rows: each column, and how it is prepared."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from xpnet.cli.explain_text import aligned
from xpnet.cli.page.markup import Html, element, table
from xpnet.cli.page.pictures_of import sparkline
from xpnet.cli.page.skeleton import Section, section
from xpnet.cli.score_text import number_text
from xpnet.nn.table_inputs import FIRST_CODE, MISSING_CODE, UNKNOWN_CODE
from xpnet.tabular.feature import Feature
from xpnet.tabular.table_model import TableModel

__all__ = ["data_part", "preparation_part"]

_MOST = 200  # columns
_BINS, _LARGEST = 24, 3


def data_part(
    model: TableModel, source: str, encoded: NDArray[np.float64], true: NDArray[np.float64]
) -> Section:
    """The columns of the rows that the report measures, and their target."""
    places = {feature.name: i for i, feature in enumerate(model.schema.used)}
    rows = [
        _row(f, encoded[:, places[f.name]]) if f.name in places else _ignored(f)
        for f in model.schema.features[:_MOST]
    ]
    left_out = len(model.schema.features) - len(rows)
    more = [element("p", f"… and {left_out:,} more columns.", class_="soft")] if left_out else []
    columns = table(
        ("column", "kind", "missing", "distribution", "values"),
        rows,
        numbers=(2,),
        kind="full",
    )
    return section(
        "data",
        "Data",
        element("p", f"{len(encoded):,} rows of {source}."),
        _target(model, true),
        columns,
        *more,
    )


def _target(model: TableModel, true: NDArray[np.float64]) -> Html:
    name = model.target.name
    if model.classes is None:
        low, middle, high = aligned([float(true.min()), float(np.median(true)), float(true.max())])
        words = f"{low} to {high}, median {middle}"
        return element(
            "p", "Target ", element("b", name), f": a number, {words}.", _histogram(true)
        )
    counts = np.bincount(true.astype(np.int64), minlength=len(model.classes))
    return element(
        "p", "Target ", element("b", name), ": ", _largest(list(map(str, model.classes)), counts, 8)
    )


def _row(feature: Feature, column: NDArray[np.float64]) -> tuple[object, ...]:
    if feature.kind == "category":
        counts = np.bincount(column.astype(np.int64), minlength=feature.codes)
        missing, unknown, each = counts[MISSING_CODE], counts[UNKNOWN_CODE], counts[FIRST_CODE:]
        words = _largest(list(feature.categories), each, _LARGEST)
        if unknown:
            words += f"; {unknown:,} unknown"
        picture = sparkline(np.sort(each)[::-1][:_BINS].tolist())
    else:
        known = column[~np.isnan(column)]
        missing = len(column) - len(known)
        words, picture = _values(feature, known), _histogram(known)
    return feature.name, feature.kind, _count(int(missing), len(column)), picture, words


def _ignored(feature: Feature) -> tuple[object, ...]:
    return feature.name, "ignored", "", "", feature.note or "as requested"


def _count(missing: int, rows: int) -> str:
    return f"{missing:,} ({missing / rows:.1%})" if missing else "0"


def _values(feature: Feature, known: NDArray[np.float64]) -> str:
    if not len(known):
        return "none"
    if feature.kind == "boolean":
        return f"true in {known.mean():.1%}"
    ends = [float(known.min()), float(np.median(known)), float(known.max())]
    if feature.kind == "date":
        days = [str(np.datetime64(int(v), "s").astype("datetime64[D]")) for v in ends]
        return f"{days[0]} to {days[2]}, median {days[1]}"
    low, middle, high = aligned(ends)
    return f"{low} to {high}, median {middle}"


def _largest(names: list[str], counts: NDArray[np.int64], most: int) -> str:
    """The most frequent names with their shares."""
    order = np.argsort(-counts, kind="stable")[:most]
    whole = max(int(counts.sum()), 1)
    shown = [f"{names[i]} {counts[i] / whole:.1%}" for i in order if counts[i]]
    more = int((counts > 0).sum()) - len(shown)
    return ", ".join(shown) + (f" and {more:,} more" if more else "")


def _histogram(known: NDArray[np.float64]) -> Html:
    if not len(known):
        return sparkline([])
    low, high = np.quantile(known, (0.005, 0.995)).tolist()
    bins = min(_BINS, len(np.unique(known)))
    return sparkline(np.histogram(known, bins, (low, high) if low < high else None)[0].tolist())


def preparation_part(model: TableModel) -> Section:
    """What the network gets of each column."""
    rows = [(f.name, f.kind, *how) for f, how in zip(model.schema.used, _how(model), strict=True)]
    words = (
        "The model does this itself, with numbers measured on its training rows, in float64. "
        f"The network takes {model.prepared.layer.plain:,} numbers per row"
    )
    embedded = len(model.prepared.layer.many)
    more = f" and {embedded:,} categories, which have learned vectors." if embedded else "."
    return section(
        "preparation",
        "How columns are prepared",
        element("p", words + more),
        table(("column", "kind", "becomes", "if missing"), rows[:_MOST], kind="full prepared"),
    )


def _how(model: TableModel) -> Iterator[tuple[str, str]]:
    """What each used column becomes, and what a missing cell becomes."""
    layer, used = model.prepared.layer, model.schema.used
    first = layer.numbers + layer.dates + layer.booleans
    for i, feature in enumerate(used):
        if feature.kind in ("number", "date"):
            gap = f"filled with {_cell(feature, float(model.prepared.state['fill'][i]))}"
            marked = ", and marked in a column of its own" if i in layer.marked else ""
            yield _scaled(model, feature, i), gap + marked
        elif feature.kind == "boolean":
            yield "-1 or 1", "0"
        elif i - first < len(layer.few):
            columns = layer.one_hot_width(i - first)
            blank = i - first in layer.blanks
            one_hot = f"{columns:,} columns of 0 and 1" if columns > 1 else "-1 or 1"
            yield one_hot, "a column of its own" if blank else "0"
        else:
            yield f"a learned vector for each of {len(feature.categories):,}", "a vector of its own"


def _cell(feature: Feature, value: float) -> str:
    if feature.kind == "date":
        return str(np.datetime64(int(value), "s").astype("datetime64[D]"))
    return number_text(value)


def _scaled(model: TableModel, feature: Feature, i: int) -> str:
    layer, state = model.prepared.layer, model.prepared.state
    parts = ""
    if feature.kind == "date":
        day = ", the week and the day" if layer.clock else " and the week"
        parts = f"; sine and cosine of its position in the year, the month{day}"
    if layer.scaling == "none":
        return "itself" + parts
    if layer.scaling == "quantile":
        return "its rank among the training rows, as a normally distributed number" + parts
    inverse = float(state["inverse_scale"][i])
    if not inverse:
        return "0: it was constant" + parts
    center, scale = float(state["center"][i]), 1 / inverse
    if feature.kind == "date":
        return f"(x - {_cell(feature, center)}) / {number_text(scale / 86_400)} days" + parts
    sign = "+" if center < 0 else "-"
    formula = f"(x {sign} {number_text(abs(center))}) / {number_text(scale)}"
    return formula + (", squeezed into -3 to 3" if layer.scaling == "robust" else "")
