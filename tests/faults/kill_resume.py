"""Kill a training at random moments and resume it: the end must be the same to the bit.

    python tests/faults/kill_resume.py [--kills 200] [--seed 0]

A child process trains with a checkpoint every few steps and resumes from the newest. The parent
kills it by SIGKILL after a random time, again and again, until a child ends by itself; then the
final parameters, the optimizer's vectors and the history are compared with those of a run that
nobody disturbed. Then it begins anew, until so many children were killed.
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
import time
from pathlib import Path

import numpy as np

import xpnet as xn

EVERY = 3


def train(folder: Path | None) -> tuple[xn.Model, xn.History]:
    """A training with everything that has a state: noise, running means, schedules, callbacks."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(3000, 20))
    y = (X[:, :4] + rng.normal(size=(3000, 4))).argmax(axis=1)
    net = xn.Sequential(
        xn.Dense(64), xn.BatchNorm(), xn.ReLU(), xn.Dropout(0.2), xn.Dense(32, "tanh"), xn.Dense(4)
    )
    rate = xn.Warmup(xn.CosineDecay(0.01, 8), 1)
    model = xn.Model(net, optimizer=xn.AdamW(rate, clip_global_norm=1.0, average_decay=0.99))
    watch = [xn.EarlyStopping("loss", patience=6), xn.KeepBest("val_accuracy")]
    own = [] if folder is None else [xn.Checkpoint(folder, every=EVERY, unit="step", keep=2)]
    history = model.fit(
        X[500:],
        y[500:],
        epochs=8,
        batch_size=32,
        validation_data=(X[:500], y[:500]),
        callbacks=[*watch, *own],
        resume_from=folder,
        verbose=False,
    )
    return model, history


def result(model: xn.Model, history: xn.History) -> dict[str, np.ndarray]:
    """Everything that must be equal."""
    columns = [c for c in history.columns if c != "seconds"]
    found = dict(model.state_dict())
    found |= {f"slots.{name}": vector for name, vector in model.engine.state.slots.items()}
    found |= {f"history.{c}": np.array(history[c]) for c in columns}
    return found | {"steps": np.array(model.engine.state.updates)}


def child(folder: Path) -> None:
    model, history = train(folder)
    np.savez(folder / "result.tmp.npz", **result(model, history))
    os.replace(folder / "result.tmp.npz", folder / "result.npz")


def one_training(folder: Path, delays: random.Random, longest: float, most: int) -> int:
    """Start children until one ends by itself; how many were killed."""
    kills = 0
    while True:
        process = subprocess.Popen(
            [sys.executable, __file__, "--child", str(folder)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
        )
        try:
            wait = delays.uniform(0.0, longest) if kills < most else None
            _, errors = process.communicate(timeout=wait)
        except subprocess.TimeoutExpired:
            process.send_signal(signal.SIGKILL)
            process.communicate()
            kills += 1
            continue
        if process.returncode:
            sys.exit(f"a child failed after {kills} kills:\n{errors.decode()}")
        return kills


def compare(folder: Path, wanted: dict[str, np.ndarray]) -> None:
    with np.load(folder / "result.npz") as found:
        if set(found) != set(wanted):
            sys.exit(f"other results: {sorted(set(found) ^ set(wanted))}")
        for name, array in wanted.items():
            if not np.array_equal(found[name], array):
                sys.exit(f"{name} differs from that of the run that was not interrupted")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--child", type=Path, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child)
        return
    wanted, delays = result(*train(None)), random.Random(options.seed)
    with tempfile.TemporaryDirectory() as name:
        started = time.perf_counter()
        one_training(Path(name), delays, 0.0, 0)
        longest = time.perf_counter() - started
        compare(Path(name), wanted)
    kills = trainings = 0
    while kills < options.kills:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            kills += one_training(folder, delays, longest, options.kills - kills)
            compare(folder, wanted)
            trainings += 1
    print(json.dumps({"kills": kills, "trainings": trainings, "different": 0}))


if __name__ == "__main__":
    main()
