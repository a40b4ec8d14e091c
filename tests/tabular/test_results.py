"""Scores of predictions, compared with scikit-learn's."""

import json

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xpnet.tabular.class_results import Calibration, ClassResults
from xpnet.tabular.scores import class_scores, value_scores
from xpnet.tabular.value_results import ValueResults

metrics = pytest.importorskip("sklearn.metrics")


def predictions(seed, rows, k, coarse=False):
    """True classes, and probabilities that know something of them; coarse ones have ties."""
    rng = np.random.default_rng(seed)
    true = rng.integers(0, k, rows)
    shares = rng.random((rows, k)) ** 3 + 0.4 * (true[:, None] == np.arange(k)) + 1e-3
    shares = np.round(shares, 1) + 0.1 if coarse else shares
    return true, shares / shares.sum(axis=1, keepdims=True)


@settings(deadline=None)
@given(seed=st.integers(0, 999), rows=st.integers(2, 60), k=st.integers(2, 6), coarse=st.booleans())
def test_classes_as_scikit_learn_scores_them(seed, rows, k, coarse):
    true, shares = predictions(seed, rows, k, coarse)
    found, chosen = ClassResults.of(range(k), true, shares), shares.argmax(axis=1)
    every = {"labels": range(k)}
    assert found.rows == rows
    assert found.accuracy == pytest.approx(metrics.accuracy_score(true, chosen))
    assert found.balanced_accuracy == pytest.approx(
        metrics.recall_score(true, chosen, average="macro", labels=np.unique(true))
    )
    assert found.log_loss == pytest.approx(metrics.log_loss(true, shares, **every))
    np.testing.assert_array_equal(found.confusion, metrics.confusion_matrix(true, chosen, **every))
    precision, recall, f1, support = metrics.precision_recall_fscore_support(
        true, chosen, zero_division=np.nan, **every
    )
    np.testing.assert_allclose(found.precision, precision)
    np.testing.assert_allclose(found.recall, recall)
    np.testing.assert_array_equal(found.support, support)
    occurs = (support > 0) | np.isin(range(k), chosen)
    np.testing.assert_allclose(found.f1[occurs], np.nan_to_num(f1[occurs]))
    assert found.macro_f1 == pytest.approx(metrics.f1_score(true, chosen, average="macro"))
    if k == 2 and len(set(true)) == 2:
        assert found.auc == pytest.approx(metrics.roc_auc_score(true, shares[:, 1]))
    else:
        assert found.auc is None


@pytest.mark.smoke
def test_a_row_without_a_prediction_is_wrong():
    shares = np.array([[0.9, 0.1], [np.nan, np.nan], [0.2, 0.8]])
    found = ClassResults.of(("a", "b"), np.array([0, 0, 1]), shares)
    assert found.accuracy == pytest.approx(2 / 3)
    assert found.unpredicted == 1
    assert found.confusion.tolist() == [[1, 0], [0, 1]]
    assert found.recall.tolist() == [0.5, 1]
    assert np.isnan(found.log_loss)
    assert found.auc is None


def test_calibration_is_the_gap_between_said_and_right():
    said = np.array([0.55, 0.58, 0.95, 0.91, 1.0, 0.6])
    right = np.array([True, False, True, True, True, False])
    found = Calibration.of(said, right)
    assert found.rows.tolist() == [0, 0, 0, 0, 0, 3, 0, 0, 0, 3]  # 0.6 belongs to (0.5, 0.6]
    assert found.right[5] == pytest.approx(1 / 3)
    assert found.said[9] == pytest.approx(np.mean([0.95, 0.91, 1.0]))
    gaps = [abs(np.mean([0.55, 0.58, 0.6]) - 1 / 3), 1 - np.mean([0.95, 0.91, 1.0])]
    assert found.error == pytest.approx(np.mean(gaps))


def test_predictions_that_say_what_they_do_are_calibrated():
    rng = np.random.default_rng(0)
    said = rng.uniform(0.5, 1, 100_000)
    assert Calibration.of(said, rng.random(100_000) < said).error < 0.01
    assert Calibration.of(said, rng.random(100_000) < said - 0.2).error == pytest.approx(
        0.2, abs=0.01
    )


@given(seed=st.integers(0, 999), rows=st.integers(2, 60))
def test_values_as_scikit_learn_scores_them(seed, rows):
    rng = np.random.default_rng(seed)
    true = 1000 + 50 * rng.normal(size=rows)
    predicted = true + 10 * rng.normal(size=rows) - 3
    found = ValueResults.of(true, predicted)
    assert found.mse == pytest.approx(metrics.mean_squared_error(true, predicted))
    assert found.rmse == pytest.approx(metrics.root_mean_squared_error(true, predicted))
    assert found.mae == pytest.approx(metrics.mean_absolute_error(true, predicted))
    assert found.r2 == pytest.approx(metrics.r2_score(true, predicted))
    assert found.quantiles[2] == pytest.approx(np.median(predicted - true))


def test_equal_values_have_no_r2():
    assert np.isnan(ValueResults.of(np.ones(3), np.zeros(3)).r2)


def test_values_without_a_prediction_are_counted():
    found = ValueResults.of(np.ones(3), np.array([1, np.nan, 1]))
    assert found.unpredicted == 1
    assert np.isnan(found.mse)


def test_results_are_plain_data():
    true, shares = predictions(0, 20, 3)
    found = json.loads(json.dumps(ClassResults.of("abc", true, shares).to_dict()))
    assert [row["class"] for row in found["classes"]] == ["a", "b", "c"]
    assert sum(row["rows"] for row in found["calibration"]) == found["rows"] == 20
    values = json.loads(json.dumps(ValueResults.of(np.ones(3), np.arange(3.0)).to_dict()))
    assert values["error_quantiles"]["0.5"] == 0


def test_scores_by_name_are_those_of_the_results():
    true, shares = predictions(0, 40, 3)
    shares[0] = np.eye(3)[(true[0] + 1) % 3]  # a probability of 0 for the true class
    found = ClassResults.of(range(3), true, shares)
    assert class_scores(true, shares)["log_loss"] == found.log_loss
    values = np.arange(5.0)
    assert value_scores(values, values + 1)["r2"] == ValueResults.of(values, values + 1).r2
