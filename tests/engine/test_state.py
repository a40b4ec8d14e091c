"""Copies, settings that stay what they were, memory, and numbers too small to matter."""

import copy
import pickle
import threading

import array_api_strict
import numpy as np
import pytest

import xpnet as xn
import xpnet.engine.engine
import xpnet.engine.entry
import xpnet.model
from xpnet.backends.generic import GenericBackend
from xpnet.data.arrays import Data
from xpnet.engine.batch_graph import BatchSpec
from xpnet.engine.cutting import cut
from xpnet.ops.record import Update
from xpnet.optim import Link

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(40, 4)).astype("float32"), RNG.integers(0, 3, 40)


def make(**settings):
    return xn.MLP([4, 8, 3], **settings)


@pytest.mark.smoke
@pytest.mark.parametrize("backend", ["numpy", array_api_strict], ids=["plan", "interpreter"])
def test_a_deep_copy_shares_nothing(backend):
    model = make(backend=backend, optimizer=xn.SGD(0.1, momentum=0.9))
    model.fit(X, Y, epochs=2)
    twin, before = copy.deepcopy(model), model.predict(X)
    twin.optimizer.learning_rate = 0.5
    twin.fit(X, Y, epochs=2)
    np.testing.assert_array_equal(model.predict(X), before)
    assert model.optimizer.rate(0) == 0.1
    assert (model.epoch, twin.epoch) == (2, 4)


def test_a_deep_copy_goes_on_as_the_original_would():
    model = make()
    model.fit(X, Y, epochs=2)
    twin = copy.deepcopy(model)
    assert twin.fit(X, Y, epochs=2)["loss"] == model.fit(X, Y, epochs=2)["loss"]


def test_settings_of_an_optimizer_do_not_change_half():
    model = make(optimizer=xn.Adam())
    with pytest.raises(xn.errors.ArgumentError, match=r"model\.optimizer = xpnet\.Adam\(beta1="):
        model.optimizer.beta1 = 0.5
    assert repr(model.optimizer).startswith("Adam(learning_rate=")


def test_a_new_optimizer_starts_with_empty_state():
    model = make(optimizer=xn.SGD(0.1))
    model.fit(X, Y, epochs=1)
    model.optimizer = xn.Adam()
    assert model.engine.state.updates == 0
    assert not any(v.any() for v in model.engine.state.slots.values())
    assert np.isfinite(model.fit(X, Y, epochs=1)["loss"]).all()


def test_parameters_cannot_be_assigned_by_name_in_vain():
    model = make().build()
    with pytest.raises(TypeError):
        model.parameters["layers.0.weight"] = 0
    model.parameters["layers.0.weight"][...] = 0
    assert not model.state_dict()["layers.0.weight"].any()


def memory_of(array):
    """The array that owns an array's memory."""
    while array.base is not None:
        array = array.base
    return array


def test_programs_of_growing_batches_do_not_hold_old_memory():
    model = make()
    for rows in range(1, 40):
        model.predict(X[:rows])
    arena = memory_of(model.engine.programs._arena.memory)
    for program in model.engine.programs._made.values():
        assert memory_of(program.output()) is arena


@pytest.mark.parametrize("backend", ["numpy", GenericBackend(np)], ids=["plan", "interpreter"])
def test_slots_of_units_without_gradient_do_not_become_denormal(backend):
    """0.9 a step takes them there after some 800 steps, and a CPU is slow with such numbers."""
    model = make(optimizer=xn.Adam(), backend=backend)
    model.build().parameters["layers.0.bias"][
        ...
    ] = -100  # no unit is active: no gradient behind them
    model.engine.state.slots["gradient_sum"][...] = 1e-3
    model.engine.state.slots["square_sum"][...] = 1e-3
    tiny, smallest = np.finfo("float32").tiny, []
    for _ in range(1200):
        model.train_on_batch(X, Y)
        slot = np.abs(model.engine.state.slots["gradient_sum"])
        smallest.append(slot[slot > 0].min())
    assert min(smallest) >= tiny
    assert (model.engine.state.slots["gradient_sum"] == 0).any()


