"""Training, evaluation and prediction on sparse inputs equal those on the same dense inputs."""

import tracemalloc
from copy import deepcopy
from importlib.util import find_spec

import numpy as np
import pytest

import xpnet as xn
from xpnet import ops
from xpnet.backends.cpu import NumpyBackend
from xpnet.errors import ArgumentError, DataError, TrainingWarning

sparse = pytest.importorskip("scipy.sparse", reason="SciPy is not installed")

BACKENDS = [NumpyBackend(compiles=False)]
BACKENDS += [NumpyBackend(compiles=True)] if find_spec("llvmlite") else []
RNG = np.random.default_rng(0)
ROWS, FEATURES, CLASSES = 101, 30, 3


def some_rows(rows):
    """A tenth of the numbers; every fifth row is empty, and so are the first 16."""
    x = RNG.normal(size=(rows, FEATURES)) * (RNG.random((rows, FEATURES)) < 0.1)
    x[::5] = 0
    x[:16] = 0
    return x


X, HELD = some_rows(ROWS), some_rows(40)
Y, Y_HELD = RNG.integers(0, CLASSES, ROWS), RNG.integers(0, CLASSES, 40)
W = RNG.random(ROWS)
THIN, HELD_THIN = sparse.csr_array(X), sparse.csr_array(HELD)

OPTIMIZERS = {
    "SGD": lambda: xn.SGD(0.1),
    "momentum": lambda: xn.SGD(0.1, momentum=0.9),
    "Nesterov": lambda: xn.SGD(0.1, momentum=0.9, nesterov=True),
    "decay": lambda: xn.SGD(0.1, weight_decay=0.01),
    "clipped values": lambda: xn.SGD(0.1, clip_value=0.01),
    "clipped norms": lambda: xn.SGD(0.1, clip_norm=0.1),
    "clipped norm": lambda: xn.SGD(0.1, clip_global_norm=0.1),
    "average": lambda: xn.SGD(0.1, average_decay=0.9),
    "Adagrad": lambda: xn.Adagrad(0.1),
    "Adadelta": lambda: xn.Adadelta(),
    "RMSprop": lambda: xn.RMSprop(0.01),
    "Adam": lambda: xn.Adam(0.01),
    "AdamW": lambda: xn.AdamW(0.01),
    "Lion": lambda: xn.Lion(0.01),
    "schedule": lambda: xn.SGD(xn.CosineDecay(0.1, 3)),
    "L-BFGS": lambda: xn.LBFGS(),
}
BY_ROWS = {"SGD", "clipped values", "Adagrad", "schedule"}
FIRST = {
    "plain": lambda: xn.Dense(8, "relu"),
    "without biases": lambda: xn.Dense(8, bias=False),
    "L2": lambda: xn.Dense(8, "tanh", kernel_penalty=xn.L2(0.1)),
    "L2 per sample": lambda: xn.Dense(8, kernel_penalty=xn.L2(0.1, per_sample=True)),
    "L1": lambda: xn.Dense(8, kernel_penalty=xn.L1(0.1), bias_penalty=xn.L2(0.1)),
    "rate": lambda: xn.Dense(8, "relu", kernel_rate=0.5),
    "norm": lambda: xn.Dense(8, kernel_constraint=xn.MaxNorm(0.5)),
    "after Flatten": lambda: xn.Sequential(xn.Flatten(), xn.Dense(8, "relu")),
    "Maxout": lambda: xn.Maxout(8),
    "initial values from data": lambda: xn.Dense(8, kernel_init=xn.init.unit_variance()),
}
ALL = {"rtol": 0, "atol": 1e-12}


def model(first=FIRST["plain"], optimizer=OPTIMIZERS["SGD"], backend=BACKENDS[0], **settings):
    net = xn.Sequential(first(), xn.ReLU(), xn.BatchNorm(), xn.Dropout(0.2), xn.Dense(CLASSES))
    return xn.Model(net, optimizer=optimizer(), dtype="float64", backend=backend, **settings)


def same(one, other, atol=1e-12):
    for name, array in one.state_dict().items():
        np.testing.assert_allclose(other.state_dict()[name], array, rtol=0, atol=atol)


def fitted(x, held, settings, **of_fit):
    given = {"epochs": 3, "batch_size": 16, **of_fit}
    made = model(**settings)
    return made, made.fit(x, Y, validation_data=(held, Y_HELD), **given)


