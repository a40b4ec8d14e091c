"""One array library on its GPU, in a process of its own: the losses of fits, and times of steps.

    python -m gpu.library BACKEND SCALE

BACKEND is a name such as ``torch:cuda``, SCALE is ``full`` or ``tiny``. Each row of the result is
a line of JSON on standard output, written when it is known. **This has not run on a GPU yet.**
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Iterator
from functools import lru_cache, partial
from itertools import product
from time import perf_counter
from typing import Any

import numpy as np
from common import SIZES, Size
from contest.on_library import Fit
from timing import Run, timed

import xpnet as xn
from gpu.cases import FULL, TINY, Scale, steps_of
from gpu.ours import logged, task_of
from gpu.parity import EPOCHS, LOSS, STEPS
from gpu.report import Row, attempt
from gpu.timing import in_turn, spread
from xpnet.errors import BackendUnavailableError

SCALES = {"full": FULL, "tiny": TINY}
SMALL = SIZES[0].units, SIZES[0].batch  # the network whose losses are compared
MOST = 100  # steps of a measured epoch: each library creates the data again
FITS = 2  # epochs of a measured fit


def rows(name: str, scale: Scale) -> Iterator[Row]:
    """First, for each optimizer, whether the losses are NumPy's; then the times of steps."""
    try:
        backend: Any = xn.backends.get(name)
    except BackendUnavailableError as error:
        yield {"backend": name, "skipped": " ".join(str(error).split())}
        return
    if backend.library != name.partition(":")[0]:
        yield {"backend": name, "skipped": "XPNET_FALLBACK replaces the GPU by NumPy"}
        return
    for optimizer, dropout in product(("SGD", "momentum", "Adam"), (0.0, 0.2)):
        what = f"losses, {optimizer}" + (f", dropout {dropout}" if dropout else "")
        about = {"backend": name, "what": what, "size": "-".join(map(str, SMALL[0]))}
        yield attempt(about, partial(same_losses, backend, optimizer, dropout))
    for size in SIZES if scale is FULL else scale.sizes[:1]:
        about = {"backend": name, "what": "a step of fit", "size": size.name}
        yield attempt(about, partial(step, backend, size, scale))


def same_losses(backend: Any, optimizer: str, dropout: float) -> Row:
    """The largest relative difference between the epochs' losses and NumPy's."""
    found, host = np.array(losses(backend, optimizer, dropout)), numpys(optimizer, dropout)
    far = float(np.max(np.abs(found - host) / np.abs(host)))
    return {"far_from_numpy": far, "allowed": LOSS, "ok": far <= LOSS}


@lru_cache
def numpys(optimizer: str, dropout: float) -> Any:
    """NumPy's losses."""
    return np.array(losses("numpy", optimizer, dropout))


def losses(backend: Any, optimizer: str, dropout: float) -> list[float]:
    """The losses of a shuffled fit; weights and dropout are drawn from the seed."""
    size = Size(*SMALL, optimizer)
    made = size.model()
    model = xn.MLP(
        size.units, dropout=dropout, optimizer=made.config.optimizer, metrics=[], backend=backend
    )
    X, y = size.data(size.batch * STEPS // EPOCHS)
    history = model.fit(X, y, epochs=EPOCHS, batch_size=size.batch, verbose=False)
    return list(history["loss"])


def step(backend: Any, size: Size, scale: Scale) -> Row:
    """The time of a step: that of a whole fit, divided by its number of steps.

    The data are on the device. The first fit, which compiles, is timed by itself.
    """
    task = task_of(size, steps_of(size, min(scale.steps, MOST)))
    player = Fit(task, backend, FITS)
    run = Run(player.run, player.finish, player.steps)
    with logged() as log:
        start = perf_counter()
        timed(run, 1)
        first = perf_counter() - start
        times = in_turn({"fit": lambda: timed(run, 1)[0]}, scale.seconds, least=3, most=9)["fit"]
    return {**spread(times), "first_s": round(first, 2), "log": sorted(set(log))}


def main() -> None:
    name, scale = sys.argv[1:]
    # Libraries that print must not disturb the rows.
    out = os.fdopen(os.dup(1), "w", buffering=1)
    os.dup2(2, 1)
    for row in rows(name, SCALES[scale]):
        print(json.dumps(row), file=out)


if __name__ == "__main__":
    main()
