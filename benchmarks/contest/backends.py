"""`peers.py --backends`: every array library in its own process; the processes take turns."""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack
from functools import partial
from pathlib import Path
from typing import Any

from common import SIZES, Size
from timing import in_turns

from contest import first_step, libraries, rules
from contest.environment import environment
from contest.processes import ask, by_turns
from contest.worker import PREDICTED, sizes

PARTS = ["steps", "predictions", "compile"]
COMPILED = SIZES[1]
PROCESSES = 3  # for each first step


class Process:
    """A running `contest.server`.

    Attributes
    ----------
    about : dict
        Versions, and whether the process is confined.
    """

    def __init__(self, library: str, threads: int, only: list[str]) -> None:
        self._library = library
        settings = libraries.libraries()[library].settings
        self._process = subprocess.Popen(
            [sys.executable, "-m", "contest.server", library, str(threads), *only],
            env={**environment(threads), **settings},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self.about: dict[str, Any] = self._read()

    def __enter__(self) -> Process:
        return self

    def __exit__(self, *_: object) -> None:
        self._process.kill()
        self._process.communicate()

    def ask(self, *request: Any) -> Any:
        """Send a request; return its answer."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(request) + "\n")
        self._process.stdin.flush()
        return self._read()

    def _read(self) -> Any:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            raise RuntimeError(f"the process of {self._library} ended: see above")
        return json.loads(line)


def chosen(only: list[str], parts: list[str]) -> list[str]:
    """The libraries that have a chosen player, and always NumPy, which times the floor."""
    found = ["numpy"]
    for name, library in libraries.libraries().items():
        kinds = {"steps": library.trains, "predictions": library.predicts}
        names = [n for part, makers in kinds.items() if part in parts for n in makers]
        if name != "numpy" and rules.chosen(names, only):
            found.append(name)
    return found


def contest(
    processes: dict[str, Process], request: list[Any], rounds: int
) -> tuple[rules.Found, dict[str, str]]:
    """The times of all players at one task, taken in turn, and why others are absent."""
    timers, absent = {}, {}
    for process in processes.values():
        found = process.ask(*request)
        timers |= {name: partial(process.ask, "time", name) for name in found["ready"]}
        absent |= found["absent"]
    return rules.told(in_turns(timers, rounds), libraries.rival), absent


def requests(names: list[str], parts: list[str]) -> Iterator[tuple[str, list[Any]]]:
    """The tasks, each with its title."""
    for size in sizes(names):
        if "steps" in parts:
            yield f"a step of {size.name}", ["steps", size.name]
        for rows in PREDICTED if "predictions" in parts else ():
            units = "-".join(map(str, size.units))
            title = f"prediction of {rows:,} row{'s' * (rows > 1)} by {units}"
            yield title, ["predictions", size.name, rows]


def measure(
    threads: int, only: list[str], names: list[str], rounds: int, parts: list[str]
) -> Iterator[dict[str, Any]]:
    """The tables for this many threads, yielded after each table."""
    found: dict[str, Any] = {"machine": {}, "absent": {}, "tables": []}
    with ExitStack() as stack:
        running = {
            name: stack.enter_context(Process(name, threads, only)) for name in chosen(only, parts)
        }
        for process in running.values():
            found["machine"] |= process.about
        for title, request in requests(names, parts):
            print(f"{threads} threads: {title}", file=sys.stderr, flush=True)
            rows, absent = contest(running, request, rounds)
            for name in absent.keys() - found["absent"].keys():
                print(f"  {name} is left out: {absent[name]}", file=sys.stderr)
            found["absent"] |= absent
            found["tables"].append({"name": title, "rows": rows})
            yield found


def first_steps(only: list[str], threads: int, size: Size = COMPILED) -> dict[str, Any]:
    """The table of first steps on JAX, each in a new process."""
    every = libraries.libraries()
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "task.npz"
        rules.task_of(size, 1).save(file)

        def begun(name: str) -> float:
            library = first_step.PLAYERS[name]
            words = ["-m", "contest.first_step", library, name, str(file)]
            return ask(threads, *words, settings=every[library].settings)[0]

        rows = by_turns(rules.chosen(first_step.PLAYERS, only), PROCESSES, begun)
    return {"name": f"the first step of {size.name} in a new process, ms", "rows": rows}
