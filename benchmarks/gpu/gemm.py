"""The part ``gemm``: the rate of matrix products, in the three orientations of a layer."""

from __future__ import annotations

from collections.abc import Iterator

from gpu.ceilings import note_rate
from gpu.products import ORIENTATIONS, measure
from gpu.report import Bench, Row


def gemm(bench: Bench) -> Iterator[Row]:
    """Each shape in each precision: xpnet, CuPy and PyTorch."""
    largest = bench.scale.products[0]
    for shape in bench.scale.products:
        for orientation in ORIENTATIONS[:1] if shape == largest else ORIENTATIONS:
            for precision in bench.device.precisions:
                rows = measure(bench, shape, orientation, precision)
                yield from rows
                if shape == largest:
                    note_rate(bench, precision, rows)
