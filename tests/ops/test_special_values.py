"""Extreme inputs: finite and right wherever the mathematics is, by values worked out by hand.

Each entry gives inputs, the op's output and, for ``gy = 1``, the gradient of the first input.
`B` stands for a huge number of the type at hand.
"""

import math
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from xpnet import ops
from xpnet.graph import Graph

inf, nan = math.inf, math.nan
HUGE = {"float32": 1e30, "float64": 1e300}
LN2, LN3 = math.log(2), math.log(3)

# op -> rows of (inputs..., output, gradient); B is the huge number.
TABLE = {
    "sigmoid": lambda B: [
        ([0.0, -0.0, inf, -inf], [0.5, 0.5, 1, 0], [0.25, 0.25, 0, 0]),
        ([B, -B, nan], [1, 0, nan], [0, 0, nan]),
        ([math.log(4), -math.log(4)], [0.8, 0.2], [0.16, 0.16]),
    ],
    "tanh": lambda B: [
        ([0.0, -0.0, inf, -inf, B, -B, nan], [0, 0, 1, -1, 1, -1, nan], [1, 1, 0, 0, 0, 0, nan]),
    ],
    "relu": lambda B: [
        ([0.0, -0.0, inf, -inf, B, -B, 1e-30], [0, 0, inf, 0, B, 0, 1e-30], [0, 0, 1, 0, 1, 0, 1]),
    ],
    "softmax": lambda B: [
        ([[B, 0.0, -B]], [[1, 0, 0]], None),
        ([[B, B, -inf]], [[0.5, 0.5, 0]], None),
        ([[-B, -B, -B]], [[1 / 3, 1 / 3, 1 / 3]], None),
        ([[-inf, LN3, 0.0]], [[0, 0.75, 0.25]], None),
        ([[-0.0, 0.0, 0.0]], [[1 / 3, 1 / 3, 1 / 3]], None),
        ([[7.0]], [[1]], [[0]]),
        ([[nan, 0.0]], [[nan, nan]], None),
        ([[-inf, -inf]], [[nan, nan]], None),
    ],
    "log_softmax": lambda B: [
        ([[B, 0.0, -B]], [[0, -B, -2 * B]], [[-2, 1, 1]]),
        ([[B, B, -inf]], [[-LN2, -LN2, -inf]], [[-0.5, -0.5, 1]]),
        ([[-inf, LN3, 0.0]], [[-inf, math.log(0.75), math.log(0.25)]], [[1, -1.25, 0.25]]),
        ([[B]], [[0]], [[0]]),
        ([[nan, 0.0]], [[nan, nan]], [[nan, nan]]),
    ],
    "softmax_cross_entropy": lambda B: [
        ([[B, 0.0, -B]], [0], [0], [[0, 0, 0]]),
        ([[B, 0.0, -B]], [2], [2 * B], [[1, 0, -1]]),
        ([[0.0, 0.0, -inf]], [1], [LN2], [[0.5, -0.5, 0]]),
        ([[0.0, 0.0, -inf]], [2], [inf], [[0.5, 0.5, -1]]),
        ([[5.0]], [0], [0], [[0]]),
        ([[nan, 0.0]], [1], [nan], [[nan, nan]]),
    ],
    "soft_cross_entropy": lambda B: [
        ([[B, 0.0, -B]], [[0.5, 0.0, 0.5]], [B], [[0.5, 0, -0.5]]),
        ([[0.0, 0.0, -inf]], [[0.5, 0.5, 0.0]], [LN2], [[0, 0, 0]]),
        ([[-inf, -inf, 3.0]], [[0.0, 0.0, 1.0]], [0], [[0, 0, 0]]),
        ([[1.0, -1.0]], [[0.0, 0.0]], [0], [[0, 0]]),
        ([[nan, 0.0]], [[0.0, 1.0]], [nan], [[nan, nan]]),
    ],
    "binary_cross_entropy_with_logits": lambda B: [
        ([[B, B, -B, -B]], [[1.0, 0.0, 0.0, 1.0]], [B / 2], [[0, 0.25, 0, -0.25]]),
        ([[inf, -inf]], [[1.0, 0.0]], [0], [[0, 0]]),
        ([[inf, -inf]], [[0.0, 1.0]], [inf], [[0.5, -0.5]]),
        ([[0.0, -0.0]], [[1.0, 0.0]], [LN2], [[-0.25, 0.25]]),
        ([[B]], [[0.5]], [B / 2], [[0.5]]),
        ([[-40.0]], [[0.0]], [math.exp(-40)], [[math.exp(-40)]]),
        ([[nan, 0.0]], [[0.0, 1.0]], [nan], [[nan, -0.25]]),
    ],
    "weighted_mean": lambda B: [
        ([nan, inf, 3.0], [0.0, 0.0, 2.0], 3.0, [0, 0, 1]),
        ([B, -inf], [1.0, 0.0], B, [1, 0]),
        ([nan, 1.0], [0.0, 0.0], 0.0, [0, 0]),
    ],
    "power": lambda B: [
        ([0.0, 0.0, -0.0, -2.0], [0.0, 2.0, 1.0, 3.0], [1, 0, 0, -8], [0, 0, 1, 12]),
        ([B, inf, 0.0], [0.0, 0.0, 1.0], [1, 1, 0], [0, 0, 1]),
    ],
}  # fmt: skip
ENTRIES = [(op, i) for op, rows in TABLE.items() for i in range(len(rows(1)))]


