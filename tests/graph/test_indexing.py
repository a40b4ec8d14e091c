"""Parts of symbolic values: slices as in NumPy, and their gradients."""

from itertools import product

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import xpnet
from xpnet import ops, value_and_grad
from xpnet.errors import GraphError, ShapeError
from xpnet.graph import Graph, interpret

KEYS = [
    np.s_[:, 1:3],
    np.s_[1:],
    np.s_[..., :2],
    np.s_[1:2, ..., -2:],
    np.s_[:, :, 3:99],
    np.s_[::1, 1:, :-1],
    np.s_[-1:, -2:-1],
    np.s_[:, 3:1],
    np.s_[...],
    np.s_[:],
    np.s_[()],
    np.s_[np.int64(1) :],
    0,
    np.s_[:, -1],
    np.s_[..., 2],
    np.s_[1:, np.int64(0), 1:3],
    np.s_[-2, :, 3],
    np.s_[1, 2, -4],
]


def part(key, array):
    """The part of a symbolic value with this array's shape and type, computed by a graph."""
    graph = Graph()
    x = graph.input("x", array.shape, str(array.dtype))
    return graph, x, x[key]


def test_parts_are_those_of_numpy(each):
    for key, dtype in product(KEYS, ("float64", "int64")):
        with each(key, dtype):
            array = np.arange(24).reshape(2, 3, 4).astype(dtype)
            graph, x, y = part(key, array)
            assert (y.shape, y.dtype) == (array[key].shape, dtype)
            assert_array_equal(interpret(graph, np, {x: array}, [y])[0], array[key])


def test_the_gradient_goes_back_to_its_place(each):
    for key in KEYS:
        with each(key):
            array = np.arange(1.0, 25.0).reshape(2, 3, 4)
            _, gradient = value_and_grad(lambda x, key=key: ops.sum(x[key] * x[key]))(array)
            wanted = np.zeros_like(array)
            wanted[key] = 2 * array[key]
            assert_array_equal(gradient, wanted)


def test_what_cuts_nothing_adds_nothing():
    graph, x, y = part(np.s_[:, ...], np.ones((2, 3)))
    assert y is x
    assert graph.nodes == []


@pytest.mark.parametrize(
    "key",
    [
        np.s_[:, 0, 0],
        np.s_[:, [0]],
        np.s_[:, 1.0],
        np.s_[::2],
        np.s_[::-1],
        np.s_[..., ...],
        np.s_[:, :, :],
        None,
        np.s_[1.5:],
        np.array([0, 1]),
        [0, 1],
        True,
    ],
    ids=str,
)
def test_other_indices_are_refused(key):
    with pytest.raises(GraphError, match="2 dimensions can be indexed by up to 2 whole numbers"):
        part(key, np.ones((2, 3)))


@pytest.mark.parametrize("at", [3, -4])
def test_an_index_beyond_the_end_is_refused(at):
    with pytest.raises(ShapeError, match=rf"index {at} is out of range for axis 1 of shape \(2, 3"):
        part(np.s_[:, at], np.ones((2, 3)))


def test_a_loss_of_the_first_column():
    """The target (n,) of one output is a column too."""
    x, t = np.arange(6.0).reshape(3, 2), np.array([1.0, -2.0, 0.5])
    loss = lambda o, t: ops.abs(o[:, 0] - t[:, 0])  # noqa: E731
    model = xpnet.MLP([2, 1], loss=loss, dtype="float64")
    found = model.evaluate(x, t)
    assert np.isclose(found["loss"], np.abs(model.predict(x)[:, 0] - t).mean())


def test_values_are_no_bounds():
    graph = Graph()
    x, i = graph.input("x", (3,), "float64"), graph.input("i", (), "int64")
    with pytest.raises(GraphError, match="can be indexed by"):
        x[i:]


def test_slice_by_name():
    x = np.arange(6.0).reshape(2, 3)
    assert_array_equal(ops.slice(x, axis=1, start=1), x[:, 1:])
    with pytest.raises(ShapeError, match="axis 2 does not exist"):
        ops.slice(x, axis=2, start=1)


def test_the_matrix_transpose():
    array = np.arange(24.0).reshape(2, 3, 4)
    graph, x, _ = part(..., array)
    y = x.mT
    assert y.shape == (2, 4, 3)
    assert_array_equal(interpret(graph, np, {x: array}, [y])[0], array.swapaxes(1, 2))


def test_tied_weights_through_a_transpose():
    """An autoencoder's decoder: the gradient of w is the sum of both uses."""
    w, x = np.array([[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]), np.array([[1.0, -1.0, 2.0]])
    _, gradient = value_and_grad(lambda w: ops.sum((ops.matmul(x, w)) @ w.mT))(w)
    ones = np.ones((1, 3))
    assert_array_equal(gradient, x.T @ (ones @ w) + ones.T @ (x @ w))
