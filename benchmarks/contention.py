"""Training beside busy processes: what a step costs when its threads do not always get a core.

    python benchmarks/contention.py [--busy 0 1 2] [--size 784-128-10] [--seconds 4] [--rounds 3]
        [--json FILE]

In each round, each setting trains in its own process, beside busy processes that only spin. The
settings are the defaults and one thread, each with and without the extra ``fast``. The table gives
the time of a step in an epoch of `fit` and of single steps: the median of these, and how far the
slowest percent is above it.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from time import perf_counter
from typing import Any

import numpy as np
from common import SIZES, Size, machine
from contest.arguments import count, written
from timing import Spread

ROWS = 6400
_ONE = {"OPENBLAS_NUM_THREADS": "1", "XPNET_NUM_THREADS": "1"}
SETTINGS: dict[str, dict[str, str]] = {
    "default": {},
    "one thread": _ONE,
    "without fast": {"XPNET_FAST": "0"},
    "without fast, one thread": {"XPNET_FAST": "0", **_ONE},
}
_BUSY = "while True: pass"


@contextmanager
def busy(processes: int) -> Iterator[None]:
    """Run the body beside this many processes that only spin."""
    others = [subprocess.Popen([sys.executable, "-c", _BUSY]) for _ in range(processes)]
    try:
        yield
    finally:
        for other in others:
            other.kill()
            other.wait()


def environment(setting: dict[str, str]) -> dict[str, str]:
    """The environment variables for this setting, without other limits on threads."""
    names = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "XPNET_NUM_THREADS")
    rest = {name: value for name, value in os.environ.items() if name not in names}
    path = os.pathsep.join(filter(None, (str(Path(__file__).parent), rest.get("PYTHONPATH"))))
    return {**rest, **setting, "PYTHONPATH": path}


def train(size: Size, seconds: float) -> dict[str, Any]:
    """Seconds per step of several epochs, and of single steps, in this process."""
    model, (X, y) = size.model(), size.data(ROWS)
    fit: Any = {"batch_size": size.batch, "verbose": False}
    model.fit(X, y, epochs=1, **fit)
    steps = -(-ROWS // size.batch)
    epochs: list[float] = []
    singles: list[float] = []
    end = perf_counter() + seconds
    while perf_counter() < end or len(epochs) < 3:
        epochs.append(float(model.fit(X, y, epochs=1, **fit)["seconds"][0]) / steps)
    batch = X[: size.batch], y[: size.batch]
    end = perf_counter() + seconds
    while perf_counter() < end or len(singles) < 100:
        start = perf_counter()
        model.train_on_batch(*batch)
        singles.append(perf_counter() - start)
    return {"epochs": epochs, "singles": singles}


def measured(name: str, size: Size, processes: int, seconds: float) -> dict[str, Any]:
    """What `train` returns in a process with a setting, beside busy processes."""
    code = (
        "import json, sys; from common import SIZES; from contention import train;"
        "print(json.dumps(train(SIZES[int(sys.argv[1])], float(sys.argv[2]))))"
    )
    command = [sys.executable, "-c", code, str(SIZES.index(size)), str(seconds)]
    with busy(processes):
        done = subprocess.run(
            command, env=environment(SETTINGS[name]), capture_output=True, text=True, check=True
        )
    found: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return found


def table(size: Size, busy_ones: list[int], seconds: float, rounds: int) -> list[dict[str, Any]]:
    """A row for each setting and number of busy processes."""
    found: dict[tuple[int, str], list[dict[str, Any]]] = {}
    for _ in range(rounds):
        for processes in busy_ones:
            for name in SETTINGS:
                made = measured(name, size, processes, seconds)
                found.setdefault((processes, name), []).append(made)
    return [_row(*key, runs) for key, runs in found.items()]


def _row(processes: int, name: str, runs: list[dict[str, Any]]) -> dict[str, Any]:
    epochs = Spread.of([1e6 * s for run in runs for s in run["epochs"]])
    singles = 1e6 * np.concatenate([run["singles"] for run in runs])
    median, slowest = np.percentile(singles, [50, 99]).tolist()
    return {
        "busy": processes,
        "setting": name,
        "step of fit, us": [epochs.median, epochs.low, epochs.high],
        "single step, us": median,
        "slowest percent above, us": slowest - median,
    }


def lines(rows: list[dict[str, Any]]) -> Iterator[str]:
    """The table as text; ratios are to one thread beside as many busy processes."""
    head = ("busy", "setting", "step of fit, us", "quartiles", "ratio", "single, us", "slowest 1 %")
    form = "{:>4}  {:24} {:>15} {:>17} {:>7} {:>12} {:>14}"
    yield form.format(*head)
    one = {r["busy"]: r["step of fit, us"][0] for r in rows if r["setting"] == "one thread"}
    for r in rows:
        median, low, high = r["step of fit, us"]
        yield form.format(
            r["busy"],
            r["setting"],
            f"{median:.0f}",
            f"{low:.0f}-{high:.0f}",
            f"{median / one[r['busy']]:.2f}",
            f"{r['single step, us']:.0f}",
            f"+{r['slowest percent above, us']:.0f}",
        )


def main() -> None:
    names = ["-".join(map(str, size.units)) for size in SIZES]
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--busy", type=int, nargs="+", default=[0, 1, 2], metavar="N")
    parser.add_argument("--size", choices=names, default=names[1])
    parser.add_argument("--seconds", type=float, default=4.0)
    parser.add_argument("--rounds", type=count, default=3)
    parser.add_argument("--json", type=written, metavar="FILE")
    given = parser.parse_args()
    size = SIZES[names.index(given.size)]
    rows = table(size, given.busy, given.seconds, given.rounds)
    print(f"{size.name}, {os.cpu_count()} cores")
    print("\n".join(lines(rows)))
    if given.json:
        Path(given.json).write_text(json.dumps({"machine": machine(), "rows": rows}, indent=1))


if __name__ == "__main__":
    main()
