"""The results as Markdown: a table for each data set, and each method against the anchors.

Scores are means over the seeds and their standard errors. Times and memory are medians of quiet
runs; where there are none, the times are those of a busy machine, marked ``~``.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from statistics import mean, median, stdev
from typing import Any

from tabular_contest.methods import METHODS
from tabular_contest.tables import TABLES

ANCHORS = ["realmlp-td", "hist-gb"]
Row = dict[str, Any]
Found = Mapping[str, Mapping[str, Sequence[Row]]]  # rows by data set and method


def markdown(rows: Iterable[Row]) -> str:
    """All tables."""
    rows = list(rows)
    found = sorted_out(row for row in rows if "error" not in row)
    lines = [f"Measured {_dates(rows)}; {_threads(rows)}.", "", *__doc__.splitlines()[2:]]
    for table, methods in found.items():
        lines += ["", f"## {table}: {TABLES[table].about}", "", *of_table(methods)]
    for anchor in ANCHORS:
        if any(anchor in methods for methods in found.values()):
            lines += ["", f"## Against {METHODS[anchor].title}", "", *against(found, anchor)]
    return "\n".join([*lines, *failures(rows)]) + "\n"


def sorted_out(rows: Iterable[Row]) -> Found:
    """By data set and method, in the order of their tables."""
    found: dict[str, dict[str, list[Row]]] = defaultdict(lambda: defaultdict(list))
    for row in rows:
        found[row["table"]][row["method"]].append(row)
    return {
        table: {method: found[table][method] for method in METHODS if method in found[table]}
        for table in TABLES
        if table in found
    }


def of_table(methods: Mapping[str, Sequence[Row]]) -> list[str]:
    """Scores, times and memory of each method on one data set."""
    names = list(next(iter(methods.values()))[0]["scores"])
    head = ["method", *(name.replace("_", " ") for name in names), "seeds"]
    head += ["train, s", "predict, ms", "memory, MiB"]
    lines = _head(head)
    for method, rows in methods.items():
        each = [list(by_seed(rows, name).values()) for name in names]
        quiet = [row for row in rows if row["quiet"]]
        times = [_time(quiet or rows, *what) for what in (("train_s", 1), ("predict_s", 1e3))]
        cells = [METHODS[method].title, *map(_mean, each), str(len(each[0]))]
        cells += [time if quiet else f"~{time}" for time in times]
        lines.append(_line([*cells, f"{median(row['memory_mb'] for row in quiet or rows):,.0f}"]))
    return lines


def by_seed(rows: Sequence[Row], name: str | None = None) -> dict[int, float]:
    """A score, by default the main one, of each seed: the mean if a seed was run twice."""
    each: dict[int, list[float]] = defaultdict(list)
    for row in rows:
        each[row["seed"]].append(row["scores"][name or next(iter(row["scores"]))])
    return {seed: mean(values) for seed, values in sorted(each.items())}


def against(found: Found, anchor: str) -> list[str]:
    """How much better each method is, seed by seed; marked `*` where it counts as as good.

    That is: its mean is not worse than the anchor's by more than one standard error of the anchor.
    """
    tables = [table for table in found if anchor in found[table]]
    lines = [
        "How much better: the mean and standard error of the differences seed by seed. `*`: the",
        f"mean is better, or worse by at most one standard error of {METHODS[anchor].title}'s mean",
        "over the same seeds.",
        "",
        *_head(["method", *tables, "`*`"]),
    ]
    for method in [name for name in METHODS if name != anchor]:
        cells = [_better(found[table].get(method, ()), found[table][anchor]) for table in tables]
        if any(cells):
            good = sum(cell.endswith("*") for cell in cells)
            title = METHODS[method].title
            lines.append(_line([title, *cells, f"{good} of {len(list(filter(None, cells)))}"]))
    return lines


def _better(rows: Sequence[Row], anchors: Sequence[Row]) -> str:
    if not rows:
        return ""
    sign = -1 if "rmse" in rows[0]["scores"] else 1
    ours, theirs = by_seed(rows), by_seed(anchors)
    seeds = sorted(set(ours) & set(theirs))
    if not seeds:
        return ""
    each = [sign * (ours[seed] - theirs[seed]) for seed in seeds]
    good = mean(each) >= -error([theirs[seed] for seed in seeds])
    return _with_error(f"{mean(each):+.4f}", each) + " *" * good


def error(values: Sequence[float]) -> float:
    """The standard error of the mean; 0 if there is only one value."""
    return stdev(values) / len(values) ** 0.5 if len(values) > 1 else 0.0


def failures(rows: Sequence[Row]) -> list[str]:
    """The runs without a result, once each."""
    done = {(row["method"], row["table"], row["seed"]) for row in rows if "error" not in row}
    lines = [
        f"- {METHODS[row['method']].title} on {row['table']}, seed {row['seed']}: {row['error']}"
        for row in rows
        if "error" in row and (row["method"], row["table"], row["seed"]) not in done
    ]
    return ["", "## Failed", "", *dict.fromkeys(lines)] if lines else []


def _dates(rows: Sequence[Row]) -> str:
    dates = sorted({row["date"] for row in rows})
    return f"on {dates[0]}" if len(dates) == 1 else f"from {dates[0]} to {dates[-1]}"


def _threads(rows: Sequence[Row]) -> str:
    """The threads of quiet runs, and of the others."""
    each = {
        kind: sorted({row["threads"] for row in rows if row["quiet"] is quiet})
        for kind, quiet in {"quiet": True, "busy": False}.items()
    }
    return "; ".join(
        f"{kind} runs with {' or '.join(map(str, threads))} thread{'s' * (threads != [1])}"
        for kind, threads in each.items()
        if threads
    )


def _time(rows: Sequence[Row], name: str, factor: float) -> str:
    return f"{factor * median(row[name] for row in rows):,.3g}"


def _mean(values: Sequence[float]) -> str:
    return _with_error(f"{mean(values):.4f}", values)


def _with_error(text: str, values: Sequence[float]) -> str:
    """One value has no standard error."""
    return f"{text} +- {error(values):.4f}" if len(values) > 1 else text


def _head(cells: Sequence[str]) -> list[str]:
    return [_line(cells), "|---" * len(cells) + "|"]


def _line(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"
