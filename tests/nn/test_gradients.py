"""Gradients of whole networks against finite differences.

A step of SGD with a rate of 1 changes the parameters by minus the gradient; the loss that
`evaluate` measures is differenced numerically through the live parameters.
"""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import xpnet as xn
from xpnet.backends.generic import GenericBackend

RNG = np.random.default_rng(0)
X = RNG.normal(size=(6, 4))
REAL, LABELS = RNG.normal(size=(6, 3)), RNG.integers(0, 3, 6)
PROBABILITIES = np.abs(REAL) / np.abs(REAL).sum(-1, keepdims=True)


def make(net, loss="mean_squared_error", **settings):
    return xn.Model(
        net, loss=loss, optimizer=xn.SGD(1.0), dtype="float64", input_shape=4, **settings
    ).build()


def by_step(model, y, w=None):
    """The gradient that a training step uses; the model is restored."""
    before = model.state_dict()
    model.train_on_batch(X, y, w)
    gradient = {n: before[n] - np.asarray(a) for n, a in model.parameters.items()}
    model.load_state_dict(before)
    return gradient


def by_differences(model, y, w=None, h=1e-5):
    """Central differences of the loss, one number at a time."""
    gradient = {}
    for name, a in model.parameters.items():
        gradient[name] = np.empty(a.shape)
        for i in np.ndindex(a.shape):
            kept, loss = a[i], {}
            for sign in (1, -1):
                a[i] = kept + sign * h
                loss[sign] = model.evaluate(X, y, sample_weight=w)["loss"]
            a[i] = kept
            gradient[name][i] = (loss[1] - loss[-1]) / (2 * h)
    return gradient


def check(model, y, w=None):
    got, expected = by_step(model, y, w), by_differences(model, y, w)
    assert max(np.abs(g).max() for g in expected.values()) > 1e-4, "a test on zeros says nothing"
    for name in expected:
        np.testing.assert_allclose(got[name], expected[name], rtol=1e-6, atol=1e-8, err_msg=name)


def _tied(n):
    """A layer that is used several times."""
    f = xn.Dense(n, "tanh")
    return xn.Sequential(f, xn.Residual(f), xn.Add(f, xn.Sequential(f, f)), xn.Dense(3))


def _function(x):
    a = xn.Dense(4, "sigmoid")(x)
    b = xn.Dense(4)(a * x)
    return xn.Dense(3)(xn.ops.concat(a, b, a - b, axis=-1)) / (1.5 + xn.Dense(3, "sigmoid")(b))


NETS = {
    "dense": lambda: xn.Dense(3),
    "relu": lambda: xn.Sequential(xn.Dense(5, "relu"), xn.Dense(3)),
    "residual": lambda: xn.Sequential(xn.Residual(xn.Dense(4), xn.Tanh()), xn.Dense(3)),
    "residual in residual": lambda: xn.Sequential(
        xn.Residual(xn.Dense(4, "tanh"), xn.Residual(xn.Dense(4, "relu"))), xn.Dense(3)
    ),
    "empty residual": lambda: xn.Sequential(xn.Residual(), xn.Dense(3)),
    "residual at the end": lambda: xn.Sequential(xn.Dense(3), xn.Residual(xn.Tanh(), xn.Dense(3))),
    "concat": lambda: xn.Sequential(xn.Concat(xn.Dense(2, "tanh"), xn.Dense(1)), xn.Dense(3)),
    "concat twice the same": lambda: xn.Sequential(
        xn.Dense(3, "tanh"), xn.Concat(xn.Identity(), xn.Identity()), xn.Dense(3)
    ),
    "add": lambda: xn.Add(xn.Dense(3), xn.Dense(3, "sigmoid"), xn.Dense(3, "relu")),
    "add a column": lambda: xn.Add(xn.Dense(3), xn.Dense(1, "tanh")),
    "multiply": lambda: xn.Multiply(xn.Dense(3), xn.Dense(3, "sigmoid")),
    "multiply by a column": lambda: xn.Multiply(xn.Dense(3), xn.Dense(1, "sigmoid")),
    "square": lambda: xn.Sequential(xn.Dense(3), xn.Multiply(xn.Identity(), xn.Identity())),
    "cube": lambda: xn.Sequential(xn.Dense(3), xn.Multiply(*[xn.Identity()] * 3)),
    "shared in a chain": lambda: xn.Sequential(*[xn.Dense(4, "tanh")] * 3, xn.Dense(3)),
    "shared everywhere": lambda: _tied(4),
    "softmax inside": lambda: xn.Sequential(xn.Dense(4, "softmax"), xn.Dense(3)),
    "log softmax inside": lambda: xn.Sequential(xn.Dense(4, "log_softmax"), xn.Dense(3)),
    "function": lambda: _function,
}
TARGETS = {
    "mean_squared_error": REAL,
    "softmax_cross_entropy": LABELS,
    "binary_cross_entropy_with_logits": PROBABILITIES,
}


