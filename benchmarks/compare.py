"""Find slowdowns between two measurements, beyond noise.

    python benchmarks/compare.py OLD.json NEW.json [--least 0.05] [--all]

It reads the files that `peers.py`, ``xpnet bench --json`` and ``pytest benchmarks
--benchmark-json`` write, and compares the rows in both. For the first two it compares ratios to the
matrix products, which do not depend on the speed of the machine. For pytest-benchmark, and for the
part ``processes`` of `peers.py`, it compares times. These are comparable only on the same machine.

A row is slower if its new lower quartile is above its old upper quartile, and its median rose by
at least the share ``--least``. A row with fewer than 5 rounds is shown but not judged, because its
quartiles mean little. The exit status is 1 if any of xpnet's own rows is slower; changes of its
peers are only shown.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROUNDS = 5  # the fewest rounds whose quartiles can be judged


@dataclass(frozen=True)
class Figure:
    """A median with its quartiles, the number of rounds, and whether it is xpnet's or a peer's."""

    median: float
    low: float
    high: float
    rounds: int
    ours: bool = True


@dataclass(frozen=True)
class Change:
    """Two measurements of the same row."""

    name: str
    old: Figure
    new: Figure

    @property
    def ratio(self) -> float:
        """The new time divided by the old."""
        return self.new.median / self.old.median

    def verdict(self, least: float) -> str:
        """``"slower"``, ``"faster"``, ``"same"``, or ``"unjudged"`` with too few rounds."""
        if min(self.old.rounds, self.new.rounds) < ROUNDS:
            return "unjudged"
        if self.new.low > self.old.high and self.ratio >= 1 + least:
            return "slower"
        if self.new.high < self.old.low and self.ratio <= 1 / (1 + least):
            return "faster"
        return "same"


def figures(content: Mapping[str, Any]) -> dict[str, Figure]:
    """The measurements in a file's content, by name.

    Raises
    ------
    ValueError
        If the content is not one of the three kinds.
    """
    if content.get("kind") == "peers":
        return _of_peers(content)
    if content.get("kind") == "bench":
        return _of_bench(content)
    if "benchmarks" in content:
        return {b["fullname"]: _of_stats(b["stats"]) for b in content["benchmarks"]}
    raise ValueError("it was not written by peers.py, xpnet bench --json or pytest-benchmark")


def _of_stats(stats: Mapping[str, Any]) -> Figure:
    return Figure(stats["median"], stats["q1"], stats["q3"], stats["rounds"])


def _of_bench(content: Mapping[str, Any]) -> dict[str, Figure]:
    layers = "-".join(map(str, content["layers"]))
    what = f"{layers} {content['activation']} {content['optimizer']} {content['dtype']}"
    return {
        f"{what}, batch {row['batch']}, {row['backend']}, {row['threads'] or 'no'} threads: "
        "times the products": Figure(
            row["ratio"], row["ratio_low"], row["ratio_high"], content["rounds"]
        )
        for row in content["rows"]
    }


def _of_peers(content: Mapping[str, Any]) -> dict[str, Figure]:
    found = {}
    for threads, part in content["threads"].items():
        for table in part["tables"]:
            for name, row in table["rows"].items():
                key = f"{table['name']}, {threads} threads: {name}, times the products"
                found[key] = _figure(name, row["floors"])
    for table in content.get("processes", ()):
        for name, row in table["rows"].items():
            if "median" in row:
                found[f"{table['name']}: {name}"] = _figure(name, row)
    return found


def _figure(name: str, row: Mapping[str, Any]) -> Figure:
    ours = name.startswith("xpnet")
    return Figure(row["median"], row["low"], row["high"], row["rounds"], ours)


def changes(old: Mapping[str, Any], new: Mapping[str, Any]) -> list[Change]:
    """Everything that both files measured, the largest slowdown first."""
    before, after = figures(old), figures(new)
    found = [Change(name, before[name], after[name]) for name in before if name in after]
    return sorted(found, key=lambda change: -change.ratio)


def line(change: Change, verdict: str) -> str:
    """One change as text."""
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
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog="Files come from peers.py --json, xpnet bench --json, or pytest --benchmark-json. "
        "The exit status is 1 if any of xpnet's own rows is slower.",
    )
    parser.add_argument("old", metavar="OLD.json")
    parser.add_argument("new", metavar="NEW.json")
    parser.add_argument("--least", type=float, default=0.05, help="smallest increase that counts")
    parser.add_argument("--all", action="store_true", help="also show unchanged rows")
    options = parser.parse_args(argv)
    found = changes(read(options.old), read(options.new))
    if not found:
        sys.exit("the two files have nothing in common")
    verdicts = [change.verdict(options.least) for change in found]
    for change, verdict in zip(found, verdicts, strict=True):
        if options.all or verdict != "same":
            print(line(change, verdict))
    print(summary(found, verdicts))
    return int((True, "slower") in _kinds(found, verdicts))


def summary(found: list[Change], verdicts: list[str]) -> str:
    """The number of each verdict, for xpnet's own rows and for others', and a note on rounds."""
    kinds = _kinds(found, verdicts)
    parts = []
    for ours, who in ((True, "xpnet"), (False, "others (these do not count)")):
        own = [verdict for mine, verdict in kinds if mine is ours]
        if own:
            parts.append(
                f"{who}: {len(own)} compared, {own.count('slower')} slower, "
                f"{own.count('faster')} faster"
            )
    few = verdicts.count("unjudged")
    if few:
        parts.append(f"{few} not judged: quartiles of fewer than {ROUNDS} rounds mean little")
    return "\n".join(parts)


def _kinds(found: list[Change], verdicts: list[str]) -> list[tuple[bool, str]]:
    return [(change.new.ours, verdict) for change, verdict in zip(found, verdicts, strict=True)]


if __name__ == "__main__":
    sys.exit(main())
