"""Inputs and settings for every op of the library, made from its signature."""

from collections.abc import Iterator
from typing import Any

import numpy as np

from xpnet.ops.op_registry import REGISTRY
from xpnet.ops.record import Op
from xpnet.typing import Shape

__all__ = ["op_examples"]

_ROWS, _LENGTH = 3, 4  # lengths of leading and of named dimensions
_NOISE = {"seed": 7, "stream": 3}


def _twice(x: Any) -> Any:
    """The sum over two processes that have the same numbers."""
    return x + x


# Settings without a default, or settings that use more of an op's definition.
_SETTINGS: dict[str, dict[str, Any]] = {
    "dropout": {"rate": 0.25, **_NOISE},
    "flush_to_zero": {"below": 0.7},
    "focal": {"gamma": 2.0},
    "gaussian_noise": {"std": 0.5, **_NOISE},
    "scheduled_dropout": _NOISE,
    "scheduled_gaussian_noise": _NOISE,
    "huber": {"delta": 0.7},
    "leaky_relu": {"slope": 0.2},
    "max_norm": {"limit": 1.5},
    "one_hot": {"classes": _LENGTH},
    "pinball": {"quantile": 0.9},
    "reshape": {"shape": (2, -1)},
    "slice": {"axis": -1, "start": 1, "stop": 3},
    "soft_top_k_accuracy": {"top": 2},
    "step": {"threshold": 0.7},
    "sum": {"axis": -1},
    "sum_over_processes": {"across": _twice},
    "sum_to": {"shape": (_LENGTH,)},
    "top_k_accuracy": {"top": 2},
}
_PROBABILITIES = ("p", "t", "rate")  # inputs of these names are in (0, 1)
_NUMBERS = ("step", "rate", "std")  # and of these names are single numbers
_POSITIVE = ("log", "log1p", "sqrt", "power", "focal")


def op_examples() -> Iterator[tuple[Op, list[np.ndarray], dict[str, Any]]]:
    """Every op of the registry, with inputs in float64 and settings."""
    for op in REGISTRY.values():
        names = op.inputs or ("x", "x")
        cores = op.shapes.inputs * (2 if op.variadic else 1)
        inputs = [_input(op, name, core) for name, core in zip(names, cores, strict=True)]
        yield op, inputs, _SETTINGS.get(op.name, {})


def _shape(op: Op, name: str, core: tuple[str, ...]) -> Shape:
    """The named dimensions, and leading dimensions where the first input has them."""
    own = (_LENGTH,) * len(core)
    if op.shapes.text.startswith("(...") and name not in ("w", *_NUMBERS):
        rows = (_ROWS,) if any(op.shapes.inputs) else (_ROWS, _LENGTH)
        return rows + own
    return (_ROWS,) if name == "ids" else own


def _input(op: Op, name: str, core: tuple[str, ...]) -> np.ndarray:
    shape = _shape(op, name, core)
    rng = np.random.default_rng([len(op.name), len(name), *shape])
    if name in (op.integers or ()):
        return np.asarray(rng.integers(0, _LENGTH, shape))
    size = rng.uniform(0.2, 0.8, shape)
    if name in _PROBABILITIES or op.name in _POSITIVE:
        return np.asarray(size)
    return np.asarray(2 * size * rng.choice([-1.0, 1.0], shape))
