"""The gradient of softmax and cross-entropy: joint, or one after the other.

    OPENBLAS_NUM_THREADS=1 python benchmarks/softmax.py [--rounds 200] [--json FILE]

Lecture notes say that the joint gradient, ``p - t``, is 6 to 8 times faster than a chain of two.
There are three ways from logits z and classes to the gradient of the mean loss with respect to z:

- ``joint``: the op `softmax_cross_entropy`, whose gradient is ``(p - t) / n``;
- ``chain``: `softmax`, then `cross_entropy` on probabilities, each with its vector-Jacobian
  product;
- ``jacobian``: the same with each sample's Jacobian matrix ``p_i ([i = j] - p_j)`` written out,
  as in a first implementation. It is not planned: every call makes new arrays.

The benchmark times the gradient alone, from p, and the whole way from logits to loss and gradient.
All gradients are compared before anything is timed. The three are timed in turn, round by round.
The results are medians and their ratios to ``joint``.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable
from dataclasses import dataclass
from itertools import product
from statistics import median
from time import perf_counter
from typing import Any

import numpy as np
from common import machine

from xpnet import backends, ops
from xpnet.graph import Graph, Plan, gradients, interpret
from xpnet.kernels import Recorder, find

SHAPES = [(128, 10), (4096, 10), (128, 1000)]
WAYS = ("joint", "chain", "jacobian")
Run = Callable[[], Any]


@dataclass(frozen=True)
class Problem:
    """Logits, class numbers and one-hot targets on a backend, and the upstream gradient 1 / n."""

    backend: Any
    z: Any
    labels: Any
    t: Any
    gy: Any

    @classmethod
    def of(cls, backend: Any, shape: tuple[int, int]) -> Problem:
        rng = np.random.default_rng(0)
        labels = rng.integers(0, shape[1], shape[0])
        one_hot = np.eye(shape[1], dtype=np.float32)[labels]
        share = np.full(shape[0], 1 / shape[0], dtype=np.float32)
        arrays = (rng.standard_normal(shape, dtype=np.float32), labels, one_hot, share)
        return cls(backend, *map(backend.asarray, arrays))


def whole(way: str, given: Problem) -> Run:
    """From logits to loss and gradient: planned if the backend has plans, else interpreted."""
    if way == "jacobian":
        return lambda: loss_and_gradient_by_matrices(given)[1]
    graph, backend = Graph(), given.backend
    target = given.labels if way == "joint" else given.t
    z = graph.input("z", tuple(given.z.shape), "float32")
    t = graph.input("t", tuple(target.shape), "int64" if way == "joint" else "float32")
    if way == "joint":
        loss = ops.mean(ops.softmax_cross_entropy(z, t))
    else:
        loss = ops.mean(ops.cross_entropy(ops.softmax(z), t))
    outputs = [loss, *gradients(graph, loss, [z])]
    feeds = {z: given.z, t: target}
    if backend.raw is None:
        return lambda: interpret(graph, backend.xp, feeds, outputs, backend.device)[1]
    plan = Plan(graph, backend, {}, outputs)
    for symbol, array in feeds.items():
        backend.write(plan.array(symbol), array)
    return lambda: (plan.run(), plan.array(outputs[1]))[1]


def gradient_alone(way: str, given: Problem) -> Run:
    """From probabilities to the gradient with respect to z."""
    p = ops.softmax.fn(given.backend.xp, given.z)
    if way == "jacobian":
        return lambda: by_matrices(given, p)
    if way == "joint":
        joint = ops.softmax_cross_entropy.vjp_of(0)
        return applied(given, [(joint, (p, given.labels), {"smoothing": 0.0})])
    first, second = ops.cross_entropy.vjp_of(0), ops.softmax.vjp_of(0)
    return applied(given, [(first, (p, given.t), {}), (second, (p,), {})])


def applied(given: Problem, steps: list[tuple[Any, tuple[Any, ...], dict[str, float]]]) -> Run:
    """Consecutive vector-Jacobian products, with kernels if the backend has them."""
    backend = given.backend
    if backend.raw is None:

        def run() -> Any:
            gradient = given.gy
            for vjp, reads, settings in steps:
                gradient = vjp.fn(backend.xp, gradient, *reads, **settings)
            return gradient

        return run
    recorder, gradient = Recorder(backend), given.gy
    for vjp, reads, settings in steps:
        out = backend.raw.empty(given.z.shape, dtype="float32")
        recorder.bind(find(vjp, backend.families).function, out, gradient, *reads, **settings)
        gradient = out

    def walk() -> Any:
        for call in recorder.calls:
            call()
        return gradient

    return walk


def loss_and_gradient_by_matrices(given: Problem) -> tuple[Any, Any]:
    """The mean loss, and its gradient with respect to the logits."""
    xp = given.backend.xp
    p = ops.softmax.fn(xp, given.z)
    return xp.mean(ops.cross_entropy.fn(xp, p, given.t)), by_matrices(given, p)


def by_matrices(given: Problem, p: Any) -> Any:
    """The gradient with the Jacobian matrix of each sample's softmax."""
    xp = given.backend.xp
    gp = -given.t / p / p.shape[0]
    unit = xp.eye(p.shape[1], dtype=p.dtype, device=given.backend.device)
    jacobian = xp.expand_dims(p, axis=2) * (unit - xp.expand_dims(p, axis=1))
    return xp.matmul(jacobian, xp.expand_dims(gp, axis=2))[:, :, 0]


