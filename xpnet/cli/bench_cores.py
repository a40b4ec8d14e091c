"""`xpnet bench --cores`: how much faster a step is with more cores, computed on one of them.

The step is compiled for each number of threads, and one thread runs and times all its parts in
turn. A stage takes as long as its slowest part. Between two stages one thread works, and the others
wait.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from xpnet import __version__, backends
from xpnet.arguments import count
from xpnet.cli.bench import check, network, random_data
from xpnet.cli.timed_parts import ROUNDS, TimedStep, compiled_step, measure, meeting_seconds
from xpnet.engine.entry import accept
from xpnet.errors import ArgumentError, MissingDependencyError
from xpnet.lowering import MOST_THREADS
from xpnet.saving.whole_file import writing

__all__ = ["CoresRow", "bench_cores", "row_of"]

_BATCHES = 4  # of data, so that a batch is not in the cache when it is fetched

_HEAD = """\
{title}
a training step of {batch} samples with so many cores: computed, not measured, from times on one
core (medians of {rounds} rounds of its parts) and {meeting:.2f} us in which two threads meet
"""
_NOTE = """\

Real speed-ups are lower: this assumes that every core is as fast as this one alone, with memory and
cache of its own, and that the bytes that cores exchange arrive at once."""
_FEWER = "* fit chooses fewer threads: each needs about 16 rows and 100 us of work."


@dataclass(frozen=True)
class CoresRow:
    """A step on a number of cores.

    Attributes
    ----------
    cores, chosen : int
        The cores, and the number of threads that a fit chooses for them.
    serial, rows, sliced : float
        Shares of the work: one thread's work between the stages; the stages up to the check of the
        loss, in which threads share the rows of the batch; the stages after it, in which they
        share the weights.
    work : float
        The work of all threads, divided by that of the step on one core.
    meetings, exchanged : int
        How often the threads meet, and the bytes that they read from each other.
    step_us, speed_up : float
    """

    cores: int
    chosen: int
    serial: float
    rows: float
    sliced: float
    work: float
    meetings: int
    exchanged: int
    step_us: float
    speed_up: float

    @property
    def cells(self) -> list[str]:
        return [
            f"{self.cores}{'*' if self.chosen < self.cores else ' '}",
            *(f"{share:.2%}" for share in (self.serial, self.rows, self.sliced)),
            f"{self.work:.2f}",
            str(self.meetings),
            f"{self.exchanged / 1e6:,.2f}",
            f"{self.step_us:,.1f}",
            f"{self.speed_up:.2f}",
        ]


def bench_cores(arguments: argparse.Namespace) -> None:
    """Measure the parts of the step, compute and print the table, and write JSON.

    Raises
    ------
    XpnetError
        For settings that cannot be used, or without the extra ``fast``.
    """
    _check(arguments)
    backend: Any = backends.get("numpy")
    model = network(arguments, backend).build()
    X, y = random_data(arguments, _BATCHES * arguments.batch, backend)
    engine, data = accept(model.config, model.engine, X, y)
    wanted = {*arguments.cores}
    steps = [compiled_step(engine, data, arguments.batch, t) for t in sorted({1, *wanted})]
    measure(steps)
    meeting = meeting_seconds(backend)
    rows = [row_of(step, steps[0], meeting) for step in steps if step.threads in wanted]
    print(_table(arguments, rows, meeting))
    if arguments.json:
        found = _described(arguments, rows, meeting)
        with writing(arguments.json) as temporary:
            temporary.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def _check(arguments: argparse.Namespace) -> None:
    """Check all settings before anything is compiled."""
    for cores in arguments.cores:
        count("--cores", cores, 1, MOST_THREADS + 1)
    if arguments.plot is not None or arguments.backend not in (None, ["numpy"]):
        raise ArgumentError("--cores is about NumPy and has no curves: omit --backend and --plot.")
    check(arguments)
    reason = _why_not_compiled()
    if reason:
        raise MissingDependencyError(
            f"--cores needs compiled steps: pip install 'xpnet[fast]' ({reason})."
        )


def _why_not_compiled() -> str:
    """Why NumPy's steps are not compiled here; empty if they are."""
    if backends.get("numpy").lowering != "cpu":
        return "and do not set XPNET_FAST=0"
    try:
        from xpnet.lowering.cpu import jit  # noqa: F401
    except (ImportError, OSError) as error:  # LLVM's library cannot be loaded
        return str(error)
    return ""


def row_of(step: TimedStep, one: TimedStep, meeting: float) -> CoresRow:
    """The row for a step, from its times, the times on one core, and that of a meeting."""
    medians, alone = step.medians, sum(map(sum, one.medians))
    sums = [sum(place) for place in medians]
    work = sum(sums)
    rows, sliced = sum(sums[1 : step.checked : 2]) / work, sum(sums[step.checked + 1 :: 2]) / work
    if step.threads == 1:
        rows = sliced = 0.0
    # Threads that meet increment one counter, one after another.
    meetings = step.meetings * meeting * step.threads / 2
    seconds = sum(map(max, medians)) + meetings
    return CoresRow(
        step.threads,
        step.chosen,
        1 - rows - sliced,
        rows,
        sliced,
        work / alone,
        step.meetings,
        step.exchanged,
        1e6 * seconds,
        alone / seconds,
    )


# --- the report -----------------------------------------------------------------------------------


def _table(arguments: argparse.Namespace, rows: Sequence[CoresRow], meeting: float) -> str:
    """The rows as text."""
    layers = "-".join(map(str, arguments.layers))
    title = f"{layers}, {arguments.activation}, {arguments.optimizer}, {arguments.dtype}"
    given = {"batch": arguments.batch, "rounds": ROUNDS, "meeting": 1e6 * meeting}
    names = "serial rows sliced work meetings exchanged,MB step,us speed-up".split()
    cells = [["cores ", *names], *(row.cells for row in rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    lines = [
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths, strict=True))
        for line in cells
    ]
    fewer = [_FEWER] if any(row.chosen < row.cores for row in rows) else []
    return "\n".join([_HEAD.format(title=title, **given), *lines, _NOTE, *fewer])


def _described(
    arguments: argparse.Namespace, rows: Sequence[CoresRow], meeting: float
) -> dict[str, Any]:
    """The rows as a dict for JSON."""
    flags = ("layers", "batch", "activation", "optimizer", "dtype")
    return {
        "kind": "bench --cores: computed, not measured",
        "xpnet": __version__,
        "numpy": np.__version__,
        **{name: getattr(arguments, name) for name in flags},
        "rounds": ROUNDS,
        "meeting_us": 1e6 * meeting,
        "rows": [asdict(row) for row in rows],
    }