@pytest.mark.parametrize("name", NETS)
@pytest.mark.parametrize("loss", TARGETS)
def test_networks(name, loss):
    check(make(NETS[name](), loss), TARGETS[loss])


@pytest.mark.parametrize("loss", TARGETS)
def test_with_sample_weights(loss):
    check(make(NETS["residual"](), loss), TARGETS[loss], np.array([0.5, 0, 2, 1, 0, 7]))


def test_soft_labels():
    check(make(NETS["relu"](), "softmax_cross_entropy"), PROBABILITIES)


def test_a_loss_that_is_the_users_own():
    def huberish(output, target):
        d = output - target
        return xn.ops.sum((1.0 + d * d) ** 0.5, axis=-1)

    check(make(NETS["residual"](), huberish), REAL)
    check(make(NETS["residual"](), huberish), REAL, np.arange(6.0))


def test_a_loss_of_one_number():
    check(make(NETS["concat"](), lambda z, t: xn.ops.mean((z - t) ** 2.0)), REAL)


def test_the_interpreter_too():
    model = make(NETS["shared everywhere"](), backend=GenericBackend(np))
    plan = make(NETS["shared everywhere"]())
    got, expected = by_step(model, REAL), by_step(plan, REAL)
    for name in expected:
        np.testing.assert_allclose(got[name], expected[name], rtol=1e-12, atol=1e-15)


def _layers(widths, pool):
    """Random nets that keep the width; `pool` holds a layer that they may share."""
    smooth = st.sampled_from([xn.Tanh(), xn.Sigmoid(), xn.Softmax()])
    dense = st.sampled_from(["tanh", "sigmoid", None]).map(lambda a: xn.Dense(widths, a))
    leaf = smooth | dense | st.just(pool)

    def grow(inner):
        several = st.lists(inner, min_size=1, max_size=3)
        return (
            several.map(lambda fs: xn.Sequential(*fs))
            | several.map(lambda fs: xn.Residual(*fs))
            | several.map(lambda fs: xn.Add(*fs))
            | several.map(lambda fs: xn.Multiply(*fs))
            | several.map(lambda fs: xn.Sequential(xn.Concat(*fs), xn.Dense(widths)))
        )

    return st.recursive(leaf, grow, max_leaves=7)


@settings(max_examples=25, deadline=None)
@given(_layers(4, xn.Dense(4, "tanh")), st.sampled_from(sorted(TARGETS)))
def test_random_networks(inner, loss):
    net = xn.Sequential(xn.Dense(4, "tanh"), inner, xn.Dense(3))
    check(make(net, loss), TARGETS[loss])


@settings(max_examples=25, deadline=None)
@given(_layers(4, xn.Dense(4, "tanh")), st.sampled_from(sorted(TARGETS)))
def test_random_networks_by_plan_and_by_interpreter(inner, loss):
    net = xn.Sequential(inner, xn.Dense(3))
    plan, plain = make(net, loss), make(net, loss, backend=GenericBackend(np))
    for _ in range(2):
        a, b = plan.train_on_batch(X, TARGETS[loss]), plain.train_on_batch(X, TARGETS[loss])
        np.testing.assert_allclose(a, b, rtol=1e-10)
    for name, value in plan.parameters.items():
        np.testing.assert_allclose(value, plain.parameters[name], rtol=1e-9, atol=1e-11)
