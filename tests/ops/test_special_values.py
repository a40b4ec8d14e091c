"""Extreme inputs: finite and right wherever the mathematics is, by values computed by hand.

Each entry gives inputs, the op's output and, for ``gy = 1``, the gradient of the first input.
`B` stands for a huge number of the type at hand.
"""

import math
import warnings
from itertools import product
from types import SimpleNamespace

import numpy as np
import pytest
from numpy.testing import assert_allclose

from xpnet import ops
from xpnet.graph import Graph
from xpnet.ops.op_registry import REGISTRY

inf, nan = math.inf, math.nan
HUGE = {"float32": 1e30, "float64": 1e300}
LN2, LN3 = math.log(2), math.log(3)
PHI1, SLOPE1 = 0.8413447460685429, 0.24197072451914337  # the normal distribution's at 1
SELU_TOP, SELU_BOTTOM = 1.0507009873554805, 1.7580993408473766  # scale, and scale * alpha

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
    "linear": lambda B: [
        ([0.0, -0.0, inf, -inf, B, -B, nan], [0, 0, inf, -inf, B, -B, nan], [1] * 7),
    ],
    "step": lambda B: [
        ([0.0, -0.0, inf, -inf, B, -B, nan, -1e-30], [1, 1, 1, 0, 1, 0, nan, 0], [0] * 8),
    ],
    "leaky_relu": lambda B: [
        ([0.0, -0.0, inf, -inf], [0, 0, inf, -inf], [0.01, 0.01, 1, 0.01]),
        ([B, -B, 1e-30, -1e-30], [B, -B / 100, 1e-30, -1e-32], [1, 0.01, 1, 0.01]),
        ([nan], [nan], None),
    ],
    "prelu": lambda B: [
        ([0.0, -0.0, inf, -inf, B, -B], [0.25] * 6,
         [0, 0, inf, -inf, B, -B / 4], [0.25, 0.25, 1, 0.25, 1, 0.25]),
        ([2.0, -2.0, B, -B], [0.0, 0.0, -1.0, -1.0], [2, 0, B, B], [1, 0, 1, -1]),
        ([nan, -1.0], [0.5, nan], [nan, nan], None),
    ],
    "elu": lambda B: [
        ([0.0, -0.0, inf, -inf, B, -B, nan], [0, 0, inf, -1, B, -1, nan], [1, 1, 1, 0, 1, 0, nan]),
        ([-LN2, -1e-30], [-0.5, -1e-30], [0.5, 1]),
    ],
    "selu": lambda B: [
        ([0.0, -0.0, inf, -inf], [0, 0, inf, -SELU_BOTTOM],
         [SELU_BOTTOM, SELU_BOTTOM, SELU_TOP, 0]),
        ([B, -B, nan, -LN2], [SELU_TOP * B, -SELU_BOTTOM, nan, -SELU_BOTTOM / 2],
         [SELU_TOP, 0, nan, SELU_BOTTOM / 2]),
    ],
    "log_sigmoid": lambda B: [
        ([0.0, -0.0, inf, -inf], [-LN2, -LN2, 0, -inf], [0.5, 0.5, 0, 1]),
        ([B, -B, nan, LN3, 40.0], [0, -B, nan, math.log(0.75), -math.exp(-40)],
         [0, 1, nan, 0.25, math.exp(-40)]),
    ],
    "hard_sigmoid": lambda B: [
        ([0.0, -0.0, inf, -inf, B, -B], [0.5, 0.5, 1, 0, 1, 0], [1 / 6, 1 / 6, 0, 0, 0, 0]),
        ([3.0, -3.0, 1.5, -1.5], [1, 0, 0.75, 0.25], [0, 0, 1 / 6, 1 / 6]),
        ([nan], [nan], None),
    ],
    "hard_tanh": lambda B: [
        ([0.0, -0.0, inf, -inf, B, -B], [0, 0, 1, -1, 1, -1], [1, 1, 0, 0, 0, 0]),
        ([1.0, -1.0, 0.5, -0.5], [1, -1, 0.5, -0.5], [0, 0, 1, 1]),
        ([nan], [nan], None),
    ],
    "softplus": lambda B: [
        ([0.0, -0.0, inf, -inf], [LN2, LN2, inf, 0], [0.5, 0.5, 1, 0]),
        ([B, -B, nan, 1000.0, -1000.0], [B, 0, nan, 1000, 0], [1, 0, nan, 1, 0]),
        ([LN3, -LN3, -40.0], [math.log(4), math.log(4 / 3), math.exp(-40)],
         [0.75, 0.25, math.exp(-40)]),
    ],
    "softsign": lambda B: [
        ([0.0, -0.0, inf, -inf, B, -B, nan], [0, 0, 1, -1, 1, -1, nan], [1, 1, 0, 0, 0, 0, nan]),
        ([1.0, -3.0, 1e-30], [0.5, -0.75, 1e-30], [0.25, 1 / 16, 1]),
    ],
    "silu": lambda B: [
        ([0.0, -0.0, inf, -inf], [0, 0, inf, 0], [0.5, 0.5, 1, 0]),
        ([B, -B, nan, 1000.0, -1000.0], [B, 0, nan, 1000, 0], [1, 0, nan, 1, 0]),
        ([LN3, -LN3], [0.75 * LN3, -0.25 * LN3], [0.75 + LN3 * 3 / 16, 0.25 - LN3 * 3 / 16]),
    ],
    "gelu": lambda B: [
        ([0.0, -0.0, inf, -inf], [0, 0, inf, 0], [0.5, 0.5, 1, 0]),
        ([B, -B, nan, 1000.0, -1000.0], [B, 0, nan, 1000, 0], [1, 0, nan, 1, 0]),
        ([1.0, -1.0], [PHI1, PHI1 - 1], [PHI1 + SLOPE1, 1 - PHI1 - SLOPE1]),
    ],
    "gelu_tanh": lambda B: [
        ([0.0, -0.0, inf, -inf], [0, 0, inf, 0], [0.5, 0.5, 1, 0]),
        ([B, -B, nan, 1000.0, -1000.0], [B, 0, nan, 1000, 0], [1, 0, nan, 1, 0]),
    ],
    "mish": lambda B: [
        ([0.0, -0.0, inf, -inf], [0, 0, inf, 0], [0.6, 0.6, 1, 0]),
        ([B, -B, nan, 1000.0, -1000.0], [B, 0, nan, 1000, 0], [1, 0, nan, 1, 0]),
        ([LN2], [0.8 * LN2], [0.8 + 0.24 * LN2]),
    ],
    "erf": lambda B: [
        ([0.0, -0.0, inf, -inf], [0, 0, 1, -1], [2 / math.sqrt(math.pi)] * 2 + [0, 0]),
        ([B, -B, nan], [1, -1, nan], [0, 0, nan]),
        ([1.0, 1e-30], [0.8427007929497149, 2e-30 / math.sqrt(math.pi)],
         [2 / math.sqrt(math.pi) / math.e, 2 / math.sqrt(math.pi)]),
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
    "binary_cross_entropy": lambda B: [
        ([[0.0, 1.0]], [[0.0, 1.0]], [0], [[0, 0]]),
        ([[0.0, 1.0]], [[1.0, 0.0]], [100], [[-5e11, 5e11]]),
        ([[0.5, 0.5]], [[1.0, 0.0]], [LN2], [[-1, 1]]),
        ([[1e-30]], [[0.0]], [1e-30], None),
        ([[nan, 0.5]], [[0.0, 0.0]], [nan], [[nan, 1]]),
    ],
    "cross_entropy": lambda B: [
        ([[0.0, 1.0]], [[0.0, 1.0]], [0], [[0, -1]]),
        ([[0.0, 1.0]], [[1.0, 0.0]], [100], [[-1e12, 0]]),
        ([[0.25, 0.75]], [[1.0, 0.0]], [2 * LN2], [[-4, 0]]),
        ([[nan, 1.0]], [[0.0, 1.0]], [nan], None),
    ],
    "log_cosh": lambda B: [
        ([0.0, -0.0, B, -B, inf, -inf, nan], [0, 0, B, B, inf, inf, nan],
         [0, 0, 1, -1, 1, -1, nan]),
    ],
    "weighted_mean": lambda B: [
        ([nan, inf, 3.0], [0.0, 0.0, 2.0], 3.0, [0, 0, 1]),
        ([B, -inf], [1.0, 0.0], B, [1, 0]),
        ([nan, 1.0], [0.0, 0.0], 0.0, [0, 0]),
    ],
    "abs": lambda B: [
        ([0.0, -0.0, inf, -inf, nan], [0, 0, inf, inf, nan], [0, 0, 1, -1, nan]),
        ([B, -B, -1e-30], [B, B, 1e-30], [1, -1, -1]),
    ],
    "sqrt": lambda B: [
        ([0.0, inf, 4.0, -1.0, nan], [0, inf, 2, nan, nan], [inf, 0, 0.25, nan, nan]),
        ([B], [math.sqrt(B)], [0]),
    ],
    "log1p": lambda B: [
        ([0.0, 1e-30, -1.0, inf, B], [0, 1e-30, -inf, inf, math.log(B)], [1, 1, inf, 0, 0]),
        ([-2.0, nan], [nan, nan], None),
    ],
    "expm1": lambda B: [
        ([0.0, 1e-30, -inf, inf, -B], [0, 1e-30, -1, inf, -1], [1, 1, 0, inf, 0]),
        ([B, LN3, nan], [inf, 2, nan], [inf, 3, nan]),
    ],
    "sin": lambda B: [
        ([0.0, -0.0, inf, -inf, nan], [0, 0, nan, nan, nan], [1, 1, nan, nan, nan]),
        ([1e-30], [1e-30], [1]),
    ],
    "cos": lambda B: [
        ([0.0, inf, -inf, nan], [1, nan, nan, nan], [0, nan, nan, nan]),
    ],
    "maximum": lambda B: [
        ([1.0, 2.0, 2.0, -0.0], [2.0, 1.0, 2.0, 0.0], [2, 2, 2, 0], [0, 1, 0.5, 0.5]),
        ([inf, -inf, B, inf], [B, B, -inf, inf], [inf, B, B, inf], [1, 0, 1, 0.5]),
        ([nan, 1.0, nan], [1.0, nan, nan], [nan, nan, nan], [0, 0, 0]),
    ],
    "minimum": lambda B: [
        ([1.0, 2.0, 2.0, -0.0], [2.0, 1.0, 2.0, 0.0], [1, 1, 2, 0], [1, 0, 0.5, 0.5]),
        ([inf, -inf, B, inf], [B, B, -inf, inf], [B, -inf, -inf, inf], [0, 1, 0, 0.5]),
        ([nan, 1.0, nan], [1.0, nan, nan], [nan, nan, nan], [0, 0, 0]),
    ],
    "max": lambda B: [
        ([[3.0, 1.0], [3.0, 3.0]], 3, [[1 / 3, 0], [1 / 3, 1 / 3]]),
        ([-inf, B, -0.0, B], B, [0, 0.5, 0, 0.5]),
        ([-0.0, 0.0, -1.0], 0, [0.5, 0.5, 0]),
        ([-inf, -inf], -inf, [0.5, 0.5]),
        ([inf, 1.0], inf, [1, 0]),
        ([nan, 1.0], nan, [nan, nan]),
    ],
    "standardize_features": lambda B: [
        ([[3.0, 3.0, 3.0], [0.0, 0.0, 0.0]], np.zeros((2, 3)), np.zeros((2, 3))),
        ([[B, B]], [[0, 0]], [[0, 0]]),
        ([[5.0]], [[0]], [[0]]),
        ([[nan, 1.0], [2.0, 2.0]], [[nan, nan], [0, 0]], [[nan, nan], [0, 0]]),
    ],
    "standardize_batch": lambda B: [
        ([[3.0, B], [3.0, B]], np.zeros((2, 2)), np.zeros((2, 2))),
        ([[5.0, -7.0]], [[0, 0]], [[0, 0]]),
        ([[nan, 2.0], [1.0, 2.0]], [[nan, 0], [nan, 0]], [[nan, 0], [nan, 0]]),
    ],
    "power": lambda B: [
        ([0.0, 0.0, -0.0, -2.0], [0.0, 2.0, 1.0, 3.0], [1, 0, 0, -8], [0, 0, 1, 12]),
        ([B, inf, 0.0], [0.0, 0.0, 1.0], [1, 1, 0], [0, 0, 1]),
    ],
}  # fmt: skip


