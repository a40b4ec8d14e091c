"""Runs, each in a new process, and the file that collects their results line by line."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any, NamedTuple

from contest.environment import environment


class Run(NamedTuple):
    """What one process does; a quiet run is alone on the machine, so its times count."""

    method: str
    table: str
    seed: int
    threads: int
    quiet: bool

    @classmethod
    def of(cls, row: dict[str, Any]) -> Run:
        return cls(*(row[name] for name in cls._fields))


def read(files: Iterable[Path]) -> list[dict[str, Any]]:
    """The rows of result files."""
    lines = [line for file in files for line in file.read_text().splitlines()]
    return [json.loads(line) for line in lines]


def missing(runs: Iterable[Run], rows: Iterable[dict[str, Any]]) -> list[Run]:
    """The runs without a result; a run that failed is tried again."""
    done = {Run.of(row) for row in rows if "error" not in row}
    return [run for run in runs if run not in done]


def make(runs: Iterable[Run], out: Path, seconds: float) -> Iterator[dict[str, Any]]:
    """Make the runs in turn, append each result to the file, and stop when the time is over."""
    end = monotonic() + seconds
    for run in runs:
        try:
            found = _result(run, end - monotonic())
        except subprocess.TimeoutExpired:
            return
        row = {**run._asdict(), "date": f"{datetime.now(UTC):%Y-%m-%d}", **found}
        _append(out, row)
        yield row


def _append(out: Path, row: dict[str, Any]) -> None:
    """One write, so that two commands can share the file."""
    with out.open("a") as file:
        file.write(json.dumps(row) + "\n")


def _result(run: Run, seconds: float) -> dict[str, Any]:
    words = [run.method, run.table, str(run.seed), str(run.threads)]
    done = subprocess.run(
        [sys.executable, "-m", "tabular_contest.one", *words],
        env={**environment(run.threads), "XPNET_NUM_THREADS": str(run.threads)},
        capture_output=True,
        text=True,
        check=False,
        timeout=max(seconds, 0),
    )
    if done.returncode:
        last = done.stderr.strip().splitlines() or [f"exit status {done.returncode}"]
        return {"error": last[-1]}
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found
