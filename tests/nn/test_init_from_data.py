"""Initial values that depend on the first data."""

import copy
import pickle
from collections.abc import Callable
from typing import Any

import array_api_strict
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import xpnet as xn
from xpnet.backends import get
from xpnet.errors import ArgumentError, FormatError, GraphError
from xpnet.random import Key
from xpnet.saving.tensor_file import read_file, write_file

RNG = np.random.default_rng(0)
X = (RNG.normal(size=(600, 5)) * [0.1, 1, 2, 5, 20] + [3, 0, -1, 0, 9]).astype("float32")
Y = RNG.integers(0, 3, 600)
SEED = 7


def dense(units: int, **settings: Any) -> xn.Dense:
    given = {"kernel_init": "unit_variance", "bias_init": "through_data", **settings}
    return xn.Dense(units, **given)


def make(*middle: Any, **settings: Any) -> xn.Model:
    net = xn.Sequential(dense(8, activation="selu"), *middle, dense(3))
    return xn.Model(net, **{"seed": SEED, "dtype": "float64", **settings})


def values(model: xn.Model) -> dict[str, Any]:
    return {name: np.asarray(array).copy() for name, array in model.state_dict().items()}


def same(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    for name, array in wanted.items():
        assert_array_equal(found[name], array, err_msg=name)


# --- what they compute ----------------------------------------------------------------------------


def test_every_unit_has_the_variance() -> None:
    found = values(make().initialize(X))
    z = X @ found["layers.0.weight"]
    assert_allclose(z.std(axis=0), 1, rtol=1e-6)
    y = xn.ops.selu(z + found["layers.0.bias"]) @ found["layers.1.weight"]
    assert_allclose(y.std(axis=0), 1, rtol=1e-6)


def test_the_direction_of_the_weights_stays() -> None:
    drawn = values(make().build(5))["layers.0.weight"]
    found = values(make().initialize(X))["layers.0.weight"]
    assert_allclose(found / drawn, np.broadcast_to((found / drawn)[:1], drawn.shape), rtol=1e-12)
    assert abs(drawn.std() * np.sqrt(5) - 1) < 0.3


@pytest.mark.parametrize("points", [1, 5, 400])
def test_a_unit_is_0_within_the_data(points: int) -> None:
    """With one point, at a sample; with many, near the mean of all."""
    layer = dense(50, bias_init=xn.init.through_data(points))
    model = xn.Model(layer, "mse", seed=SEED, dtype="float64").initialize(X)
    found = values(model)
    z = X @ found["weight"] + found["bias"]
    assert (z.min(axis=0) < 1e-9).all()
    assert (z.max(axis=0) > -1e-9).all()
    nearest = np.abs(z).min(axis=0)
    assert (nearest < 1e-9).all() == (points == 1)
    # A share's square has the mean 2 / (points (points + 1)): the variance is 2 / (points + 1).
    spread = (z.mean(axis=0) ** 2).mean()
    assert 0.4 * 2 / (points + 1) < spread < 2.5 * 2 / (points + 1)


def test_the_gain() -> None:
    layer = dense(4, kernel_init=xn.init.unit_variance(2.5), bias=False)
    found = values(xn.Model(layer, "mse", dtype="float64").initialize(X))
    assert_allclose((X @ found["weight"]).std(axis=0), 2.5, rtol=1e-6)


def test_units_without_variance_keep_their_weights() -> None:
    model = xn.Model(dense(3), "mse", dtype="float64", seed=1)
    drawn = values(model.build(5))["weight"]
    found = values(model.initialize(np.full((40, 5), 3.0)))
    assert_array_equal(found["weight"], drawn)
    assert_allclose(found["bias"], -3 * drawn.sum(axis=0), rtol=1e-12)


def test_values_are_those_of_the_formula() -> None:
    """Shares from the exponential distribution; random rows of each unit for itself."""
    z, key, host = RNG.normal(size=(30, 4)), Key(1, 3, 2), get("numpy")
    through: Any = xn.init.through_data(3)
    found = through.fitted(host.xp, key, np.zeros(4), z)
    u, v = xn.random.uniform(host.xp, key, (2, 3, 4))
    shares = np.log(v) / np.log(v).sum(axis=0)
    rows = (u * 30).astype(int)
    wanted = [-sum(shares[k, j] * z[rows[k, j], j] for k in range(3)) for j in range(4)]
    assert_allclose(found, wanted, rtol=1e-12)


class Stack(xn.Layer):
    """Two maps at once, and a sum over pairs of samples' tokens."""

    def forward(self, x: Any) -> Any:
        w = self.parameter(x, "weight", (2, 5, 4), "unit_variance")
        b = self.parameter(x, "bias", (2, 4), "through_data")
        x = xn.ops.reshape(x, shape=(1, *x.shape))
        y = xn.ops.affine(x, w, b)
        self.observe(w, y)
        self.observe(b, y)
        return xn.ops.mean(y, axis=0)


def test_stacks_of_maps() -> None:
    found = values(xn.Model(Stack(), "mse", dtype="float64", seed=1).initialize(X))
    z = X @ found["weight"]
    assert_allclose(z.std(axis=1), 1, rtol=1e-6)
    y = z + found["bias"][:, None]
    assert ((y.min(axis=1) < 0) & (y.max(axis=1) > 0)).all()


def test_samples_of_several_rows_each() -> None:
    net = xn.Sequential(dense(4), xn.Flatten(), xn.Dense(2))
    found = values(xn.Model(net, "mse", dtype="float64").initialize(X.reshape(-1, 3, 5)))
    assert_allclose((X @ found["layers.0.weight"]).std(axis=0), 1, rtol=1e-6)


# --- when -----------------------------------------------------------------------------------------


def test_layers_see_what_training_shows_them() -> None:
    """The statistics of the batch, and dropout, which increases the variance."""
    found = values(make(xn.BatchNorm()).initialize(X))
    h = xn.ops.selu(X @ found["layers.0.weight"] + found["layers.0.bias"])
    h = (h - h.mean(axis=0)) / h.std(axis=0)
    assert_allclose((h @ found["layers.2.weight"]).std(axis=0), 1, rtol=1e-4)
    found = values(make(xn.Dropout(0.5)).initialize(X))
    h = xn.ops.selu(X @ found["layers.0.weight"] + found["layers.0.bias"])
    dropped, _ = xn.ops.dropout.fn(np, h, np.array(0), rate=0.5, seed=SEED, stream=17)
    assert_allclose((dropped @ found["layers.2.weight"]).std(axis=0), 1, rtol=1e-9)


@pytest.mark.parametrize("backend", ["torch", "jax", array_api_strict], ids=str)
def test_every_library_gets_the_same_values(backend: Any) -> None:
    if isinstance(backend, str):
        pytest.importorskip(backend)
    settings = {"dtype": "float32"}
    found = values(make(backend=backend, **settings).initialize(X))
    same(found, values(make(backend="numpy", **settings).initialize(X)))


def trained(model: xn.Model, **settings: Any) -> dict[str, Any]:
    model.fit(X, Y, **{"epochs": 2, "batch_size": 200, "verbose": False, **settings})
    return values(model)


FIRST: dict[str, Callable[[xn.Model], Any]] = {
    "fit": lambda model: model.fit(X, Y, epochs=1, batch_size=600),
    "a step": lambda model: model.train_on_batch(X, Y),
    "built before": lambda model: model.build(5).fit(X, Y, epochs=1, batch_size=600),
    "used before": lambda model: (model.predict(X), model.evaluate(X, Y), model.fit(X, Y)),
    "frozen later": lambda model: (model.build(5).freeze("layers.0"), model.fit(X, Y)),
}


@pytest.mark.parametrize("how", FIRST)
def test_the_first_training_data_are_seen(how: str) -> None:
    model = make(optimizer=xn.SGD(1e-12))
    assert model.build(5).engine.state.awaiting == (
        "layers.0.weight", "layers.0.bias", "layers.1.weight", "layers.1.bias"
    )  # fmt: skip
    FIRST[how](model)
    assert model.engine.state.awaiting == ()
    wanted = values(make().initialize(X))
    for name, array in values(model).items():
        assert_allclose(array, wanted[name], atol=1e-8, err_msg=name)


def test_they_are_seen_once() -> None:
    model = make().initialize(X)
    before = values(model)
    model.initialize(2 * X + 1)
    same(values(model), before)
    same(trained(model), trained(make()))
    after = values(model)
    model.initialize(X)
    same(values(model), after)


def test_random_rows_of_many() -> None:
    many = np.concatenate([X] * 4)
    found, all_rows = values(make().initialize(many)), values(make().initialize(X))
    same(values(make().initialize(many)), found)
    z = X @ found["layers.0.weight"]
    assert_allclose(z.std(axis=0), 1, rtol=0.1)
    assert not np.array_equal(found["layers.0.weight"], all_rows["layers.0.weight"])


def test_a_model_without_them_stays_as_it_is() -> None:
    model = xn.MLP([5, 4, 3])
    before = values(model.build())
    same(values(model.initialize(X)), before)


def test_bad_data_change_nothing() -> None:
    model = make().build(5)
    before = values(model)
    for bad in (np.full((4, 5), np.nan), np.ones((4, 6))):
        with pytest.raises(xn.errors.XpnetError):
            model.initialize(bad)
    with pytest.raises(xn.errors.XpnetError):
        model.fit(X, Y[:-1])
    same(values(model), before)
    assert len(model.engine.state.awaiting) == 4


# --- copies and files -----------------------------------------------------------------------------


def saved(model: xn.Model, tmp_path: Any) -> xn.Model:
    model.save(tmp_path / "model.safetensors")
    again = xn.load(tmp_path / "model.safetensors")
    assert isinstance(again, xn.Model)
    return again


COPIES: dict[str, Callable[[xn.Model, Any], xn.Model]] = {
    "copy": lambda model, _: copy.deepcopy(model),
    "pickle": lambda model, _: pickle.loads(pickle.dumps(model)),
    "file": saved,
}


@pytest.mark.parametrize("how", COPIES)
def test_copies_wait_as_their_originals_do(how: str, tmp_path: Any) -> None:
    wanted = trained(make(backend="numpy"))
    waiting = COPIES[how](make(backend="numpy").build(5), tmp_path)
    same(trained(waiting), wanted)
    first = COPIES[how](make(backend="numpy").initialize(X), tmp_path)
    assert first.engine.state.awaiting == ()
    same(trained(first), wanted)


def test_a_resumed_fit(tmp_path: Any) -> None:
    wanted = trained(make(), epochs=3)
    trained(make(), callbacks=[xn.Checkpoint(tmp_path)])
    model = make()
    same(trained(model, epochs=3, resume_from=tmp_path), wanted)
    assert model.engine.state.awaiting == ()


def test_what_is_loaded_does_not_wait() -> None:
    state = values(make().initialize(X))
    model = make().build(5)
    model.load_state_dict(state, only=["layers.0"])
    assert model.engine.state.awaiting == ("layers.1.weight", "layers.1.bias")
    same(values(model.initialize(X)), state)
    model = make().build(5)
    model.load_state_dict(state)
    assert model.engine.state.awaiting == ()


@pytest.mark.parametrize("wrong", [["layers.9"], "layers.0.weight", {}, [["layers.0.weight"]]])
def test_a_file_whose_names_are_wrong(wrong: Any, tmp_path: Any) -> None:
    path = tmp_path / "model.safetensors"
    make().build(5).save(path)
    arrays, data = read_file(path)
    assert data["awaiting"] == [*make().build(5).engine.state.awaiting]
    write_file(path, arrays, {**data, "awaiting": wrong})
    with pytest.raises(FormatError, match="awaiting"):
        xn.load(path)


# --- your own -------------------------------------------------------------------------------------


class Median:
    """Biases that center each unit; it is an initializer of one's own."""

    def __init__(self, wrong: Any = None) -> None:
        self.wrong = wrong

    def __call__(self, xp: Any, key: Any, shape: Any) -> Any:
        return xp.zeros(shape)

    def fitted(self, xp: Any, key: Any, value: Any, seen: Any) -> Any:
        return -np.median(seen, axis=0) if self.wrong is None else self.wrong


def test_an_initializer_of_your_own() -> None:
    found = values(xn.Model(xn.Dense(3, bias_init=Median()), "mse", dtype="float64").initialize(X))
    assert_allclose(np.median(X @ found["weight"] + found["bias"], axis=0), 0, atol=1e-12)


@pytest.mark.parametrize("wrong", [np.ones(4), np.full(3, np.nan)], ids=["shape", "nan"])
def test_what_an_initializer_must_return(wrong: Any) -> None:
    model = xn.Model(xn.Dense(3, bias_init=Median(wrong)), "mse").build(5)
    before = values(model)
    with pytest.raises(GraphError, match="initializer of 'bias' must return finite numbers of"):
        model.initialize(X)
    same(values(model), before)


class Blind(xn.Layer):
    def forward(self, x: Any) -> Any:
        return x * self.parameter(x, "scale", x.shape[1:], "through_data")


def test_a_layer_that_shows_nothing() -> None:
    with pytest.raises(ArgumentError, match=r"through_data\(5\) depends on data.*'scale'.*observe"):
        xn.Model(Blind(), "mse").build(5)


@pytest.mark.parametrize(
    ("init", "message"),
    [
        (lambda: xn.init.unit_variance(0), "gain must be a number greater than 0"),
        (lambda: xn.init.through_data(0), "points must be a whole number of at least 1"),
        (lambda: xn.init.through_data(2.5), "points"),
    ],
)
def test_bad_settings(init: Any, message: str) -> None:
    with pytest.raises(ArgumentError, match=message):
        init()


def test_weights_need_two_axes() -> None:
    with pytest.raises(xn.errors.ShapeError, match="unit_variance needs a weight of shape"):
        xn.Model(xn.Dense(3, bias_init="unit_variance"), "mse").build(5)