def compute(xp, op, dtype, inputs, index=0, **static):
    """Output and gradient (for an upstream gradient of ones) of one op, as NumPy arrays."""
    graph, feeds = Graph(), {}
    for i, data in enumerate(inputs):
        whole = op == "softmax_cross_entropy" and i == 1
        array = np.asarray(data, "int64" if whole else dtype)
        feeds[graph.input(f"x{i}", array.shape, str(array.dtype))] = array
    output = REGISTRY[op](*graph.inputs, **static)
    node, gy = graph.nodes[-1], graph.input("gy", output.shape, dtype)
    feeds[gy] = np.ones(gy.shape, dtype)
    gradient = graph.append_vjp(REGISTRY[op].vjp_of(index), node, index, gy)
    with np.errstate(all="ignore"):
        results = xp.compute(graph, feeds, [output, gradient])
    return SimpleNamespace(y=xp.to_numpy(results[0]), gx=xp.to_numpy(results[1]))


@pytest.mark.parametrize("op", TABLE)
def test_extreme_inputs(xp, op, each):
    for dtype, huge in HUGE.items():
        rounding = {"float32": 5e-7, "float64": 1e-15}[dtype]
        for i, (*inputs, y, gx) in enumerate(TABLE[op](huge)):
            with each(dtype, f"row {i}", inputs):
                got = compute(xp, op, dtype, inputs)
                with each("output"):
                    assert_allclose(got.y, y, rtol=10 * rounding)
                if gx is not None:
                    with each("gradient"):
                        assert_allclose(got.gx, gx, atol=rounding)


