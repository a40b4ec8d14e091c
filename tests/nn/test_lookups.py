"""Numbers that name no row of an Embedding: one meaning on every path, whatever computes them."""

from importlib.util import find_spec

import array_api_strict
import numpy as np
import pytest

import xpnet as xn
from xpnet import ops
from xpnet.backends.cpu import NumpyBackend
from xpnet.errors import DataError, DivergedError

BACKENDS = {"numpy": "numpy", "plan": NumpyBackend(False), "interpreter": array_api_strict}
BACKENDS |= {name: name for name in ("torch", "jax") if find_spec(name)}
# What a network computes, and inputs for which it names no row of a table of 5, and a row.
COMPUTED = {
    "negative": (lambda x: x - 1, 0.0, 2.0),
    "too large": (lambda x: x + 2, 3.0, 2.0),
    "a fraction": (lambda x: x / 2, 3.0, 2.0),
    "a negative fraction": (lambda x: x - 0.5, 0.0, 0.5),
    "NaN": (ops.log, -1.0, 1.0),
    "infinite": (lambda x: 1 / x, 0.0, 1.0),
    "far too large": (lambda x: x * 1e30, 1.0, 0.0),
    "slice of a result": (lambda x: (x - 1)[:, :1], 0.0, 2.0),
    "result of a slice": (lambda x: x[:, :1] * -3, 1.0, 0.0),
    "batch after batch": (lambda x: ops.reshape(x, shape=(-1,)) + 1, 4.0, 2.0),
}
Y = np.zeros((20, 1), "float32")


def samples(good, bad):
    """Twenty samples, one of which names no row."""
    X = np.full((20, 1), good, "float32")
    X[13] = bad
    return X


def model_of(compute, backend="numpy", **settings):
    def net(x):
        found = xn.Embedding(5, 1)(compute(x))
        return ops.reshape(found, shape=(x.shape[0], 1))

    return xn.Model(net, loss="mse", backend=backend, optimizer=xn.SGD(0.1), input_shape=1,
                    check_finite=False, **settings)  # fmt: skip


@pytest.mark.parametrize("kind", COMPUTED)
@pytest.mark.parametrize("backend", BACKENDS)
def test_what_a_network_computes_is_checked_before_anything_changes(kind, backend, each):
    compute, bad, good = COMPUTED[kind]
    model = model_of(compute, BACKENDS[backend])
    X, state = samples(good, bad), model.state_dict()
    for method, more in {
        "predict": {},
        "evaluate": {"y": Y},
        "train_on_batch": {"y": Y},
        "fit": {"y": Y},
    }.items():
        with each(method), pytest.raises(DataError, match="computes from X is looked up in an E"):
            getattr(model, method)(X, *more.values())
    with each("validation"), pytest.raises(DataError, match="computes from validation_data's X"):
        model.fit(np.full_like(X, good), Y, validation_data=(X, Y), verbose=False)
    for name, array in model.state_dict().items():
        np.testing.assert_array_equal(np.asarray(array), np.asarray(state[name]))


@pytest.mark.parametrize("kind", COMPUTED)
def test_value_and_grad_refuses_them_too(kind):
    compute, bad, good = COMPUTED[kind]
    layer = xn.Embedding(5, 1)
    vg = xn.value_and_grad(lambda x: ops.sum(layer(compute(x))), wrt="parameters")
    X = np.full((20, 1), good, "float32")
    parameters = vg.init(X)
    assert np.isfinite(vg(X, parameters=parameters)[0])
    with pytest.raises(DataError, match="computed from argument 0"):
        vg(samples(good, bad), parameters=parameters)


