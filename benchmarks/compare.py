"""What got slower between two measurements, beyond what noise explains.

    python benchmarks/compare.py OLD.json NEW.json [--least 0.05] [--all]

Reads what `peers.py` writes and what ``pytest benchmarks --benchmark-json`` writes, and compares
what is in both. Of peers that are the ratios to the matrix products, so that it does not matter
how fast the machine was; of pytest-benchmark they are times, which only the same machine makes
comparable.

Something is slower if its new lower quartile lies above its old upper one, and its median rose by
at least the share ``--least``. The exit status is 1 if anything is.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Figure:
    """A median with its quartiles."""

    median: float
    low: float
    high: float


@dataclass(frozen=True)
class Change:
    """Two measurements of one thing."""

    name: str
    old: Figure
    new: Figure

    @property
    def ratio(self) -> float:
        """How many times longer it takes now."""
        return self.new.median / self.old.median

    def verdict(self, least: float) -> str:
        """``"slower"``, ``"faster"`` or ``"same"``."""
        if self.new.low > self.old.high and self.ratio >= 1 + least:
            return "slower"
        if self.new.high < self.old.low and self.ratio <= 1 / (1 + least):
            return "faster"
        return "same"


def figures(content: Mapping[str, Any]) -> dict[str, Figure]:
    """What a file's content measures, by name.

    Raises
    ------
    ValueError
        If it is neither of the two kinds.
    """
    if content.get("kind") == "peers":
        return _of_peers(content)
    if "benchmarks" in content:
        return {
            b["fullname"]: Figure(b["stats"]["median"], b["stats"]["q1"], b["stats"]["q3"])
            for b in content["benchmarks"]
        }
    raise ValueError("neither of peers.py nor of pytest-benchmark")


def _of_peers(content: Mapping[str, Any]) -> dict[str, Figure]:
    found = {}
    for threads, part in content["threads"].items():
        for table in part["tables"]:
            for name, row in table["rows"].items():
                key = f"{table['name']}, {threads} threads: {name}, times the products"
                found[key] = _figure(row["floors"])
    for table in content.get("processes", ()):
        for name, row in table["rows"].items():
            if "median" in row:
                found[f"{table['name']}: {name}"] = _figure(row)
    return found


def _figure(row: Mapping[str, float]) -> Figure:
    return Figure(row["median"], row["low"], row["high"])


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """Everything that both measured, what slowed down most at the top."""
    before, after = figures(old), figures(new)
    found = [Change(name, before[name], after[name]) for name in before if name in after]
    return sorted(found, key=lambda change: -change.ratio)


def line(change: Change, verdict: str) -> str:
    """One change in words."""
    old, new = (f"{f.median:.4g} ({f.low:.4g}-{f.high:.4g})" for f in (change.old, change.new))
    return f"{verdict}: {change.name}: {old} -> {new}, {change.ratio:.2f}x"


def read(path: str) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(Path(path).read_text("utf-8"))
        figures(content)
    except (OSError, ValueError, KeyError) as error:
        sys.exit(f"{path} cannot be compared: {error}")
    return content


def main(argv: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("old", metavar="OLD.json")
    parser.add_argument("new", metavar="NEW.json")
    parser.add_argument("--least", type=float, default=0.05, help="smallest rise that counts")
    parser.add_argument("--all", action="store_true", help="also show what stayed the same")
    options = parser.parse_args(argv)
    found = changes(read(options.old), read(options.new))
    if not found:
        sys.exit("the two files have nothing in common")
    verdicts = [change.verdict(options.least) for change in found]
    for change, verdict in zip(found, verdicts, strict=True):
        if options.all or verdict != "same":
            print(line(change, verdict))
    slower = verdicts.count("slower")
    print(f"{len(found)} compared: {slower} slower, {verdicts.count('faster')} faster")
    return int(slower > 0)


if __name__ == "__main__":
    sys.exit(main())