def compute(xp, op, dtype, inputs, index=0):
    """Output and gradient (for an upstream gradient of ones) of one op, as NumPy arrays."""
    graph, feeds = Graph(), {}
    for i, data in enumerate(inputs):
        whole = op == "softmax_cross_entropy" and i == 1
        array = np.asarray(data, "int64" if whole else dtype)
        feeds[graph.input(f"x{i}", array.shape, str(array.dtype))] = array
    output = ops.REGISTRY[op](*graph.inputs)
    node, gy = graph.nodes[-1], graph.input("gy", output.shape, dtype)
    feeds[gy] = np.ones(gy.shape, dtype)
    gradient = graph.append_vjp(ops.REGISTRY[op].vjp_of(index), node, index, gy)
    with np.errstate(all="ignore"):
        results = xp.compute(graph, feeds, [output, gradient])
    return SimpleNamespace(y=xp.to_numpy(results[0]), gx=xp.to_numpy(results[1]))


@pytest.mark.parametrize("dtype", list(HUGE))
@pytest.mark.parametrize(("op", "entry"), ENTRIES)
def test_extreme_inputs(xp, op, entry, dtype):
    *inputs, y, gx = TABLE[op](HUGE[dtype])[entry]
    got = compute(xp, op, dtype, inputs)
    rounding = {"float32": 5e-7, "float64": 1e-15}[dtype]
    assert_allclose(got.y, y, rtol=10 * rounding)
    if gx is not None:
        assert_allclose(got.gx, gx, atol=rounding)


def test_softmax_gradient_of_one_hot_rows_is_zero(xp):
    """For a saturated row every gradient is exactly 0, not NaN."""
    got = compute(xp, "softmax", "float32", [[[1e30, 0.0, -1e30], [0.0, -np.inf, -np.inf]]])
    assert (got.gx == 0).all()


@pytest.mark.parametrize("op", ["softmax_cross_entropy", "soft_cross_entropy"])
def test_small_losses_keep_their_digits(xp, op):
    """ln(1 + e**-20) is 2e-9: the sure class must not be rounded to a loss of 0 in float64."""
    target = [0] if op == "softmax_cross_entropy" else [[1.0, 0.0]]
    got = compute(xp, op, "float64", [[[20.0, 0.0]], target])
    assert_allclose(got.y, math.log1p(math.exp(-20)), rtol=1e-6)


def test_exponent_at_base_zero(xp):
    """d(a**b)/db = a**b ln a is 0 at a = 0 for b > 0, not 0 * -inf."""
    got = compute(xp, "power", "float64", [[0.0, math.e], [2.0, 1.0]], index=1)
    assert_allclose(got.gx, [0, math.e])