def test_rows_that_are_there_are_looked_up_as_without_a_computation():
    shifted, plain = model_of(lambda x: x - 1), model_of(lambda x: x)
    plain.load_state_dict(shifted.state_dict())
    X = np.arange(1, 6, dtype="float32")[:, None]
    np.testing.assert_array_equal(shifted.predict(X), plain.predict(X - 1))
    for model, x in ((shifted, X), (plain, X - 1)):
        model.fit(x, np.ones((5, 1)), epochs=3, verbose=False)
    np.testing.assert_array_equal(shifted.predict(X), plain.predict(X - 1))


def test_more_samples_than_are_checked_at_a_time():
    model = model_of(lambda x: x - 1)
    X = np.ones((10_000, 1), "float32")
    assert model.predict(X).shape == (10_000, 1)
    X[9_123] = 0.25
    with pytest.raises(DataError, match=r"got -0\.75 in row 9123"):
        model.predict(X)


# --- numbers that depend on parameters cannot be checked beforehand -------------------------------


def scaled(x):
    """Numbers computed with a parameter, which is 1."""
    return xn.Dense(1, bias=False, kernel_init=xn.init.constant(1.0))(x)


IDS = np.array([[0], [4], [5], [-1], [1.5], [np.nan], [np.inf], [1e30], [-1e30], [3]], "float32")
KNOWN = np.array([True, True, *[False] * 7, True])


@pytest.mark.parametrize("backend", BACKENDS)
def test_numbers_that_are_known_too_late_give_nan(backend):
    model = model_of(scaled, BACKENDS[backend], frozen=("dense",))
    table = np.asarray(model.state_dict()["embedding.weight"])
    got = np.asarray(model.predict(IDS))
    np.testing.assert_array_equal(np.isnan(got[:, 0]), ~KNOWN)
    np.testing.assert_array_equal(got[KNOWN, 0], table[IDS[KNOWN, 0].astype(int), 0])
    np.testing.assert_array_equal(np.asarray(model.predict(IDS[:1])), got[:1])
    y = np.zeros((10, 1), "float32")
    assert np.isnan(model.evaluate(IDS, y)["loss"])
    for train in (model.train_on_batch, lambda X, y: model.fit(X, y, verbose=False)):
        with pytest.raises(DivergedError):
            train(IDS, y)


@pytest.mark.parametrize("backend", BACKENDS)
def test_they_add_to_no_row(backend):
    """With the weight 0, they may be in a batch: padding."""
    model = model_of(scaled, BACKENDS[backend], frozen=("dense",))
    table = np.asarray(model.state_dict()["embedding.weight"])
    model.train_on_batch(IDS, np.ones((10, 1), "float32"), KNOWN.astype("float32"))
    change = np.asarray(model.state_dict()["embedding.weight"]) - table
    wanted = np.zeros((5, 1))
    for i in (0, 4, 3):
        wanted[i] = -0.1 * 2 / 3 * (table[i] - 1)
    np.testing.assert_allclose(change, wanted, rtol=1e-5, atol=1e-7)


def test_a_function_of_arrays_gives_nan():
    model = model_of(lambda x: x)
    got = model.function()(model.state_dict(), IDS)
    np.testing.assert_array_equal(np.isnan(got[:, 0]), ~KNOWN)


def test_a_function_that_jax_compiles_gives_nan():
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    model = model_of(lambda x: x, "jax")
    got = jax.jit(model.function())(model.state_dict(), IDS)
    np.testing.assert_array_equal(np.isnan(got[:, 0]), ~KNOWN)


def test_exported_models_give_nan(tmp_path):
    model = model_of(lambda x: x)
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    found = [xn.exchange.to_torch(model)(torch.from_numpy(IDS)).detach().numpy()]
    pytest.importorskip("onnx", reason="onnx is not installed")
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    xn.exchange.to_onnx(model, tmp_path / "m.onnx")
    session = runtime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
    found.append(session.run(["y"], {"x": IDS})[0])
    for got in found:
        np.testing.assert_array_equal(np.isnan(got[:, 0]), ~KNOWN)
        np.testing.assert_array_equal(got[KNOWN], model.predict(IDS[KNOWN]))
