"""Looking up rows: types, what is refused, and gradients that are not finite."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

from xpnet import ops, value_and_grad
from xpnet.errors import DTypeError, GraphError, ShapeError
from xpnet.graph import Graph, gradients, interpret

TABLE = np.arange(12.0).reshape(4, 3)


def symbolic(*shape, dtype="float32"):
    return Graph().input("x", shape, dtype)


def test_types_that_do_not_follow_the_input():
    labels, numbers = symbolic(3, dtype="int64"), symbolic(3)
    assert ops.one_hot(labels, classes=4).dtype == "float32"
    assert ops.one_hot(labels, classes=4, dtype="float64").dtype == "float64"
    assert ops.as_index(numbers).dtype == "int64"
    assert ops.as_index(numbers, dtype="int32").dtype == "int32"


@pytest.mark.parametrize(
    ("call", "error", "words"),
    [
        (lambda: ops.one_hot(symbolic(3), classes=2), DTypeError, "needs an integer type for lab"),
        (
            lambda: ops.one_hot(symbolic(3, dtype="int64"), classes=2, dtype="int64"),
            DTypeError,
            "dtype must be one of 'float32'",
        ),
        (lambda: ops.as_index(symbolic(3), dtype="int8"), DTypeError, "'int32' or 'int64'"),
        (lambda: ops.embedding(symbolic(4, 3), np.array([1.0])), DTypeError, "type for ids"),
        (
            lambda: ops.embedding(symbolic(2, 4, 3), np.array([1])),
            ShapeError,
            r"table of shape \(rows, units\), got \(2, 4, 3\)",
        ),
        (lambda: ops.embedding(symbolic(4), np.array([1])), ShapeError, r"got \(4,\)"),
    ],
)
def test_refusals(call, error, words):
    with pytest.raises(error, match=words):
        call()


@pytest.mark.parametrize("dtype", ["float32", np.float64, np.dtype("float64")])
def test_a_float_type_by_name_or_itself(dtype):
    y = ops.one_hot(np.array([2, 0]), classes=3, dtype=dtype)
    assert y.dtype == dtype
    assert_array_equal(y, [[0, 0, 1], [1, 0, 0]])


@pytest.mark.smoke
def test_rows_that_are_looked_up_twice_add_their_gradients():
    ids = np.array([[1, 3], [1, 1]])
    value, gradient = value_and_grad(lambda w: ops.sum(ops.embedding(w, ids)))(TABLE)
    assert value == TABLE[ids].sum()
    assert_array_equal(gradient, np.outer([0, 3, 0, 1], [1, 1, 1]))


def test_a_number_of_a_row():
    assert_array_equal(
        value_and_grad(lambda w: ops.sum(ops.embedding(w, 2)))(TABLE)[1],
        np.outer([0, 0, 1, 0], [1, 1, 1]),
    )


def test_numbers_that_came_as_floats():
    x = np.array([[2.0, 0.0], [3.0, 3.0]])
    ids = ops.as_index(x)
    assert ids.dtype == np.int64
    assert_array_equal(ops.embedding(TABLE, ids), TABLE[[[2, 0], [3, 3]]])


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_a_table_that_is_an_array_keeps_its_type(dtype):
    graph = Graph()
    ids = graph.input("ids", (3,), "int32")
    y = ops.embedding(TABLE.astype(dtype) / 2, ids)
    assert y.dtype == dtype
    feeds = {ids: np.array([3, 0, 3], "int32")}
    assert_array_equal(interpret(graph, np, feeds, [y])[0], TABLE[[3, 0, 3]] / 2)


def test_a_number_of_a_row_has_no_gradient():
    graph = Graph()
    x = graph.input("x", (2,), "float64")
    loss = ops.sum(ops.embedding(TABLE, ops.as_index(x)))
    with pytest.raises(GraphError, match="embedding has no gradient with respect to its input 1"):
        gradients(graph, loss, [x])


def test_gradients_that_are_not_finite_stay_in_their_rows(xp):
    graph = Graph()
    w = graph.input("w", (5, 2), "float64")
    ids = graph.input("ids", (6,), "int64")
    gy = graph.input("gy", (6, 2), "float64")
    y = ops.embedding(w, ids)
    assert y.shape == gy.shape
    gradient = graph.append_vjp(ops.embedding.vjp_of(0), graph.nodes[-1], 0, gy)
    inf, nan = np.inf, np.nan
    upstream = [[inf, 1], [1, nan], [inf, 1], [-inf, -inf], [2, 3], [4, inf]]
    feeds = {w: np.ones((5, 2)), ids: np.array([0, 1, 2, 2, 3, 3]), gy: np.array(upstream)}
    with np.errstate(all="ignore"):
        (got,) = xp.compute(graph, feeds, [gradient])
    assert_array_equal(xp.to_numpy(got), [[inf, 1], [1, nan], [nan, -inf], [6, inf], [0, 0]])


def test_numbers_that_are_no_index(xp):
    """They are -1 on every library, whose conversions of such numbers differ."""
    x = np.array([2.0, -0.0, 0.5, -0.5, 7.9, np.nan, np.inf, -np.inf, 1e30, -1e30, 2.0**60])
    graph = Graph()
    given = graph.input("x", x.shape, "float64")
    found = [ops.as_index(given), ops.as_index(given, whole=True)]
    with np.errstate(all="ignore"):
        plain, whole = (xp.to_numpy(y) for y in xp.compute(graph, {given: x}, found))
    assert_array_equal(plain, [2, 0, 0, 0, 7, *[-1] * 6])
    assert_array_equal(whole, [2, 0, *[-1] * 9])


def test_rows_that_are_not_there(xp):
    """They are NaN, and nothing is added for them."""
    graph = Graph()
    w, ids = graph.input("w", (4, 3), "float64"), graph.input("ids", (6,), "int64")
    gy = graph.input("gy", (6, 3), "float64")
    y = ops.embedding(w, ids)
    gradient = graph.append_vjp(ops.embedding.vjp_of(0), graph.nodes[-1], 0, gy)
    numbers = np.array([3, -1, 4, 0, 2**31, 3])
    feeds = {w: TABLE, ids: numbers, gy: np.arange(18.0).reshape(6, 3)}
    rows, added = (xp.to_numpy(a) for a in xp.compute(graph, feeds, [y, gradient]))
    nan = [np.nan] * 3
    assert_array_equal(rows, [TABLE[3], nan, nan, TABLE[0], nan, TABLE[3]])
    assert_array_equal(added, [[9, 10, 11], [0, 0, 0], [0, 0, 0], [15, 17, 19]])
