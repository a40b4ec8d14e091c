"""What happens in one of several processes; run under MPI by the tests beside it.

    python one_of_several.py CASE [FOLDER]

Process 1 does what the case says. A fit that ends prints one JSON object per process.
"""

from __future__ import annotations

import json
import os
import signal
import sys
from typing import Any

import numpy as np
from mpi4py import MPI

import xpnet as xn
from xpnet.errors import XpnetError
from xpnet.parallel import distributed, member
from xpnet.parallel.mpi import MpiGroup

COMM = MPI.COMM_WORLD
FIRST, OTHER = COMM.rank == 0, COMM.rank == 1
RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 5))
Y = X[:, :2] + RNG.normal(size=(200, 2))


SUMS: list[int] = []


class Counted(MpiGroup):
    def sum(self, vector: Any) -> None:
        SUMS.append(vector.size)
        super().sum(vector)


distributed.MpiGroup = Counted  # type: ignore[misc]


class At(xn.Callback):
    """Does something at one step, in process 1."""

    def __init__(self, step: int, action: Any) -> None:
        self._step, self._action = step, action

    def on_step_end(self, model: Any, step: int) -> None:
        if OTHER and step == self._step:
            self._action(model)


class StopsAlone(xn.Callback):
    """Asks to stop, in process 1."""

    def on_safe_point(self, model: Any, context: xn.FitContext) -> None:
        context.stopping = context.stopping or (OTHER and context.state.step >= 13)


def fails(model: Any) -> None:
    raise ZeroDivisionError("of process 1")


def killed(model: Any) -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def terminated(model: Any) -> None:
    signal.raise_signal(signal.SIGTERM)


def moved(model: Any) -> None:
    model.parameters["layers.0.weight"][0, 0] += 1.0


def fit(x: Any = X, *callbacks: Any, how: Any = True, **more: Any) -> None:
    seed = more.pop("seed", 0)
    net = xn.Sequential(xn.Dense(8, "relu"), xn.Dense(2))
    model = xn.Model(net, "mse", xn.SGD(0.01), dtype="float64", seed=seed)
    SUMS.clear()
    settings = {"epochs": 4, "batch_size": 20, "verbose": False, **more}
    history = model.fit(x, Y[: len(x)], callbacks=[*callbacks], distributed=how, **settings)
    found = {
        "rank": COMM.rank,
        "steps": model.engine.state.step,
        "sums": len(SUMS),
        "epochs": len(history),
        "interrupted": history.interrupted,
        "weight": float(model.parameters["layers.0.weight"][0, 0]),
    }
    COMM.Barrier()
    print(json.dumps(found) + "\n", end="", flush=True)


def other_version() -> None:
    before = member.__version__
    member.__version__ = "0.0.1" if OTHER else before
    try:
        fit()
    finally:
        member.__version__ = before


REFUSED: dict[str, Any] = {
    "batch_size": lambda: fit(batch_size=30 if OTHER else 20),
    "seed": lambda: fit(seed=int(OTHER)),
    "columns of X": lambda: fit(X[:, : 4 if OTHER else 5]),
    "means of the data": lambda: fit(X + OTHER),
    "data": lambda: fit(how=xn.Distributed(data="sharded" if OTHER else "replicated")),
    "version": other_version,
    "NaN": lambda: fit(np.where(OTHER, np.nan, 1.0) * X),
    "at least 2": lambda: fit(batch_size=1),
}


def refused() -> None:
    """Errors of which all processes know can be caught, and another fit can follow."""
    for name, begin in REFUSED.items():
        try:
            begin()
        except XpnetError as error:
            found = {"rank": COMM.rank, "case": name, "kind": type(error).__name__}
            print(json.dumps({**found, "error": str(error)}) + "\n", end="", flush=True)
    fit()


CASES: dict[str, Any] = {
    "plain": fit,
    "exception": lambda: fit(X, At(15, fails)),
    "kill": lambda: fit(X, At(15, killed)),
    "nan": lambda: fit(X * (1e200 if OTHER else 1.0), how=xn.Distributed(data="sharded")),
    "moved": lambda: fit(X, At(15, moved)),
    "stop": lambda: fit(X, StopsAlone()),
    "term": lambda: fit(X, At(15, terminated), xn.Checkpoint(sys.argv[2])),
    "refused": refused,
}

if __name__ == "__main__":
    CASES[sys.argv[1]]()
