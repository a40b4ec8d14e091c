"""Losses, metrics, layers and nets that users write themselves."""

import copy
from contextlib import suppress

import numpy as np
import pytest

import xpnet as xn

RNG = np.random.default_rng(0)
X, REAL, LABELS = RNG.normal(size=(11, 4)), RNG.normal(size=(11, 3)), RNG.integers(0, 3, 11)


def squared(z, t):
    return xn.ops.mean((z - t) * (z - t), axis=-1)


def squared_mean(z, t):
    return xn.ops.mean((z - t) ** 2.0)


def make(loss="mean_squared_error", net=None, **settings):
    settings = {"dtype": "float64", "optimizer": xn.SGD(0.1), **settings}
    return xn.Model(net or xn.Dense(3), loss, **settings)


@pytest.mark.parametrize("loss", [squared, squared_mean])
def test_a_loss_of_ones_own_trains_like_the_one_by_name(loss):
    a, b = make(), make(loss)
    settings = {"epochs": 3, "batch_size": 4}
    np.testing.assert_allclose(
        b.fit(X, REAL, **settings)["loss"], a.fit(X, REAL, **settings)["loss"], rtol=1e-12
    )
    np.testing.assert_allclose(b.predict(X), a.predict(X), rtol=1e-10)


def test_a_loss_with_weights():
    w = np.arange(11.0)
    a, b = make(), make(squared)
    expected = a.fit(X, REAL, sample_weight=w, epochs=2)["loss"]
    np.testing.assert_allclose(b.fit(X, REAL, sample_weight=w, epochs=2)["loss"], expected)
    with pytest.raises(xn.errors.ShapeError, match="squared_mean must return one value per sample"):
        make(squared_mean).fit(X, REAL, sample_weight=w)


@pytest.mark.parametrize("kind", ["float64", "float32", "int64", "uint8", bool])
@pytest.mark.parametrize("shape", [(11,), (11, 1)])
def test_a_loss_on_one_column_is_right_or_refused(kind, shape):
    """Never (n, 1) - (n,) broadcast to (n, n)."""
    y = (np.arange(11) % 2).astype(kind).reshape(shape)
    model = make(squared, xn.Dense(1), input_shape=4).build()
    expected = np.mean((model.predict(X)[:, 0] - y.ravel().astype(float)) ** 2)
    if np.dtype(kind).kind == "f":
        assert model.evaluate(X, y)["loss"] == pytest.approx(expected, rel=1e-6)
    else:
        with pytest.raises(xn.errors.DTypeError, match=r"convert it first.*astype"):
            model.evaluate(X, y)


def test_a_loss_may_take_labels():
    def entropy(z, labels):
        return xn.ops.softmax_cross_entropy(z, labels)

    a, b = make("softmax_cross_entropy", metrics=[]), make(entropy)
    assert a.fit(X, LABELS, epochs=2)["loss"] == b.fit(X, LABELS, epochs=2)["loss"]


@pytest.mark.parametrize(
    ("loss", "kind", "words"),
    [
        (lambda z, t: z - t, xn.errors.ShapeError, r"one value per sample, shape \(11,\)"),
        (lambda z, t: None, xn.errors.GraphError, "one symbolic value.*NoneType"),
        (lambda z, t: 0.0, xn.errors.GraphError, "one symbolic value.*float"),
        (lambda z, t: xn.ops.mean(t, axis=-1), xn.errors.GraphError, "no path"),
        (lambda z, t: np.mean(z), (xn.errors.GraphError, TypeError), None),
        (lambda z, t: z if z > 0 else t, (xn.errors.GraphError, TypeError), None),
    ],
)
def test_losses_that_are_wrong(loss, kind, words):
    model = make(loss, input_shape=4).build()
    state = model.state_dict()
    with pytest.raises(kind, match=words):
        model.fit(X, REAL)
    assert model.engine.state.updates == 0
    assert all(np.array_equal(a, state[n]) for n, a in model.parameters.items())


# --- metrics ---------------------------------------------------------------------------------


def largest(z, t):
    return xn.ops.mean(z + t, axis=-1)


def test_metrics_by_name_and_of_ones_own():
    model = make("softmax_cross_entropy", metrics=["accuracy", largest])
    y = np.eye(3)[LABELS]
    history = model.fit(X, y, epochs=1, validation_data=(X, y))
    assert {"accuracy", "largest", "val_accuracy", "val_largest"} <= set(history.columns)
    expected = np.mean(model.predict(X) + y)
    assert model.evaluate(X, y)["largest"] == pytest.approx(expected, rel=1e-10)


def test_a_metric_does_not_change_the_training():
    a, b = make(), make(metrics=[largest, squared])
    a.fit(X, REAL, epochs=2, batch_size=4)
    b.fit(X, REAL, epochs=2, batch_size=4)
    np.testing.assert_array_equal(a.predict(X), b.predict(X))


def zeros_like_loss():
    """Two functions of one name, as two lambdas are."""
    return (lambda z, t: xn.ops.mean((z - t) * (z - t), axis=-1),
            lambda z, t: xn.ops.mean(0.0 * (z - t), axis=-1))  # fmt: skip


