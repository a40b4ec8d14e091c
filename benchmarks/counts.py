"""Count frames, calls, sizes, rooms and circles, and compare them with the design's targets.

    OPENBLAS_NUM_THREADS=1 python benchmarks/counts.py [--json FILE] [--calls]

Frames are the package's stack frames from the user's call, inclusive, to the first numeric call of
a training step. Python calls of a step are counted in `fit` in steady state, for 20-64-64-3 with
batches of 32; with `--calls` they are listed. Both are measured by running; sizes, rooms and
circles are read off the source. The exit code is 1 if a count is above its target.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from importlib.util import find_spec
from pathlib import Path

from anatomy.calls import STEPS, calls_a_step, classifier_frames, fit_frames
from anatomy.imports import cycle, edges, inside, rooms
from anatomy.sizes import LONGEST_FILE, LONGEST_FUNCTION, classes, files, functions

FIT_FRAMES, CLASSIFIER_FRAMES, CALLS = 7, 9, 12
OPTIMIZERS = ("sgd", "adam")


@dataclass(frozen=True)
class Count:
    """A number, its target, and its parts."""

    name: str
    found: float
    target: float | None = None
    parts: tuple[str, ...] = ()

    @property
    def met(self) -> bool:
        return self.target is None or self.found <= self.target

    def __str__(self) -> str:
        target = "" if self.target is None else f"at most {self.target:g}"
        return f"{self.name:<52} {self.found:>8.4g}   {target}{'' if self.met else '  NOT MET'}"


def running() -> Iterator[Count]:
    """Counts that are measured by running the package."""
    kinds = {"plain": False, "fast": True} if find_spec("llvmlite") else {"plain": False}
    for kind, compiles in kinds.items():
        found = fit_frames(compiles)
        yield Count(f"frames from Model.fit, {kind}", len(found), FIT_FRAMES, tuple(found))
    if find_spec("sklearn"):
        found = classifier_frames()
        yield Count("frames from MLPClassifier.fit", len(found), CLASSIFIER_FRAMES, tuple(found))
    for kind, compiles in kinds.items():
        for optimizer in OPTIMIZERS:
            calls = calls_a_step(optimizer, compiles)
            parts = tuple(f"{n / STEPS:6.3g} {name}" for name, n in calls.most_common())
            name = f"Python calls of a step, {optimizer}, {kind}"
            yield Count(name, calls.total() / STEPS, CALLS, parts)


def reading() -> Iterator[Count]:
    """Counts that are read off the source."""
    lengths, lines = files(), functions()
    yield Count("files", len(lengths))
    yield Count("lines", sum(lengths.values()))
    yield Count(f"longest file, {_largest(lengths)}", max(lengths.values()), LONGEST_FILE)
    yield Count("median file", _median(lengths))
    yield Count("functions", len(lines))
    yield Count(f"longest function, {_largest(lines)}", max(lines.values()), LONGEST_FUNCTION)
    yield Count("median function", _median(lines))
    yield Count("classes", len(classes()))
    large = tuple(str(found) for found in classes() if len(found.counted) > found.limit)
    yield Count("classes with too many attributes", len(large), 0, large)
    yield Count("rooms", len(rooms(inside())))
    yield Count("circles between files", bool(cycle(edges(inside()))), 0)
    yield Count("circles between rooms", bool(cycle(rooms(inside()))), 0)


def _largest(sizes: dict[str, int]) -> str:
    name = max(sizes, key=lambda name: sizes[name])
    return name.removeprefix("xpnet/").removeprefix("xpnet.")


def _median(sizes: dict[str, int]) -> int:
    return sorted(sizes.values())[len(sizes) // 2]


def main() -> int:
    """Count and print; return the exit code."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="write the counts to this file")
    parser.add_argument("--calls", action="store_true", help="list the frames and calls by name")
    arguments = parser.parse_args()
    counts = [*running(), *reading()]
    for found in counts:
        print(found)
        if arguments.calls:
            print(*(f"    {part}" for part in found.parts), sep="\n", end="\n" * bool(found.parts))
    if arguments.json:
        arguments.json.write_text(json.dumps([asdict(c) for c in counts], indent=1), "utf-8")
    return 0 if all(found.met for found in counts) else 1


if __name__ == "__main__":
    sys.exit(main())
