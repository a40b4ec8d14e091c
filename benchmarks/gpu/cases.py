"""The cases to measure: networks, precisions, and sizes."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
from common import SIZES, Size

import xpnet as xn

WIDE = Size((4096,) * 4, 8192, "momentum")
NARROW = Size((64,) * 5 + (16,), 65536, "Adam")
JOURNAL = Size((784, 128, 10), 128, "SGD")
NAMED = [SIZES[0], SIZES[1], JOURNAL, *SIZES[2:], NARROW, WIDE]


@dataclass(frozen=True)
class Target:
    """The target speedup of a step over eager PyTorch, and over the compiled peers."""

    eager: float
    compiled: float
    precisions: tuple[str, ...]


_SMALL, _LARGE = Target(5, 1.3, ("float32",)), Target(1, 1, ("tf32", "bfloat16"))
TARGETS = {s.name: _SMALL for s in NAMED[:4]}
TARGETS |= {NAMED[4].name: Target(2, 1.1, ("float32",)), WIDE.name: _LARGE}


@dataclass(frozen=True)
class Scale:
    """The amount of measurement: everything on a GPU, little in a check of the report itself.

    Attributes
    ----------
    sizes : list of Size
        Networks whose step is timed.
    against_peers : list of (Size, precision)
        In order of importance, since compiling takes time.
    exact : list of Size
        Networks whose gradients and losses are compared with NumPy's.
    rows, columns, vector : int
        Sizes of the arrays on which kernels are timed.
    products : list of (int, int, int)
        Rows, columns and inner length of matrix products; the first gives the device's rate.
    widths : list of int
        Widths of the networks that find the crossover.
    epochs, steps, seconds : int, int, float
        Epochs of MNIST; the most steps of a measured epoch; the time of one measurement.
    tests, examples : list of str
        Arguments of pytest, in order of importance; scripts in docs/examples that need no data.
    """

    sizes: list[Size]
    against_peers: list[tuple[Size, str]]
    exact: list[Size]
    rows: int
    columns: int
    vector: int
    products: list[tuple[int, int, int]]
    widths: list[int]
    epochs: int
    steps: int
    seconds: float
    tests: list[str]
    examples: list[str]


FULL = Scale(
    sizes=NAMED,
    against_peers=[
        (SIZES[0], "float32"),
        (SIZES[1], "float32"),
        (WIDE, "bfloat16"),
        (SIZES[2], "float32"),
        (SIZES[3], "float32"),
        (WIDE, "tf32"),
        (JOURNAL, "float32"),
        (NARROW, "bfloat16"),
        (SIZES[3], "bfloat16"),
        (NARROW, "float32"),
    ],
    exact=[SIZES[0], SIZES[1], JOURNAL, *SIZES[2:]],
    rows=32768,
    columns=1024,
    vector=8192,
    products=[(8192, 8192, 8192), (8192, 4096, 4096), (512, 1024, 1024), (128, 512, 784)],
    widths=[8, 16, 32, 64, 128, 256, 512, 1024, 2048],
    epochs=20,
    steps=500,
    seconds=0.5,
    tests=[
        f"tests/{name}"
        for name in """engine training data saving lowering graph backends estimators
        test_random.py nn optim ops""".split()
    ],
    examples="celsius error_functions gates irises softmax sklearn_swap".split(),
)

_TINY = [Size((6, 8, 3), 4, optimizer) for optimizer in ("SGD", "momentum", "Adam")]
TINY = Scale(
    sizes=_TINY,
    against_peers=[(_TINY[2], "float32")],
    exact=_TINY[1:],
    rows=64,
    columns=16,
    vector=16,
    products=[(32, 32, 32), (8, 4, 6)],
    widths=[4, 16],
    epochs=1,
    steps=20,
    seconds=0.01,
    tests=["tests/training/test_gpu.py"],
    examples=["celsius"],
)


def steps_of(size: Size, most: int) -> int:
    """The steps of a measured epoch: many, so that its start and end count little."""
    return max(4, min(most, round(4e8 / (4 * size.batch * size.units[0]))))


def model_of(size: Size, backend: Any, precision: str = "float32", **settings: Any) -> xn.Model:
    """A size's model on a backend, with weights of typical size that are drawn quickly."""
    if precision != "float32":
        settings["precision"] = precision
    optimizers = {
        "SGD": xn.SGD(0.01),
        "momentum": xn.SGD(0.01, momentum=0.9),
        "Adam": xn.Adam(),
    }
    model = xn.MLP(
        size.units,
        kernel_init="zeros",
        optimizer=optimizers[size.optimizer],
        metrics=[],
        backend=backend,
        check_finite=False,
        **settings,
    )
    model.load_state_dict(start_of(size))
    return model


@lru_cache(maxsize=2)
def start_of(size: Size) -> dict[str, Any]:
    """Initial parameters as NumPy arrays, under the names that `MLP` gives them."""
    rng, start = np.random.default_rng(0), {}
    for layer, (i, o) in enumerate(zip(size.units, size.units[1:], strict=False)):
        weight = rng.standard_normal((i, o), dtype=np.float32) * np.float32((2 / i) ** 0.5)
        start[f"layers.{2 * layer}.weight"] = weight
        start[f"layers.{2 * layer}.bias"] = np.zeros(o, np.float32)
    return start
