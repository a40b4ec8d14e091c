"""Fits of several processes on sparse and stored data, and with another number of processes.

    python other_data.py CASE FOLDER

Each process prints one JSON object: its final parameters, or the error.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
from mpi4py import MPI

import xpnet as xn
from xpnet.errors import XpnetError

RANK, SIZE = MPI.COMM_WORLD.rank, MPI.COMM_WORLD.size
RNG = np.random.default_rng(0)
X = np.where(RNG.random((210, 6)) < 0.4, RNG.normal(size=(210, 6)), 0.0)
Y = (X[:, 0] > X[:, 1]).astype(int)
FOLDER = Path(sys.argv[2])


def fitted(x: Any, y: Any, how: Any = True, **more: Any) -> list[float]:
    """The parameters after a fit."""
    given = {"epochs": 3, "batch_size": 32, "verbose": False, "distributed": how, **more}
    model = xn.MLP([6, 8, 2], optimizer=xn.Adam(0.01), dropout=0.2, dtype="float64", seed=1)
    model.fit(x, y, **given)
    return np.concatenate([array.ravel() for array in model.state_dict().values()]).tolist()


def sparse() -> list[float]:
    from scipy.sparse import csr_array

    return fitted(csr_array(X), Y)


def stored(how: xn.Distributed) -> list[float]:
    """Each process has a file of its own."""
    path = FOLDER / f"x{RANK}.npy"
    np.save(path, X[RANK::SIZE] if how.data == "sharded" else X)
    y = Y[RANK::SIZE] if how.data == "sharded" else Y
    return fitted(xn.data.open(path), y, how, shuffle=False)


def stream() -> list[float]:
    def batches() -> Iterator[tuple[Any, Any]]:
        yield X, Y

    return fitted(xn.data.batches(batches), None)


def broken_off() -> list[float]:
    """A fit that ends after step 10, with a checkpoint."""

    class Ends(xn.Callback):
        def on_safe_point(self, model: Any, context: xn.FitContext) -> None:
            context.stopping = context.stopping or context.state.step >= 10

    return fitted(X, Y, callbacks=[Ends(), xn.Checkpoint(FOLDER)])


CASES: dict[str, Any] = {
    "dense": lambda: fitted(X, Y),
    "sparse": sparse,
    "sharded": lambda: stored(xn.Distributed(data="sharded")),
    "replicated": lambda: stored(xn.Distributed()),
    "stream": stream,
    "broken off": broken_off,
    "resumed": lambda: fitted(X, Y, resume_from=FOLDER),
}

try:
    print(json.dumps({"rank": RANK, "parameters": CASES[sys.argv[1]]()}), flush=True)
except XpnetError as error:
    print(json.dumps({"rank": RANK, "error": str(error)}), flush=True)