def test_the_device_of_the_data_is_followed():
    device = array_api_strict.Device("device1")
    x = array_api_strict.asarray(X, device=device)
    y = array_api_strict.asarray(Y, device=device)
    model = make()
    model.fit(x, y, epochs=1)
    assert model.predict(x).device == device
    np.testing.assert_allclose(model.fit(x, y, epochs=1)["loss"],
                               [make_twice()], rtol=1e-5)  # fmt: skip
    with pytest.raises(xn.errors.DataError, match="devices"):
        model.fit(x, array_api_strict.asarray(Y))


def make_twice():
    """The second epoch's loss on NumPy."""
    model = make()
    model.fit(X, Y, epochs=1)
    return model.fit(X, Y, epochs=1)["loss"][0]


def test_a_run_that_was_broken_off_does_not_leave_its_data_behind():
    """A large batch is read where it lies; what is loaded next must be read instead."""
    model = xn.MLP([400, 8, 3]).build()
    X = np.random.default_rng(0).normal(size=(200, 400)).astype("float32")
    first, second = model.predict(X[:100], batch_size=100), model.predict(X[100:], batch_size=100)
    program = model.engine.programs.get(BatchSpec("predict", 100))
    program.load([X], slice(0, 100))  # Ctrl-C comes here
    batches = cut(model.engine, "predict", Data(model.backend, X), 100)
    batches.begin(np.arange(100, 200))
    batches.load(0).run()
    np.testing.assert_array_equal(program.output(), second)
    batches.begin()
    batches.load(0).run()
    np.testing.assert_array_equal(program.output(), first)
    batches.end()


# --- first uses at the same time -------------------------------------------------------------


@pytest.mark.parametrize("change", ["fit", "freeze"])
def test_a_prediction_begun_before_another_thread_changed_the_model_undoes_nothing(
    monkeypatch, change
):
    model = xn.MLP([4, 6, 3])
    if change == "freeze":
        model.build()
    usual = xpnet.model.accept_inputs

    def slow(*args, **kwargs):
        found = usual(*args, **kwargs)
        model.fit(X, Y, epochs=3) if change == "fit" else model.freeze("layers.0")
        return found

    with monkeypatch.context() as patch:
        patch.setattr(xpnet.model, "accept_inputs", slow)
        model.predict(X)
    if change == "fit":
        assert model.epoch == 3
    else:
        assert model.network.frozen == model.frozen == ("layers.0",)


@pytest.mark.parametrize("use", ["predict", "evaluate", "train_on_batch"])
def test_data_accepted_for_a_model_that_became_another_are_refused(monkeypatch, use):
    model = xn.Model(xn.Dense(3))
    usual = xpnet.engine.entry.accept_inputs

    def slow(*args, **kwargs):
        found = usual(*args, **kwargs)
        patch.undo()
        model.build(1)
        return found

    with monkeypatch.context() as patch:
        for module in (xpnet.model, xpnet.engine.entry):
            patch.setattr(module, "accept_inputs", slow)
        with pytest.raises(xn.errors.ArgumentError, match="another thread built or changed"):
            getattr(model, use)(*([X] if use == "predict" else [X, Y]))
    assert model.network.features == (1,)


@pytest.mark.parametrize("change", ["freeze", "optimizer"])
def test_a_change_while_the_model_is_built_is_not_lost(monkeypatch, change):
    model = make()
    usual = xpnet.model.engine_for

    def slow(*args, **kwargs):
        found = usual(*args, **kwargs)
        if change == "freeze":
            model.freeze("layers.0")
        else:
            model.optimizer = xn.SGD(0.5)
        return found

    with monkeypatch.context() as patch:
        patch.setattr(xpnet.model, "engine_for", slow)
        with pytest.raises(xn.errors.ArgumentError, match="call again"):
            model.build(4)
    model.build(4)
    assert model.network.frozen == model.frozen
    assert model.engine.optimizer is model.optimizer


