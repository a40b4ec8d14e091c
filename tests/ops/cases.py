"""Example inputs, settings and an independent float64 reference for every op and update rule.

Each entry of `CASES` builds its inputs for a number of rows, so that the same entry serves 0
rows, one row and many. References are written in plain NumPy by the textbook formula, without
the care that the ops take for extreme inputs (those have a test of their own).
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from xpnet import ops
from xpnet.graph import Graph, Node, Value


def reals(*shape: int, seed: int = 0, low: float = 0.2, signed: bool = True) -> np.ndarray:
    """Numbers in [low, 2), of both signs if `signed`: none near the kink or the pole at 0."""
    rng = np.random.default_rng([seed, *shape])
    size = rng.uniform(low, 2.0, shape)
    return np.asarray(size * rng.choice([-1.0, 1.0], shape) if signed else size)


def shares(n: int, k: int) -> np.ndarray:
    """Rows of k probabilities, one of them 0."""
    t = reals(n, k, seed=5, signed=False)
    t[:, 1] = 0
    return t / t.sum(-1, keepdims=True)


def labels(n: int, k: int = 5) -> np.ndarray:
    return (np.arange(n) * 3 + 1) % k


@dataclass(frozen=True)
class Case:
    """Inputs ``arrays(n)`` and settings ``static(n)`` of an op, and what it should give."""

    op: str
    arrays: Callable[[int], Sequence[np.ndarray]]
    reference: Callable[..., Any]
    static: Callable[[int], dict[str, Any]] = lambda n: {}
    rows: tuple[int, ...] = (0, 1, 3)
    note: str = ""

    def __str__(self) -> str:
        return f"{self.op}{self.note and '-'}{self.note}"


def _softmax(z: np.ndarray) -> np.ndarray:
    return np.exp(z) / np.exp(z).sum(-1, keepdims=True)


def _cross_entropy(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.array([-math.log(p[i]) for p, i in zip(_softmax(z), y, strict=True)])


def _bce(z: np.ndarray, t: np.ndarray) -> np.ndarray:
    p = 1 / (1 + np.exp(-z))
    return -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean(-1)


def _weighted(x: np.ndarray, w: np.ndarray) -> Any:
    return math.fsum(w * x) / math.fsum(w) if w.any() else 0.0


def _affine(x: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("...ni,...io->...no", x, w) + b[..., None, :]


def _half_weights(n: int) -> np.ndarray:
    return np.arange(n) % 3 * 0.5


_UNARY: dict[str, Any] = {
    "identity": lambda x: x,
    "negative": lambda x: 0 - x,
    "exp": lambda x: math.e**x,
    "relu": lambda x: np.where(x > 0, x, 0),
    "sigmoid": lambda x: 1 / (1 + math.e**-x),
    "tanh": lambda x: (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x)),
    "softmax": _softmax,
    "log_softmax": lambda x: np.log(_softmax(x)),
}
_BINARY: dict[str, Any] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a * b**-1.0,
    "power": lambda a, b: np.exp(b * np.log(a)),
}
_PAIRS: dict[str, Callable[[int], tuple[tuple[int, ...], tuple[int, ...]]]] = {
    "same": lambda n: ((n, 4), (n, 4)),
    "row": lambda n: ((n, 4), (4,)),
    "row-first": lambda n: ((4,), (n, 4)),
    "outer": lambda n: ((n, 1), (1, 4)),
    "number": lambda n: ((), (n, 4)),
    "batch": lambda n: ((2, n, 4), (n, 1)),
}
_REDUCTIONS: dict[str, dict[str, Any]] = {
    "all": {},
    "rows": {"axis": 0},
    "columns": {"axis": -1},
    "both": {"axis": (0, 1)},
    "kept": {"axis": (1,), "keepdims": True},
    "all-kept": {"keepdims": True},
}


def _pair(shapes: Any, signed: bool) -> Callable[[int], Sequence[np.ndarray]]:
    def arrays(n: int) -> list[np.ndarray]:
        return [reals(*s, seed=i, signed=signed) for i, s in enumerate(shapes(n))]

    return arrays


CASES = [
    *(Case(op, lambda n: [reals(n, 5)], f) for op, f in _UNARY.items()),
    *(Case(op, lambda n: [reals(2, n, 3)], f, note="batch") for op, f in _UNARY.items()),
    Case(
        "flush_to_zero",
        lambda n: [reals(n, 5)],
        lambda x, below: np.where(np.abs(x) < below, 0, x),
        lambda n: {"below": 0.7},
    ),
    Case("log", lambda n: [reals(n, 5, signed=False)], lambda x: np.log2(x) * math.log(2)),
    *(
        Case(op, _pair(shapes, op != "power"), f, note=note)
        for op, f in _BINARY.items()
        for note, shapes in _PAIRS.items()
    ),
    *(
        Case(
            "matmul",
            _pair(shapes, True),
            lambda a, b: np.einsum("...ni,...io->...no", a, b),
            note=s,
        )
        for s, shapes in {
            "plain": lambda n: ((n, 3), (3, 4)),
            "shared": lambda n: ((2, n, 3), (3, 4)),
            "stack": lambda n: ((n, 3), (2, 3, 4)),
        }.items()
    ),
    *(
        Case("affine", _pair(shapes, True), _affine, note=s)
        for s, shapes in {
            "plain": lambda n: ((n, 3), (3, 4), (4,)),
            "shared": lambda n: ((2, n, 3), (3, 4), (4,)),
            "stack": lambda n: ((n, 3), (2, 3, 4), (2, 4)),
            "biases": lambda n: ((n, 3), (3, 4), (2, 4)),
        }.items()
    ),
    *(
        Case(op, lambda n: [reals(n, 4)], f, lambda n, s=s: s, rows, note)
        for op, f, empty in (("sum", np.sum, (0,)), ("mean", np.mean, ()))
        for note, s in _REDUCTIONS.items()
        for rows in [(*(empty or ((0,) if note in ("columns", "kept") else ())), 1, 3)]
    ),
    Case(
        "sum",
        lambda n: [reals(2, n, 4)],
        lambda x, axis: x.sum(0).sum(1),
        lambda n: {"axis": (-1, 0)},
        note="batch",
    ),
    Case("sum", lambda n: [reals()], lambda x: x, note="number"),
    Case("mean", lambda n: [reals()], lambda x: x, note="number"),
    Case(
        "sum_to",
        lambda n: [reals(n, 4)],
        lambda x, shape: x.sum(0),
        lambda n: {"shape": (4,)},
        note="row",
    ),
    Case(
        "sum_to",
        lambda n: [reals(n, 4)],
        lambda x, shape: x.sum(1)[:, None],
        lambda n: {"shape": (n, 1)},
        note="column",
    ),
    Case(
        "sum_to",
        lambda n: [reals(n, 4)],
        lambda x, shape: x.sum(),
        lambda n: {"shape": ()},
        note="number",
    ),
    Case(
        "sum_to",
        lambda n: [reals(2, n, 4)],
        lambda x, shape: x.sum(0).sum(0)[None],
        lambda n: {"shape": (1, 4)},
        note="batch",
    ),
    Case("weighted_mean", lambda n: [reals(n), _half_weights(n)], _weighted),
    Case("weighted_mean", lambda n: [reals(n), np.zeros(n)], _weighted, note="no-weight"),
    Case(
        "reshape",
        lambda n: [reals(n, 4)],
        lambda x, shape: np.array(x.ravel().tolist()),
        lambda n: {"shape": (4 * n,)},
    ),
    Case(
        "reshape",
        lambda n: [reals(n, 4)],
        lambda x, shape: np.stack([x[:, :2], x[:, 2:]], 1),
        lambda n: {"shape": (n, 2, -1)},
        (1, 3),
        "free",
    ),
    Case(
        "reshape",
        lambda n: [reals(n, 4)],
        lambda x, shape: x,
        lambda n: {"shape": (n, 4)},
        note="same",
    ),
    Case("concat", lambda n: [reals(n, 2), reals(n, 3), reals(n, 1)], lambda *xs: np.hstack(xs)),
    Case(
        "concat",
        lambda n: [reals(n, 3), reals(2, 3)],
        lambda *xs, axis: np.vstack(xs),
        lambda n: {"axis": 0},
        note="rows",
    ),
    Case("softmax_cross_entropy", lambda n: [reals(n, 5), labels(n)], _cross_entropy),
    Case(
        "softmax_cross_entropy",
        lambda n: [reals(2, n, 5), np.stack([labels(n), labels(n) * 0])],
        lambda z, y: np.stack([_cross_entropy(*pair) for pair in zip(z, y, strict=True)]),
        note="batch",
    ),
    Case(
        "soft_cross_entropy",
        lambda n: [reals(n, 5), shares(n, 5)],
        lambda z, t: -(t * np.log(_softmax(z))).sum(-1),
    ),
    Case(
        "soft_cross_entropy",
        lambda n: [reals(n, 5), 3 * shares(n, 5)],
        lambda z, t: -(t * np.log(_softmax(z))).sum(-1),
        note="sum-3",
    ),
    Case("binary_cross_entropy_with_logits", lambda n: [reals(n, 3), shares(n, 3)], _bce),
    Case(
        "mean_squared_error",
        lambda n: [reals(n, 3), reals(n, 3, seed=1)],
        lambda a, b: ((a - b) ** 2).mean(-1),
    ),
    Case(
        "accuracy",
        lambda n: [reals(n, 5), labels(n)],
        lambda z, y: 1.0 * (np.argsort(z)[:, -1] == y),
    ),
    Case(
        "soft_accuracy",
        lambda n: [reals(n, 3), shares(n, 3)],
        lambda z, t: 1.0 * (np.argsort(z)[:, -1] == np.argsort(t)[:, -1]),
    ),
    Case(
        "binary_accuracy",
        lambda n: [reals(n, 3), shares(n, 3)],
        lambda z, t: (1.0 * ((z > 0) == (t > 0.5))).mean(-1),
    ),
]


def trace(case: Case, n: int, dtype: str) -> tuple[Graph, Node, dict[Value, np.ndarray]]:
    """A graph of this op alone, its node, and arrays for its inputs (labels stay integers)."""
    graph, feeds = Graph(), {}
    for i, a in enumerate(case.arrays(n)):
        array = a.astype(dtype) if a.dtype.kind == "f" else a
        feeds[graph.input(f"x{i}", array.shape, str(array.dtype))] = array
    ops.REGISTRY[case.op](*graph.inputs, **case.static(n))
    return graph, graph.nodes[-1], feeds


def append_vjp(graph: Graph, node: Node, index: int, feeds: dict[Value, Any]) -> Value:
    """Append the gradient of the op's input at `index`; `feeds` gains an upstream gradient."""
    gy = graph.input("gy", node.output.shape, node.output.dtype)
    feeds[gy] = reals(*gy.shape, seed=9).astype(gy.dtype)
    vjp = node.record.vjp_of(index)
    return gy if vjp is ops.PASS else graph.append_vjp(vjp, node, index, gy)


