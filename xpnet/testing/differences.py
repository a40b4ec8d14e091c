"""Gradients by finite differences, in NumPy and float64."""

from collections.abc import Callable, Sequence
from typing import Any, TypeAlias

import numpy as np

from xpnet.arguments import count, elements, positive
from xpnet.arguments import function as check_function
from xpnet.backends.readable import host_numbers
from xpnet.errors import ShapeError
from xpnet.ops.reduce import sum_to_shape as sum_to_shape_of
from xpnet.typing import ArrayLike, Shape

__all__ = ["finite_differences", "sum_to_shape"]

Setting: TypeAlias = object
"""A setting of an op, such as an axis."""


def finite_differences(
    function: Callable[..., Any],
    arrays: Sequence[np.ndarray],
    index: int,
    gy: ArrayLike = 1.0,
    h: float = 1e-5,
) -> np.ndarray:
    """The gradient of ``sum(gy * function(*arrays))`` with respect to ``arrays[index]``.

    It takes central differences, one element at a time: ``(f(x + h) - f(x - h)) / (2 h)``. The
    error is of the order of h**2, about 1e-9 of the function's curvature, so give float64 arrays.

    Parameters
    ----------
    function : callable
        Takes the arrays and returns an array.
    arrays : sequence of numpy.ndarray
        They are not changed.
    index : int
        Index of the array to differentiate with respect to.
    gy : array or float, default 1.0
        Weights of the function's results: the upstream gradient.
    h : float, default 1e-5
        The step.

    Examples
    --------
    >>> import numpy as np
    >>> finite_differences(np.square, [np.array([1.0, 3.0])], 0).round(6)
    array([2., 6.])
    """
    check_function("function", function)
    arrays = [
        host_numbers(f"array {i}", a) for i, a in enumerate(elements("arrays", arrays, "[x]"))
    ]
    index, h = count("index", index, 0, len(arrays)), positive("h", h)
    factor: Any = host_numbers("gy", gy)
    if factor.ndim and factor.shape != np.shape(function(*arrays)):
        raise ShapeError(f"gy must have the shape of the function's result, got {factor.shape}.")
    gradient = np.zeros_like(arrays[index])
    for at in np.ndindex(gradient.shape):
        ends = []
        for step in (h, -h):
            moved = [a.copy() for a in arrays]
            moved[index][at] += step
            ends.append(np.sum(factor * function(*moved)))
        gradient[at] = (ends[0] - ends[1]) / (2 * h)
    return gradient


def sum_to_shape(array: np.ndarray, shape: Shape) -> np.ndarray:
    """Undo a broadcast: sum an array over the axes along which `shape` was repeated.

    Examples
    --------
    >>> import numpy as np
    >>> sum_to_shape(np.ones((5, 3)), (3,))
    array([5., 5., 5.])
    """
    array = host_numbers("array", array)
    shape = tuple(count("shape", n, 0) for n in elements("shape", shape, "(3,)"))
    sum_to_shape_of([array.shape], shape=shape)
    array = array.sum(axis=tuple(range(array.ndim - len(shape))))
    ones = tuple(i for i, n in enumerate(shape) if n == 1)
    return np.asarray(array.sum(axis=ones, keepdims=True))
