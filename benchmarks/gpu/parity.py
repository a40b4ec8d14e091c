"""The part ``parity``: the same training on NumPy, on the device, and in float64."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
from common import Size

from gpu.cases import model_of
from gpu.ours import logged, task_of
from gpu.report import Bench, Row, attempt
from xpnet.backends.generic import GenericBackend
from xpnet.engine.batch_graph import BatchSpec
from xpnet.engine.entry import accept

GRADIENT, LOSS = 1e-5, 1e-4
# A mistake exceeds these bounds by far; rounding of the operands stays below them.
COARSE = {"tf32": 0.02, "bfloat16": 0.1, "float16": 0.02}
STEPS, EPOCHS = 100, 4


def parity(bench: Bench) -> Iterator[Row]:
    """First gradients, losses of the first steps, and losses of a fit, for each size."""
    for size in bench.scale.exact:
        for precision in bench.device.checked:
            what = {"check": "first gradients", "size": size.name, "precision": precision}
            yield attempt(what, lambda s=size, p=precision: first_gradients(bench, s, p))
        for name, check in CHECKS.items():
            what = {"check": name, "size": size.name, "precision": "float32"}
            yield attempt(what, lambda s=size, c=check: c(bench, s))


def gradients(size: Size, backend: Any, **settings: Any) -> dict[str, Any]:
    """The gradients of the first batch, by the parameters' names, on the host."""
    task, model = task_of(size, 1), model_of(size, backend, **settings)
    engine, data = accept(model.config, model.build().engine, task.X, task.y)
    with engine.backend.work():
        program = engine.programs.get(BatchSpec.of("train", data.rows, data))
        program.load(data.arrays, slice(None))
        program.run()
        views = engine.views(engine.state.gradient)
        return {name: np.array(engine.backend.to_numpy(g)) for name, g in views.items()}


def distance(found: dict[str, Any], wanted: dict[str, Any]) -> float:
    """The largest distance of a parameter's gradients, relative to their norm; NaN counts."""
    norm = np.linalg.norm
    far = [
        norm((g - wanted[name]).astype(np.float64)) / max(norm(wanted[name]), 1e-30)
        for name, g in found.items()
    ]
    return float(np.max(far))


def first_gradients(bench: Bench, size: Size, precision: str) -> Row:
    """Compare the device with NumPy in float32, and both with the definitions in float64."""
    exact = gradients(size, GenericBackend(np), dtype="float64")
    host = gradients(size, "numpy")
    found = gradients(size, bench.device.name, precision=precision)
    error = distance(found, host)
    return {
        "far_from_numpy": error,
        "far_from_float64": distance(found, exact),
        "numpy_from_float64": distance(host, exact),
        "allowed": COARSE.get(precision, GRADIENT),
        "ok": error <= COARSE.get(precision, GRADIENT),
    }


def _compared(bench: Bench, size: Size, losses: Callable[[Any], list[float]]) -> Row:
    """The largest relative distance of two trainings' losses."""
    host, found = (np.array(losses(model_of(size, name))) for name in ("numpy", bench.device.name))
    far = float(np.max(np.abs(found - host) / np.abs(host)))
    return {"far_from_numpy": far, "allowed": LOSS, "ok": far <= LOSS, "first": found[0]}


def first_losses(bench: Bench, size: Size) -> Row:
    """Compare the losses of single steps on consecutive batches."""
    task = task_of(size, STEPS)

    def losses(model: Any) -> list[float]:
        parts = [slice(i, i + size.batch) for i in range(0, len(task.X), size.batch)]
        return [float(model.train_on_batch(task.X[p], task.y[p])) for p in parts]

    return _compared(bench, size, losses)


def fit_losses(bench: Bench, size: Size) -> Row:
    """Compare the mean losses of shuffled epochs, with graphs if `fit` captures them."""
    task = task_of(size, STEPS // EPOCHS)

    def losses(model: Any) -> list[float]:
        history = model.fit(task.X, task.y, epochs=EPOCHS, batch_size=size.batch, verbose=False)
        return list(history["loss"])

    return _compared(bench, size, losses)


def graphs_change_nothing(bench: Bench, size: Size) -> Row:
    """Parameters after shuffled epochs with and without CUDA graphs: the same bits."""
    task, ends = task_of(size, STEPS // EPOCHS), []
    for settings in ({"steps_per_execution": 0}, {}):
        model = model_of(size, bench.device.name)
        with logged() as log:
            model.fit(task.X, task.y, epochs=2, batch_size=size.batch, verbose=False, **settings)
        ends.append(model.engine.backend.to_numpy(model.engine.state.params))
    far = float(np.max(np.abs(ends[1] - ends[0])))
    return {"far_without_graphs": far, "allowed": 0.0, "ok": far == 0, "log": sorted(set(log))}


CHECKS = {
    f"losses of {STEPS} steps": first_losses,
    f"losses of {EPOCHS} epochs by fit": fit_losses,
    "the same bits with and without CUDA graphs": graphs_change_nothing,
}
