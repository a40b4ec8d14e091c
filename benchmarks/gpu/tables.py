"""The report in Markdown: one table per part, made from the rows in the JSON."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from gpu.report import Row

Show = Callable[[Any], str]


def plain(value: Any) -> str:
    """Text, numbers and lists, unformatted."""
    return "; ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def us(value: float) -> str:
    """Microseconds with three figures, or whole ones."""
    return f"{value:,.0f}" if value >= 100 else f"{value:.3g}"


def share(value: float) -> str:
    """A share as a percentage."""
    return f"{100 * value:.1f} %"


def small(value: float) -> str:
    """A small number."""
    return f"{value:.2g}"


def giga(value: float) -> str:
    """Bytes per second in GB/s."""
    return f"{value / 1e9:,.1f}"


def tera(value: float) -> str:
    """Operations per second in TFLOP/s."""
    return f"{value / 1e12:,.3g}"


def factor(value: float) -> str:
    """A ratio."""
    return f"{value:.2f}x"


def verdict(value: bool) -> str:
    """Whether something holds."""
    return "yes" if value else "**NO**"


Column = tuple[str, str, Show]
TITLES = {
    "tests": "Tests and examples on the device",
    "parity": "The same training as NumPy's",
    "kernels": "Kernels against a device copy",
    "gemm": "Matrix products",
    "steps": "A training step against its floor",
    "epoch": "MNIST by the journal's recipe",
    "crossover": "The size from which the device is faster than NumPy",
    "libraries": "Training by xpnet on CuPy, PyTorch and JAX",
    "peers": "A training step compared with PyTorch and JAX",
}
COLUMNS: dict[str, list[Column]] = {
    "probe": [("what", "what", plain), ("found", "found", plain), ("holds", "ok", verdict)],
    "tests": [
        ("what", "what", plain),
        ("s", "seconds", plain),
        ("tests", "tests", plain),
        ("passed", "passed", plain),
        ("skipped", "skipped", plain),
        ("failed", "failed", plain),
        ("cut short", "stopped", plain),
        ("holds", "ok", verdict),
        ("failures", "failures", plain),
    ],
    "parity": [
        ("check", "check", plain),
        ("size", "size", plain),
        ("precision", "precision", plain),
        ("from NumPy", "far_from_numpy", small),
        ("allowed", "allowed", small),
        ("from float64", "far_from_float64", small),
        ("NumPy from float64", "numpy_from_float64", small),
        ("from no graphs", "far_without_graphs", small),
        ("xpnet said", "log", plain),
        ("holds", "ok", verdict),
    ],
    "kernels": [
        ("kernel", "kernel", plain),
        ("us", "us", us),
        ("bytes", "bytes", us),
        ("GB/s", "bandwidth", giga),
        ("of the copy", "of_copy", share),
    ],
    "gemm": [
        ("rows, columns, inner", "shape", plain),
        ("product", "orientation", plain),
        ("precision", "precision", plain),
        ("library", "library", plain),
        ("us", "us", us),
        ("TFLOP/s", "rate", tera),
        ("error", "error_of_norm", small),
        ("right", "ok", verdict),
    ],
    "steps": [
        ("size", "size", plain),
        ("precision", "precision", plain),
        ("step, us", "us", us),
        ("quartiles", "us_low", us),
        ("", "us_high", us),
        ("call by call, us", "eager_us", us),
        ("floor, us", "floor_us", us),
        ("floor of the calls, us", "calls_floor_us", us),
        ("floor / step", "of_floor", share),
        ("of the products' rate", "of_rate", share),
        ("xpnet said", "log", plain),
    ],
    "epoch": [
        ("backend", "backend", plain),
        ("data", "data", plain),
        ("an epoch, s", "epoch_s", plain),
        ("epochs", "epochs", plain),
        ("together, s", "epochs_s", plain),
        ("the whole fit, s", "fit_s", plain),
        ("test accuracy", "accuracy", plain),
        ("xpnet said", "log", plain),
    ],
    "crossover": [
        ("width", "width", plain),
        ("device, us", "us", us),
        ("NumPy, us", "numpy_us", us),
        ("NumPy / device", "ratio", factor),
        ("network", "network", plain),
        ("equal at width", "crossover", plain),
    ],
    "libraries": [
        ("backend", "backend", plain),
        ("what", "what", plain),
        ("size", "size", plain),
        ("step, us", "us", us),
        ("quartiles", "us_low", us),
        ("", "us_high", us),
        ("first fit, s", "first_s", plain),
        ("from NumPy", "far_from_numpy", small),
        ("allowed", "allowed", small),
        ("xpnet said", "log", plain),
        ("holds", "ok", verdict),
        ("skipped", "skipped", plain),
    ],
    "peers": [
        ("size", "size", plain),
        ("precision", "precision", plain),
        ("library", "library", plain),
        ("step, us", "us", us),
        ("times xpnet's", "ratio", factor),
        ("quartiles", "ratio_low", factor),
        ("", "ratio_high", factor),
        ("asked for", "asked", factor),
        ("ready after, s", "ready_s", plain),
        ("skipped", "skipped", plain),
    ],
}


def table(rows: list[Row], columns: list[Column]) -> list[str]:
    """Lines of a Markdown table; empty columns are left out."""
    used = [c for c in columns if any(c[1] in row for row in rows)]
    lines = [f"| {' | '.join(header for header, _, _ in used)} |", "|---" * len(used) + "|"]
    for row in rows:
        cells = [show(row[key]) if row.get(key) is not None else "" for _, key, show in used]
        lines.append(f"| {' | '.join(c.replace('|', '/').replace(chr(10), ' ') for c in cells)} |")
    return lines


def errors(rows: list[Row], columns: list[Column]) -> list[str]:
    """The rows that could not be measured, and why."""
    lines = []
    for row in rows:
        if "error" in row:
            known = [plain(row[key]) for _, key, _ in columns if key in row]
            text = " ".join(str(row["error"]).split())[:300]
            lines.append(f"- {', '.join(known)}: {text}")
    return ["", "Not measured:", "", *lines] if lines else []


def section(name: str, part: dict[str, Any]) -> list[str]:
    """One part: its status, its table, its errors."""
    columns = COLUMNS[name]
    good = [row for row in part["rows"] if "error" not in row]
    about = f"{part['status']}" + (f", {part['seconds']} s" if "seconds" in part else "")
    why = part.get("error") or part.get("reason")
    lines = [f"## {TITLES.get(name, name)}", "", f"{about}{f': {why}' if why else ''}", ""]
    return [*lines, *(table(good, columns) if good else []), *errors(part["rows"], columns), ""]


def markdown(data: dict[str, Any]) -> str:
    """The whole report."""
    lines = ["# GPU report", "", f"{data['when']}; `{data['command']}`", ""]
    lines += [f"- {name}: {plain(value)}" for name, value in data["environment"].items()]
    copy = data["ceilings"].get("copy")
    rates = [f"{tera(v)} TFLOP/s in {p}" for p, v in data["ceilings"].items() if p != "copy"]
    ceilings = [*([f"{giga(copy)} GB/s of a device copy"] if copy else []), *rates]
    lines += [f"- ceilings of this run: {', '.join(ceilings) or 'not measured'}", ""]
    for name, part in data["parts"].items():
        lines += section(name, part)
    return "\n".join(lines) + "\n"


def write(data: dict[str, Any], folder: Path) -> None:
    """Write ``report.md``."""
    (folder / "report.md").write_text(markdown(data), encoding="utf-8")
