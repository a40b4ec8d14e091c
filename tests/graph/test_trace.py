"""Tracing: operators, what is refused and how it is said, and the names of parameters."""

import operator
from functools import partial
from itertools import product
from typing import Any, cast

import numpy as np
import pytest
from numpy.testing import assert_allclose

from xpnet import Add, Concat, Dense, Layer, Residual, Sequential, init, ops, value_and_grad
from xpnet.backends import get
from xpnet.errors import DTypeError, GraphError, ShapeError
from xpnet.graph import Graph, ParameterTable, Value, interpret

OPERATORS = ["add", "sub", "mul", "truediv", "pow"]
NUMBERS = [2, 0.5, True, np.float32(2), np.float64(0.5), np.array([[1.0, 2.0], [3.0, 4.0]])]


def run(graph, x, array, y):
    return interpret(graph, np, {x: array}, [y])[0]


def test_operators_both_ways_round(each):
    """`array @ x` must reach xpnet, not NumPy's loop over objects."""
    data = np.array([[0.5, 1.5], [2.5, 1.0]])
    for name, other in [*product(OPERATORS, NUMBERS), ("matmul", NUMBERS[-1])]:
        function = getattr(operator, name)
        for where in ("left", "right"):
            with each(name, type(other).__name__, f"on the {where}"):
                apply = partial(function, other)
                if where == "right":
                    apply = lambda v, f=function, other=other: f(v, other)  # noqa: E731
                graph = Graph()
                x = graph.input("x", (2, 2), "float64")
                y = apply(x)
                assert isinstance(y, Value)
                assert (y.shape, y.dtype) == ((2, 2), "float64")
                assert_allclose(run(graph, x, data, y), apply(data))


def test_a_mixed_expression():
    graph = Graph()
    x = graph.input("x", (2, 2), "float32")
    matrix = np.array([[1.0, 2.0], [3.0, 4.0]])
    y = 1 - matrix @ (2**x) / -x + 2 * x**2
    data = np.array([[1.0, 2.0], [3.0, 0.5]], "float32")
    got = run(graph, x, data, y)
    assert_allclose(got, 1 - matrix @ (2**data) / -data + 2 * data**2, rtol=1e-6)
    assert got.dtype == np.float32


def test_constants_take_the_type_of_the_values():
    graph = Graph()
    x = graph.input("x", (2,), "float32")
    for constant in (np.ones(2), np.ones(2, int), np.ones(2, bool), 1):
        assert (x + constant).dtype == "float32"
    assert {c.dtype for c in graph.constants} == {"float32"}


def test_labels_stay_integers_also_as_constants():
    graph = Graph()
    z = graph.input("z", (2, 3), "float32")
    loss = ops.softmax_cross_entropy(z, np.array([0, 2]))
    assert [c.dtype for c in graph.constants] == ["int64"]
    assert loss.dtype == "float32"


def values(*dtypes, shape=(2, 2)):
    graph = Graph()
    return [graph.input(f"x{i}", shape, dtype) for i, dtype in enumerate(dtypes)]


REFUSED = {
    "truth": (
        lambda: 1 if values("float64")[0] else 2,
        GraphError,
        "no truth value.*Branch on shapes",
    ),
    "length": (lambda: len(values("float64")[0]), GraphError, "no length"),
    "iteration": (lambda: list(values("float64")[0]), GraphError, "cannot be iterated"),
    "two traces": (
        lambda: values("float64")[0] + values("float64")[0],
        GraphError,
        "two different traces",
    ),
    "two types": (
        lambda: operator.add(*values("float32", "float64")),
        DTypeError,
        "float32 and float64",
    ),
    "integer first": (
        lambda: operator.mul(*values("int64", "float32")),
        DTypeError,
        "floating type for a, got int64",
    ),
    "integer second": (
        lambda: operator.mul(*values("float32", "int64")),
        DTypeError,
        "floating type for b, got int64",
    ),
    "integers alone": (
        lambda: values("int64")[0] * 0.5,
        DTypeError,
        "floating type for a, got int64",
    ),
    "floating labels": (
        lambda: ops.accuracy(*values("float32", "float32", shape=())),
        (DTypeError, ShapeError),
        "accuracy",
    ),
    "a list": (
        lambda: ops.add(values("float32")[0], cast(Any, [1.0, 2.0])),
        GraphError,
        "got list",
    ),
    "a list on the left": (lambda: [1.0, 2.0] @ values("float32")[0], GraphError, "got list"),
    "None": (lambda: values("float32")[0] + None, GraphError, "got NoneType"),
    "shapes": (
        lambda: values("float64")[0] + np.ones(3),
        ShapeError,
        r"add expects .* got \(2, 2\), \(3,\)",
    ),
    "inner lengths": (
        lambda: values("float64")[0] @ np.ones((3, 2)),
        ShapeError,
        "dimension i is 2 and 3",
    ),
    "a setting": (
        lambda: ops.relu(values("float64")[0], slope=1),
        GraphError,
        "relu has no setting slope",
    ),
    "no such axis": (
        lambda: ops.sum(values("float64")[0], axis=2),
        ShapeError,
        "axis 2 does not exist",
    ),
    "reshape": (lambda: ops.reshape(values("float64")[0], shape=(3,)), ShapeError, "4 elements"),
    "a negative length": (
        lambda: ops.reshape(values("float64")[0], shape=(-2, -2)),
        ShapeError,
        "reshape",
    ),
    "leading dimensions": (
        lambda: ops.weighted_mean(*values("float64", "float64")),
        ShapeError,
        "weighted_mean",
    ),
    "sum_to": (lambda: ops.sum_to(values("float64")[0], shape=(4,)), ShapeError, "sum_to"),
    "an array": (
        lambda: Dense(2)(cast(Any, np.ones((1, 2)))),
        GraphError,
        "Dense was called with ndarray",
    ),
    "one sample": (
        lambda: Dense(2)(values("float64", shape=(3,))[0]),
        ShapeError,
        r"\(samples, features\)",
    ),
}