def test_softmax_gradient_of_one_hot_rows_is_zero(xp):
    """For a saturated row every gradient is exactly 0, not NaN."""
    got = compute(xp, "softmax", "float32", [[[1e30, 0.0, -1e30], [0.0, -np.inf, -np.inf]]])
    assert (got.gx == 0).all()


def test_no_columns_have_no_gradient(xp, each):
    """The mean of an empty array is NaN; its gradient is empty."""
    for index in (0, 1):
        with each(index=index), warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)  # NumPy's of a mean over nothing
            got = compute(xp, "mean_squared_error", "float32", [np.ones((2, 0))] * 2, index=index)
            assert got.gx.shape == (2, 0)


def test_small_losses_keep_their_digits(xp, each):
    """ln(1 + e**-20) is 2e-9: the loss of the certain class must not round to 0 in float64."""
    for op, target in {
        "softmax_cross_entropy": [0],
        "soft_cross_entropy": [[1.0, 0.0]],
    }.items():
        with each(op):
            got = compute(xp, op, "float64", [[[20.0, 0.0]], target])
            assert_allclose(got.y, math.log1p(math.exp(-20)), rtol=1e-6)


def test_exponent_at_base_zero(xp):
    """d(a**b)/db = a**b ln a is 0 at a = 0 for b > 0, not 0 * -inf."""
    got = compute(xp, "power", "float64", [[0.0, math.e], [2.0, 1.0]], index=1)
    assert_allclose(got.gx, [0, math.e])


