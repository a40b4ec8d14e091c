"""Residual, Concat, Add, Multiply: values against NumPy, and the errors of malformed nets."""

import numpy as np
import pytest

import xpnet as xn

X = np.random.default_rng(0).normal(size=(7, 4))


def built(net):
    return xn.Model(net, loss="mean_squared_error", dtype="float64", input_shape=4).build()


def weights(model):
    return [a for n, a in model.parameters.items() if n.endswith("weight")]


@pytest.mark.parametrize(
    ("make", "formula"),
    [
        (lambda f, g: xn.Residual(f), lambda x, f, g: x + f(x)),
        (lambda f, g: xn.Residual(f, xn.Tanh(), g), lambda x, f, g: x + g(np.tanh(f(x)))),
        (lambda f, g: xn.Concat(f, g), lambda x, f, g: np.concatenate([f(x), g(x)], -1)),
        (lambda f, g: xn.Concat(f, xn.Identity(), f, g),
         lambda x, f, g: np.concatenate([f(x), x, f(x), g(x)], -1)),
        (lambda f, g: xn.Add(f, g), lambda x, f, g: f(x) + g(x)),
        (lambda f, g: xn.Add(f, g, f, xn.Tanh()),
         lambda x, f, g: 2 * f(x) + g(x) + np.tanh(x)),
        (lambda f, g: xn.Multiply(f, g), lambda x, f, g: f(x) * g(x)),
        (lambda f, g: xn.Multiply(f, f, g), lambda x, f, g: f(x) ** 2 * g(x)),
        (lambda f, g: xn.Add(f), lambda x, f, g: f(x)),
        (lambda f, g: lambda x: xn.Concat()(f(x), g(x), x),
         lambda x, f, g: np.concatenate([f(x), g(x), x], -1)),
        (lambda f, g: lambda x: xn.Add()(f(x), g(x), x), lambda x, f, g: f(x) + g(x) + x),
        (lambda f, g: lambda x: xn.Multiply()(f(x), g(x)), lambda x, f, g: f(x) * g(x)),
        (lambda f, g: lambda x: (f(x) - 1.0) / (2.0 + g(x) ** 2.0),
         lambda x, f, g: (f(x) - 1) / (2 + g(x) ** 2)),
        (lambda f, g: xn.Sequential(f, lambda x: 0.5 * x + X[0], g),
         lambda x, f, g: g(0.5 * f(x) + X[0])),
    ],
)  # fmt: skip
def test_values(make, formula):
    model = built(make(xn.Dense(4), xn.Dense(4)))
    w = weights(model)
    f, g = (lambda x: x @ w[0]), (lambda x: x @ w[-1])
    np.testing.assert_allclose(model.predict(X), formula(X, f, g), rtol=1e-11, atol=1e-13)


def test_multiply_gates_by_one_column():
    model = built(xn.Multiply(xn.Dense(4), xn.Dense(1, "sigmoid")))
    f, g = weights(model)
    gate = 1 / (1 + np.exp(-X @ g))
    np.testing.assert_allclose(model.predict(X), (X @ f) * gate, rtol=1e-12)


@pytest.mark.parametrize(
    ("net", "kind", "words"),
    [
        (xn.Residual(xn.Dense(3)), xn.errors.ShapeError, r"Residual.*, 4\).*, 3\)"),
        (xn.Residual(xn.Dense(1)), xn.errors.ShapeError, "Residual.*keep the shape"),
        (xn.Add(xn.Dense(3), xn.Dense(2)), xn.errors.ShapeError, "add"),
        (xn.Multiply(xn.Dense(3), xn.Dense(2)), xn.errors.ShapeError, "multiply"),
        (xn.Concat(xn.Dense(3), lambda x: xn.ops.sum(xn.Dense(2)(x))),
         xn.errors.ShapeError, "concat"),
        (xn.Sequential(lambda x: None, xn.Dense(3)), xn.errors.GraphError, "lambda.*NoneType"),
        (xn.Add(xn.Dense(3), lambda x: None), xn.errors.GraphError, "NoneType"),
        (xn.Concat(xn.Dense(3), lambda x: None), xn.errors.GraphError, "NoneType"),
        (xn.Residual(xn.Dense(4), lambda x: None), xn.errors.GraphError, "NoneType"),
    ],
)  # fmt: skip
def test_ill_made_nets(net, kind, words):
    with pytest.raises(kind, match=words):
        built(net)


@pytest.mark.parametrize(
    "combine",
    [xn.Sequential, xn.Residual, xn.Concat, xn.Add, xn.Multiply],
    ids=lambda c: c.__name__,
)
@pytest.mark.parametrize("item", [xn.ReLU, 3, "relu", None, [xn.Dense(3)]], ids=repr)
def test_items_must_be_layers_or_functions(combine, item):
    with pytest.raises(xn.errors.ArgumentError, match="item 1 must be a layer or a function"):
        combine(xn.Dense(4), item)


def test_the_parts_can_be_read_off_the_repr():
    net = xn.Sequential(xn.Dense(4, "relu"), xn.Residual(xn.Dense(4)))
    for words in ("Sequential", "Dense(units=4", "ReLU", "Residual"):
        assert words in repr(net)
