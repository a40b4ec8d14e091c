"""Estimators on samples that are not in memory."""

import warnings
from typing import Any

import numpy as np
import pytest
from support.each import Each

import xpnet as xn
from xpnet.errors import ArgumentError, DataError

pytest.importorskip("sklearn")
pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(300, 4))
LABELS = np.where(X[:, 0] > 0, "up", "down")
SETTINGS: dict[str, Any] = {"hidden_layer_sizes": (8,), "max_iter": 3, "random_state": 1}


@pytest.mark.smoke
def test_the_bits_are_those_of_the_same_samples_in_memory(each: Each) -> None:
    for kind, y in ((xn.MLPClassifier, LABELS), (xn.MLPRegressor, X[:, 1])):
        for dtype in ("float64", "float32", "int8"):
            samples = (10 * X).astype(dtype)
            here, there = (kind(**SETTINGS, shuffle=False) for _ in range(2))
            source = xn.data.open(samples)
            with each(kind.__name__, dtype):
                here.fit(samples, y)
                there.fit(source, xn.data.open(y))
                for one, other in zip(here.coefs_, there.coefs_, strict=True):
                    np.testing.assert_array_equal(one, other)
                assert here.loss_curve_ == there.loss_curve_
                np.testing.assert_array_equal(here.predict(samples), there.predict(source))
                assert here.score(samples, y) == there.score(source, xn.data.open(y))
                np.testing.assert_array_equal(here.transform(samples), there.transform(source))


def test_shuffles_follow_the_random_state() -> None:
    source = xn.data.open(X)

    def losses(random_state: int) -> list[float]:
        settings = {**SETTINGS, "random_state": random_state}
        found: list[float] = xn.MLPClassifier(**settings).fit(source, LABELS).loss_curve_
        return found

    assert losses(1) == losses(1) != losses(2)


def test_validation_weights_and_partial_fits() -> None:
    source, weight = xn.data.open(X), RNG.random(300)
    model = xn.MLPClassifier(**SETTINGS, early_stopping=True, class_weight="balanced")
    model.fit(source, LABELS, weight, X_val=xn.data.open(X[:50]), y_val=LABELS[:50])
    assert len(model.validation_scores_) == 3
    again = xn.MLPClassifier(**SETTINGS)
    for _ in range(2):
        again.partial_fit(source, LABELS, classes=["down", "up"])
    assert len(again.loss_curve_) == 2
    assert again.predict_proba(source).shape == (300, 2)


def test_what_does_not_work_says_what_to_do() -> None:
    source = xn.data.open(X)
    with pytest.raises(ArgumentError, match="X_val and y_val"):
        xn.MLPClassifier(early_stopping=True).fit(source, LABELS)
    with pytest.raises(ArgumentError, match="L-BFGS needs all samples in memory"):
        xn.MLPClassifier(solver="lbfgs").fit(source, LABELS)
    with pytest.raises(ValueError, match="inconsistent numbers of samples"):
        xn.MLPClassifier().fit(source, LABELS[:5])
    with pytest.raises(DataError, match=r"\(samples, features\)"):
        xn.MLPClassifier().fit(xn.data.open(X[:, 0]), LABELS)
    with pytest.raises(DataError, match="reads whole tables"):
        xn.TabularClassifier().fit(source, LABELS)
    with pytest.raises(DataError, match="no batches from a function"):
        xn.MLPClassifier().fit(xn.data.batches([(X, LABELS)]), LABELS)  # type: ignore[arg-type]
    fitted = xn.MLPClassifier(**SETTINGS).fit(source, LABELS)
    with pytest.raises(ValueError, match="3 features"):
        fitted.predict(xn.data.open(X[:, :3]))
    bad = X.copy()
    bad[200, 1] = np.nan
    with pytest.raises(DataError, match="contains NaN"):
        fitted.predict(xn.data.open(bad))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        fitted.predict(source)
