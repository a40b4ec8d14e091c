"""Shared parts of the benchmarks: the named sizes, their models, and the matrix products alone.

xpnet is imported only where it is used, so that a process that measures another library, its import
or its memory does not load xpnet too.
"""

from __future__ import annotations

import platform
from collections.abc import Callable
from dataclasses import dataclass
from itertools import cycle
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    import xpnet as xn


@dataclass(frozen=True)
class Size:
    """A network, its batch and its optimizer."""

    units: tuple[int, ...]
    batch: int
    optimizer: str

    @property
    def name(self) -> str:
        return f"{'-'.join(map(str, self.units))} b{self.batch} {self.optimizer}"

    def model(
        self, backend: Any = "numpy", dtype: str = "float32", metrics: Any = None
    ) -> xn.Model:
        import xpnet as xn

        optimizers = {
            "SGD": xn.SGD(0.01),
            "momentum": xn.SGD(0.01, momentum=0.9),
            "Adam": xn.Adam(),
        }
        return xn.MLP(
            self.units,
            optimizer=optimizers[self.optimizer],
            metrics=metrics,
            backend=backend,
            dtype=dtype,
        )

    @property
    def flops(self) -> int:
        """Floating-point operations of one step's matrix products: see `products`."""
        pairs = list(zip(self.units, self.units[1:], strict=False))
        once = [2 * self.batch * i * o for i, o in pairs]
        return 3 * sum(once) - once[0]

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
    """Only the matrix products of one training step: the floor."""
    from xpnet.cli.bench import products

    return products(size.units, size.batch, xp, dtype)


def compute(
    backend: Any, function: Callable[..., list[Any]], arrays: list[Any]
) -> Callable[[], list[Any]]:
    """A function of symbolic values, applied to these arrays; planned if the backend has plans."""
    from xpnet.backends.data_types import dtype_name
    from xpnet.graph import Graph, Plan, interpret

    graph = Graph()
    values = [
        graph.input(f"x{i}", tuple(a.shape), dtype_name(a.dtype)) for i, a in enumerate(arrays)
    ]
    outputs, feeds = function(*values), dict(zip(values, arrays, strict=True))
    if backend.raw is None:
        return lambda: interpret(graph, backend.xp, feeds, outputs, backend.device)
    plan = Plan(graph, backend, {}, outputs)
    for value, array in feeds.items():
        backend.write(plan.array(value), array)

    def run() -> list[Any]:
        plan.run()
        return [plan.array(value) for value in outputs]

    return run


def step(model: xn.Model, size: Size, batches: int = 32) -> Callable[[], None]:
    """One step as in `Model.fit`: gather a batch, compute gradients, update.

    Each call takes the next of several batches. A network that sees only one batch memorizes it.
    Its gradients become denormal numbers, which are ten times slower.
    """
    return step_on(model, *size.data(size.batch * batches), size.batch)


def step_on(model: xn.Model, X: Any, y: Any, batch: int) -> Callable[[], None]:
    """The same on given rows, whose number is a multiple of the batch size."""
    from xpnet.engine.cutting import cut
    from xpnet.engine.entry import accept

    engine, data = accept(model.config, model.build().engine, X, y)
    batches, xp = cut(engine, "train", data, batch), engine.backend.xp
    batches.begin(xp.arange(data.rows, dtype=xp.int64))
    numbers, learning_rate = cycle(range(len(batches))), engine.learning_rate()

    def run() -> None:
        engine.step(batches, next(numbers), lambda i, program: learning_rate)

    return run


def machine() -> dict[str, str]:
    """The machine of a measurement: processor, versions, BLAS and its threads."""
    import xpnet as xn

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
