"""The results of `peers.py` as Markdown and as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

FLOOR = "products"
_COLORS = {"xpnet": "#0072b2", FLOOR: "#555555"}
_OTHERS = "#e69f00"


def markdown(found: Mapping[str, Any]) -> str:
    """Tables of everything, the machine first."""
    lines = [f"Measured on {found['date']} by `{found['command']}`; float32.", ""]
    lines += [f"- {name}: {value}" for name, value in found["machine"].items()]
    for threads, part in found["threads"].items():
        lines += ["", f"## {threads} thread{'s' if threads != '1' else ''}", ""]
        new = {k: v for k, v in part["machine"].items() if found["machine"].get(k) != v}
        lines += [f"- {name}: {value}" for name, value in new.items()]
        lines += [f"- left out: {name}: {why}" for name, why in part["absent"].items()]
        for table in part["tables"]:
            lines += ["", f"### {heading(table['name'])}", "", *contest_table(table["rows"])]
        lines += in_short(part["tables"])
    if "processes" in found:
        lines += ["", "## Processes"]
        for table in found["processes"]:
            lines += ["", f"### {heading(table['name'])}", "", *plain_table(table["rows"])]
    return "\n".join(lines) + "\n"


def in_short(tables: Sequence[Mapping[str, Any]]) -> list[str]:
    """Steps and predictions in two tables: the time of each task's products, and its multiples."""
    lines: list[str] = []
    for kind in ("a step", "prediction"):
        chosen = [table for table in tables if table["name"].startswith(kind)]
        players = list(dict.fromkeys(name for table in chosen for name in table["rows"]))
        if not chosen:
            continue
        lines += ["", f"### {heading(kind)}, as multiples of the products", ""]
        lines += [f"| | {' | '.join(players)} |", "|---" * (len(players) + 1) + "|"]
        for table in chosen:
            cells = [_multiple(name, table["rows"].get(name)) for name in players]
            task = table["name"].removeprefix(f"{kind} of ")
            lines.append(f"| {task} | {' | '.join(cells)} |")
    return lines


def _multiple(name: str, row: Mapping[str, Any] | None) -> str:
    if row is None:
        return ""
    return f"{row['us']['median']:,.1f} us" if name == FLOOR else f"{row['floors']['median']:.2f}"


def heading(name: str) -> str:
    """A title that starts with a capital letter."""
    return name[:1].upper() + name[1:]


def contest_table(rows: Mapping[str, Any]) -> list[str]:
    """A row for each player: time, ratio to the floor, ratio to xpnet; quartiles in parentheses."""
    lines = ["| | us | times the products | times xpnet | cores |", "|---|---|---|---|---|"]
    for name, row in rows.items():
        us = row["us"]["median"]
        time = f"{us:,.1f}" if us < 1000 else f"{us:,.0f}"
        against = row.get("xpnets")
        rival = "" if against is None else spread(against)
        lines.append(
            f"| {name} | {time} | {spread(row['floors'])} | {rival} | {row['cores']:.1f} |"
        )
    return lines


def spread(found: Mapping[str, float]) -> str:
    """A ratio with its quartiles."""
    return f"{found['median']:.2f} ({found['low']:.2f}-{found['high']:.2f})"


def plain_table(rows: Mapping[str, Any]) -> list[str]:
    """A row for each library: a median with quartiles, other numbers, or the reason for a gap."""
    lines = ["| | |", "|---|---|"]
    for name, row in rows.items():
        if "reason" in row:
            text = row["reason"]
        elif "median" in row:
            median, low, high = (_three(row[key]) for key in ("median", "low", "high"))
            text = f"{median} ({low}-{high})"
        else:
            text = ", ".join(f"{value:.4g} {unit}" for unit, value in row.items())
        lines.append(f"| {name} | {text} |")
    return lines


def _three(value: float) -> str:
    """A number to three significant figures; from 1000 on, a whole number."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"


def plot(found: Mapping[str, Any]) -> Any:
    """Bars of the ratios to the floor: a row of panels for each number of threads."""
    from matplotlib.figure import Figure

    parts = [(n, part["tables"]) for n, part in found["threads"].items() if part["tables"]]
    columns = max((len(tables) for _, tables in parts), default=1)
    figure = Figure(figsize=(4.2 * columns, 4.2 * max(len(parts), 1)), layout="constrained")
    for i, (threads, tables) in enumerate(parts):
        for j, table in enumerate(tables):
            axes = figure.add_subplot(len(parts), columns, i * columns + j + 1)
            _bars(axes, table["rows"])
            axes.set_title(f"{table['name']}\nthreads: {threads}", fontsize=8)
    return figure


def _bars(axes: Any, rows: Mapping[str, Any]) -> None:
    from matplotlib.ticker import NullFormatter

    names = list(rows)[::-1]
    for position, name in enumerate(names):
        ratio = rows[name]["floors"]
        low, high = ratio["median"] - ratio["low"], ratio["high"] - ratio["median"]
        color = _COLORS.get(name.partition(" ")[0].partition("[")[0].partition(".")[0], _OTHERS)
        axes.barh(position, ratio["median"], xerr=[[low], [high]], color=color, height=0.7)
        axes.text(ratio["high"], position, f" {ratio['median']:.2f}", va="center", fontsize=7)
    axes.set_yticks(range(len(names)), names, fontsize=7)
    axes.set_xscale("log")
    axes.margins(x=0.15)
    axes.xaxis.set_major_formatter("{x:g}")
    axes.xaxis.set_minor_formatter(NullFormatter())
    axes.axvline(1, color="black", linewidth=0.8)
    axes.set_xlabel("times the matrix products alone", fontsize=8)
