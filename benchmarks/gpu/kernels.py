"""The part ``kernels``: bytes per second of everything but products, against a device copy.

Each case is a plan of ops, or an optimizer's update, as training runs it. Only the input and output
arrays count, each once, so other reads and writes lower a kernel's rate.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from statistics import median
from typing import Any

import numpy as np
from common import Size

from gpu.cases import model_of
from gpu.ceilings import copy_bandwidth
from gpu.floor import PASSES, parameters
from gpu.report import Bench, Row, attempt
from gpu.timing import spread, timed
from xpnet import ops
from xpnet.graph import Graph, Plan, TraceSettings, Value, distinct
from xpnet.typing import size_of

CLASSES = 10
Timed = tuple[Callable[[], Any], int]  # a call, and its bytes


def _matrix(graph: Graph, name: str, n: int, k: int) -> Value:
    return graph.input(name, (n, k), "float32")


def _gradient(graph: Graph, gy: Value) -> Value:
    """The gradient of the last op's first input."""
    node = graph.nodes[-1]
    return graph.append_vjp(node.record.vjp_of(0), node, 0, gy)


def biased(activation: Any) -> Callable[[Graph, int, int], list[Value]]:
    """y = f(x + b), the gradient of x, and that of b."""

    def make(graph: Graph, n: int, k: int) -> list[Value]:
        y = activation(_matrix(graph, "x", n, k) + graph.input("b", (k,), "float32"))
        gx = _gradient(graph, _matrix(graph, "gy", n, k))
        return [y, gx, ops.sum_to(gx, shape=(k,))]

    return make


def standardized(op: Any) -> Callable[[Graph, int, int], list[Value]]:
    """The function of LayerNorm or BatchNorm over rows or columns, and its gradient."""

    def make(graph: Graph, n: int, k: int) -> list[Value]:
        y = op(_matrix(graph, "x", n, k))
        return [y, _gradient(graph, _matrix(graph, "gy", n, k))]

    return make


def cross_entropy(graph: Graph, n: int, k: int) -> list[Value]:
    """Losses of the rows, and the gradient of the logits."""
    y = graph.input("y", (n,), "int64")
    loss = ops.softmax_cross_entropy(_matrix(graph, "z", n, k), y)
    return [loss, _gradient(graph, graph.input("gy", (n,), "float32"))]


def dropout(graph: Graph, n: int, k: int) -> list[Value]:
    """Dropout with half of the elements, forward."""
    x = _matrix(graph, "x", n, k)
    step, stream = graph.noise()
    return [ops.dropout(x, step, rate=0.5, **stream)]


PLANS: dict[str, tuple[Callable[[Graph, int, int], list[Value]], bool]] = {
    "bias + ReLU, forward and backward": (biased(ops.relu), False),
    "bias + tanh GELU, forward and backward": (biased(ops.gelu_tanh), False),
    "softmax + cross-entropy, loss and gradient": (cross_entropy, False),
    "softmax + cross-entropy, 10 classes": (cross_entropy, True),
    "LayerNorm's rows, forward and backward": (standardized(ops.standardize_features), False),
    "BatchNorm's columns, forward and backward": (standardized(ops.standardize_batch), False),
    "dropout": (dropout, False),
}


def planned(bench: Bench, make: Any, narrow: bool) -> Timed:
    """A plan on random arrays, with the bytes of its inputs and outputs."""
    scale, backend, graph = (
        bench.scale,
        bench.device.backend,
        Graph(settings=TraceSettings(training=True)),
    )
    columns = CLASSES if narrow else scale.columns
    outputs = distinct(make(graph, scale.rows, columns))
    given = graph.step_values.feeds(backend.zeros((), "int64"), ())
    plan, rng = Plan(graph, backend, given, outputs), np.random.default_rng(0)
    for value in graph.inputs:
        if value.dtype == "int64":
            array = rng.integers(0, columns, value.shape)
        else:
            array = rng.standard_normal(value.shape, dtype=np.float32)
        backend.write(plan.array(value), backend.asarray(array))
    return plan.run, sum(_bytes(v) for v in [*graph.inputs, *outputs])


def _bytes(value: Value) -> int:
    return size_of(value.shape) * np.dtype(value.dtype).itemsize


def gathered(bench: Bench) -> Timed:
    """Rows of an array in random order, as a batch is gathered."""
    scale, backend = bench.scale, bench.device.backend
    source = bench.device.normal((2 * scale.rows, scale.columns))
    order = np.random.default_rng(0).permutation(2 * scale.rows)[: scale.rows]
    index, out = backend.asarray(order), backend.zeros((scale.rows, scale.columns), "float32")
    return lambda: backend.gather(source, out)(index), 2 * out.nbytes + index.nbytes


def updated(bench: Bench, optimizer: str) -> Timed:
    """An optimizer's whole update of many parameters."""
    n = bench.scale.vector
    size = Size((n, n), 1, optimizer)
    model = model_of(size, bench.device.name)
    engine = model.build().engine
    gradient = engine.state.gradient
    engine.backend.assign(gradient, bench.device.normal(gradient.shape))
    return lambda: engine.update.run(1e-6), 4 * PASSES[optimizer] * parameters(size)


def cases(bench: Bench) -> dict[str, Callable[[], Timed]]:
    """The timed cases, by name."""
    found: dict[str, Callable[[], Timed]] = {"gather of a batch": lambda: gathered(bench)}
    for name, (make, narrow) in PLANS.items():
        found[name] = lambda m=make, few=narrow: planned(bench, m, few)
    for optimizer in PASSES:
        found[f"update: {optimizer}"] = lambda o=optimizer: updated(bench, o)
    return found


def kernels(bench: Bench) -> Iterator[Row]:
    """Each kernel's time, bytes per second, and share of the copy's rate."""
    bandwidth = copy_bandwidth(bench)
    yield {"kernel": "copy", "precision": "float32", "bandwidth": bandwidth, "of_copy": 1.0}

    def measure(make: Callable[[], Timed]) -> Row:
        run, moved = make()
        times = timed(bench.device, {"run": run}, bench.scale.seconds)["run"]
        reached = moved / median(times)
        return {
            **spread(times),
            "bytes": moved,
            "bandwidth": reached,
            "of_copy": round(reached / bandwidth, 4),
        }

    for name, make in cases(bench).items():
        yield attempt({"kernel": name, "precision": "float32"}, lambda m=make: measure(m))
