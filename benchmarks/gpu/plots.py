"""The report's pictures, if Matplotlib is installed: one per part, at most five."""

from __future__ import annotations

from importlib.util import find_spec
from pathlib import Path
from typing import Any

from gpu.report import Row

Bars = list[tuple[str, float]]


def kernels(rows: list[Row]) -> tuple[Bars, str, float | None]:
    """Shares of the copy's bandwidth."""
    bars = [(r["kernel"], 100 * r["of_copy"]) for r in rows if "of_copy" in r]
    return bars, "bytes per second, percent of a device copy", 100


def gemm(rows: list[Row]) -> tuple[Bars, str, float | None]:
    """Rates of the products."""
    bars = [
        (f"{'x'.join(map(str, r['shape']))} {r['orientation']} {r['precision']} {r['library']}", v)
        for r in rows
        if (v := r.get("rate", 0) / 1e12)
    ]
    return bars, "TFLOP/s", None


def steps(rows: list[Row]) -> tuple[Bars, str, float | None]:
    """How close the steps are to their floors."""
    bars = [(f"{r['size']} {r['precision']}", 100 * r["of_floor"]) for r in rows if "of_floor" in r]
    return bars, "counted floor / measured step, percent", 100


def peers(rows: list[Row]) -> tuple[Bars, str, float | None]:
    """The peers' times as multiples of xpnet's step."""
    bars = [
        (f"{r['size']} {r['precision']}: {r['library']}", r["ratio"])
        for r in rows
        if r.get("ratio") and r.get("library") != "xpnet"
    ]
    return bars, "times xpnet's step (right of 1: slower than xpnet)", 1


BARS = {"kernels": kernels, "gemm": gemm, "steps": steps, "peers": peers}


def _draw_bars(axes: Any, bars: Bars, label: str, line: float | None) -> None:
    names, values = zip(*bars, strict=True)
    axes.barh(range(len(bars)), values)
    axes.set_yticks(range(len(bars)), names, fontsize=7)
    axes.invert_yaxis()
    axes.set_xlabel(label)
    if line is not None:
        axes.axvline(line, color="black", linewidth=1)


def _draw_crossover(axes: Any, rows: list[Row]) -> None:
    good = [r for r in rows if "numpy_us" in r]
    for name, key in (("device", "us"), ("NumPy", "numpy_us")):
        axes.loglog([r["width"] for r in good], [r[key] for r in good], marker="o", label=name)
    axes.set_xlabel("width of the hidden layers")
    axes.set_ylabel("step, us")
    axes.legend()


def write(data: dict[str, Any], folder: Path) -> None:
    """Draw the finished parts, each to a file with the part's name."""
    if find_spec("matplotlib") is None:
        return
    for name, part in data["parts"].items():
        rows = [row for row in part["rows"] if "error" not in row]
        if name in BARS:
            bars, label, line = BARS[name](rows)
            if bars:
                _save(folder / f"{name}.png", 2 + 0.2 * len(bars), _draw_bars, bars, label, line)
        elif name == "crossover" and any("numpy_us" in row for row in rows):
            _save(folder / f"{name}.png", 5, _draw_crossover, rows)


def _save(file: Path, height: float, draw: Any, *given: Any) -> None:
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(9, height), layout="constrained")
    FigureCanvasAgg(figure)
    draw(figure.add_subplot(), *given)
    figure.savefig(file, dpi=110)
