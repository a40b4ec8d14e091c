"""L-BFGS: SciPy's, on all samples, an epoch an iteration."""

import array_api_strict
import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.linear_model import LogisticRegression

import xpnet as xn
from xpnet.optim import get_optimizer

RNG = np.random.default_rng(0)
X = RNG.normal(size=(120, 4))
Y = (X @ RNG.normal(size=(4, 3)) + RNG.normal(size=(120, 3))).argmax(1)


def model_of(*sizes, optimizer=None, **settings):
    settings = {"dtype": "float64"} | settings
    return xn.MLP(sizes, optimizer=optimizer or xn.LBFGS(), **settings)


def test_finds_the_optimum_of_a_convex_problem():
    """Multinomial logistic regression with an L2 penalty, as scikit-learn finds it."""
    decay = 0.01
    tight = xn.LBFGS(gradient_tolerance=1e-10, loss_tolerance=0, weight_decay=decay)
    model = model_of(4, 3, optimizer=tight)
    model.fit(X, Y, epochs=500)
    best = LogisticRegression(C=1 / (decay * len(X)), tol=1e-10, max_iter=5000).fit(X, Y)
    ours = xn.ops.softmax(model.predict(X))
    np.testing.assert_allclose(ours, best.predict_proba(X), atol=1e-5)


@pytest.mark.parametrize("backend", ["numpy", array_api_strict], ids=["plan", "interp"])
def test_the_iterations_are_scipys(backend):
    model = model_of(4, 5, 3, activation="tanh", backend=backend)
    model.build()
    table = model.network.table
    start = np.asarray(model.engine.state.params).copy()

    def objective(flat):
        w1, b1, w2, b2 = (table.view(np, flat, name) for name in table.specs)
        h = np.tanh(X @ w1 + b1)
        z = h @ w2 + b2
        e = np.exp(z - z.max(1, keepdims=True))
        p = e / e.sum(1, keepdims=True)
        g = p.copy()
        g[np.arange(120), Y] -= 1
        g /= 120
        gh = g @ w2.T * (1 - h * h)
        grads = {"layers.0.weight": X.T @ gh, "layers.0.bias": gh.sum(0),
                 "layers.2.weight": h.T @ g, "layers.2.bias": g.sum(0)}  # fmt: skip
        return -np.log(p[np.arange(120), Y]).mean(), table.flatten(xn.backends.get("numpy"), grads)

    losses = []
    minimize(objective, start, jac=True, method="L-BFGS-B", options={"maxiter": 12, "maxls": 50},
             callback=lambda x: losses.append(objective(x)[0]))  # fmt: skip
    np.testing.assert_allclose(model.fit(X, Y, epochs=12)["loss"], losses, rtol=1e-6)


def test_an_epoch_is_an_iteration_and_a_second_fit_goes_on():
    model = model_of(4, 8, 3)
    history = model.fit(X, Y, epochs=5, validation_data=(X, Y))
    assert history["epoch"] == [1, 2, 3, 4, 5]
    np.testing.assert_allclose(history["loss"], history["val_loss"], rtol=1e-9)
    assert history["accuracy"] == history["val_accuracy"]
    assert all(a > b for a, b in zip(history["loss"], history["loss"][1:], strict=False))
    again = model.fit(X, Y, epochs=2)
    assert again["epoch"] == [6, 7]
    assert again["loss"][0] < history["loss"][-1]


def test_it_stops_when_it_has_converged():
    history = model_of(4, 3).fit(X, Y, epochs=1000)
    assert 3 < len(history) < 200


def test_callbacks_stop_it_and_find_the_parameters_of_their_epoch():
    seen = []

    def stop(model, epoch, logs):
        seen.append(logs["loss"] - model.evaluate(X, Y)["loss"])
        return epoch == 3

    model = model_of(4, 8, 3)
    history = model.fit(X, Y, epochs=50, callbacks=[stop])
    assert len(history) == 3
    np.testing.assert_allclose(seen, 0, atol=1e-12)
    assert model.evaluate(X, Y)["loss"] == pytest.approx(history["loss"][-1])


def test_weights_count_as_in_the_loss():
    w = RNG.integers(0, 3, 120)
    many = model_of(4, 3)
    many.fit(np.repeat(X, w, axis=0), np.repeat(Y, w), epochs=20)
    weighted = model_of(4, 3)
    weighted.fit(X, Y, epochs=20, sample_weight=w)
    np.testing.assert_allclose(weighted.predict(X), many.predict(X), rtol=1e-4, atol=1e-6)


def test_frozen_layers_and_dropout():
    net = xn.Sequential(xn.Dense(8, "tanh"), xn.Dropout(0.2), xn.BatchNorm(), xn.Dense(3))
    model = xn.Model(net, optimizer="lbfgs", frozen=["layers.0"], dtype="float64").build(4)
    before = model.state_dict()
    losses = model.fit(X, Y, epochs=8)["loss"]
    assert losses[-1] < losses[0]
    after = model.state_dict()
    np.testing.assert_array_equal(after["layers.0.weight"], before["layers.0.weight"])
    assert (after["layers.2.running_mean"] != before["layers.2.running_mean"]).any()


