"""Penalties are forks of the loss; constraints hold after every update."""

import array_api_strict
import numpy as np
import pytest

import xpnet as xn

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(60, 4)), RNG.normal(size=(60, 2))
backends = pytest.mark.parametrize("backend", ["numpy", array_api_strict], ids=["plan", "interp"])


def model_of(backend="numpy", optimizer=None, **dense):
    net = xn.Sequential(xn.Dense(5, "tanh", **dense), xn.Dense(2))
    return xn.Model(net, "mse", optimizer or xn.SGD(1.0), dtype="float64", backend=backend,
                    input_shape=4).build()  # fmt: skip


def gradient(model):
    """What one step with learning rate 1 subtracts from the parameters, and the loss before it."""
    before = {k: np.asarray(v) for k, v in model.state_dict().items()}
    loss = float(model.train_on_batch(X, Y))
    return loss, {k: v - np.asarray(model.parameters[k]) for k, v in before.items()}


@backends
def test_penalties_against_the_general_graph(backend):
    """The same loss with the penalties written out as forks, through `value_and_grad`."""
    model = model_of(backend, kernel_penalty=xn.L2(0.3), bias_penalty=xn.L1(0.2),
                     bias_init=xn.init.normal(1.0))  # fmt: skip
    w1, b1, w2, b2 = (np.asarray(a) for a in model.state_dict().values())
    loss, found = gradient(model)

    def whole(w1, b1, w2, b2):
        y = xn.ops.tanh(xn.ops.affine(X, w1, b1))
        data = xn.ops.mean((xn.ops.affine(y, w2, b2) - Y) ** 2)
        return data + 0.15 * xn.ops.sum(w1 * w1) + 0.2 * xn.ops.sum(xn.ops.abs(b1))

    value, gradients = xn.value_and_grad(whole, wrt=(0, 1, 2, 3))(w1, b1, w2, b2)
    assert loss == pytest.approx(float(value), rel=1e-12)
    for wanted, got in zip(gradients, found.values(), strict=True):
        np.testing.assert_allclose(got, wanted, rtol=1e-9, atol=1e-12)


def test_l2_on_all_weights_is_weight_decay():
    a = xn.Model(
        xn.Sequential(
            xn.Dense(5, "tanh", kernel_penalty=xn.L2(0.1)), xn.Dense(2, kernel_penalty=xn.L2(0.1))
        ),
        "mse",
        xn.SGD(0.1, momentum=0.9),
        dtype="float64",
    )
    b = xn.MLP([4, 5, 2], "tanh", loss="mse", optimizer=xn.SGD(0.1, momentum=0.9, weight_decay=0.1),
               dtype="float64")  # fmt: skip
    a.fit(X, Y, epochs=3)
    b.fit(X, Y, epochs=3)
    wanted = b.state_dict()
    for got, want in zip(a.state_dict().values(), wanted.values(), strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-10)


def test_the_penalty_is_in_the_loss_that_is_reported():
    model, plain = model_of(kernel_penalty=xn.L1(0.1)), model_of()
    extra = 0.1 * np.abs(model.parameters["layers.0.weight"]).sum()
    assert model.evaluate(X, Y)["loss"] == pytest.approx(plain.evaluate(X, Y)["loss"] + extra)


def test_l1_makes_useless_weights_vanish():
    """Only the first of four features matters."""
    model = xn.Model(xn.Dense(1, kernel_penalty=xn.L1(0.05)), "mse", xn.SGD(xn.StepDecay(0.1)))
    x = RNG.normal(size=(500, 4))
    model.fit(x, x[:, 0], epochs=40, batch_size=50)
    w = np.abs(model.parameters["weight"][:, 0])
    assert w[0] > 0.9
    assert w[1:].max() < 1e-3


def test_a_penalty_of_ones_own():
    model = model_of(kernel_penalty=lambda w: 0.5 * xn.ops.sum(w**4))
    w = np.asarray(model.parameters["layers.0.weight"]).copy()
    _, plain = gradient(model_of())
    _, found = gradient(model)
    name = "layers.0.weight"
    np.testing.assert_allclose(found[name] - plain[name], 2 * w**3, rtol=1e-8, atol=1e-12)


@backends
def test_no_unit_is_longer_than_the_limit(backend):
    model = model_of(backend, xn.SGD(0.5), kernel_constraint=xn.MaxNorm(0.7))
    model.fit(X, 10 * Y, epochs=2, batch_size=20)
    lengths = np.linalg.norm(np.asarray(model.parameters["layers.0.weight"]), axis=0)
    assert lengths.max() <= 0.7 * (1 + 1e-12)
    assert lengths.max() > 0.69
    assert np.linalg.norm(np.asarray(model.parameters["layers.1.weight"]), axis=0).max() > 0.7


@backends
def test_every_unit_has_length_one(backend):
    model = model_of(backend, xn.Adam(0.05), kernel_constraint=xn.UnitNorm())
    model.fit(X, Y, epochs=2, batch_size=20)
    lengths = np.linalg.norm(np.asarray(model.parameters["layers.0.weight"]), axis=0)
    np.testing.assert_allclose(lengths, 1, rtol=1e-12)


@pytest.mark.parametrize("penalty", [xn.L1, xn.L2])
@pytest.mark.parametrize("rate", [-1, np.nan, "0.1"], ids=repr)
def test_rates_are_checked(penalty, rate):
    with pytest.raises(xn.errors.ArgumentError, match="rate must be"):
        penalty(rate)


@pytest.mark.parametrize("limit", [0, -1, np.inf], ids=repr)
def test_limits_are_checked(limit):
    with pytest.raises(xn.errors.ArgumentError, match="limit must be"):
        xn.MaxNorm(limit)


@pytest.mark.parametrize("penalty", [0.1, "l2", xn.L2], ids=repr)
def test_a_penalty_must_be_a_function(penalty):
    with pytest.raises(xn.errors.ArgumentError, match=r"such as xpnet\.L2"):
        model_of(kernel_penalty=penalty)


@pytest.mark.parametrize("constraint", [3.0, "max_norm", xn.MaxNorm], ids=repr)
def test_a_constraint_must_be_one(constraint):
    with pytest.raises(xn.errors.ArgumentError, match="MaxNorm"):
        model_of(kernel_constraint=constraint)


@pytest.mark.parametrize("method", ["fit", "evaluate"])
def test_a_penalty_must_give_one_number(method):
    model = model_of(bias_penalty=lambda b: b * b)
    with pytest.raises(xn.errors.ShapeError, match=r"penalty on 'layers\.0\.bias'.*one number"):
        getattr(model, method)(X, Y)


@pytest.mark.parametrize("loss", ["rss", "mse"])
def test_a_penalty_counts_once_whatever_the_batches(loss):
    net = xn.Dense(2, kernel_penalty=xn.L2(1.0))
    model = xn.Model(net, loss, dtype="float64", input_shape=4).build()
    found = [model.evaluate(X, Y, batch_size=n)["loss"] for n in (60, 30, 7)]
    np.testing.assert_allclose(found, found[0], rtol=1e-12)


@pytest.mark.parametrize(
    ("constraint", "message"),
    [(lambda: xn.MaxNorm(axis="a"), "axis must be an integer"), (lambda: xn.UnitNorm(3), "axis 3")],
)
def test_the_axis_of_a_constraint(constraint, message):
    with pytest.raises(xn.errors.ArgumentError, match=message):
        model_of(kernel_constraint=constraint())
