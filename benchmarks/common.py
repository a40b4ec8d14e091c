"""What the benchmarks share: the named sizes, their models, and the matrix products alone."""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle
from typing import Any

import numpy as np

import xpnet as xn


@dataclass(frozen=True)
class Size:
    """A network, its batch and its optimiser."""

    units: tuple[int, ...]
    batch: int
    optimizer: str

    @property
    def name(self) -> str:
        return f"{'-'.join(map(str, self.units))} b{self.batch} {self.optimizer}"

    def model(self, backend: Any = "numpy", dtype: str = "float32") -> xn.Model:
        optimizers = {
            "SGD": xn.SGD(0.01),
            "momentum": xn.SGD(0.01, momentum=0.9),
            "Adam": xn.Adam(),
        }
        return xn.MLP(
            self.units, optimizer=optimizers[self.optimizer], backend=backend, dtype=dtype
        )

    def data(self, rows: int | None = None) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(0)
        rows = rows or self.batch
        X = rng.standard_normal((rows, self.units[0]), dtype=np.float32)
        return X, rng.integers(0, self.units[-1], rows)


SIZES = [
    Size((20, 64, 64, 3), 32, "Adam"),
    Size((784, 128, 10), 64, "SGD"),
    Size((784, 512, 512, 10), 128, "Adam"),
    Size((784, 1024, 1024, 1024, 10), 512, "momentum"),
]


def products(size: Size, xp: Any = np, dtype: str = "float32") -> Callable[[], None]:
    """The matrix products of one training step and nothing else: the floor.

    Forward ``x W`` and weight gradient ``x^T g`` of each layer, input gradient ``g W^T`` of each
    but the first, all written into memory that is there already.
    """
    calls = []
    for layer, (i, o) in enumerate(zip(size.units, size.units[1:], strict=False)):
        x, w, g = (xp.ones(s, dtype=dtype) for s in ((size.batch, i), (i, o), (size.batch, o)))
        calls += [(x, w, xp.empty(g.shape, dtype=dtype)), (x.T, g, xp.empty(w.shape, dtype=dtype))]
        if layer:
            calls.append((g, w.T, xp.empty(x.shape, dtype=dtype)))

    def run() -> None:
        for a, b, out in calls:
            xp.matmul(a, b, out=out)

    return run


def step(model: xn.Model, size: Size, batches: int = 32) -> Callable[[], None]:
    """One step as `Model.fit` makes it: gather a batch, gradients, update.

    Each call takes the next of several batches. A network that sees one batch for ever learns
    it by heart, its gradients become denormal numbers, and those are ten times slower.
    """
    X, y = size.data(size.batch * batches)
    network, data = model.build()._setup.admit(X, y)
    trainer = model._built()
    program = network.program(data.spec("train", size.batch))
    xp = network.backend.xp
    index = xp.arange(data.rows, dtype=xp.int64)
    parts = cycle([index[i : i + size.batch] for i in range(0, data.rows, size.batch)])
    rate = trainer.rate()

    def run() -> None:
        program.load(data.arrays, next(parts))
        trainer.run(program)
        trainer.apply(program, rate)

    return run


def public_step(model: xn.Model, size: Size, batches: int = 32) -> Callable[[], Any]:
    """The same by `Model.train_on_batch`, with all its checks of the data."""
    X, y = size.data(size.batch * batches)
    parts = cycle(
        [(X[i : i + size.batch], y[i : i + size.batch]) for i in range(0, len(X), size.batch)]
    )
    return lambda: model.train_on_batch(*next(parts))


def machine() -> dict[str, str]:
    """Where figures were measured: processor, versions, BLAS and its threads."""
    info = {
        "platform": platform.platform(),
        "cpu": _cpu(),
        "python": platform.python_version(),
        "numpy": np.__version__,
        "xpnet": xn.__version__,
    }
    try:
        from threadpoolctl import threadpool_info

        info["blas"] = "; ".join(
            f"{p['internal_api']} {p['version']}, {p['num_threads']} threads"
            for p in threadpool_info()
            if p["user_api"] == "blas"
        )
    except ImportError:
        info["blas"] = "unknown (threadpoolctl is not installed)"
    return info


def _cpu() -> str:
    try:
        with open("/proc/cpuinfo") as lines:
            names = [line.partition(":")[2].strip() for line in lines if "model name" in line]
        return f"{names[0]} ({len(names)} cores)"
    except (OSError, IndexError):
        return platform.processor() or "unknown"
