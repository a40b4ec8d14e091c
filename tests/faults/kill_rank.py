"""Kill a random process of a training by two and resume it: the end must be the same to the bit.

    python tests/faults/kill_rank.py [--kills 20] [--seed 0]

Two processes train under MPI, with a checkpoint every few steps. The parent kills one of them by
SIGKILL after a random step; MPI ends the other. Then two new ones resume, until so many were
killed. The last two are left alone, and the final parameters, the optimizer's vectors and the
history are compared with those of a run that nobody disturbed.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from support.processes import command, environment

import xpnet as xn

EVERY, STEPS = 3, 320  # 8 epochs of 40 steps


class KilledAt(xn.Callback):
    """Kills this process after a step, as a machine's failure would."""

    def __init__(self, rank: int, step: int) -> None:
        self._rank, self._step = rank, step

    def on_step_end(self, model: Any, step: int) -> None:
        from mpi4py import MPI

        if step == self._step and self._rank == MPI.COMM_WORLD.rank:
            os.kill(os.getpid(), signal.SIGKILL)


def train(folder: Path, rank: int, step: int) -> None:
    """One run by two processes: to its end, or until a process is killed after a step."""
    from mpi4py import MPI

    rng = np.random.default_rng(0)
    X = rng.normal(size=(1500, 20))
    y = (X[:, :4] + rng.normal(size=(1500, 4))).argmax(axis=1)
    net = xn.Sequential(
        xn.Dense(32), xn.BatchNorm(), xn.ReLU(), xn.Dropout(0.2), xn.Dense(16, "tanh"), xn.Dense(4)
    )
    rate = xn.Warmup(xn.CosineDecay(0.01, 8), 1)
    model = xn.Model(net, optimizer=xn.AdamW(rate, clip_global_norm=1.0, average_decay=0.99))
    callbacks = [
        xn.EarlyStopping("loss", patience=6),
        xn.KeepBest("val_accuracy"),
        KilledAt(rank, step),
        xn.Checkpoint(folder, every=EVERY, unit="step", keep=2),
    ]
    history = model.fit(
        X[220:],
        y[220:],
        epochs=8,
        batch_size=32,
        validation_data=(X[:220], y[:220]),
        callbacks=callbacks,
        resume_from=folder,
        verbose=False,
        distributed=xn.Distributed(batch_norm="sync"),
    )
    found = {**model.state_dict()}
    found |= {f"slots.{name}": vector for name, vector in model.engine.state.slots.items()}
    columns = [c for c in history.columns if c != "seconds"]
    found |= {f"history.{c}": np.array(history[c]) for c in columns}
    np.savez(folder / f"result-{MPI.COMM_WORLD.rank}.npz", **found)


def run(folder: Path, rank: int = -1, step: int = -1) -> int:
    """Two processes; their exit status."""
    line = command(2, Path(__file__), "--child", str(folder), str(rank), str(step))
    done = subprocess.run(line, env=environment(), capture_output=True, timeout=300, check=False)
    if done.returncode and rank < 0:
        sys.exit(f"a run that nobody disturbed failed:\n{done.stderr.decode()}")
    return done.returncode


def results(folder: Path) -> dict[str, np.ndarray]:
    """What both processes ended with; they must agree."""
    found = []
    for rank in range(2):
        with np.load(folder / f"result-{rank}.npz") as arrays:
            found.append(dict(arrays))
    check(*found)
    return found[0]


def check(one: dict[str, np.ndarray], other: dict[str, np.ndarray]) -> None:
    for name, array in one.items():
        if not np.array_equal(array, other[name]):
            sys.exit(f"{name} differs")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--child", nargs=3, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        folder, rank, step = options.child
        train(Path(folder), int(rank), int(step))
        return
    chance = random.Random(options.seed)
    steps = sorted(chance.sample(range(2, STEPS), options.kills))
    with tempfile.TemporaryDirectory() as one, tempfile.TemporaryDirectory() as other:
        run(Path(one))
        wanted = results(Path(one))
        for step in steps:
            if not run(Path(other), chance.randrange(2), step):
                sys.exit(f"nobody was killed in step {step}")
        run(Path(other))
        check(wanted, results(Path(other)))
    print(json.dumps({"kills": len(steps), "different": 0}))


if __name__ == "__main__":
    main()
