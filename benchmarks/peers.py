"""xpnet and other libraries: the same training steps and predictions, in turn, in one process.

    python benchmarks/peers.py [--threads 1 2] [--only xpnet torch ...] [--sizes 784-128-10 ...]
        [--parts steps predictions processes] [--rounds 40] [--json F] [--markdown F] [--plot F]
    python benchmarks/peers.py --backends [--parts steps predictions compile] [--rounds 5] [...]

For each number of threads, one process times the matrix products alone (the floor), xpnet in its
variants, NumPy by hand, PyTorch, JAX, scikit-learn, skorch and ONNX Runtime, round by round. A
library that is not installed, or computes something different, is left out and named. The results
are ratios to the floor and ratios to xpnet. The part ``processes`` adds measurements that need new
processes: import, installed size, memory, time from start to a trained model.

With ``--backends``, xpnet runs on each array library. It is compared with code written by hand in
the same library and with Keras 3 on it. Each library has its own process, and the processes take
turns. The part ``compile`` times first steps on JAX in new processes. Altogether, this takes about
8 minutes.

The libraries have the settings of their tutorials. The fused PyTorch optimizers are included too,
because they are faster. See `contest` for the rules.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from common import SIZES, Size, machine
from contest import backends, installed, libraries, processes, report
from contest.arguments import count, known, picture, written
from contest.environment import environment
from contest.rules import players, predictors, task_of
from contest.task import Task

PARTS = ["steps", "predictions", "processes"]
DIGITS = Size((64, 128, 10), 128, "Adam")
WIDE, ROWS = SIZES[2], 20_000


def of_threads(threads: int, settings: dict[str, Any]) -> Any:
    """The measurements of a process with this many threads."""
    done = subprocess.run(
        [sys.executable, "-m", "contest.worker", str(threads), json.dumps(settings)],
        env=environment(threads),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def of_processes(rounds: int, threads: int) -> list[dict[str, Any]]:
    """The measurements of new processes, and the installed sizes."""
    with tempfile.TemporaryDirectory() as folder:
        wide = Path(folder) / "wide.npz"
        task_of(WIDE, ROWS // WIDE.batch).save(wide)
        digits = _digits(Path(folder) / "digits.npz")
        tables = processes.measure(digits, wide, rounds, threads)
    return [*tables, {"name": "installed, with all that it needs, MB", "rows": installed.sizes()}]


def _digits(path: Path) -> Path | None:
    """The digits as a task, if scikit-learn, which contains them, is installed."""
    import xpnet as xn

    try:
        data = xn.datasets.digits()
    except xn.errors.MissingDependencyError as error:
        print(f"the digits are left out: {error}", file=sys.stderr)
        return None
    layers = task_of(DIGITS, 1).layers
    Task(layers, data.X, data.y, DIGITS.batch, DIGITS.optimizer).save(path)
    return path


def measure(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """All requested measurements; yielded after each part, so that a failure loses nothing."""
    settings = {"only": options.only, "names": options.sizes, "rounds": options.rounds}
    timed = [part for part in options.parts if part != "processes"]
    result = begun()
    for threads in options.threads if timed else ():
        result["threads"][str(threads)] = of_threads(threads, {**settings, "parts": timed})
        yield result
    if "processes" in options.parts:
        rounds = min(options.rounds, 15)
        result["processes"] = of_processes(rounds, max(options.threads))
        yield result


def measure_backends(options: argparse.Namespace) -> Iterator[dict[str, Any]]:
    """The same for every array library, each in its own process; yielded after each table."""
    result = begun()
    for threads in options.threads if set(options.parts) - {"compile"} else ():
        given = options.only, options.sizes, options.rounds, options.parts
        for found in backends.measure(threads, *given):
            result["threads"][str(threads)] = found
            yield result
    if "compile" in options.parts:
        result["processes"] = [backends.first_steps(options.only, max(options.threads))]
        yield result


def begun() -> dict[str, Any]:
    """The results before anything is measured."""
    return {
        "kind": "peers",
        "date": datetime.now(UTC).date().isoformat(),
        "command": " ".join(["python benchmarks/peers.py", *sys.argv[1:]]),
        "machine": machine(),
        "threads": {},
    }


def names() -> list[str]:
    """The names of all players: the installed variants of xpnet, and all other libraries."""
    return list(dict.fromkeys([*players(), *predictors()]))


def arguments() -> argparse.ArgumentParser:
    sizes = "; ".join(size.name for size in SIZES)
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog=f"players: {'; '.join(names())}. With --backends: {'; '.join(libraries.names())}. "
        f"sizes: {sizes}. parts: {'; '.join(PARTS)}; with --backends {'; '.join(backends.PARTS)}.",
    )
    add = parser.add_argument
    add("--backends", action="store_true", help="xpnet, handwritten code and Keras on each library")
    add("--threads", type=count, nargs="+", default=[1, 2], metavar="N", help="default: 1 2")
    add("--only", nargs="+", default=[], metavar="PLAYER", help="prefixes of players' names")
    add("--sizes", nargs="+", default=[], metavar="SIZE", help="prefixes of sizes' names")
    every = dict.fromkeys([*PARTS, *backends.PARTS])
    add("--parts", nargs="+", choices=list(every), help="default: all of them")
    add("--rounds", type=count, metavar="N", help="default: 40; 5 with --backends")
    add("--json", type=written, metavar="FILE", help="write the measurements, after each part")
    add("--markdown", type=written, metavar="FILE", help="the tables")
    add("--plot", type=picture, metavar="FILE", help="draw bars of the ratios (.png, .pdf, .svg)")
    return parser


def options(words: list[str] | None = None) -> argparse.Namespace:
    """The command-line options."""
    parser = arguments()
    given = parser.parse_args(words)
    parts = backends.PARTS if given.backends else PARTS
    given.parts, given.rounds = given.parts or parts, given.rounds or (5 if given.backends else 40)
    if wrong := sorted(set(given.parts) - set(parts)):
        parser.error(
            f"--parts: {wrong[0]} is measured {'without' if given.backends else 'with'} --backends"
        )
    known(parser, "--only", given.only, libraries.names() if given.backends else names())
    known(parser, "--sizes", given.sizes, [size.name for size in SIZES])
    return given


def main() -> None:
    given = options()
    for found in (measure_backends if given.backends else measure)(given):
        if given.json:
            Path(given.json).write_text(json.dumps(found, indent=1) + "\n")
    text = report.markdown(found)
    print(text)
    if given.markdown:
        Path(given.markdown).write_text(text)
    if given.plot:
        report.plot(found).savefig(given.plot, dpi=150)


if __name__ == "__main__":
    main()
