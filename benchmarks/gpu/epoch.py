"""The part ``epoch``: MNIST by the journal's recipe, on the device and on NumPy."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from statistics import median
from time import perf_counter
from types import SimpleNamespace
from typing import Any

import numpy as np

import xpnet as xn
from gpu.device import Device
from gpu.ours import logged
from gpu.report import Bench, Row, attempt

BATCH = 128


def mnist(tiny: bool) -> tuple[str, Any]:
    """The digits and their source; without the files, noise of the same shape.

    They are not downloaded: the machine may have no network, and waiting for it costs time.
    """
    rows = 512 if tiny else 60_000
    folder = Path(os.environ.get("XPNET_DATA", "/nowhere"), "mnist")
    if not folder.is_dir():
        rng = np.random.default_rng(0)
        X, y = rng.random((rows, 784), dtype=np.float32), rng.integers(0, 10, rows)
        made = SimpleNamespace(X=X, y=y, X_test=X[:100], y_test=y[:100])
        return "noise of MNIST's shape, only for the times: XPNET_DATA has no mnist", made
    found = xn.datasets.mnist()
    part = {"X": found.X[:rows], "y": found.y[:rows]}
    return "MNIST in XPNET_DATA", SimpleNamespace(**part, X_test=found.X_test, y_test=found.y_test)


def journal(backend: str) -> Any:
    """784-128-10, ReLU, softmax, weights N(0, 0.01^2), SGD 0.1."""
    start = xn.init.normal(0.01)
    return xn.MLP([784, 128, 10], kernel_init=start, optimizer=xn.SGD(0.1), backend=backend)


def trained(device: Device, backend: str, data: Any, epochs: int) -> Row:
    """The seconds of each epoch and of the whole fit, and the accuracy."""
    X, y = (device.array(a) if backend == device.name else a for a in (data.X, data.y))
    journal(backend).fit(X, y, epochs=1, batch_size=BATCH, verbose=False)  # compiles
    model = journal(backend)
    with logged() as log:
        device.synchronize()
        start = perf_counter()
        history = model.fit(X, y, epochs=epochs, batch_size=BATCH, verbose=False)
        device.synchronize()
        whole = perf_counter() - start
    seconds = history["seconds"]
    return {
        "epochs": epochs,
        "epochs_s": round(sum(seconds), 4),
        "epoch_s": round(median(seconds), 5),
        "fit_s": round(whole, 4),
        "train_accuracy": round(history["accuracy"][-1], 4),
        "accuracy": round(model.evaluate(data.X_test, data.y_test)["accuracy"], 4),
        "log": sorted(set(log)),
    }


def epoch(bench: Bench) -> Iterator[Row]:
    """The run on the device, then NumPy's run with the same seed."""
    source, data = mnist(tiny=bench.scale.epochs == 1)
    for backend in dict.fromkeys([bench.device.name, "numpy"]):
        what = {"backend": backend, "data": source, "precision": "float32", "batch": BATCH}
        yield attempt(what, lambda b=backend: trained(bench.device, b, data, bench.scale.epochs))
