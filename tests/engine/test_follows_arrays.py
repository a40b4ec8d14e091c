"""NumPy in, NumPy out; torch in, torch out; lists in, NumPy out; never a silent mix."""

from importlib import import_module
from importlib.util import find_spec

import array_api_strict
import numpy as np
import pytest

import xpnet as xn

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

RNG = np.random.default_rng(0)
X, Y, W = RNG.normal(size=(12, 4)).astype("float32"), RNG.integers(0, 3, 12), np.ones(12)

KINDS = {
    "numpy": (np.asarray, np.ndarray),
    "torch": (torch.tensor, torch.Tensor),
    "strict": (array_api_strict.asarray, type(array_api_strict.asarray(0))),
    "list": (lambda a: a.tolist(), np.ndarray),
}
BACKENDS = ["numpy", torch, array_api_strict]
if find_spec("jax"):
    KINDS["jax"] = import_module("jax.numpy").asarray, import_module("jax").Array
    BACKENDS.append("jax")


def make(**settings):
    return xn.Model(xn.Sequential(xn.Dense(5, "relu"), xn.Dense(3)), **settings)


@pytest.mark.parametrize("kind", KINDS)
def test_with_backend_none_everything_follows_the_data(kind):
    turn, wanted = KINDS[kind]
    model = make()
    history = model.fit(
        turn(X), turn(Y), epochs=2, batch_size=5, sample_weight=turn(W),
        validation_data=(turn(X), turn(Y)),
    )  # fmt: skip
    assert all(type(v) is float for v in history["loss"] + history["val_loss"])
    z = model.predict(turn(X))
    assert isinstance(z, wanted)
    assert str(z.dtype).endswith("float32")
    loss = model.train_on_batch(turn(X), turn(Y))
    assert isinstance(loss, wanted)
    assert tuple(loss.shape) == ()
    for a in (*model.parameters.values(), *model.state_dict().values()):
        assert isinstance(a, wanted)
    assert all(type(v) is float for v in model.evaluate(turn(X), turn(Y)).values())


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("backend", BACKENDS, ids=str)
def test_with_a_backend_the_predictions_still_follow_the_data(kind, backend):
    turn, wanted = KINDS[kind]
    model = make(backend=backend)
    model.fit(turn(X), turn(Y), epochs=1)
    assert isinstance(model.predict(turn(X)), wanted)
    kinds = {"numpy": np.ndarray, torch: torch.Tensor, "jax": KINDS.get("jax", [None])[-1]}
    own = kinds.get(backend, KINDS["strict"][1])
    assert all(isinstance(a, own) for a in model.parameters.values())
    assert isinstance(model.train_on_batch(turn(X), turn(Y)), own)


def test_the_numbers_do_not_depend_on_the_form_of_the_data():
    runs = []
    for turn, _ in KINDS.values():
        model = make(backend="numpy")
        runs.append(model.fit(turn(X), turn(Y), epochs=2)["loss"])
    assert all(run == runs[0] for run in runs)


def test_a_model_of_torch_takes_lists_and_gives_numpy():
    model = make()
    model.fit(torch.tensor(X), torch.tensor(Y), epochs=1)
    assert isinstance(model.predict(X.tolist()), np.ndarray)
    model.fit(X.tolist(), Y.tolist(), epochs=1)
    assert all(isinstance(a, torch.Tensor) for a in model.parameters.values())


MIXES = {
    "y": lambda: {"X": X, "y": torch.tensor(Y)},
    "X": lambda: {"X": torch.tensor(X), "y": Y},
    "weights": lambda: {"X": X, "y": Y, "sample_weight": torch.tensor(W)},
    "strict": lambda: {"X": X, "y": array_api_strict.asarray(Y)},
}


@pytest.mark.parametrize("mix", MIXES)
@pytest.mark.parametrize("backend", [None, "numpy"])
@pytest.mark.parametrize("method", ["fit", "train_on_batch", "evaluate"])
def test_arrays_of_two_libraries_are_refused(mix, backend, method):
    model = make(backend=backend).build(4)
    state = model.state_dict()
    with pytest.raises(xn.errors.DataError, match=r"different libraries.*numpy.*convert"):
        getattr(model, method)(**MIXES[mix]())
    assert model.engine.state.updates == 0
    assert all(np.array_equal(state[n], a) for n, a in model.parameters.items())


def test_validation_data_of_another_library_are_refused_before_training():
    model = make()
    with pytest.raises(xn.errors.DataError, match="torch"):
        model.fit(X, Y, validation_data=(torch.tensor(X), torch.tensor(Y)))
    assert model.epoch == 0


@pytest.mark.parametrize("method", ["fit", "evaluate", "train_on_batch"])
def test_data_of_another_library_than_the_parameters_say_what_to_do(method):
    model = make()
    model.fit(X, Y, epochs=1)
    with pytest.raises(xn.errors.DataError, match=r"live in numpy.*torch.*backend='numpy'"):
        getattr(model, method)(torch.tensor(X), torch.tensor(Y))
    with pytest.raises(xn.errors.DataError, match="live in numpy"):
        model.predict(torch.tensor(X))


def test_tensors_that_track_gradients_train_like_others():
    plain, tracking = torch.tensor(X), torch.tensor(X, requires_grad=True)
    a, b = make(), make()
    expected = a.fit(plain, torch.tensor(Y), epochs=2)["loss"]
    assert b.fit(tracking, torch.tensor(Y), epochs=2)["loss"] == expected
    assert not any(p.requires_grad for p in b.parameters.values())


def test_weights_of_a_torch_module_can_be_loaded():
    linear = torch.nn.Linear(4, 3)
    model = xn.Model(xn.Dense(3), input_shape=4).build()
    model.load_state_dict({"weight": linear.weight.T, "bias": linear.bias})
    expected = linear(torch.tensor(X)).detach().numpy()
    np.testing.assert_allclose(model.predict(X), expected, rtol=1e-5, atol=1e-6)


def test_float64_data_stay_in_the_models_type():
    model = make()
    model.fit(X.astype("float64"), Y, epochs=1)
    assert model.predict(X.astype("float64")).dtype == np.float32
    assert make(dtype=np.float64).build(4).predict(X).dtype == np.float64
