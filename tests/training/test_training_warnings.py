"""What a fit says when it ended too early, or its data are badly scaled: once, and only then."""

import warnings

import numpy as np
import pytest

import xpnet as xn
from xpnet.errors import TrainingWarning
from xpnet.training.advice import still_falling
from xpnet.training.history import History

RNG = np.random.default_rng(0)
X = RNG.normal(size=(200, 4))
LABELS = (X[:, 0] + X[:, 1] > 0).astype("int64")
VALUES = X @ [1.0, -0.5, 0.3, 0.2]
SCALES = np.array([1.0, 1.0, 1.0, 5000.0])


def classifier(*first, **settings):
    return xn.Model(xn.Sequential(*first, xn.Dense(16, "relu"), xn.Dense(2)), **settings)


def regressor(*first, **settings):
    net = xn.Sequential(*first, xn.Dense(16, "relu"), xn.Dense(1))
    return xn.Model(net, "mse", **settings)


def said(fit, *args, **settings):
    """The warnings of a fit, as one text."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        fit(*args, **settings)
    assert all(w.category is TrainingWarning for w in found)
    assert len(found) <= 1, "one warning for a fit"
    return "".join(str(w.message) for w in found)


def history(losses, name="loss"):
    found = History()
    for epoch, loss in enumerate(losses, 1):
        found.append({"epoch": epoch, "loss": 1.0 / epoch, name: float(loss)})
    return found


def falling(epochs, pace, noise=0.0, seed=0):
    """A loss that falls from 1.3 to 0.3 by so many times e."""
    trend = 0.3 + np.exp(-np.arange(epochs) * pace / epochs)
    return trend + np.random.default_rng(seed).normal(0, noise, epochs)


# --- the loss was still falling -------------------------------------------------------------------


@pytest.mark.smoke
def test_a_fit_that_ends_too_early_says_so():
    text = said(classifier().fit, X, LABELS, epochs=10)
    assert "training loss was still falling" in text
    assert "in the last 4 of 10 epochs" in text
    assert "more epochs" in text


def test_the_validation_loss_counts_if_there_is_one():
    held = (X[:50], LABELS[:50])
    text = said(classifier().fit, X[50:], LABELS[50:], epochs=10, validation_data=held)
    assert "validation loss was still falling" in text


def test_a_long_fit_says_nothing():
    held = (X[:50], LABELS[:50])
    model = classifier(optimizer=xn.Adam(0.01))
    assert not said(model.fit, X[50:], LABELS[50:], epochs=200, validation_data=held)


def test_curves_that_fall_clearly(each):
    for name in ("loss", "val_loss"):
        for epochs in (8, 10, 25, 100):
            for noise in (0.0, 0.003):
                with each(f"{name}, {epochs} epochs, noise {noise}"):
                    assert still_falling(history(falling(epochs, 1.5, noise), name))


def test_curves_that_have_converged_or_are_noise(each):
    for epochs in (8, 10, 25, 100):
        for noise in (0.0, 0.003, 0.01):
            with each(f"converged, {epochs} epochs, noise {noise}"):
                assert not still_falling(history(falling(epochs, 12, noise), "val_loss"))
        drawn = [np.exp(RNG.normal(0, 0.2, epochs)) for _ in range(200)]
        with each(f"noise, {epochs} epochs"):
            assert sum(bool(still_falling(history(d, "val_loss"))) for d in drawn) <= 10
    for name, losses in {
        "rises": np.linspace(1, 2, 30),
        "constant": np.ones(30),
        "best before": [5, 4, 3, 0.1, 3, 2.8, 2.6, 2.4, 2.2, 2, 1.8, 1.6],
        "not a number": [1.0] * 20 + [np.nan] * 10,
        "too few": [8, 7, 6, 5, 4, 3, 2],
    }.items():
        with each(name):
            assert not still_falling(history(losses, "val_loss"))


def test_a_fit_that_a_callback_ended_says_nothing():
    stop = lambda model, epoch, logs: epoch == 10  # noqa: E731
    assert not said(classifier().fit, X, LABELS, epochs=100, callbacks=[stop])


# --- scales ---------------------------------------------------------------------------------------


@pytest.mark.smoke
def test_columns_on_different_scales():
    text = said(classifier().fit, X * SCALES, LABELS, epochs=3)
    assert "column 3 holds numbers of about 4" in text
    assert "xpnet.Standardize.of(X)" in text


def test_the_remedies_work(each):
    scaled = X * SCALES
    for name, first in {
        "standardize": xn.Standardize.of(scaled),
        "batch norm": xn.BatchNorm(),
    }.items():
        with each(name):
            assert not said(classifier(first).fit, scaled, LABELS, epochs=3)
    with each("target"):
        values = 1e4 * VALUES
        assert "standard deviation of 1" in said(regressor().fit, X, values, epochs=3)
        assert not said(regressor().fit, X, values / values.std(), epochs=3)


def test_all_numbers_are_far_from_one(each):
    for factor in (1e4, 1e-4):
        with each(f"{factor:g}"):
            assert "far from 1" in said(classifier().fit, X * factor, LABELS, epochs=3)


def test_usual_columns_say_nothing(each):
    rare = (RNG.random((200, 4)) < 0.01).astype("float64")
    rare[0] = 1
    pixels = RNG.integers(0, 256, (200, 4)) * (RNG.random((200, 4)) < 0.3)
    constant = X * [1, 1, 1, 0]
    for name, data in {"rare": rare, "pixels": pixels, "constant": constant}.items():
        with each(name):
            assert not said(classifier().fit, data, LABELS, epochs=3)
    with each("ids"):
        ids = RNG.integers(0, 90_000, (200, 2))
        net = xn.Sequential(xn.Embedding(90_000, 2), xn.Flatten(), xn.Dense(2))
        assert not said(xn.Model(net).fit, ids, LABELS, epochs=3)
    with each("images"):
        images = RNG.normal(size=(200, 3, 2)) * [[1.0], [1.0], [5000.0]]
        net = xn.Sequential(xn.Flatten(), xn.Dense(2))
        assert "column 4" in said(xn.Model(net).fit, images, LABELS, epochs=3).replace("5", "4")


def test_targets(each):
    for scale, shift in ((100.0, 0.0), (0.001, 0.0), (1.0, 50.0)):
        with each(f"times {scale:g}, plus {shift:g}"):
            assert "the target has" in said(
                regressor().fit, X, VALUES * scale + shift, epochs=3
            ).replace("The", "the")
    with each("constant"):
        assert not said(regressor().fit, X, np.full(200, 100.0), epochs=3)
    with each("L-BFGS finds the scale"):
        model = regressor(optimizer=xn.LBFGS())
        assert not said(model.fit, X, VALUES * 1000, epochs=3)
    with each("counts"):
        model = xn.Model(xn.Dense(1), "poisson")
        assert not said(model.fit, X, RNG.poisson(90, 200), epochs=3)


def test_every_library_is_judged(each):
    for library in ("torch", "jax"):
        with each(library):
            pytest.importorskip(library, reason=f"{library} is not installed")
            model = classifier(backend=library)
            assert "column 3" in said(model.fit, X * SCALES, LABELS, epochs=3)


def test_few_rows_are_read(monkeypatch):
    """However many rows there are, and from the whole length."""
    read = []
    from xpnet.data import scales

    host = xn.backends.get("numpy")
    monkeypatch.setattr(type(host), "to_numpy", lambda self, x: read.append(len(x)) or x)
    data = np.repeat(X, 100, axis=0)
    data[10_000:, 2] *= 1e5
    assert "column 2" in (scales.column_doubt(data, host) or "")
    assert read == [2000]
    assert scales.column_doubt(np.ones((30, 500_000), dtype="float32"), host) is None
    assert read == [2000, 4]


# --- once ---------------------------------------------------------------------------------------


def test_a_fit_that_continues_another_says_nothing():
    model = classifier()
    assert said(model.fit, X * SCALES, LABELS, epochs=10)
    assert not said(model.fit, X * SCALES, LABELS, epochs=10)


def test_a_loop_of_short_fits_says_nothing():
    model = classifier()
    for _ in range(4):
        assert not said(model.fit, X * SCALES, LABELS, epochs=1)
    assert not said(model.fit, X * SCALES, LABELS, epochs=20)


def test_it_points_at_the_line_of_the_user():
    with pytest.warns(TrainingWarning) as found:
        classifier().fit(X * SCALES, LABELS, epochs=3)
    assert found[0].filename == __file__


def test_the_model_is_trained_even_if_warnings_are_errors():
    model = classifier()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(TrainingWarning):
            model.fit(X * SCALES, LABELS, epochs=3)
    assert model.epoch == 3
    assert not said(model.fit, X, LABELS, epochs=3)
