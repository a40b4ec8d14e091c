"""What several processes train, compared with one; run under MPI by the tests beside it.

Each check prints one JSON object from process 0.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import numpy as np
from mpi4py import MPI

import xpnet as xn

COMM = MPI.COMM_WORLD
RNG = np.random.default_rng(0)
X = RNG.normal(size=(331, 7))
LABELS = (X[:, :3] + RNG.normal(size=(331, 3))).argmax(axis=1)
VALUES = X[:, :2] + RNG.normal(size=(331, 2))
WEIGHTS = np.where(RNG.uniform(size=331) < 0.2, 0.0, RNG.uniform(size=331))
SYNC = xn.Distributed(batch_norm="sync")


def noisy() -> Any:
    """No bias before BatchNorm: its gradient is rounding alone, which Adam makes a whole step."""
    hidden = xn.Dense(12, bias=False, kernel_penalty=xn.L2(1e-2, per_sample=True))
    return xn.Sequential(
        hidden, xn.BatchNorm(), xn.ReLU(), xn.Dropout(0.3), xn.GaussianNoise(0.1), xn.Dense(3)
    )


def small() -> Any:
    return xn.Sequential(xn.Dense(6, "tanh", kernel_penalty=xn.L1(1e-3)), xn.Dense(2))


def fit(distributed: Any, net: Any, loss: str, optimizer: Any, y: Any, **more: Any) -> Any:
    metrics = ["accuracy"] if loss == "softmax_cross_entropy" else ["r2"]
    model = xn.Model(net(), loss, optimizer(), metrics=metrics, dtype="float64")
    held: dict[str, Any] = {"validation_data": (X[290:], y[290:])}
    own: dict[str, Any] = {"epochs": 5, "batch_size": 29, "verbose": False, **more}
    weights = own.pop("weights", None)
    history = model.fit(
        X[:290], y[:290], sample_weight=weights, distributed=distributed, **held, **own
    )
    return model, history


def adam() -> Any:
    return xn.Adam(xn.Warmup(xn.CosineDecay(0.01, 5), 1), clip_global_norm=0.5, average_decay=0.9)


def sgd() -> Any:
    return xn.SGD(xn.OneCycle(0.1, 5), momentum=0.9, weight_decay=1e-3)


def tiny() -> Any:
    return xn.SGD(1e-4)


CASES: dict[str, tuple[Any, ...]] = {
    "noise, weights, sync": (noisy, "softmax_cross_entropy", adam, LABELS, SYNC),
    "sgd, penalty, r2": (small, "mse", sgd, VALUES, True),
    "sum of losses": (small, xn.losses.residual_sum_of_squares(), tiny, VALUES, True),
    "lbfgs": (small, "mse", xn.LBFGS, VALUES, True),
}
MORE: dict[str, dict[str, Any]] = {
    "noise, weights, sync": {"weights": WEIGHTS[:290], "batch_size": 32, "epochs": 6},
    "lbfgs": {"weights": WEIGHTS[:290]},
}


def bits(model: xn.Model) -> bytes:
    state = model.engine.state
    return b"".join(np.asarray(v).tobytes() for n, v in state.vectors.items() if n != "gradient")


def compared(name: str, accumulate: int = 1) -> dict[str, Any]:
    *given, how = CASES[name]
    more = {**MORE.get(name, {}), "accumulate": accumulate}
    model, history = fit(how, *given, **more)
    again, _ = fit(how, *given, **more)
    one, alone = fit(False, *given, **more)
    every = COMM.allgather((bits(model), history.to_dict()))
    mine, theirs = model.engine.state, one.engine.state
    gaps = [float(np.abs(mine.vectors[n] - theirs.vectors[n]).max()) for n in theirs.vectors]
    columns = [c for c in alone.columns if c != "seconds"]
    shown = [np.abs(np.subtract(history[c], alone[c])).max() for c in columns]
    return {
        "case": f"{name}, accumulate {accumulate}",
        "one state": all(state == every[0][0] for state, _ in every),
        "one history": all(rows == every[0][1] for _, rows in every),
        "again": bits(again) == bits(model),
        "steps": mine.step,
        "as one": mine.step == theirs.step and len(history) == len(alone),
        "gap": max(gaps),
        "history": float(max(shown)),
    }


def main() -> None:
    found = [compared(name) for name in CASES]
    found += [compared("noise, weights, sync", 3), compared("sgd, penalty, r2", 2)]
    if COMM.rank == 0:
        print(*map(json.dumps, found), sep="\n")
        sys.stdout.flush()


if __name__ == "__main__":
    main()
