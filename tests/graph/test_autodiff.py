"""Back-propagation on handmade examples: forks, shared parts, and what it refuses."""

import numpy as np
import pytest
from numpy.testing import assert_allclose

from xpnet import Dense, ops, value_and_grad
from xpnet.errors import GraphError
from xpnet.graph import Graph, gradients, interpret

x0 = np.array([1.5, -2.0, 0.25])

# function, its gradient by hand
FORKS = {
    "x * x": (lambda x: ops.sum(x * x), lambda x: 2 * x),
    "x + x": (lambda x: ops.sum(x + x), lambda x: 2 + 0 * x),
    "x - x": (lambda x: ops.sum(x - x), lambda x: 0 * x),
    "x / x": (lambda x: ops.sum(x / x), lambda x: 0 * x),
    "three consumers": (lambda x: ops.sum(x + x * x + x * x * x), lambda x: 1 + 2 * x + 3 * x**2),
    "skip": (lambda x: ops.sum(x + ops.exp(x)), lambda x: 1 + np.exp(x)),
    "long skip": (lambda x: ops.sum(x * ops.exp(ops.exp(x) * 2)),
                  lambda x: np.exp(2 * np.exp(x)) * (1 + 2 * x * np.exp(x))),
    "penalty": (lambda x: ops.sum(ops.exp(x)) + 0.5 * ops.sum(x * x), lambda x: np.exp(x) + x),
    "concat twice": (lambda x: ops.sum(ops.concat(x, x * 2, x) * np.arange(9.0)),
                     lambda x: np.arange(3.0) + 2 * np.arange(3.0, 6) + np.arange(6.0, 9)),
    "itself": (lambda x: ops.sum(x), lambda x: 1 + 0 * x),
    "broadcast": (lambda x: ops.sum(np.ones((4, 3)) * x), lambda x: 4 + 0 * x),
    "powers": (lambda x: ops.sum(x**2 + x**3), lambda x: 2 * x + 3 * x**2),
    "2**x": (lambda x: ops.sum(2**x), lambda x: np.log(2) * 2**x),
}  # fmt: skip


@pytest.mark.smoke
@pytest.mark.parametrize(("f", "gradient"), FORKS.values(), ids=list(FORKS))
def test_accumulators_at_forks(f, gradient):
    _, got = value_and_grad(f)(x0)
    assert_allclose(got, gradient(x0), rtol=1e-14, atol=1e-14)


def test_a_scalar_that_is_its_own_loss():
    value, gradient = value_and_grad(lambda x: x)(np.array(3.0))
    assert (float(value), float(gradient)) == (3.0, 1.0)


def test_gradient_of_an_intermediate_value():
    graph = Graph()
    x = graph.input("x", (3,), "float64")
    middle = ops.exp(x)
    wrt = gradients(graph, ops.sum(middle * middle), [middle, x])
    got = interpret(graph, np, {x: x0}, wrt)
    assert_allclose(got[0], 2 * np.exp(x0))
    assert_allclose(got[1], 2 * np.exp(2 * x0))


def test_shared_layer_used_twice():
    """W appears twice in y = (x W) W: gW = x^T g W^T + (x W)^T g."""
    layer = Dense(3)
    vg = value_and_grad(lambda x: ops.sum(layer(layer(x))), wrt="parameters")
    x = np.arange(6.0).reshape(2, 3)
    parameters = vg.init(x, seed=3)
    assert list(parameters) == ["dense.weight", "dense.bias"]
    w, b, g = parameters["dense.weight"], parameters["dense.bias"], np.ones((2, 3))
    _, grads = vg(x, parameters=parameters)
    assert_allclose(grads["dense.weight"], x.T @ (g @ w.T) + (x @ w + b).T @ g)
    assert_allclose(grads["dense.bias"], (g @ w.T).sum(0) + g.sum(0))


def test_tied_weights():
    """One matrix on both sides of a product, the second time transposed by its position."""

    def f(w, x):
        return ops.sum((x @ w) * (ops.sum(w, axis=0) + 1))

    x, w = np.arange(4.0).reshape(2, 2), np.array([[1.0, 2.0], [3.0, 5.0]])
    _, got = value_and_grad(f)(w, x)
    wanted = x.T @ (np.ones((2, 2)) * (w.sum(0) + 1)) + (x @ w).sum(0)
    assert_allclose(got, wanted)


def test_only_what_is_asked_for_is_differentiated():
    """A branch without a gradient does not matter if `wrt` does not reach the loss through it."""
    graph = Graph()
    x, z = graph.input("x", (2,), "float64"), graph.input("z", (2, 3), "float64")
    loss = ops.sum(x * x) + ops.mean(ops.soft_accuracy(z, z))
    before = len(graph.nodes)
    gradients(graph, loss, [x])
    assert not any("accuracy" in node.record.name for node in graph.nodes[before:])


def test_vjps_read_only_what_they_name():
    """ReLU's backward reads its output, so the input's memory is free after the forward."""
    graph = Graph()
    x = graph.input("x", (2,), "float64")
    hidden = ops.relu(ops.exp(x))
    (node,) = [n for n in graph.nodes if n.output is hidden]
    gradients(graph, ops.sum(hidden), [x])
    (vjp,) = [n for n in graph.nodes if n.record.name == "relu.vjp_x"]
    assert hidden in vjp.inputs
    assert node.inputs[0] not in vjp.inputs


REFUSED = {
    "not a scalar": (lambda x, t: x * 2, 0, r"must be a scalar \(shape \(\)\), got shape \(3,\)"),
    "one element is no scalar": (lambda x, t: ops.sum(x, keepdims=True), 0, "must be a scalar"),
    "no path": (lambda x, t: ops.sum(t), 0, "does not depend on 'x0'.*no path"),
    "one of two": (lambda x, t: ops.sum(x), (0, 1), "does not depend on 'x1'"),
    "a constant": (
        lambda x, t: ops.sum(x) * 0 + ops.exp(x.graph.constant(1.0, x.dtype)),
        1,
        "no path",
    ),
    "soft targets": (
        lambda x, t: ops.soft_cross_entropy(x, t),
        1,
        "no gradient with respect to its input 1",
    ),
    "weights": (lambda x, t: ops.weighted_mean(x, t), 1, "weighted_mean has no gradient"),
}


@pytest.mark.parametrize(("f", "wrt", "message"), REFUSED.values(), ids=list(REFUSED))
def test_what_cannot_be_differentiated(f, wrt, message):
    with pytest.raises(GraphError, match=message):
        value_and_grad(f, wrt=wrt)(x0, x0)


def test_second_derivatives_are_refused_by_name():
    graph = Graph()
    x = graph.input("x", (3,), "float64")
    (first,) = gradients(graph, ops.sum(ops.exp(x)), [x])
    with pytest.raises(GraphError, match=r"exp.vjp_x has no gradient"):
        gradients(graph, ops.sum(first), [x])
