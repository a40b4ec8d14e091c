"""xpnet beside its peers: the same training steps and predictions, by turns, in one process.

    python benchmarks/peers.py [--threads 1 2] [--only xpnet torch ...] [--sizes 784-128-10 ...]
        [--parts steps predictions processes] [--rounds 40] [--json F] [--markdown F] [--plot F]

A process for each number of threads times the bare matrix products (the floor), xpnet in its
variants, NumPy by hand, PyTorch, JAX, scikit-learn, skorch and ONNX Runtime, round by round. Who is
not installed, or computes something else, is left out and named. The results are ratios: how many
times the floor each needs, and how many times xpnet. The part ``processes`` adds what only fresh
processes show: import, installed size, memory, time from start to a trained model.

Settings of the libraries are those of their tutorials; the fused PyTorch optimizers are there as
well, since they are quicker. See `contest` for the rules.
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
from contest import installed, processes, report
from contest.arguments import count, known, picture, written
from contest.environment import environment
from contest.rules import players, predictors, task_of
from contest.task import Task

PARTS = ["steps", "predictions", "processes"]
DIGITS = Size((64, 128, 10), 128, "Adam")
WIDE, ROWS = SIZES[2], 20_000


def of_threads(threads: int, settings: dict[str, Any]) -> Any:
    """What a process with this many threads measures."""
    done = subprocess.run(
        [sys.executable, "-m", "contest.worker", str(threads), json.dumps(settings)],
        env=environment(threads),
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    )
    return json.loads(done.stdout.splitlines()[-1])


def of_processes(rounds: int, threads: int) -> list[dict[str, Any]]:
    """What fresh processes show, with the installed sizes."""
    with tempfile.TemporaryDirectory() as folder:
        wide = Path(folder) / "wide.npz"
        task_of(WIDE, ROWS // WIDE.batch).save(wide)
        digits = _digits(Path(folder) / "digits.npz")
        tables = processes.measure(digits, wide, rounds, threads)
    return [*tables, {"name": "installed, with all that it needs, MB", "rows": installed.sizes()}]


def _digits(path: Path) -> Path | None:
    """The digits as a task, where scikit-learn is installed, which brings them."""
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
    """Everything that was asked for; yielded as it grows, so that a part is kept if one fails."""
    settings = {"only": options.only, "names": options.sizes, "rounds": options.rounds}
    timed = [part for part in options.parts if part != "processes"]
    result: dict[str, Any] = {
        "kind": "peers",
        "date": datetime.now(UTC).date().isoformat(),
        "command": " ".join(["python benchmarks/peers.py", *sys.argv[1:]]),
        "machine": machine(),
        "threads": {},
    }
    for threads in options.threads if timed else ():
        result["threads"][str(threads)] = of_threads(threads, {**settings, "parts": timed})
        yield result
    if "processes" in options.parts:
        rounds = min(options.rounds, 15)
        result["processes"] = of_processes(rounds, max(options.threads))
        yield result


def names() -> list[str]:
    """Everyone who may take part; of xpnet the variants that are installed, of peers all."""
    return list(dict.fromkeys([*players(), *predictors()]))


def arguments() -> argparse.ArgumentParser:
    sizes = "; ".join(size.name for size in SIZES)
    parser = argparse.ArgumentParser(
        description=__doc__.splitlines()[0],
        epilog=f"players: {'; '.join(names())}. sizes: {sizes}. parts: {'; '.join(PARTS)}.",
    )
    add = parser.add_argument
    add("--threads", type=count, nargs="+", default=[1, 2], metavar="N", help="default: 1 2")
    add("--only", nargs="+", default=[], metavar="PLAYER", help="beginnings of players' names")
    add("--sizes", nargs="+", default=[], metavar="SIZE", help="beginnings of sizes' names")
    add("--parts", nargs="+", default=PARTS, choices=PARTS, help="default: all of them")
    add("--rounds", type=count, default=40, metavar="N", help="default: 40")
    add("--json", type=written, metavar="FILE", help="what was measured, written as it grows")
    add("--markdown", type=written, metavar="FILE", help="the tables")
    add("--plot", type=picture, metavar="FILE", help="bars of the ratios (.png, .pdf, .svg)")
    return parser


def options(words: list[str] | None = None) -> argparse.Namespace:
    """What the command line says."""
    parser = arguments()
    given = parser.parse_args(words)
    known(parser, "--only", given.only, names())
    known(parser, "--sizes", given.sizes, [size.name for size in SIZES])
    return given


def main() -> None:
    given = options()
    for found in measure(given):
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