def check(settings, atol=1e-12, **of_fit):
    """Fits of both kinds: equal histories, parameters, predictions and measures."""
    dense, rows = fitted(X, HELD, settings, **of_fit)
    thin, found = fitted(THIN, HELD_THIN, settings, **of_fit)
    for name in ("loss", "accuracy", "val_loss", "val_accuracy"):
        np.testing.assert_allclose(found[name], rows[name], rtol=0, atol=atol)
    same(dense, thin, atol)
    np.testing.assert_allclose(thin.predict(THIN), dense.predict(X), rtol=0, atol=10 * atol)
    measured = thin.evaluate(THIN, Y, sample_weight=W), dense.evaluate(X, Y, sample_weight=W)
    assert measured[0] == pytest.approx(measured[1], abs=10 * atol)
    return thin


@pytest.mark.parametrize("backend", BACKENDS, ids=["interpreted", "compiled"][: len(BACKENDS)])
def test_fits_with_every_optimizer(each, backend):
    for name, optimizer in OPTIMIZERS.items():
        with each(name):
            atol = 1e-9 if name == "L-BFGS" else 1e-12
            thin = check({"optimizer": optimizer, "backend": backend}, atol)
            by_rows = thin.engine.update.by_rows("layers.0.weight") is not None
            assert by_rows == (name in BY_ROWS or name == "L-BFGS")


@pytest.mark.parametrize("backend", BACKENDS, ids=["interpreted", "compiled"][: len(BACKENDS)])
def test_fits_of_every_first_layer(each, backend):
    for name, first in FIRST.items():
        for optimizer in ("SGD", "Adam"):
            with each(name, optimizer):
                check({"first": first, "optimizer": OPTIMIZERS[optimizer], "backend": backend})


def test_fits_in_every_way(each):
    ways = {
        "sample weights": {"sample_weight": W},
        "class weights": {"class_weight": "balanced"},
        "both": {"sample_weight": W, "class_weight": {0: 2.0}},
        "accumulated": {"accumulate": 3},
        "in order": {"shuffle": False},
        "an order of one's own": {"shuffle": lambda n: np.arange(n)[::-1]},
        "one batch": {"batch_size": 1000},
        "batches of one row": {"batch_size": 1, "epochs": 1},
    }
    for name, way in ways.items():
        for optimizer in ("SGD", "Adam"):
            with each(name, optimizer):
                check({"optimizer": OPTIMIZERS[optimizer]}, **way)


def test_a_penalty_with_accumulation():
    check({"first": FIRST["L2"]}, accumulate=3)


def test_threads_that_share_a_step():
    if len(BACKENDS) < 2:
        pytest.skip("llvmlite is not installed")

    def fit(x):
        net = xn.Sequential(xn.Dense(256, "relu"), xn.Dense(256, "relu"), xn.Dense(CLASSES))
        made = xn.Model(net, optimizer=xn.SGD(0.1), dtype="float64", backend=BACKENDS[1])
        made.fit(x, Y, epochs=2, batch_size=64, threads=2)
        return made

    same(fit(X), fit(THIN))


def test_validation_data_may_be_of_the_other_kind():
    one = model().fit(THIN, Y, epochs=2, validation_data=(HELD, Y_HELD))
    other = model().fit(X, Y, epochs=2, validation_data=(HELD_THIN, Y_HELD))
    np.testing.assert_allclose(one["val_loss"], other["val_loss"], **ALL)


def test_single_steps_of_either_kind():
    dense, mixed = model(), model()
    for i in range(12):
        part = slice(8 * i, 8 * i + 8)
        losses = (
            dense.train_on_batch(X[part], Y[part]),
            mixed.train_on_batch((THIN if i % 3 else X)[part], Y[part]),
        )
        assert float(losses[0]) == pytest.approx(float(losses[1]), abs=1e-12)
    same(dense, mixed)


def test_a_frozen_first_layer():
    dense, thin = (model(frozen=["layers.0"]) for _ in range(2))
    dense.fit(X, Y, epochs=2)
    thin.fit(THIN, Y, epochs=2)
    same(dense, thin)


class Tied(xn.Layer):
    """An autoencoder whose decoder is the encoder's transpose."""

    def forward(self, x):
        w = self.parameter(x, "w", (x.shape[-1], 4), "glorot_uniform")
        return ops.matmul(ops.tanh(ops.matmul(x, w)), w.mT)