def test_what_tracing_refuses(each):
    for name, (function, error, message) in REFUSED.items():
        with each(name), pytest.raises(error, match=message):
            function()


@pytest.mark.parametrize("compare", ["lt", "le", "gt", "ge"])
def test_comparisons_do_not_choose_a_branch(compare):
    """`if x > 0` must not quietly take one side for all data."""
    (x,) = values("float64")
    with pytest.raises((GraphError, TypeError)):
        _ = 1 if getattr(operator, compare)(x, 0) else 2


def test_errors_of_the_type_say_what_to_convert_to():
    (k,) = values("int64")
    with pytest.raises(DTypeError, match=r"float") as caught:
        _ = k * 0.5
    assert "astype('int64')" not in str(caught.value)


def names(layer, shape=(2, 3)):
    graph = Graph()
    graph.scope.call(layer, graph.input("x", shape, "float32"), name="")
    return list(graph.parameters)


class Scale(Layer):
    """A user's layer with a layer inside."""

    def __init__(self):
        self.dense = Dense(3)

    def forward(self, x):
        return self.dense(x) * self.parameter(x, "scale", x.shape[1:], init.ones())


shared = Dense(3)
NAMES = {
    "one layer": (Dense(2), ["weight", "bias"]),
    "sequential": (
        Sequential(Dense(4), Dense(2)),
        ["layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias"],
    ),
    "shared": (Sequential(shared, shared, Dense(1)),
               ["layers.0.weight", "layers.0.bias", "layers.2.weight", "layers.2.bias"]),
    "residual": (Sequential(Residual(Dense(3))),
                 ["layers.0.inner.layers.0.weight", "layers.0.inner.layers.0.bias"]),
    "branches": (Concat(Dense(1), Residual(Dense(3))),
                 ["branches.0.weight", "branches.0.bias",
                  "branches.1.inner.layers.0.weight", "branches.1.inner.layers.0.bias"]),
    "function": (lambda x: Dense(1)(Dense(3)(x)),
                 ["dense.weight", "dense.bias", "dense_1.weight", "dense_1.bias"]),
    "function inside": (Sequential(lambda x: Dense(2)(x)),
                        ["layers.0.dense.weight", "layers.0.dense.bias"]),
    "own layer": (Sequential(Scale()),
                  ["layers.0.dense.weight", "layers.0.dense.bias", "layers.0.scale"]),
    "shared by branches": (Add(shared, shared), ["branches.0.weight", "branches.0.bias"]),
}  # fmt: skip


@pytest.mark.parametrize(("layer", "wanted"), NAMES.values(), ids=list(NAMES))
def test_names_of_parameters(layer, wanted):
    assert names(layer) == wanted
    assert names(layer) == wanted, "a layer can be traced again"


def test_a_shared_layer_needs_one_shape():
    layer = Dense(2)
    with pytest.raises(
        GraphError, match=r"'weight' has shape \(3, 2\).*need \(2, 2\)|shared layer"
    ):
        names(lambda x: layer(layer(x)))


def test_weights_come_first_in_the_flat_vector():
    graph = Graph()
    graph.scope.call(Sequential(Dense(4), Dense(2)), graph.input("x", (1, 3), "float64"), name="")
    table = ParameterTable.of(graph)
    assert (table.size, table.decayed) == (3 * 4 + 4 + 4 * 2 + 2, 3 * 4 + 4 * 2)
    assert table.offsets == {
        "layers.0.weight": 0, "layers.1.weight": 12, "layers.0.bias": 20, "layers.1.bias": 24,
    }  # fmt: skip
    flat = np.arange(26.0)
    views = table.views(np, flat)
    assert all(np.shares_memory(v, flat) for v in views.values())
    np.testing.assert_array_equal(table.flatten(get("numpy"), views), flat)
    with pytest.raises(ShapeError, match=r"missing \['layers.0.bias'\], unknown \['b'\]"):
        table.check(["b", *list(views)[::2], "layers.1.bias"], {})


def test_a_function_can_be_traced_again_and_again():
    """A trace does not change the layers."""
    layer = Sequential(Dense(2), Dense(1))
    vg = value_and_grad(lambda x: ops.sum(layer(x)), wrt="parameters")
    x = np.ones((1, 2))
    assert list(vg.init(x)) == list(vg.init(x))


def test_settings_given_by_position_are_refused():
    """As inputs they would be dropped, and sum(x, 1) would sum over everything."""
    with pytest.raises(GraphError, match=r"sum takes 1 inputs, x, got 2 .*axis"):
        value_and_grad(lambda x: ops.sum(ops.sum(x, 1)))(np.ones((2, 3)))


@pytest.mark.parametrize(
    "misuse", [np.tanh, lambda x: x > 0, lambda x: x[:, ::2], np.mean], ids=range(4)
)
def test_what_numpy_users_try_is_answered(misuse):
    with pytest.raises(GraphError, match=r"xpnet\.ops|branch|slice"):
        value_and_grad(lambda x: ops.sum(misuse(x)))(np.ones((2, 3)))