@pytest.mark.parametrize(
    ("loss", "metrics"),
    [
        ("mean_squared_error", ["mean_squared_error"]),
        (squared, [squared]),
        (zeros_like_loss()[0], [zeros_like_loss()[1]]),
    ],
    ids=["by name", "the same function", "two lambdas"],
)
def test_a_metric_of_the_losss_name_does_not_take_its_place(loss, metrics):
    model = make(loss, metrics=metrics)
    history = model.fit(X, REAL, epochs=2)
    expected = make().fit(X, REAL, epochs=2)
    np.testing.assert_allclose(history["loss"], expected["loss"], rtol=1e-12)


def test_two_metrics_of_one_name_are_both_reported_or_refused():
    first, second = zeros_like_loss()
    found = None
    with suppress(xn.errors.ArgumentError):
        found = make(metrics=[first, second]).fit(X, REAL, epochs=1)[0]
    assert found is None or len(found) == 6  # epoch, loss, both metrics, learning rate, seconds


@pytest.mark.parametrize("name", ["loss", "epoch", "seconds", "learning_rate", "val_loss"])
def test_a_metric_with_the_name_of_another_column_hides_nothing(name):
    def metric(z, t):
        return xn.ops.mean(0.0 * (z - t) + 7.0, axis=-1)

    metric.__name__ = name
    rows = []
    with suppress(xn.errors.ArgumentError):
        rows = make(metrics=[metric]).fit(X, REAL, epochs=1, validation_data=(X, REAL))
    assert all(row[name] != 7 and 7 in row.values() for row in rows)


# --- layers and nets -------------------------------------------------------------------------


class Scale(xn.Layer):
    """y = a x + c, with a vector of its own and one number that does not decay."""

    def forward(self, x):
        a = self.parameter(x, "scale", x.shape[1:], xn.init.ones())
        return a * x + self.parameter(x, "shift", (), xn.init.zeros(), decay=False)


def test_a_layer_of_ones_own():
    model = make(net=xn.Sequential(xn.Dense(3), Scale()), input_shape=4).build()
    assert {n: a.shape for n, a in model.parameters.items()} == {
        "layers.0.weight": (4, 3), "layers.0.bias": (3,),
        "layers.1.scale": (3,), "layers.1.shift": (),
    }  # fmt: skip
    losses = model.fit(X, REAL, epochs=5)["loss"]
    assert losses[4] < losses[0]
    scale, shift = (np.asarray(model.parameters[f"layers.1.{n}"]) for n in ("scale", "shift"))
    assert not np.any(scale == 1)
    assert shift != 0
    assert "Scale" in model.summary()
    model.load_state_dict(model.state_dict())


def test_only_what_decays_decays():
    model = make(lambda z, t: 0.0 * xn.ops.sum(z, axis=-1), Scale(),
                 optimizer=xn.SGD(0.1, weight_decay=1.0))  # fmt: skip
    model.build(4).parameters["shift"][...] = 1
    model.fit(X, REAL, epochs=1)
    np.testing.assert_allclose(model.parameters["scale"], np.full(4, 0.9))
    assert model.parameters["shift"] == 1


def test_a_function_as_the_net_with_layers_made_inside():
    def net(x):
        h = xn.Dense(5, "tanh")(x)
        return xn.Dense(3)(xn.ops.concat(h, x, axis=-1)) + 0.5 * xn.Dense(3)(h)

    model = make(net=net, input_shape=4).build()
    assert len(model.parameters) == 6
    losses = model.fit(X, REAL, epochs=5, batch_size=4)["loss"]
    assert losses[4] < losses[0]
    assert model.predict(X).shape == (11, 3)
    assert "parameters" in model.summary()


@pytest.mark.parametrize("axis", [None, 0])
def test_a_net_that_forgets_the_samples_is_refused(axis):
    model = xn.Model(lambda x: xn.ops.sum(xn.Dense(3)(x), axis=axis))
    with pytest.raises(xn.errors.ShapeError, match="sample"):
        model.fit(X, LABELS)


def test_one_value_a_sample_cannot_be_classified():
    net = xn.Sequential(xn.Dense(3), lambda x: xn.ops.sum(x, axis=-1))
    with pytest.raises(xn.errors.ShapeError):
        xn.Model(net).fit(X, LABELS)


def test_one_optimizer_may_serve_two_models():
    shared = xn.SGD(0.1, momentum=0.9)
    a, b, c = (make(optimizer=o) for o in (shared, shared, xn.SGD(0.1, momentum=0.9)))
    a.fit(X, REAL, epochs=2)
    assert b.fit(X, REAL, epochs=2)["loss"] == c.fit(X, REAL, epochs=2)["loss"]


def test_a_deep_copy_trains_by_itself():
    model = make()
    model.fit(X, REAL, epochs=2, batch_size=4)
    twin = copy.deepcopy(model)
    before = model.state_dict()
    expected = twin.fit(X, REAL, epochs=3, batch_size=4)["loss"]
    assert all(np.array_equal(a, before[n]) for n, a in model.parameters.items())
    assert model.fit(X, REAL, epochs=3, batch_size=4)["loss"] == expected
    assert expected[2] < expected[0]