def measure(part: str, given: Problem, rounds: int) -> dict[str, Any]:
    """Medians of the three ways in microseconds, after comparing their gradients."""
    backend = given.backend
    runs = {way: PARTS[part](way, given) for way in WAYS}
    found = {way: np.array(backend.to_numpy(run())) for way, run in runs.items()}
    for way in WAYS[1:]:
        np.testing.assert_allclose(found[way], found["joint"], rtol=1e-3, atol=1e-7)
    times: dict[str, list[float]] = {way: [] for way in WAYS}
    for _ in range(rounds):
        for way, run in runs.items():
            start = perf_counter()
            run()
            backend.synchronize()
            times[way].append(perf_counter() - start)
    middle = {way: median(values) * 1e6 for way, values in times.items()}
    row: dict[str, Any] = {"backend": backend.name, "part": part, "rounds": rounds}
    row["shape"] = list(given.z.shape)
    row.update({f"{way}_us": round(value, 1) for way, value in middle.items()})
    row.update({f"{w}_ratio": round(middle[w] / middle["joint"], 2) for w in WAYS[1:]})
    return row


PARTS = {"gradient alone": gradient_alone, "logits to gradient": whole}


def usable() -> list[Any]:
    """NumPy, CuPy if it runs, and the namespace of torch if it is installed."""
    found = [backends.get(s.name) for s in backends.status() if s.usable]
    try:
        import torch
    except ImportError:
        return found
    torch.set_num_threads(1)
    return [*found, backends.resolve(torch)]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rounds", type=int, default=200)
    parser.add_argument("--json", metavar="FILE")
    options = parser.parse_args()
    rows = []
    print("| timed | backend | logits | joint, us | chain | Jacobians |")
    print("|---|---|---|---|---|---|")
    for backend in usable():
        for part, shape in product(PARTS, SHAPES):
            rounds = max(5, options.rounds // 20) if shape[1] == 1000 else options.rounds
            r = measure(part, Problem.of(backend, shape), rounds)
            rows.append(r)
            print(
                f"| {part} | {r['backend']} | {shape[0]} x {shape[1]} | {r['joint_us']:.1f} | "
                f"{r['chain_ratio']:.2f}x | {r['jacobian_ratio']:.1f}x |"
            )
    if options.json:
        with open(options.json, "w") as file:
            json.dump({"machine": machine(), "rows": rows}, file, indent=1)


if __name__ == "__main__":
    main()
