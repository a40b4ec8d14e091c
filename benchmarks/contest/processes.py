"""Measurements that need a new process: import, memory of training, time from start to a model.

    python -m contest.processes memory NAME FILE
    python -m contest.processes train NAME FILE
    python -m contest.processes first VARIANT FILE

Each command does the task in FILE with one library, and imports nothing else. `measure` starts them
in turn and reads their answers, which are JSON objects.
"""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from timing import Spread

from contest.environment import environment
from contest.task import Absent, Task

MODULES = {
    "numpy": "numpy",
    "xpnet": "xpnet.model",  # the package alone loads nothing
    "scikit-learn": "sklearn.neural_network",
    "torch": "torch",
    "jax": "jax",
    "skorch": "skorch",
}
LIBRARIES = {module.partition(".")[0] for module in MODULES.values()} | {"keras"}
PLAYERS = {
    "xpnet": ("ours", "Best"),
    "numpy by hand": ("by_hand", "ByHand"),
    "scikit-learn": ("with_sklearn", "Sklearn"),
    "torch": ("with_torch", "Torch"),
    "jax": ("with_jax", "Jax"),
    "skorch": ("with_torch", "Skorch"),
}
EPOCHS, GOOD = 60, 0.1  # of the digits, and the training loss that must be reached
_IMPORT = "from time import perf_counter as t; s = t(); import numpy, {}; print(1e3 * (t() - s))"


def player(name: str, task: Task) -> Any:
    """A library at a task."""
    module, kind = PLAYERS[name]
    return getattr(import_module(f"contest.{module}"), kind)(task)


def epochs(made: Any, task: Task, count: int) -> None:
    """Make all steps of the epochs, and wait for them."""
    for _ in range(count * task.batches // made.steps):
        made.run()
    made.finish()


def memory(name: str, task: Task) -> float:
    """The peak memory of an epoch in MiB, without the data and the library itself."""
    epochs(
        player(name, _tiny(task)), _tiny(task), 1
    )  # loads modules that are imported on first use
    before = _resident("VmRSS")
    Path("/proc/self/clear_refs").write_text("5")  # reset the peak
    epochs(player(name, task), task, 1)
    return (_resident("VmHWM") - before) / 1024


def _tiny(task: Task) -> Task:
    layers = [(np.ones((4, 3), np.float32), np.zeros(3, np.float32))]
    rows = 2 * task.batch
    X = np.ascontiguousarray(task.X[:rows, :4])
    return Task(layers, X, np.arange(rows) % 3, task.batch, task.optimizer)


def _resident(name: str) -> float:
    """A memory figure of this process in KiB, from the kernel."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return float(next(line for line in lines if line.startswith(name)).split()[1])


def train(name: str, task: Task) -> float:
    """The loss of the training data after the epochs."""
    made = player(name, task)
    epochs(made, task, EPOCHS)
    return float(made.mean_loss(task.batches))


def first(variant: str, task: Task) -> float:
    """Milliseconds that a variant of xpnet takes to make a model, compile it, and make a step."""
    from contest import ours

    settings = ours.variants()[variant]
    import_module(MODULES["xpnet"])  # is not what is timed here
    start = perf_counter()
    ours.Step(task, settings).step()
    return 1e3 * (perf_counter() - start)


# --- from outside ---------------------------------------------------------------------------------


def ask(threads: int, *arguments: str, settings: Mapping[str, str] = {}) -> tuple[float, float]:
    """The answer of a new interpreter, and its total time in seconds."""
    start = perf_counter()
    done = subprocess.run(
        [sys.executable, *arguments],
        env={**environment(threads), **settings},
        capture_output=True,
        text=True,
        check=False,
    )
    seconds = perf_counter() - start
    if done.returncode:
        raise Absent(_reason(done.stderr))
    return float(done.stdout.splitlines()[-1]), seconds


def _reason(stderr: str) -> str:
    """The last line of a process's errors; shorter if the library itself is missing."""
    last = (stderr.strip().splitlines() or ["it failed without a message"])[-1]
    missing = re.fullmatch(r"ModuleNotFoundError: No module named '(\w+)[\w.]*'", last)
    return "not installed" if missing and missing[1] in LIBRARIES else last


def by_turns(
    names: Iterable[str], rounds: int, taken: Callable[[str], float]
) -> dict[str, dict[str, Any]]:
    """Measure each once per round; one that fails the first time is not repeated."""
    values: dict[str, list[float]] = {name: [] for name in names}
    reasons: dict[str, dict[str, Any]] = {}
    for turn in range(rounds + 1):  # the first round fills the system's file cache
        for name in [name for name in values if name not in reasons]:
            try:
                values[name].append(taken(name))
            except Absent as reason:
                reasons[name] = {"reason": str(reason)}
        if not turn:
            values = {name: [] for name in values}
    return {n: reasons.get(n) or vars(Spread.of(v)) for n, v in values.items()}


def measure(digits: Path | None, wide: Path, rounds: int, threads: int) -> list[dict[str, Any]]:
    """Tables of import times, first steps, times from start to a model, and memory.

    Parameters
    ----------
    digits, wide : Path
        Files of tasks: one that is learned quickly, and one that takes much memory.
    """
    from contest.ours import variants

    def begun(variant: str) -> float:
        return ask(threads, "-m", "contest.processes", "first", variant, str(wide))[0]

    def learned(name: str) -> float:
        loss, seconds = ask(threads, "-m", "contest.processes", "train", name, str(digits))
        if not loss < GOOD:
            raise Absent(f"it learned the digits only to a loss of {loss:.3g}")
        return seconds

    def taken(name: str) -> float:
        return ask(threads, "-m", "contest.processes", "memory", name, str(wide))[0]

    tables = [
        (
            "import, with NumPy, ms",
            by_turns(
                MODULES, rounds, lambda name: ask(threads, "-c", _IMPORT.format(MODULES[name]))[0]
            ),
        ),
        ("a model made, and its first step, ms", by_turns(variants(), rounds, begun)),
    ]
    if digits is not None:
        tables.append(("from start to the digits learned, s", by_turns(PLAYERS, rounds, learned)))
    if Path("/proc/self/clear_refs").exists():
        tables.append(("memory of an epoch beyond the data, MiB", by_turns(PLAYERS, 3, taken)))
    return [{"name": name, "rows": rows} for name, rows in tables]


def main() -> None:
    what, name, file = sys.argv[1:]
    try:
        print({"memory": memory, "train": train, "first": first}[what](name, Task.load(Path(file))))
    except Absent as reason:
        sys.exit(str(reason))


if __name__ == "__main__":
    main()
