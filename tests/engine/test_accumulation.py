"""Gradients of several batches added up: one step as if they were one batch."""

import array_api_strict
import numpy as np
import pytest
from numpy.testing import assert_allclose

import xpnet as xn
from xpnet.engine.accumulation import Accumulation

pytestmark = pytest.mark.filterwarnings("error")

RNG = np.random.default_rng(0)
ROWS, FEATURES, CLASSES = 128, 5, 3
X = RNG.normal(size=(ROWS, FEATURES))
LABELS = (X @ RNG.normal(size=(FEATURES, CLASSES))).argmax(axis=1)
VALUES = X @ RNG.normal(size=(FEATURES, CLASSES)) + 0.1 * RNG.normal(size=(ROWS, CLASSES))
WEIGHTS = RNG.uniform(0.2, 3.0, size=ROWS)
WEIGHTS[40:50] = 0
SOFT = np.abs(VALUES) / np.abs(VALUES).sum(axis=1, keepdims=True)


def dense(**settings):
    return xn.Sequential(
        xn.Dense(6, "tanh", kernel_penalty=settings.get("first")),
        xn.Dense(CLASSES, kernel_penalty=settings.get("second")),
    )


LOSSES = {
    "softmax": ("softmax_cross_entropy", LABELS),
    "soft labels": ("softmax_cross_entropy", SOFT),
    "smoothed": (xn.losses.softmax_cross_entropy(label_smoothing=0.1), LABELS),
    "focal": (xn.losses.focal(gamma=1.5), LABELS),
    "multiclass hinge": ("multiclass_hinge", LABELS),
    "binary": ("binary_cross_entropy_with_logits", np.eye(CLASSES)[LABELS]),
    "binary focal": ("binary_focal", np.eye(CLASSES)[LABELS]),
    "hinge": ("hinge", np.eye(CLASSES)[LABELS]),
    "mse": ("mse", VALUES),
    "half mse": ("half_mean_squared_error", VALUES),
    "sum of squares": ("rss", VALUES),
    "mae": ("mae", VALUES),
    "huber": (xn.losses.huber(delta=0.5), VALUES),
    "log cosh": ("log_cosh", VALUES),
    "quantile": (xn.losses.quantile(0.3), VALUES),
    "poisson": ("poisson", np.abs(VALUES).round()),
    "own": (lambda z, y: xn.ops.abs(z[:, 0] - y[:, 0]), VALUES),
}
PENALTIES = {
    "none": {},
    "one": {"first": xn.L1(0.01)},
    "per sample": {"first": xn.L2(0.5, per_sample=True), "second": xn.L2(0.1)},
}


def trained(loss, y, accumulate, batch_size, penalties, weight, **settings):
    """Parameters and history after three epochs whose last batches do not divide."""
    model = xn.Model(
        dense(**PENALTIES[penalties]),
        loss,
        settings.pop("optimizer", None) or xn.SGD(5e-4 if loss == "rss" else 0.05, momentum=0.9),
        dtype="float64",
        seed=3,
        **{name: settings.pop(name) for name in ("backend", "metrics") if name in settings},
    )
    history = model.fit(
        X[:120],
        y[:120],
        epochs=3,
        batch_size=batch_size,
        accumulate=accumulate,
        sample_weight=None if weight is None else weight[:120],
        verbose=False,
        **settings,
    )
    return {n: model.backend.to_numpy(p).copy() for n, p in model.parameters.items()}, history


def check_equal(one, several, rtol=1e-12):
    for name, parameter in one[0].items():
        assert_allclose(several[0][name], parameter, rtol=rtol, atol=1e-13, err_msg=name)
    assert_allclose(several[1]["loss"], one[1]["loss"], rtol=1e-12)


@pytest.mark.parametrize("penalties", list(PENALTIES))
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("name", list(LOSSES))
def test_four_batches_of_32_are_one_of_128(name, weighted, penalties):
    loss, y = LOSSES[name]
    weight = WEIGHTS if weighted else None
    one = trained(loss, y, 1, 128, penalties, weight)
    check_equal(one, trained(loss, y, 4, 32, penalties, weight))


@pytest.mark.parametrize("name", list(LOSSES))
def test_so_they_are_where_steps_are_interpreted(name):
    loss, y = LOSSES[name]
    settings = {"penalties": "per sample", "weight": WEIGHTS, "backend": array_api_strict}
    check_equal(trained(loss, y, 1, 128, **settings), trained(loss, y, 4, 32, **settings))


@pytest.mark.parametrize(
    "optimizer",
    [
        xn.Adam(0.01),
        xn.AdamW(xn.Warmup(xn.CosineDecay(0.05, 3), 1), clip_global_norm=0.5, average_decay=0.9),
        xn.SGD(xn.OneCycle(0.1, 3), clip_norm=0.1, weight_decay=0.01),
    ],
    ids=["adam", "adamw", "one cycle"],
)
@pytest.mark.parametrize("backend", ["numpy", array_api_strict], ids=["plan", "interpreter"])
def test_optimizers_schedules_and_clipping(optimizer, backend):
    settings = {"optimizer": optimizer, "backend": backend}
    one = trained("softmax_cross_entropy", LABELS, 1, 40, "one", WEIGHTS, **settings)
    several = trained("softmax_cross_entropy", LABELS, 5, 8, "one", WEIGHTS, **settings)
    check_equal(one, several, rtol=1e-9)  # Adam divides what rounding leaves of small gradients
    assert len(one[1]) == len(several[1]) == 3


