"""The device's limits: bytes copied, and operations of a large matrix product, per second."""

from __future__ import annotations

from statistics import median
from typing import Any

from gpu import products
from gpu.report import Bench
from gpu.timing import timed


def copy_bandwidth(bench: Bench) -> float:
    """Bytes per second of a copy on the device, counting reads and writes; measured once."""
    found: dict[str, Any] = bench.report.data["ceilings"]
    if "copy" not in found:
        device, scale = bench.device, bench.scale
        source = device.normal((scale.rows * 4, scale.columns))
        target = device.backend.copy(source)
        times = timed(
            device, {"copy": lambda: device.backend.write(target, source)}, scale.seconds
        )["copy"]
        found["copy"] = 2 * source.nbytes / median(times)
    return float(found["copy"])


def product_rate(bench: Bench, precision: str) -> float:
    """Operations per second of the largest product in this precision, by the fastest library."""
    found: dict[str, Any] = bench.report.data["ceilings"]
    if precision not in found:
        rows = products.measure(bench, bench.scale.products[0], "x w", precision)
        note_rate(bench, precision, rows)
    if precision not in found:
        errors = "; ".join(row["error"] for row in rows)
        raise RuntimeError(f"no library can multiply matrices in {precision}: {errors}")
    return float(found[precision])


def note_rate(bench: Bench, precision: str, rows: list[dict[str, Any]]) -> None:
    """Record the best rate that was measured in this precision, if any was."""
    found, rates = bench.report.data["ceilings"], [row["rate"] for row in rows if "rate" in row]
    if rates:
        found[precision] = max([found.get(precision, 0.0), *rates])
