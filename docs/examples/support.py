"""Shared parts of the examples: options, folders of data and pictures, and a table."""

import argparse
import os
import sys
from collections.abc import Sequence
from pathlib import Path


def options(description: str) -> argparse.Namespace:
    """Read ``--quick`` (a small budget, for a first look or a test) and ``--pictures FOLDER``."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--quick", action="store_true", help="a small budget: seconds, not minutes")
    parser.add_argument("--pictures", type=Path, metavar="FOLDER", help="folder for pictures")
    chosen = parser.parse_args()
    if chosen.pictures is not None:
        chosen.pictures.mkdir(parents=True, exist_ok=True)
    return chosen


def data_file(*parts: str) -> Path:
    """A data file in the folder that XPNET_DATA names; without it the script ends."""
    folder = os.environ.get("XPNET_DATA")
    file = Path(folder or "", *parts)
    if folder is None or not file.exists():
        sys.exit(f"this example needs {Path(*parts)} in the folder that XPNET_DATA names.")
    return file


def table(rows: Sequence[Sequence[object]]) -> str:
    """Rows as text with aligned columns; numbers have four digits after the point."""
    cells = [[f"{c:.4f}" if isinstance(c, float) else str(c) for c in row] for row in rows]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = ["  ".join(t.ljust(w) for t, w in zip(r, widths, strict=True)) for r in cells]
    return "\n".join(line.rstrip() for line in lines)