FAR_BELOW = {
    "elu": (-30.0, None, math.exp(-30)),
    "selu": (-30.0, None, SELU_BOTTOM * math.exp(-30)),
    "softplus": (-30.0, math.exp(-30), math.exp(-30)),
    "silu": (-30.0, -30 * math.exp(-30), -29 * math.exp(-30)),
    "mish": (-30.0, -30 * math.exp(-30), -29 * math.exp(-30)),
    "softsign": (-1e12, None, 1e-24),
    "gelu": (-5.0, -2.5 * math.erfc(5 / math.sqrt(2)), None),
}


def test_vanishing_values_and_gradients_keep_their_digits(xp, each):
    """Where a function is nearly flat, the rest is small, but not a rounding error."""
    for (op, (x, y, gx)), dtype in product(FAR_BELOW.items(), HUGE):
        tolerance = {"float32": 1e-5, "float64": 1e-10}[dtype]
        with each(op, dtype):
            got = compute(xp, op, dtype, [[x]])
            for name, found, wanted in (("output", got.y, y), ("gradient", got.gx, gx)):
                if wanted is not None:
                    with each(name):
                        assert_allclose(found, wanted, rtol=tolerance)


def test_erf_is_good_to_a_few_units_in_the_last_place(xp, each):
    for dtype in HUGE:
        with each(dtype):
            x = np.concatenate([np.linspace(-7, 7, 2001), 10.0 ** -np.arange(30)]).astype(dtype)
            wanted = [math.erf(v) for v in x.tolist()]
            assert_allclose(compute(xp, "erf", dtype, [x]).y, wanted, rtol=6 * np.finfo(dtype).eps)