def test_a_weight_that_is_used_again():
    dense, thin = (xn.Model(Tied(), "mse", xn.SGD(0.1), dtype="float64") for _ in range(2))
    dense.fit(X, X, epochs=3, batch_size=16)
    thin.fit(THIN, X, epochs=3, batch_size=16)
    same(dense, thin)


def test_callbacks_see_the_whole_gradient_and_may_change_it():
    class Halve(xn.Callback):
        def __init__(self):
            self.seen = []

        def on_gradient(self, model, step):
            self.seen.append({name: g.copy() for name, g in model.gradients.items()})
            model.gradients["layers.0.weight"][...] *= 0.5

    halves = Halve(), Halve()
    made = model(), model()
    for x, callback, own in zip((X, THIN), halves, made, strict=True):
        own.fit(x, Y, epochs=2, batch_size=16, callbacks=[callback])
    same(*made)
    for one, other in zip(halves[0].seen, halves[1].seen, strict=True):
        for name, gradient in one.items():
            np.testing.assert_allclose(other[name], gradient, **ALL)


def test_only_touched_rows_are_read_and_written():
    """The rest of the gradient and of the weight is never looked at by SGD's steps."""
    own = model().build(FEATURES)
    x = sparse.csr_array(X * (np.arange(FEATURES) < 10))
    own.gradients["layers.0.weight"][...] = np.nan
    own.parameters["layers.0.weight"][10:] = np.nan
    for i in range(0, 96, 16):
        own.train_on_batch(x[i : i + 16], Y[i : i + 16])
    assert np.isnan(own.gradients["layers.0.weight"]).all()
    assert np.isfinite(own.parameters["layers.0.weight"][:10]).all()


def test_memory_grows_with_what_is_not_zero():
    rows, features = 2000, 500_000  # 4 GB as dense float32
    columns = RNG.integers(0, features, (rows, 5)).ravel()
    x = sparse.csr_array((np.ones(rows * 5), columns, np.arange(rows + 1) * 5), (rows, features))
    own = xn.Model(xn.Dense(2), optimizer=xn.SGD(0.1)).build(features)
    y = RNG.integers(0, 2, rows)
    tracemalloc.start()
    try:
        own.fit(x, y, epochs=1, validation_data=(x, y))
        own.predict(x)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 60e6  # a few copies of the weight, 4 MB each


def resumable(x, folder, epochs, backend=BACKENDS[-1], **settings):
    own = model(optimizer=OPTIMIZERS["Adagrad"], backend=backend)
    save = xn.Checkpoint(folder, every=3, unit="step")
    own.fit(x, Y, epochs=epochs, batch_size=16, callbacks=[save], resume_from=folder, **settings)
    return own


def test_a_resumed_fit_ends_with_the_same_bits(tmp_path):
    class Stop(xn.Callback):
        def on_step_end(self, model, step):
            return step == 9

    held = {"validation_data": (HELD_THIN, Y_HELD)}
    whole = resumable(THIN, tmp_path / "whole", 3, **held)
    own = model(optimizer=OPTIMIZERS["Adagrad"], backend=BACKENDS[-1])
    save = xn.Checkpoint(tmp_path / "cut", every=4, unit="step")
    own.fit(THIN, Y, epochs=3, batch_size=16, callbacks=[save, Stop()], **held)
    for path in sorted((tmp_path / "cut").glob("*"))[-1:]:
        path.unlink()  # the checkpoint at the end of the fit that was stopped
    resumed = resumable(THIN, tmp_path / "cut", 3, **held)
    for name, array in whole.state_dict().items():
        np.testing.assert_array_equal(resumed.state_dict()[name], array)


def test_other_data_are_not_resumed_from(each, tmp_path):
    resumable(THIN, tmp_path, 1)
    changed = THIN.copy()
    changed.data[0] += 1
    for x, message in ((changed, "have the means"), (THIN[::-1], "inputs have other values")):
        with each(message), pytest.raises(DataError, match=message):
            resumable(x, tmp_path, 2)
    same_rows = sparse.csc_array(X)
    assert resumable(same_rows, tmp_path, 2).epoch == 2


class Twice(xn.Layer):
    def __init__(self):
        self.maps = [xn.Dense(4), xn.Dense(4)]

    def forward(self, x):
        return self.maps[0](x) + self.maps[1](x)


