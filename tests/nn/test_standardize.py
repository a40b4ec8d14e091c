"""Standardize: its numbers, what training leaves alone, files, and other libraries."""

import numpy as np
import pytest

import xpnet as xn
from xpnet.errors import DataWarning

RNG = np.random.default_rng(0)
X = RNG.normal([5.0, -2000.0, 0.01], [2.0, 300.0, 0.001], size=(80, 3))
Y = (X - X.mean(0)) / X.std(0) @ [[1.0], [-2.0], [0.5]]


def net():
    return xn.Sequential(xn.Standardize.of(X), xn.Dense(8, "relu"), xn.Dense(1))


def fitted(**settings):
    model = xn.Model(net(), "mse", **settings)
    model.fit(X, Y, epochs=2)
    return model


@pytest.mark.smoke
def test_predictions_are_those_on_scaled_data():
    model = xn.Model(net(), "mse", dtype="float64").build(3)
    plain = xn.Model(xn.Sequential(*net().layers[1:]), "mse", dtype="float64").build(3)
    state = model.state_dict()
    names = zip(plain.parameters, [n for n in state if "layers.0" not in n], strict=True)
    plain.load_state_dict({own: state[name] for own, name in names})
    scaled = (X - X.mean(0)) / X.std(0)
    np.testing.assert_allclose(model.predict(X), plain.predict(scaled), rtol=1e-9)


def test_training_and_decay_leave_the_numbers_alone():
    model = fitted(optimizer=xn.SGD(0.01, weight_decay=0.1), dtype="float64")
    np.testing.assert_array_equal(model.parameters["layers.0.mean"], X.mean(0))
    np.testing.assert_array_equal(model.parameters["layers.0.std"], X.std(0))


def test_numbers_whose_squares_float32_cannot_hold(each):
    for size in (1e-27, 1e-20, 1e25):
        with each(size):
            layer = xn.Standardize.of(X[:, :1] * size)
            model = xn.Model(xn.Sequential(layer, xn.Dense(1, kernel_init="ones")), "mse")
            found = model.build(1).predict((X[:, :1] * size).astype("float32"))
            np.testing.assert_allclose(found.std(), 1, rtol=1e-4)


@pytest.mark.parametrize(("mean", "std"), [(1.7e9, 10.0), (-52.5, 1e-6), (1e-30, 1e-37)])
def test_differences_that_float32_cannot_hold(mean, std):
    Z = mean + std * RNG.normal(size=(50, 1))
    model = xn.Model(xn.Sequential(xn.Standardize.of(Z), xn.Dense(1)), "mse")
    with pytest.warns(DataWarning, match=r"feature 0 .* too few digits"):
        model.build(1)
    net = xn.Sequential(xn.Standardize.of(Z), xn.Dense(1, kernel_init="ones"))
    exact = xn.Model(net, "mse", dtype="float64").build(1)
    np.testing.assert_allclose(exact.predict(Z), (Z - Z.mean()) / Z.std(), rtol=1e-6)


@pytest.mark.parametrize("value", [1.1, 273.15, 1e9 + 0.1, -0.1])
def test_constants_that_rounding_would_give_a_deviation(value):
    Z = RNG.normal(size=(12_345, 2))
    Z[:, 1] = value
    layer = xn.Standardize.of(Z)
    assert layer.std[1] == 1
    xn.Model(xn.Sequential(layer, xn.Dense(1)), "mse").build(2)


def test_constants_and_years_are_told_apart_well_enough():
    Z = np.stack([np.full(50, 1.7e9), RNG.integers(1990, 2025, 50)], axis=1)
    xn.Model(xn.Sequential(xn.Standardize.of(Z), xn.Dense(1)), "mse").build(2)


def test_a_file_holds_them(tmp_path):
    model = fitted()
    model.save(tmp_path / "model.safetensors")
    again = xn.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert again.config.net.layers[0].mean == tuple(X.mean(0))


def test_in_torch():
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    model = fitted()
    other = xn.Model(net(), "mse").build(3)
    xn.exchange.from_torch(xn.exchange.to_torch_state_dict(model), other)
    np.testing.assert_allclose(other.predict(X), model.predict(X), rtol=1e-4, atol=1e-5)
    module = xn.exchange.to_torch(model)
    with torch.no_grad():
        found = module(torch.tensor(X, dtype=torch.float32)).numpy()
    np.testing.assert_allclose(found, model.predict(X), rtol=1e-4, atol=1e-5)


def test_in_onnx(tmp_path):
    pytest.importorskip("onnx", reason="onnx is not installed")
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    model = fitted()
    xn.exchange.to_onnx(model, tmp_path / "model.onnx")
    session = runtime.InferenceSession(tmp_path / "model.onnx")
    (found,) = session.run(None, {session.get_inputs()[0].name: X.astype("float32")})
    np.testing.assert_allclose(found, model.predict(X), rtol=1e-4, atol=1e-5)


def test_numbers_of_data(each):
    constant = np.full((50, 2), 0.1, "float32")
    for data in (constant, constant.tolist(), np.zeros((5, 2), "int64"), np.ones((4, 3, 2), bool)):
        with each(repr(type(data))):
            assert xn.Standardize.of(data).std == (1.0, 1.0)
    images = RNG.normal(3, 2, (6, 5, 4))
    assert np.allclose(xn.Standardize.of(images).mean, images.mean((0, 1)))


def test_what_cannot_be_used(each):
    for error, words, make in (
        (xn.errors.DataError, "column 1", lambda: xn.Standardize.of([[1.0, np.nan], [2.0, 3.0]])),
        (xn.errors.DataError, "empty", lambda: xn.Standardize.of(np.zeros((0, 3)))),
        (xn.errors.DTypeError, "real numbers", lambda: xn.Standardize.of([["a", "b"]])),
        (xn.errors.ShapeError, "features", lambda: xn.Standardize.of([1.0, 2.0])),
        (xn.errors.ShapeError, "got 1 and 2", lambda: xn.Standardize([0.0], [1.0, 1.0])),
        (xn.errors.ArgumentError, "greater than 0", lambda: xn.Standardize([0.0], [0.0])),
        (xn.errors.ArgumentError, "finite", lambda: xn.Standardize([np.inf], [1.0])),
        (xn.errors.ShapeError, "for 3 features", lambda: xn.Model(net(), "mse").build(4)),
    ):
        with each(words), pytest.raises(error, match=words):
            make()
