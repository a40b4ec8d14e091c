"""Example inputs, settings and an independent float64 reference for every op and update rule.

Each entry of `CASES` builds its inputs for a number of rows, so that the same entry serves 0
rows, one row and many. References are written in plain NumPy by the textbook formula, without
the care that the ops take for extreme inputs (those have a test of their own).
"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from xpnet import testing
from xpnet.graph import Graph, Node, Value
from xpnet.ops.op_registry import REGISTRY, UPDATES


def reals(*shape: int, seed: int = 0, low: float = 0.2, signed: bool = True) -> np.ndarray:
    """Numbers in [low, 2), of both signs if `signed`: none near the kink or the pole at 0."""
    return _drawn(shape, seed, low, signed).copy()


@lru_cache(maxsize=200)
def _drawn(shape: tuple[int, ...], seed: int, low: float, signed: bool) -> np.ndarray:
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


def _thrice(x: Any, across: Any = None) -> Any:
    """A sum over three processes that have the same numbers."""
    return x + x + x


def _softmax(z: np.ndarray) -> np.ndarray:
    return np.exp(z) / np.exp(z).sum(-1, keepdims=True)


def _cross_entropy(z: np.ndarray, y: np.ndarray) -> np.ndarray:
    return np.array([-math.log(p[i]) for p, i in zip(_softmax(z), y, strict=True)])


def _bce(z: np.ndarray, t: np.ndarray) -> np.ndarray:
    p = 1 / (1 + np.exp(-z))
    return -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean(-1)


def _huber(d: np.ndarray, delta: float) -> np.ndarray:
    return np.where(np.abs(d) <= delta, d * d / 2, delta * (np.abs(d) - delta / 2))


def _weighted(x: np.ndarray, w: np.ndarray) -> Any:
    return math.fsum(w * x) / math.fsum(w) if w.any() else 0.0


def _affine(x: np.ndarray, w: np.ndarray, b: np.ndarray) -> np.ndarray:
    return np.einsum("...ni,...io->...no", x, w) + b[..., None, :]


def _half_weights(n: int) -> np.ndarray:
    return np.arange(n) % 3 * 0.5


def _gather(w: np.ndarray, ids: np.ndarray) -> np.ndarray:
    return np.array([w[i] for i in ids.ravel()]).reshape(*ids.shape, w.shape[1])


def _standardized(x: np.ndarray, axis: int, epsilon: float) -> np.ndarray:
    return (x - x.mean(axis, keepdims=True)) / np.sqrt(x.var(axis, keepdims=True) + epsilon)


_F = 0xFFFFFFFF


def philox(counter: Sequence[int], key: Sequence[int]) -> tuple[int, ...]:
    """Philox4x32-10 as the paper writes it, in Python's own integers."""
    x, k = list(counter), list(key)
    for _ in range(10):
        a, b = 0xD2511F53 * x[0], 0xCD9E8D57 * x[2]
        x = [(b >> 32) ^ x[1] ^ k[0], b & _F, (a >> 32) ^ x[3] ^ k[1], a & _F]
        k = [(k[0] + 0x9E3779B9) & _F, (k[1] + 0xBB67AE85) & _F]
    return tuple(x)


