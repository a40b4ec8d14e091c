"""Ours within scikit-learn: pickles, clones, pipelines, searches, calibration, sparse data."""

import copy
import pickle
import subprocess
import sys

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.9")

import joblib
from scipy import sparse
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.compose import TransformedTargetRegressor
from sklearn.datasets import load_diabetes, load_digits
from sklearn.ensemble import BaggingClassifier
from sklearn.model_selection import GridSearchCV, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from support.brief import BRIEF

import xpnet as xn

X, Y = load_digits(return_X_y=True)
X, Y = X[:400] / 16, Y[:400]
SMALL = xn.MLPClassifier((20,), max_iter=20, learning_rate_init=0.02, random_state=0)
X_REG, Y_REG = load_diabetes(return_X_y=True)
KINDS = [(xn.MLPClassifier, X, Y), (xn.MLPRegressor, X_REG, Y_REG)]
kinds = pytest.mark.parametrize(("kind", "x", "y"), KINDS, ids=["classes", "numbers"])
pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    BRIEF,
]


def joblib_copy(model, path):
    joblib.dump(model, path / "model.joblib")
    return joblib.load(path / "model.joblib")


COPIES = {
    "pickle": lambda model, path: pickle.loads(pickle.dumps(model)),
    "joblib": joblib_copy,
    "deepcopy": lambda model, path: copy.deepcopy(model),
}


@kinds
@pytest.mark.parametrize("how", COPIES)
def test_copies_predict_alike_and_are_trained_alike(kind, x, y, how, tmp_path):
    model = kind(max_iter=4, random_state=0, normalization="batch", dropout=0.1).fit(x, y)
    twin = COPIES[how](model, tmp_path)
    np.testing.assert_array_equal(twin.predict(x), model.predict(x))
    assert np.shares_memory(twin.coefs_[0], twin._model.parameters["layers.0.weight"])
    before = model.coefs_[0].copy()
    for each in (model, twin):
        each.partial_fit(x, y)
    np.testing.assert_array_equal(twin.coefs_[0], model.coefs_[0])
    assert twin.loss_curve_ == model.loss_curve_
    assert not np.array_equal(before, model.coefs_[0])


def test_a_pickle_keeps_weights_that_were_put_into_the_lists():
    model = xn.MLPClassifier(max_iter=2).fit(X, Y)
    model.intercepts_[-1] = np.where(np.arange(10) == 4, 1e3, 0.0)
    assert (pickle.loads(pickle.dumps(model)).predict(X) == 4).all()


@kinds
def test_clones(kind, x, y):
    optimizer = xn.AdamW(xn.CosineDecay(0.01, 5))
    model = kind(optimizer=optimizer, activation=["gelu"], max_iter=3, random_state=0).fit(x, y)
    twin = clone(model)
    assert not hasattr(twin, "coefs_")
    assert twin.get_params().keys() == model.get_params().keys()
    np.testing.assert_array_equal(twin.fit(x, y).predict(x), model.predict(x))


def test_in_a_pipeline_and_a_search():
    pipeline = make_pipeline(StandardScaler(), SMALL)
    search = GridSearchCV(pipeline, {"mlpclassifier__alpha": [1e-4, 1e3]}, cv=3).fit(X, Y)
    assert search.best_params_ == {"mlpclassifier__alpha": 1e-4}
    assert search.best_score_ > 0.7
    assert pipeline.fit(X, Y).transform(X).shape == (400, 20)


def test_in_parallel():
    one, two = (cross_val_score(SMALL, X, Y, cv=3, n_jobs=n) for n in (1, 2))
    np.testing.assert_array_equal(one, two)
    assert one.mean() > 0.7


def test_calibrated_and_bagged():
    calibrated = CalibratedClassifierCV(SMALL, cv=3).fit(X, Y)
    assert calibrated.score(X, Y) > 0.8
    np.testing.assert_allclose(calibrated.predict_proba(X).sum(axis=1), 1)
    assert BaggingClassifier(SMALL, n_estimators=3, random_state=0).fit(X, Y).score(X, Y) > 0.8


def test_with_its_target_transformed():
    inner = xn.MLPRegressor(solver="lbfgs", random_state=0, alpha=1.0)
    outer = TransformedTargetRegressor(inner, transformer=StandardScaler())
    assert outer.fit(X_REG * 20, Y_REG).score(X_REG * 20, Y_REG) > 0.5


@kinds
@pytest.mark.parametrize("form", [sparse.csr_matrix, sparse.csc_array, sparse.csr_array])
def test_sparse(kind, x, y, form):
    dense, thin = (kind(max_iter=4, random_state=0).fit(a, y) for a in (x, form(x)))
    np.testing.assert_allclose(dense.loss_curve_, thin.loss_curve_, rtol=1e-12)
    np.testing.assert_allclose(thin.predict(form(x)), dense.predict(x), rtol=1e-12)
    np.testing.assert_allclose(thin.transform(form(x)), dense.transform(x), atol=1e-12)
    assert thin.partial_fit(form(x), y).n_iter_ == 1


def test_labels_of_every_type():
    for names in (np.array(["c", "a", "b"]), np.array(["c", "a", "b"], dtype=object),
                  np.array([7, -2, 3]), np.array([0.0, 2.0, 1.0], dtype="float32")):  # fmt: skip
        y = names[Y % 3]
        model = xn.MLPClassifier(max_iter=30, random_state=0).fit(X, y)
        assert model.predict(X).dtype == y.dtype
        assert model.score(X, y) > 0.9
    one = xn.MLPClassifier(max_iter=2).fit(X, np.full(len(X), "only"))
    assert set(one.predict(X)) == {"only"}
    assert (xn.MLPClassifier(max_iter=2).fit(X, Y > 4).predict(X).dtype) == np.bool_


def test_targets_that_are_no_labels():
    with pytest.raises(ValueError, match="Unknown label type"):
        xn.MLPClassifier().fit(X, Y + 0.5)
    with pytest.raises(ValueError, match="Multioutput"):
        xn.MLPClassifier().fit(X, np.stack([Y, Y], axis=1))


def test_the_error_without_scikit_learn():
    code = (
        "import sys; sys.modules['sklearn'] = None\n"
        "import xpnet\n"
        "try:\n    xpnet.MLPClassifier\n"
        "except xpnet.errors.MissingDependencyError as error:\n    print(error)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "pip install 'xpnet[sklearn]'" in done.stdout
