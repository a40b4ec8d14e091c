"""Models as pickles: whole, on the host, and back where their library cannot run."""

import pickle
from copy import copy

import array_api_strict
import numpy as np
import pytest

import xpnet as xn
from xpnet.backends import select
from xpnet.errors import BackendFallbackWarning, BackendUnavailableError

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(60, 4)).astype("float32"), RNG.integers(0, 3, 60)


def again(model):
    return pickle.loads(pickle.dumps(model))


def model_of(**settings):
    net = xn.Sequential(xn.Dense(8, kernel_penalty=xn.L2(0.01)), xn.BatchNorm(), xn.PReLU(),
                        xn.Dropout(0.2), xn.Dense(3, kernel_constraint=xn.MaxNorm(2)))  # fmt: skip
    settings = {"loss": xn.losses.focal(gamma=1.5), "optimizer": xn.Adam(xn.CosineDecay(0.01, 5)),
                "metrics": ["accuracy", "top_2_accuracy"], "seed": 4} | settings  # fmt: skip
    return xn.Model(net, **settings)


@pytest.mark.parametrize("backend", [None, "numpy", array_api_strict], ids=str)
def test_training_goes_on_as_if_nothing_had_happened(backend):
    model = model_of(backend=backend)
    x = array_api_strict.asarray(X) if backend is array_api_strict else X
    y = array_api_strict.asarray(Y) if backend is array_api_strict else Y
    model.fit(x, y, epochs=2, batch_size=25)
    twin = again(model)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(np.asarray(twin.parameters[name]), np.asarray(array))
    assert (twin.epoch, repr(twin)) == (2, repr(model))
    wanted = model.fit(x, y, epochs=2, batch_size=25)
    found = twin.fit(x, y, epochs=2, batch_size=25)
    assert found["loss"] == wanted["loss"]
    assert found.columns == wanted.columns


def test_a_model_that_was_never_built():
    model = again(model_of())
    assert not model.built
    np.testing.assert_array_equal(model.predict(X), model_of().predict(X))


def test_frozen_layers_stay_frozen():
    model = model_of(frozen=["layers.0"])
    model.fit(X, Y, epochs=1)
    twin = again(model)
    before = twin.state_dict()["layers.0.weight"]
    twin.fit(X, Y, epochs=1)
    np.testing.assert_array_equal(twin.parameters["layers.0.weight"], before)


def test_a_pickle_shares_no_memory():
    model = model_of()
    model.fit(X, Y, epochs=1)
    data = pickle.dumps(model)
    wanted = model.predict(X)
    model.fit(X, Y, epochs=1)
    np.testing.assert_array_equal(pickle.loads(data).predict(X), wanted)


def test_a_pickle_of_a_library_that_cannot_run_loads_into_numpy(monkeypatch):
    model = model_of(backend="numpy")
    model.fit(X, Y, epochs=1)
    state = model.__getstate__()
    state["settings"]["backend"] = state["trained"]["backend"] = "cupy"
    twin = copy(model)

    def unavailable():
        raise BackendUnavailableError("no GPU")

    monkeypatch.setitem(select._BY_NAME, "cupy", unavailable)
    with pytest.warns(BackendFallbackWarning, match="loaded into NumPy"):
        twin.__setstate__(state)
    np.testing.assert_array_equal(twin.predict(X), model.predict(X))


def test_what_cannot_be_pickled_is_the_users_own():
    with pytest.raises((AttributeError, pickle.PicklingError), match="lambda"):
        pickle.dumps(xn.Model(xn.Dense(3), lambda z, t: xn.ops.mean(z)))


class Named(xn.Model):
    chunk = 10


def test_what_else_is_on_the_model_stays():
    model = Named(xn.Dense(3))
    model.class_names, model.chunk = ["a", "b", "c"], 7
    model.fit(X, Y, epochs=1)
    for twin in (again(model), copy(model)):
        assert (type(twin), twin.class_names, twin.chunk) == (Named, ["a", "b", "c"], 7)
        np.testing.assert_array_equal(twin.predict(X), model.predict(X))


def test_settings_do_not_change_behind_the_models_back():
    metrics, levels = ["accuracy"], [0.1, 0.9]
    model, loss = xn.Model(xn.Dense(3), metrics=metrics), xn.losses.quantile(levels)
    metrics.append("top_1_accuracy")
    levels.append(0.5)
    assert again(model).fit(X, Y, epochs=1).columns == model.fit(X, Y, epochs=1).columns
    assert again(loss) == loss == xn.losses.quantile((0.1, 0.9))
    assert again(xn.Model(xn.Dense(3), metrics=(m for m in ["accuracy"]))).predict(X).shape
