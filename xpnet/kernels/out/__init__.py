"""Kernels made of NumPy's and CuPy's own functions with ``out=``; one file a file of `ops`."""

from xpnet.kernels.out import (
    activations,
    arithmetic,
    linear,
    losses,
    metrics,
    reduce,
    shape,
    updates,
)

__all__ = [
    "activations",
    "arithmetic",
    "linear",
    "losses",
    "metrics",
    "reduce",
    "shape",
    "updates",
]