def test_a_step_whose_samples_have_no_weight_leaves_sgd_where_it_is():
    weight = np.zeros(ROWS)
    weight[-8:] = 1  # of 128 rows in order, only the last step of 64 has any
    model = xn.Model(dense(), "mse", xn.SGD(0.1), dtype="float64", input_shape=FEATURES)
    seen = []

    class Look(xn.Callback):
        def on_step_end(self, model, step):
            seen.append(model.state_dict()["layers.0.weight"])

    before = model.state_dict()["layers.0.weight"]
    settings = {"batch_size": 16, "accumulate": 4, "shuffle": False, "callbacks": [Look()]}
    model.fit(X, VALUES, epochs=1, sample_weight=weight, **settings)
    assert len(seen) == 2
    np.testing.assert_array_equal(seen[0], before)
    assert not np.array_equal(seen[1], before)


def test_callbacks_see_the_gradient_of_all_batches_once_a_step():
    seen = {}

    class Look(xn.Callback):
        def on_gradient(self, model, step):
            seen.setdefault(step, []).append(
                {name: g.copy() for name, g in model.gradients.items()}
            )

    for accumulate, batch_size in ((1, 128), (4, 32)):
        trained("mse", VALUES, accumulate, batch_size, "one", None, callbacks=[Look()])
    assert {step: len(found) for step, found in seen.items()} == {1: 2, 2: 2, 3: 2}
    for one, several in seen.values():
        for name, gradient in one.items():
            assert_allclose(several[name], gradient, rtol=1e-10, atol=1e-14)


def test_steps_are_counted_and_dropout_differs_between_the_batches_of_a_step():
    same = np.tile(X[:1], (64, 1))
    outputs = []

    def keep(z, y):
        outputs.append(z.shape)
        return xn.ops.sum(z, axis=-1)

    net = xn.Sequential(xn.Dropout(0.5), xn.Dense(1, bias=False, kernel_init="ones"))
    model = xn.Model(net, keep, xn.SGD(0.0 + 1e-9), metrics=(), dtype="float64")
    model.fit(same, np.zeros((64, 1)), epochs=1, batch_size=8, accumulate=8, shuffle=False)
    assert model.engine.state.step == 1
    log = model.engine.state.results
    assert log is not None
    losses = []

    class Look(xn.Callback):
        def on_step_end(self, model, step):
            losses.append(float(model.batch_loss))

    model.fit(same, np.zeros((64, 1)), epochs=1, batch_size=8, accumulate=1, callbacks=[Look()])
    assert len(set(losses)) > 4  # the masks of the same rows differ from batch to batch


def test_a_resumed_fit_has_the_same_bits(tmp_path):
    def fit(epochs, folder, resume):
        model = xn.MLP([FEATURES, 8, CLASSES], dropout=0.2, seed=1)
        history = model.fit(
            X,
            LABELS,
            epochs=epochs,
            batch_size=16,
            accumulate=3,
            callbacks=[xn.Checkpoint(folder, every=1, unit="step")],
            resume_from=folder if resume else None,
        )
        return model.state_dict(), history["loss"]

    whole = fit(4, tmp_path / "whole", False)
    fit(2, tmp_path / "parts", False)
    parts = fit(4, tmp_path / "parts", True)
    assert whole[1] == parts[1]
    for name, array in whole[0].items():
        np.testing.assert_array_equal(parts[0][name], array)


@pytest.mark.parametrize("accumulate", [0, -1, 1.5, "2", True])
def test_the_number_is_checked_before_anything_changes(accumulate):
    model = xn.MLP([FEATURES, CLASSES])
    with pytest.raises(xn.errors.ArgumentError, match="accumulate"):
        model.fit(X, LABELS, accumulate=accumulate)
    assert not model.built


def test_long_gradients_are_summed_block_by_block(monkeypatch):
    monkeypatch.setenv("XPNET_FAST", "0")  # each call on its own
    counts = []
    for features in (10, 20_000):
        engine = xn.Model(xn.Dense(CLASSES), "mse", input_shape=features).engine
        accumulation = Accumulation(engine)
        counts.append([len(p.calls) for p in (accumulation._added, accumulation._finished)])
    short, long = counts
    assert long[0] == 4 * (short[0] - 1) + 1  # 60,003 numbers by 16,384; the weight is one number
    assert long[1] == 4 * (short[1] - 1) + 1


def test_lbfgs_refuses_it():
    with pytest.raises(xn.errors.ArgumentError, match="accumulate=2 needs steps on batches"):
        xn.MLP([FEATURES, CLASSES], optimizer="lbfgs").fit(X, LABELS, accumulate=2)


def test_a_loss_that_is_not_finite_names_the_step():
    bad = X.copy()
    bad[100] = np.nan
    model = xn.MLP([FEATURES, CLASSES], check_finite=False, dtype="float64")
    with pytest.raises(xn.errors.DivergedError, match="step 2 of 2"):
        model.fit(bad, LABELS, batch_size=16, accumulate=4, shuffle=False)
    assert all(np.isfinite(p).all() for p in model.parameters.values())