def test_float32_models_train():
    model = model_of(4, 8, 3, dtype="float32")
    assert model.fit(X, Y, epochs=30)["loss"][-1] < 0.6
    assert model.state_dict()["layers.0.weight"].dtype == np.float32


def test_an_error_in_a_callback_leaves_the_last_iteration():
    model = model_of(4, 8, 3)

    def fail(model, epoch, logs):
        if epoch == 3:
            raise RuntimeError("mine")

    with pytest.raises(RuntimeError, match="mine"):
        model.fit(X, Y, epochs=10, callbacks=[fail])
    twin = model_of(4, 8, 3)
    wanted = twin.fit(X, Y, epochs=3)["loss"][-1]
    assert model.evaluate(X, Y)["loss"] == pytest.approx(wanted)


def test_single_batches_are_refused():
    model = model_of(4, 3)
    with pytest.raises(xn.errors.ArgumentError, match="all samples at once"):
        model.train_on_batch(X, Y)


def test_constraints_are_refused_before_training():
    model = xn.Model(xn.Dense(3, kernel_constraint=xn.MaxNorm(1)), optimizer=xn.LBFGS())
    with pytest.raises(xn.errors.ArgumentError, match="cannot keep the constraints on weight"):
        model.fit(X, Y)


def test_a_loss_that_is_infinite_at_the_start():
    model = xn.MLP([4, 3], optimizer="lbfgs", check_finite=False)
    with pytest.raises(xn.errors.DivergedError):
        model.fit(np.full_like(X, np.nan), Y)


@pytest.mark.parametrize(
    "settings",
    [{"history": 0}, {"gradient_tolerance": 0}, {"loss_tolerance": -1}, {"max_evaluations": 0},
     {"weight_decay": -1}],
    ids=str,
)  # fmt: skip
def test_settings_are_checked(settings):
    with pytest.raises(xn.errors.ArgumentError):
        xn.LBFGS(**settings)


def test_what_else_runs_in_a_fit_does_not_disturb_it():
    """Validation and predictions share the model's memory with the training program."""
    other = RNG.normal(size=(200, 4)), RNG.integers(0, 3, 200)
    wanted = model_of(4, 8, 3).fit(X, Y, epochs=8)["loss"]
    found = model_of(4, 8, 3).fit(X, Y, epochs=8, validation_data=other)
    assert found["loss"] == wanted
    seen = []
    model = model_of(4, 8, 3)
    history = model.fit(
        X, Y, epochs=8, callbacks=[lambda m, e, logs: seen.append(m.predict(other[0])[0])]
    )
    assert history["loss"] == wanted
    assert len(seen) == 8


def test_constraints_are_found_before_the_model_is_built():
    model = xn.Model(xn.Dense(3, kernel_constraint=xn.MaxNorm(1)), optimizer=xn.LBFGS())
    with pytest.raises(xn.errors.ArgumentError):
        model.fit(X, Y)
    assert not model.built


def test_each_fit_draws_dropout_anew():
    net = xn.Sequential(xn.Dense(8, "tanh"), xn.Dropout(0.5), xn.Dense(3))
    model = xn.Model(net, optimizer="lbfgs", dtype="float64").build(4)
    start = model.state_dict()
    losses = []
    for _ in range(2):
        model.load_state_dict(start)
        losses.append(model.fit(X, Y, epochs=1)["loss"][0])
    assert losses[0] != losses[1]


def test_it_has_no_learning_rate():
    assert "learning_rate" not in repr(xn.LBFGS())
    with pytest.raises(xn.errors.ArgumentError, match="no learning rate"):
        get_optimizer("lbfgs", 0.1)


def test_it_cannot_take_over_in_the_middle():
    def swap(model, epoch, logs):
        model.optimizer = "lbfgs"

    model = xn.MLP([4, 3])
    with pytest.raises(xn.errors.ArgumentError, match="while a fit of this model runs"):
        model.fit(X, Y, epochs=2, callbacks=[swap])
    model.optimizer = "lbfgs"
    model.fit(X, Y, epochs=2)


def test_the_history_tells_whether_it_converged():
    model = model_of(4, 3, optimizer=xn.LBFGS(weight_decay=0.01))
    assert model.fit(X, Y, epochs=2).converged is False
    assert model.fit(X, Y, epochs=500).converged is True
    few = model_of(4, 3, optimizer=xn.LBFGS(max_evaluations=4)).fit(X, Y, epochs=500)
    assert few.converged is False
    assert model_of(4, 3, optimizer="sgd").fit(X, Y, epochs=2).converged is None
