"""Interrupt public calls by signals at random moments: no limit, lock or setting may be left.

    python tests/faults/interrupts.py [--tries 1000] [--seed 0]

A timer's signal, whose handler raises an exception, arrives once or again and again while a call
runs. Afterwards the BLAS has its threads, no lock is held, and the next call works.
"""

from __future__ import annotations

import argparse
import copy
import json
import pickle
import random
import signal
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np

import xpnet as xn
from xpnet import locks
from xpnet.lowering.cpu.pool import numpys

THREADS = 2


class Interrupted(BaseException):
    """What the handler raises."""


ARMED = [False]


def handler(*_: object) -> None:
    if ARMED[0]:
        raise Interrupted


def calls(model: xn.Model, folder: Path) -> dict[str, Callable[[], object]]:
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(400, 20)).astype("float32"), np.arange(400) % 3
    return {
        "predict one": lambda: model.predict(X[:1]),
        "predict": lambda: model.predict(X, batch_size=100),
        "evaluate": lambda: model.evaluate(X, y, batch_size=100),
        "fit": lambda: model.fit(X, y, epochs=1, batch_size=64, verbose=False),
        "one batch": lambda: model.train_on_batch(X[:32], y[:32]),
        "save": lambda: model.save(folder / "model.safetensors"),
        "load": lambda: xn.load(folder / "model.safetensors"),
        "pickle": lambda: pickle.loads(pickle.dumps(model)),
        "copy": lambda: copy.deepcopy(model),
        "state": lambda: model.load_state_dict(model.state_dict()),
    }


def left() -> list[str]:
    """What is not as it was."""
    pool, found = numpys(), []
    if pool.limits or pool._running or pool._gate is not None:
        found.append("limits")
    if pool._ask() != THREADS:
        found.append("threads")
    if any(lock._is_owned() for lock in locks._all(0, 1, 2)):
        found.append("locks")
    if np.geterr() != ERRORS:
        found.append("floating-point errors")
    return found


ERRORS = np.geterr()


def interrupt(call: Callable[[], object], wait: float, again: float) -> None:
    """Repeat a call until a signal ends it."""
    try:
        ARMED[0] = True
        signal.setitimer(signal.ITIMER_REAL, wait, again)
        while True:
            call()
    except Interrupted:
        ARMED[0] = False
    signal.setitimer(signal.ITIMER_REAL, 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--tries", type=int, default=1000)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    signal.signal(signal.SIGALRM, handler)
    numpys()._give(THREADS)
    if numpys()._ask() != THREADS:
        print(json.dumps({"skipped": "the threads of NumPy's BLAS cannot be set"}))
        return
    moments, model = random.Random(options.seed), xn.MLP([20, 32, 3])
    with tempfile.TemporaryDirectory() as folder:
        for name, call in calls(model, Path(folder)).items():
            call()
            longest = 5e-3 if name in ("fit", "save", "load") else 8e-4
            for i in range(options.tries):
                interrupt(call, moments.uniform(2e-5, longest), (0, 5e-5)[i % 2])
                if found := left():
                    sys.exit(f"after interrupt {i} of {name!r}: {', '.join(found)}")
            call()
    print(json.dumps({"tries": options.tries, "left": 0}))


if __name__ == "__main__":
    main()