class Scaled(xn.Layer):
    def forward(self, x):
        return ops.matmul(x * 2, self.parameter(x, "w", (x.shape[-1], 3), "glorot_uniform"))


class Squared(xn.Layer):
    def forward(self, x):
        return ops.matmul(self.parameter(x, "w", (x.shape[0], x.shape[0]), "zeros"), x)


REFUSED = {
    "normalization": (xn.BatchNorm, "layers are Sequential, BatchNorm, Dense"),
    "standardization": (lambda: xn.Standardize.of(X), "layers are Sequential, Standardize"),
    "activation": (lambda: xn.ReLU(), "the op 'relu'"),
    "two consumers": (Twice, "the op 'affine' and the op 'affine'"),
    "arithmetic": (Scaled, "the op 'multiply'"),
}


def test_networks_that_begin_otherwise_are_refused_before_anything_changes(each):
    for name, (first, message) in REFUSED.items():
        own = xn.Model(xn.Sequential(first(), xn.Dense(CLASSES)), dtype="float64")
        calls = {
            "fit": lambda m=own: m.fit(THIN, Y, epochs=1),
            "train_on_batch": lambda m=own: m.train_on_batch(THIN, Y),
            "predict": lambda m=own: m.predict(THIN),
            "evaluate": lambda m=own: m.evaluate(THIN, Y),
            "initialize": lambda m=own: m.initialize(THIN),
            "plan": lambda m=own: m.plan(THIN, Y),
        }
        for which, call in calls.items():
            with each(name, which):
                with pytest.raises(DataError, match=rf"X is sparse.*{message}.*X\.toarray\(\)"):
                    call()
                assert not own.built


def test_noise_on_the_inputs_is_refused_in_training_alone(each):
    for layer in (xn.Dropout(0.1), xn.GaussianNoise(0.1)):
        with each(type(layer).__name__):
            own = xn.Model(xn.Sequential(layer, xn.Dense(CLASSES)), dtype="float64")
            for call in (own.train_on_batch, own.fit):
                with pytest.raises(DataError, match=r"X is sparse.*begins with.*toarray"):
                    call(THIN, Y)
                assert not own.built
            np.testing.assert_allclose(own.predict(THIN), own.predict(X), **ALL)


def test_validation_data_are_refused_in_their_own_name():
    own = xn.Model(xn.Sequential(xn.BatchNorm(), xn.Dense(CLASSES)), dtype="float64")
    with pytest.raises(DataError, match="validation_data's X is sparse"):
        own.fit(X, Y, validation_data=(HELD_THIN, Y_HELD))
    assert not own.built


def test_many_steps_in_one_call_are_refused():
    why = "X is sparse" if len(BACKENDS) > 1 else "not compiled"
    with pytest.raises(ArgumentError, match=f"steps_per_execution=4 is not possible: .*{why}"):
        model(backend=BACKENDS[-1]).fit(THIN, Y, steps_per_execution=4)


def test_own_losses_that_look_targets_up(each):
    def loss(output, target):
        rows = ops.one_hot(target, classes=CLASSES, dtype=output.dtype)
        return ops.sum((output - rows) * (output - rows), axis=-1)

    found = []
    for x in (X, THIN):
        own = xn.Model(xn.Dense(CLASSES), loss, xn.SGD(0.1), dtype="float64")
        found.append(own.fit(x, Y, epochs=2)["loss"])
        with pytest.raises(DataError, match="classes of one_hot"):
            own.fit(x, Y + 1, epochs=1)
    np.testing.assert_allclose(*found, **ALL)


def test_columns_on_different_scales_are_named_with_a_remedy_for_sparse_data():
    scales = np.where(np.arange(FEATURES) == 3, 1e5, 1.0)
    with pytest.warns(TrainingWarning, match=r"very different scales: column 3 .*MaxAbsScaler"):
        model().fit(sparse.csr_array(X * scales), Y, epochs=3)


def test_plans_and_copies():
    own = model()
    assert "X W" in str(own.plan(THIN, Y))
    own.fit(THIN, Y, epochs=1)
    twin = deepcopy(own)
    for each_of_both in (own, twin):
        each_of_both.fit(THIN, Y, epochs=1)
    for name, array in own.state_dict().items():
        np.testing.assert_array_equal(twin.state_dict()[name], array)