def differentiable(case: Case) -> list[int]:
    """Positions of the inputs that have a gradient."""
    op = ops.REGISTRY[case.op]
    return [i for i in range(len(case.arrays(1))) if op.vjp_of(i) is not None]


@dataclass(frozen=True)
class Rule:
    """An update rule with settings, and its scalar formula ``f(p, g, *slots, *coefficients)``."""

    name: str
    static: dict[str, Any]
    coefficients: tuple[float, ...]
    reference: Callable[..., tuple[float, ...]]

    def __str__(self) -> str:
        return "-".join(map(str, (self.name, *self.static.values())))


def _momentum(p: float, g: float, v: float, lr: float, beta: float, nesterov: bool) -> Any:
    new = beta * v + g
    return (p - lr * ((g + beta * new) if nesterov else new), g, new)


def _adam(p: float, g: float, m: float, v: float, rate: float, eps: float) -> Any:
    m, v = 0.8 * m + g, 0.95 * v + g**2
    return p - rate * m / (math.sqrt(v) + eps), g, m, v


RULES = [
    Rule("decay", {"rate": 0.1}, (), lambda p, g: (p, g + 0.1 * p)),
    Rule("sgd", {}, (0.5,), lambda p, g, lr: (p - lr * g, g)),
    *(
        Rule(
            "momentum",
            {"momentum": 0.9, "nesterov": nesterov},
            (0.5,),
            lambda p, g, v, lr, nesterov=nesterov: _momentum(p, g, v, lr, 0.9, nesterov),
        )
        for nesterov in (False, True)
    ),
    Rule("adam", {"beta1": 0.8, "beta2": 0.95}, (0.5, 1e-3), _adam),
]


def vectors(rule: Rule, size: int, dtype: str) -> list[np.ndarray]:
    """p, g and the slots (the last, a sum of squares in Adam, is positive)."""
    count = 2 + len(ops.UPDATES[rule.name].slots)
    signed = [True, True, True, False]
    return [reals(size, seed=i, signed=signed[i]).astype(dtype) for i in range(count)]