def test_of_two_fits_that_begin_at_once_one_is_refused(monkeypatch):
    model, barrier, outcomes = make().build(), threading.Barrier(2, timeout=10), []
    usual = xpnet.model.make_loop

    def meet(*args):
        loop = usual(*args)
        barrier.wait()
        return loop

    class Wait(xn.Callback):
        def on_fit_begin(self, model):
            started.wait(10)

    def fit():
        try:
            model.fit(X, Y, epochs=2, callbacks=[Wait()])
            outcomes.append("made")
        except xn.errors.ArgumentError as error:
            outcomes.append(str(error))
            started.set()

    started = threading.Event()
    monkeypatch.setattr(xpnet.model, "make_loop", meet)
    threads = [threading.Thread(target=fit) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    refused, made = sorted(outcomes)
    assert refused.startswith("a second fit cannot begin")
    assert made == "made"
    assert model.epoch == 2


def test_an_optimizer_that_is_refused_changes_nothing():
    class Wrong(xn.SGD):
        def rules(self):
            return [Link(Update("wrong", lambda xp, p, m: (p, m), changes=("params", "velocity")))]

    model = make(optimizer=xn.Adam())
    model.fit(X, Y, epochs=2)
    before = {name: slot.copy() for name, slot in model.engine.state.slots.items()}
    updates = model.engine.state.updates
    with pytest.raises(KeyError):
        model.optimizer = Wrong(0.1)
    assert isinstance(model.optimizer, xn.Adam)
    assert model.engine.state.updates == updates
    assert before.keys() == model.engine.state.slots.keys()
    for name, slot in before.items():
        np.testing.assert_array_equal(model.engine.state.slots[name], slot)


def test_putting_back_good_parameters_allocates_no_vector(monkeypatch):
    model = xn.MLP([4, 6, 3], optimizer=xn.Adam())
    model.fit(X, Y, epochs=1)
    state, good = model.engine.state, model.engine.state.good.params.copy()
    vectors = {name: id(vector) for name, vector in state.vectors.items()}
    state.params[...] = 7
    model.engine.restore()
    assert {name: id(vector) for name, vector in state.vectors.items()} == vectors
    np.testing.assert_array_equal(state.params, good)
    assert not any(slot.any() for slot in state.slots.values())


# --- float16's loss scale, as a CPU has it too ------------------------------------------------


@pytest.fixture
def scaled(monkeypatch):
    """A model with a loss scale, trained for an epoch."""
    first = np.asarray([1024, 0, 0, 0], "float32")
    monkeypatch.setattr(xpnet.engine.engine, "_loss_scale", lambda backend: first.copy())
    model = xn.MLP([4, 6, 3], optimizer=xn.Adam(), seed=1)
    model.fit(X, Y, epochs=1, batch_size=16)
    return model


def test_the_loss_scale_goes_with_copies_pickles_files_and_checkpoints(scaled, tmp_path):
    scale = scaled.engine.state.loss_scale
    scale[:] = [2048, 5, 0, 3]
    scaled.save(tmp_path / "model", optimizer_state=True)
    loaded = xn.load(tmp_path / "model"), pickle.loads(pickle.dumps(scaled)), copy.deepcopy(scaled)
    for model in loaded:
        assert model.engine.state.loss_scale.tolist() == [2048, 5, 0, 3]
        assert model.engine.state.loss_scale is not scale
    scaled.fit(X, Y, epochs=2, batch_size=16, callbacks=[xn.Checkpoint(tmp_path / "points")])
    kept = scale.tolist()
    resumed = xn.MLP([4, 6, 3], optimizer=xn.Adam(), seed=1)
    resumed.fit(X, Y, epochs=2, batch_size=16, resume_from=tmp_path / "points")
    assert resumed.engine.state.loss_scale.tolist() == kept


@pytest.mark.parametrize("bad", [-1, 0, 2.0**30])
def test_a_file_with_a_loss_scale_that_is_none_is_refused(scaled, tmp_path, bad):
    scaled.engine.state.loss_scale[0] = bad
    scaled.save(tmp_path / "model", optimizer_state=True)
    with pytest.raises(xn.errors.FormatError, match="loss_scale must be four numbers"):
        xn.load(tmp_path / "model")


@pytest.mark.parametrize("accumulate", [1, 2])
def test_an_overflow_of_a_step_that_was_broken_off_leaves_no_step_out(scaled, accumulate):
    class Break(xn.Callback):
        def on_gradient(self, model, step):
            model.engine.state.loss_scale[2] = 1
            raise KeyError

    with pytest.raises(KeyError):
        scaled.fit(X, Y, epochs=1, callbacks=[Break()], accumulate=accumulate, batch_size=16)
    before = scaled.state_dict()
    scaled.train_on_batch(X[:16], Y[:16])
    assert scaled.engine.state.loss_scale[3] == 0
    assert not np.array_equal(scaled.state_dict()["layers.0.weight"], before["layers.0.weight"])
