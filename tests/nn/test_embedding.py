"""Embedding, Flatten and Maxout: what they compute, their gradients, and invalid indices."""

import array_api_strict
import numpy as np
import pytest

import xpnet as xn

RNG = np.random.default_rng(0)
IDS = RNG.integers(0, 7, size=(20, 3))
Y = RNG.integers(0, 2, 20)


def model_of(*layers, **settings):
    return xn.Model(xn.Sequential(*layers), **{"dtype": "float64"} | settings)


def test_rows_of_the_table_side_by_side():
    model = model_of(xn.Embedding(7, 4), xn.Flatten(), input_shape=3, loss="mse").build()
    table = model.parameters["layers.0.weight"]
    assert table.shape == (7, 4)
    np.testing.assert_array_equal(model.predict(IDS), table[IDS].reshape(20, 12))


@pytest.mark.parametrize("backend", ["numpy", array_api_strict], ids=["plan", "interpreter"])
def test_gradients_add_up_in_the_rows_they_came_from(backend):
    net = model_of(xn.Embedding(7, 4), xn.Flatten(), xn.Dense(2, bias=False), backend=backend,
                   optimizer=xn.SGD(1.0)).build(3)  # fmt: skip
    table, head = (np.asarray(a) for a in net.state_dict().values())
    logits = table[IDS].reshape(20, 12) @ head
    error = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
    error[np.arange(20), Y] -= 1
    wanted = np.zeros((7, 4))
    np.add.at(wanted, IDS, (error / 20 @ head.T).reshape(20, 3, 4))
    net.train_on_batch(IDS, Y)
    change = table - np.asarray(net.parameters["layers.0.weight"])
    np.testing.assert_allclose(change, wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("dtype", ["int32", "int64", "uint8", "float32", "float64"])
def test_numbers_of_any_type(dtype):
    model = model_of(xn.Embedding(7, 4), xn.Flatten(), xn.Dense(2), dtype="float32")
    wanted = model.predict(IDS)
    np.testing.assert_array_equal(model.predict(IDS.astype(dtype)), wanted)


def test_categories_and_numbers_in_one_table():
    def net(x):
        kinds = xn.Flatten()(xn.Embedding(7, 4)(x[:, :2]))
        return xn.Dense(2)(xn.Concat()(kinds, x[:, 2:]))

    x = np.hstack([IDS[:, :2], RNG.normal(size=(20, 3))])
    model = xn.Model(net)
    losses = model.fit(x, Y, epochs=30)["loss"]
    assert losses[-1] < losses[0]
    x[3, 1] = 7
    with pytest.raises(xn.errors.DataError, match="numbers from 0 to 7"):
        model.predict(x)


@pytest.mark.parametrize("bad", [-1, 7, 1e6, 0.5], ids=repr)
@pytest.mark.parametrize("method", ["fit", "predict", "evaluate", "train_on_batch"])
def test_numbers_that_name_no_row_are_refused_before_anything_changes(bad, method):
    model = model_of(xn.Embedding(7, 4), xn.Flatten(), xn.Dense(2))
    ids = IDS.astype("float64")
    ids[4, 1] = bad
    with pytest.raises(xn.errors.DataError, match="whole numbers from 0 to 6"):
        getattr(model, method)(*([ids] if method == "predict" else [ids, Y]))
    assert not model.built


def test_validation_data_are_checked_too():
    model = model_of(xn.Embedding(7, 4), xn.Flatten(), xn.Dense(2))
    with pytest.raises(xn.errors.DataError, match="validation_data's X"):
        model.fit(IDS, Y, validation_data=(IDS + 3, Y))


def test_constraint_on_each_row():
    layer = xn.Embedding(7, 4, constraint=xn.UnitNorm(axis=-1))
    model = model_of(layer, xn.Flatten(), xn.Dense(2))
    model.fit(IDS, Y, epochs=2)
    lengths = np.linalg.norm(model.parameters["layers.0.weight"], axis=-1)
    np.testing.assert_allclose(lengths, 1, rtol=1e-12)


def test_maxout_is_the_largest_of_its_pieces():
    x = RNG.normal(size=(20, 3))
    model = model_of(xn.Maxout(4, pieces=3), input_shape=3, loss="mse").build()
    w, b = (model.parameters[f"layers.0.maps.{name}"] for name in ("weight", "bias"))
    wanted = (x @ w + b).reshape(20, 4, 3).max(-1)
    np.testing.assert_allclose(model.predict(x), wanted, rtol=1e-12)


def test_maxout_learns_the_absolute_value():
    """Two pieces compute it exactly, which no single linear unit can."""
    x = np.linspace(-1, 1, 64)[:, None]
    model = model_of(xn.Maxout(1), loss="mse", optimizer=xn.Adam(0.02), seed=1)
    model.fit(x, np.abs(x), epochs=400, batch_size=64)
    assert model.evaluate(x, np.abs(x))["loss"] < 1e-4


@pytest.mark.parametrize("make", [lambda: xn.Embedding(0, 3), lambda: xn.Embedding(3, 0),
                                  lambda: xn.Maxout(0), lambda: xn.Maxout(2, 0)])  # fmt: skip
def test_sizes_are_checked(make):
    with pytest.raises(xn.errors.ArgumentError, match="whole number of at least 1"):
        make()


def test_dense_without_biases():
    x = RNG.normal(size=(20, 3))
    model = model_of(xn.Dense(2, bias=False), input_shape=3).build()
    assert list(model.parameters) == ["layers.0.weight"]
    w = model.parameters["layers.0.weight"]
    np.testing.assert_allclose(model.predict(x), x @ w, rtol=1e-12)
    model.fit(x, Y, epochs=2)


def test_integers_in_a_function_of_ones_own():
    layer = xn.Embedding(7, 4)
    vg = xn.value_and_grad(lambda ids: xn.ops.sum(layer(ids)), wrt="parameters")
    ids = np.array([[0, 1], [1, 1]])
    value, gradients = vg(ids, parameters=vg.init(ids))
    np.testing.assert_array_equal(gradients["embedding.weight"].sum(axis=1), [4, 12, 0, 0, 0, 0, 0])
    assert value.dtype == np.float32


def test_more_rows_than_float32_can_count():
    model = model_of(xn.Embedding(2**24 + 1, 1), xn.Flatten(), xn.Dense(2), dtype="float32")
    with pytest.raises(xn.errors.ArgumentError, match="dtype='float64'"):
        model.build(3)