def _bits(size: int, step: Any, seed: int, stream: int) -> np.ndarray:
    """First the first words of all blocks, then the second ones, ..."""
    at = int(step) & _F, int(step) >> 32
    blocks = [philox((i, 0, *at), (seed, stream)) for i in range(-(-size // 4))]
    return np.array(blocks, "float64").reshape(-1, 4).T.ravel()[:size]


def _dropout(x: np.ndarray, step: Any, rate: float, seed: int, stream: int) -> np.ndarray:
    keep = _bits(x.size, step, seed, stream).reshape(x.shape) / 2**32 >= rate
    return np.where(keep, x, 0) / (1 - rate)


def _noisy(x: np.ndarray, step: Any, std: float, seed: int, stream: int) -> np.ndarray:
    half = -(-x.size // 2)
    a, b = (_bits(2 * half, step, seed, stream).reshape(2, half) + 0.5) / 2**32
    z = np.sqrt(-2 * np.log(a)) * np.exp(2j * math.pi * b)
    return x + std * np.concatenate([z.real, z.imag])[: x.size].reshape(x.shape)


_erf = np.vectorize(math.erf, otypes=["float64"])


def _elu(x: np.ndarray, alpha: float = 1.0) -> np.ndarray:
    return np.where(x > 0, x, alpha * (np.exp(x) - 1))


def _gelu_tanh(x: np.ndarray) -> np.ndarray:
    return 0.5 * x * (1 + np.tanh(math.sqrt(2 / math.pi) * (x + 0.044715 * x**3)))


_UNARY: dict[str, Any] = {
    "abs": lambda x: np.where(x > 0, x, 0 - x),
    "expm1": lambda x: math.e**x - 1,
    "sin": lambda x: np.exp(1j * x).imag,
    "cos": lambda x: np.exp(1j * x).real,
    "identity": lambda x: x,
    "negative": lambda x: 0 - x,
    "exp": lambda x: math.e**x,
    "relu": lambda x: np.where(x > 0, x, 0),
    "sigmoid": lambda x: 1 / (1 + math.e**-x),
    "tanh": lambda x: (np.exp(x) - np.exp(-x)) / (np.exp(x) + np.exp(-x)),
    "softmax": _softmax,
    "log_softmax": lambda x: np.log(_softmax(x)),
    "linear": lambda x: x,
    "step": lambda x: np.heaviside(x, 1.0),
    "leaky_relu": lambda x: np.where(x > 0, x, x / 100),
    "elu": _elu,
    "selu": lambda x: 1.05070098735548049 * _elu(x, 1.67326324235437728),
    "log_sigmoid": lambda x: -np.log(1 + np.exp(-x)),
    "hard_sigmoid": lambda x: np.clip((x + 3) / 6, 0, 1),
    "hard_tanh": lambda x: np.clip(x, -1, 1),
    "softplus": lambda x: np.log(1 + np.exp(x)),
    "softsign": lambda x: x / (1 + np.abs(x)),
    "silu": lambda x: x / (1 + np.exp(-x)),
    "gelu": lambda x: x * (1 + _erf(x / math.sqrt(2))) / 2,
    "gelu_tanh": _gelu_tanh,
    "mish": lambda x: x * np.tanh(np.log(1 + np.exp(x))),
    "erf": _erf,
}
_BINARY: dict[str, Any] = {
    "add": lambda a, b: a + b,
    "subtract": lambda a, b: a - b,
    "multiply": lambda a, b: a * b,
    "divide": lambda a, b: a * b**-1.0,
    "power": lambda a, b: np.exp(b * np.log(a)),
    "maximum": lambda a, b: np.where(a > b, a, b),
    "minimum": lambda a, b: np.where(a < b, a, b),
}
_SETTINGS: dict[str, tuple[dict[str, float], Any]] = {
    "linear": ({"slope": -2.5}, lambda x, slope: slope * x),
    "step": ({"threshold": 0.7}, lambda x, threshold: np.heaviside(x - threshold, 1.0)),
    "leaky_relu": ({"slope": 1.5}, lambda x, slope: np.where(x > 0, x, slope * x)),
    "elu": ({"alpha": 0.7}, _elu),
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
    *(
        Case(op, lambda n: [3 * reals(n, 5)], _UNARY[op], note="wide")
        for op in ("hard_sigmoid", "hard_tanh", "erf", "gelu")
    ),
    *(
        Case(op, lambda n: [reals(n, 5)], f, lambda n, s=s: s, note="set")
        for op, (s, f) in _SETTINGS.items()
    ),
    *(
        Case("prelu", _pair(shapes, True), lambda x, a: np.where(x > 0, x, a * x), note=note)
        for note, shapes in {**_PAIRS, "shared": lambda n: ((n, 4), (1,))}.items()
    ),
    Case(
        "flush_to_zero",
        lambda n: [reals(n, 5)],
        lambda x, below: np.where(np.abs(x) < below, 0, x),
        lambda n: {"below": 0.7},
    ),
    Case("is_nan", lambda n: [reals(n, 5)], np.zeros_like),
    Case("is_nan", lambda n: [np.full((n, 5), np.nan)], np.ones_like, note="missing"),
    Case(
        "fill_nan",
        lambda n: [reals(n, 5), reals(5, seed=1)],
        lambda x, v: np.where(np.isnan(x), v, x),
    ),
    Case("floor", lambda n: [reals(n, 5)], np.floor),
    Case("log", lambda n: [reals(n, 5, signed=False)], lambda x: np.log2(x) * math.log(2)),
    Case("log1p", lambda n: [reals(n, 5, signed=False)], lambda x: np.log2(1 + x) * math.log(2)),
    Case("sqrt", lambda n: [reals(n, 5, signed=False)], lambda x: x**0.5),
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
        for op, f, empty in (("sum", np.sum, (0,)), ("mean", np.mean, ()), ("max", np.max, ()))
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
    Case("max", lambda n: [reals()], lambda x: x, note="number"),
    *(
        Case("sum_squares", lambda n, s=shape: [reals(n, *s)], lambda x: (x * x).sum(), note=note)
        for note, shape in {"vector": (), "matrix": (4,), "stack": (2, 3)}.items()
    ),
    Case("sum_squares", lambda n: [reals()], lambda x: x * x, note="number"),
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
    Case("sum_over_processes", lambda n: [reals(n, 3)], _thrice, lambda n: {"across": _thrice}),
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
    *(
        Case(
            "slice",
            lambda n: [reals(2, n, 5)],
            lambda x, cut=cut, **_: x[:, :, cut],
            lambda n, cut=cut: {"axis": -1, "start": cut.start, "stop": cut.stop},
            note=note,
        )
        for note, cut in {
            "middle": slice(1, 4),
            "start": slice(None, 2),
            "end": slice(-2, None),
            "beyond": slice(3, 99),
            "nothing": slice(3, 2),
        }.items()
    ),
    Case(
        "transpose",
        lambda n: [reals(n, 4)],
        lambda x: np.array([*zip(*x, strict=True)]).reshape(4, len(x)),
    ),
    Case(
        "transpose",
        lambda n: [reals(2, n, 3)],
        lambda x: np.einsum("bnm->bmn", x),
        note="batch",
    ),
    *(
        Case(
            "one_hot",
            ids,
            lambda y, classes, dtype="float32": 1.0 * (y[..., None] == np.arange(classes)),
            lambda n, s=s: s,
            note=note,
        )
        for note, ids, s in (
            ("labels", labels, {"classes": 5}),
            ("double", labels, {"classes": 5, "dtype": "float64"}),
            ("batch", lambda n: np.stack([labels(n), labels(n) - 1]), {"classes": 3}),
        )
        for ids in [lambda n, ids=ids: [ids(n)]]
    ),
    Case("as_index", lambda n: [1.0 * labels(n)], lambda x: [int(i) for i in x]),
    Case(
        "as_index",
        lambda n: [labels(2 * n).reshape(n, 2) + 0.75],
        lambda x, dtype: np.floor(x),
        lambda n: {"dtype": "int32"},
        note="short",
    ),
    Case("embedding", lambda n: [reals(5, 3), labels(n)], _gather),
    Case(
        "embedding", lambda n: [reals(5, 3), labels(2 * n, 3).reshape(n, 2)], _gather, note="window"
    ),
    Case(
        "embedding", lambda n: [reals(2, 1), 0 * labels(n).astype("int32")], _gather, note="one-row"
    ),
    Case("embedding", lambda n: [reals(5, 3), np.array(2)], _gather, note="number"),
    *(
        Case(
            f"standardize_{name}",
            arrays,
            lambda x, axis=axis, epsilon=1e-5: _standardized(x, axis, epsilon),
            lambda n, s=s: s,
            rows,
            note,
        )
        for name, note, arrays, axis, s, rows in (
            ("features", "", lambda n: [reals(n, 5)], -1, {}, (0, 1, 3)),
            ("features", "batch", lambda n: [reals(2, n, 4)], -1, {"epsilon": 0.5}, (0, 1, 3)),
            ("batch", "", lambda n: [reals(n, 5)], 0, {}, (1, 3)),
            ("batch", "set", lambda n: [reals(2 * n, 5)], 0, {"epsilon": 0.5}, (1, 3)),
        )
    ),
    *(
        Case(
            "dropout",
            lambda n, shape=shape: [reals(*shape, n), np.array(2**32 + 5)],
            _dropout,
            lambda n, rate=rate: {"rate": rate, "seed": 7, "stream": 3},
            note=f"{rate:g}",
        )
        for shape, rate in (((5,), 0.25), ((2, 3), 0.5), ((), 0.0))
    ),
    *(
        Case(
            "gaussian_noise",
            lambda n, shape=shape: [reals(*shape, n), np.array(2**32 + 5)],
            _noisy,
            lambda n, std=std: {"std": std, "seed": 7, "stream": 3},
            note=f"{std:g}",
        )
        for shape, std in (((5,), 0.5), ((2, 3), 2.0), ((), 0.1))
    ),
    *(
        Case(
            f"scheduled_{name}",
            lambda n, shape=shape, number=number: [
                reals(*shape, n),
                np.array(2**32 + 5),
                np.array(number),
            ],
            lambda x, step, number, own=own, **key: own(x, step, float(number), **key),
            lambda n: {"seed": 7, "stream": 3},
            note=f"{number:g}",
        )
        for name, own, shape, number in (
            ("dropout", _dropout, (5,), 0.25),
            ("dropout", _dropout, (), 0.0),
            ("gaussian_noise", _noisy, (2, 3), 2.0),
        )
    ),
    *(
        Case(
            "max_norm",
            lambda n: [reals(n, 4)],
            lambda w, limit, axis=0: (
                w * np.minimum(1, limit / np.linalg.norm(w, axis=axis, keepdims=True))
            ),
            lambda n, s=s: s,
            (1, 3),
            note,
        )
        for note, s in {
            "some": {"limit": 1.5},
            "none": {"limit": 9.0},
            "rows": {"limit": 1.0, "axis": -1},
        }.items()
    ),
    Case(
        "max_norm",
        lambda n: [reals(2, n, 4)],
        lambda w, limit: w * np.minimum(1, limit / np.linalg.norm(w, axis=1, keepdims=True)),
        lambda n: {"limit": 1.5},
        (1, 3),
        "batch",
    ),
    Case("unit_norm", lambda n: [reals(n, 4)], lambda w: w / np.linalg.norm(w, axis=0)),
    Case(
        "unit_norm",
        lambda n: [reals(n, 4)],
        lambda w, axis: w / np.linalg.norm(w, axis=1)[:, None],
        lambda n: {"axis": -1},
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
        "softmax_cross_entropy",
        lambda n: [reals(n, 5), labels(n)],
        lambda z, y, smoothing: (
            (1 - smoothing) * _cross_entropy(z, y) - smoothing * np.log(_softmax(z)).mean(-1)
        ),
        lambda n: {"smoothing": 0.3},
        note="smoothed",
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
        "binary_cross_entropy",
        lambda n: [reals(n, 3, signed=False) / 2.1, shares(n, 3)],
        lambda p, t: -(t * np.log(p) + (1 - t) * np.log(1 - p)).mean(-1),
    ),
    Case(
        "cross_entropy",
        lambda n: [reals(n, 4, signed=False) / 2.1, shares(n, 4)],
        lambda p, t: -(t * np.log(p)).sum(-1),
    ),
    *(
        Case("huber", lambda n: [reals(n, 4)], _huber, lambda n, d=d: {"delta": d}, note=f"{d:g}")
        for d in (0.7, 5.0)
    ),
    Case("log_cosh", lambda n: [reals(n, 4)], lambda d: np.log(np.cosh(d))),
    Case(
        "pinball",
        lambda n: [reals(n, 4)],
        lambda d, quantile: np.abs(d) * np.where(d > 0, quantile, 1 - quantile),
        lambda n: {"quantile": 0.9},
    ),
    *(
        Case(
            "focal",
            lambda n: [reals(n, 4, signed=False)],
            lambda c, gamma: (1 - np.exp(-c)) ** gamma * c,
            lambda n, gamma=gamma: {"gamma": gamma},
            note=f"{gamma:g}",
        )
        for gamma in (0.0, 0.5, 2.0)
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
    Case(
        "binary_accuracy",
        lambda n: [reals(n, 3, signed=False) / 2, shares(n, 3)],
        lambda p, t, threshold: (1.0 * ((p > threshold) == (t > 0.5))).mean(-1),
        lambda n: {"threshold": 0.5},
        note="of-probabilities",
    ),
    Case(
        "top_k_accuracy",
        lambda n: [reals(n, 5), labels(n)],
        lambda z, y, top: 1.0 * (np.argsort(z)[:, -top:] == y[:, None]).any(-1),
        lambda n: {"top": 2},
    ),
    Case(
        "soft_top_k_accuracy",
        lambda n: [reals(n, 5), shares(n, 5)],
        lambda z, t, top: 1.0 * (np.argsort(z)[:, -top:] == np.argsort(t)[:, -1:]).any(-1),
        lambda n: {"top": 3},
    ),
]


@dataclass(frozen=True)
class Examples:
    """All entries of the table for one op."""

    op: str
    cases: tuple[Case, ...]

    def __str__(self) -> str:
        return self.op

    def __iter__(self) -> Iterator[Case]:
        return iter(self.cases)


EXAMPLES = [
    Examples(op, tuple(case for case in CASES if case.op == op))
    for op in dict.fromkeys(case.op for case in CASES)
]


def trace(case: Case, n: int, dtype: str) -> tuple[Graph, Node, dict[Value, np.ndarray]]:
    """A graph of this op alone, its node, and arrays for its inputs (labels stay integers)."""
    return testing.trace_op(REGISTRY[case.op], case.arrays(n), case.static(n), dtype)


append_vjp = testing.append_vjp


def differentiable(case: Case) -> list[int]:
    """Positions of the inputs that have a gradient."""
    return testing.differentiable(REGISTRY[case.op], len(case.arrays(1)))


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


def _moments(g: float, m: float, v: float) -> tuple[float, float]:
    return 0.8 * m + g, 0.95 * v + g**2


def _adam(p: float, g: float, m: float, v: float, rate: float, eps: float) -> Any:
    m, v = _moments(g, m, v)
    return p - rate * m / (math.sqrt(v) + eps), g, m, v


def _amsgrad(p: float, g: float, m: float, v: float, w: float, rate: float, eps: float) -> Any:
    m, v = _moments(g, m, v)
    return p - rate * m / (math.sqrt(max(v, w)) + eps), g, m, v, max(v, w)


def _nadam(p: float, g: float, m: float, v: float, now: float, rate: float, eps: float) -> Any:
    m, v = _moments(g, m, v)
    return p - (rate * m + now * g) / (math.sqrt(v) + eps), g, m, v


def _radam(p: float, g: float, m: float, v: float, flat: float, rate: float, eps: float) -> Any:
    m, v = _moments(g, m, v)
    return p - flat * m - rate * m / (math.sqrt(v) + eps), g, m, v


def _adadelta(p: float, g: float, v: float, u: float, lr: float) -> Any:
    v = 0.9 * v + g**2
    step = math.sqrt((u + 1e-2) / (v + 1e-2)) * g
    return p - lr * step, g, v, 0.9 * u + step**2


def _adagrad(p: float, g: float, v: float, lr: float) -> Any:
    return p - lr * g / (math.sqrt(v + g**2) + 1e-2), g, v + g**2


def _rms(p: float, g: float, v: float) -> Any:
    v = 0.9 * v + g**2
    return p, g / (math.sqrt(v) + 1e-2), v


def _centered_rms(p: float, g: float, a: float, v: float) -> Any:
    a, v = 0.9 * a + g, 0.9 * v + g**2
    return p, g / (math.sqrt(max(v - 0.1 * a**2, 0)) + 1e-2), a, v


def _lion(p: float, g: float, m: float, lr: float) -> Any:
    return p - lr * math.copysign(1, 0.5 * m + g), g, 0.95 * m + g


_BETAS = {"beta1": 0.8, "beta2": 0.95}

RULES = [
    Rule("decay", {}, (0.1,), lambda p, g, decay: (p, g + decay * p)),
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
    Rule("adam", _BETAS, (0.5, 1e-3), _adam),
    Rule("amsgrad", _BETAS, (0.5, 1e-3), _amsgrad),
    Rule("nadam", _BETAS, (0.25, 0.5, 1e-3), _nadam),
    Rule("radam", _BETAS, (0.25, 0.5, 1e-3), _radam),
    Rule("adagrad", {"epsilon": 1e-2}, (0.5,), _adagrad),
    Rule("adadelta", {"rho": 0.9, "epsilon": 1e-2}, (0.5,), _adadelta),
    Rule("rms", {"rho": 0.9, "epsilon": 1e-2}, (), _rms),
    Rule("centered_rms", {"rho": 0.9, "epsilon": 1e-2}, (), _centered_rms),
    Rule("lion", {"beta2": 0.95, "share": 0.5}, (0.5,), _lion),
    Rule("decoupled_decay", {}, (0.1,), lambda p, g, decay: (p - decay * p, g)),
    Rule("clip_value", {"limit": 0.7}, (), lambda p, g: (p, max(-0.7, min(g, 0.7)))),
    Rule("clip_norm", {"limit": 2.0}, (), lambda p, g: (p, g * 2 / (_NORM + 1e-6))),
    Rule("clip_norm", {"limit": 4.0}, (), lambda p, g: (p, g)),
    Rule("average", {"decay": 0.9}, (), lambda p, g, a: (p, g, 0.9 * a + 0.1 * p)),
]

_NORM = 3.0  # of the gradients that are clipped, so that the formula is one of single numbers


def vectors(rule: Rule, size: int, dtype: str) -> list[np.ndarray]:
    """p, g and the slots (sums of squares are positive)."""
    slots = UPDATES[rule.name].slots
    signed = [True, True, *("square" not in name for name in slots)]
    arrays = [reals(size, seed=i, signed=s) for i, s in enumerate(signed)]
    if rule.name == "clip_norm" and size:
        arrays[1] *= _NORM / np.linalg.norm(arrays[1])
    return [a.astype(dtype) for a in arrays]