def test_the_slope_of_prelu_learns_from_negative_inputs_only(xp):
    x = [inf, 1e30, 0.0, -0.0, -2.0, -1e30]
    got = compute(xp, "prelu", "float32", [x, [0.25] * 6], index=1)
    assert_allclose(got.gx, [0, 0, 0, 0, -2, -1e30], rtol=1e-7)


RESIDUALS = [
    ("huber", {"delta": 2.0}, [0, -2.0, 1e30, -inf, inf, nan],
     [0, 2, 2e30, inf, inf, nan], [0, -2, 2, -2, 2, nan]),
    ("pinball", {"quantile": 0.75}, [0, -0.0, 1e30, -1e30, inf, -inf, nan],
     [0, 0, 0.75e30, 0.25e30, inf, inf, nan], None),
    ("focal", {"gamma": 2.0}, [0, 1e-10, 1e30, inf, nan], [0, 1e-30, 1e30, inf, nan],
     [0, 3e-20, 1, 1, nan]),
    ("focal", {"gamma": 0.5}, [0, 1e30, inf, nan], [0, 1e30, inf, nan], [0, 1, 1, nan]),
    ("focal", {"gamma": 0.0}, [0, 1.0, 1e30, inf, nan], [0, 1, 1e30, inf, nan],
     [1, 1, 1, 1, nan]),
]  # fmt: skip


def test_extreme_residuals(xp, each):
    for op, static, inputs, y, gx in RESIDUALS:
        with each(op, **static):
            got = compute(xp, op, "float32", [inputs], **static)
            with each("output"):
                assert_allclose(got.y, y, rtol=1e-6)
            if gx is not None:
                with each("gradient"):
                    assert_allclose(got.gx, gx, rtol=1e-6)


def test_residuals_of_any_size_keep_their_digits(xp, each):
    """ln cosh d is d**2 / 2 near 0, not 0: the two halves must not cancel."""
    small = [sign * 10.0**-n for n in range(1, 19) for sign in (1, -1)]
    for dtype in HUGE:
        with each(dtype):
            d = np.concatenate([small, np.linspace(-3, 3, 601)]).astype(dtype)
            wanted = np.log1p(2 * np.sinh(d.astype("float64") / 2) ** 2)
            got = compute(xp, "log_cosh", dtype, [d]).y
            assert_allclose(got, wanted, rtol=8 * np.finfo(dtype).eps)


def test_the_gradients_of_sigmoid_and_tanh_end_where_y_rounds_to_1(xp, each):
    """They are computed from y; the documentation states exactly how."""
    for dtype in HUGE:
        for op, x in (("sigmoid", 17.0), ("tanh", 10.0)):
            with each(op, dtype):
                gx = compute(xp, op, dtype, [[x, -x, 8.0]]).gx
                assert (gx[0] == 0) == (dtype == "float32")
                assert gx[2] > 0
        with each("sigmoid at -17", dtype):
            assert compute(xp, "sigmoid", dtype, [[-17.0]]).gx > 0


RANKED = [
    ([3.0, 2.0, 1.0], 3, 0),
    ([-3.0, -2.0, -1.0], -1, 0),
    ([nan, -2.0, -1.0], 7, 0),
    ([3.0, 2.0, 1.0], 1, 1),
    ([3.0, 2.0, 1.0], 2, 0),
    ([inf, inf, 0.0], 1, 1),
    ([1.0, 1.0, 1.0], 0, 0),
    ([-inf, 0.0, -1e30], 2, 1),
    ([nan, 1.0, 0.0], 1, 1),
    ([nan, 1.0, 0.0], 2, 0),
    ([5.0, nan, 0.0], 1, 0),
    ([nan, nan, nan], 0, 0),
]


def test_two_best_of_three(xp, each):
    """A NaN counts as ranked above all other logits, and is never right itself."""
    for z, label, right in RANKED:
        with each(z, label=label):
            labels = xp.asarray(np.array([label]))
            found = ops.top_k_accuracy(xp.asarray(np.array([z])), labels, top=2)
            assert xp.to_numpy(found).tolist() == [right]
