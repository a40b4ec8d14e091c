"""Estimators on sparse samples: as on the same dense samples, and without making them dense."""

import pickle

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.9")

from scipy import sparse
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import OneHotEncoder

import xpnet as xn
from xpnet.errors import DataError

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")

RNG = np.random.default_rng(0)
X = RNG.normal(size=(90, 40)) * (RNG.random((90, 40)) < 0.2)
SCORE = X @ RNG.normal(size=40)
W, CLASSES = RNG.random(90), np.array(["high", "low", "middle"])
Y = CLASSES[np.digitize(SCORE, np.quantile(SCORE, [1 / 3, 2 / 3]))]
TARGETS = {xn.MLPClassifier: Y, xn.MLPRegressor: SCORE}
FORMS = (sparse.csr_matrix, sparse.csr_array, sparse.csc_matrix, sparse.coo_array)
FEW = {"hidden_layer_sizes": (8,), "max_iter": 5, "random_state": 0}


@pytest.fixture(autouse=True)
def never_dense(monkeypatch):
    """No sparse matrix becomes dense."""

    def refuse(self, *args, **kwargs):
        raise AssertionError("a sparse matrix was made dense")

    for kind in (sparse.csr_matrix, sparse.csc_matrix, sparse.coo_matrix):
        for base in kind.__mro__:
            for name in ("toarray", "todense"):
                if name in vars(base):
                    monkeypatch.setattr(base, name, refuse)


def alike(one, other):
    for name in ("coefs_", "intercepts_"):
        for a, b in zip(getattr(one, name), getattr(other, name), strict=True):
            np.testing.assert_allclose(b, a, rtol=0, atol=1e-12)
    np.testing.assert_allclose(other.loss_curve_, one.loss_curve_, rtol=1e-12)


def test_fits_in_every_way(each):
    ways = {
        "Adam": {},
        "SGD": {"solver": "sgd", "learning_rate_init": 0.05},
        "SGD by rows": {"solver": "sgd", "momentum": 0.0, "alpha": 0.0},
        "L-BFGS": {"solver": "lbfgs", "max_iter": 3},
        "early stopping": {"early_stopping": True, "validation_fraction": 0.3},
        "dropout": {"dropout": 0.2},
        "normalization": {"normalization": "layer"},
        "no hidden layer": {"hidden_layer_sizes": ()},
        "float32": {"dtype": "float32"},
    }
    for kind, y in TARGETS.items():
        for name, way in ways.items():
            with each(kind.__name__, name):
                made = [kind(**{**FEW, **way}).fit(x, y) for x in (X, sparse.csr_array(X))]
                if name != "float32":
                    alike(*made)
                assert made[1].score(sparse.csr_array(X), y) == pytest.approx(made[0].score(X, y))


def test_every_method_and_format(each):
    for form in FORMS:
        with each(form.__name__):
            thin, dense = (xn.MLPClassifier(**FEW).fit(x, Y, W) for x in (form(X), X))
            alike(dense, thin)
            for method in ("predict", "predict_proba", "predict_log_proba", "transform"):
                found = getattr(thin, method)(form(X)), getattr(dense, method)(X)
                if method == "predict":
                    np.testing.assert_array_equal(*found)
                else:
                    np.testing.assert_allclose(*found, rtol=0, atol=1e-11)
            for model, x in ((thin, form(X)), (dense, X)):
                model.partial_fit(x, Y, sample_weight=W)
            alike(dense, thin)


def test_weights_and_validation_samples():
    given = {"class_weight": "balanced", "restore_best": True, **FEW}
    held, y_held = X[60:], Y[60:]
    made = [
        xn.MLPClassifier(**given).fit(
            form(X[:60]), Y[:60], W[:60], X_val=form(held), y_val=y_held, sample_weight_val=W[60:]
        )
        for form in (np.asarray, sparse.csr_array)
    ]
    alike(*made)
    np.testing.assert_allclose(
        made[1].validation_loss_curve_, made[0].validation_loss_curve_, rtol=1e-12
    )


def test_copies_are_trained_alike():
    model = xn.MLPClassifier(**FEW).fit(sparse.csr_matrix(X), Y)
    loaded = pickle.loads(pickle.dumps(model))
    np.testing.assert_array_equal(loaded.predict(sparse.csr_matrix(X)), model.predict(X))
    alike(clone(model).fit(sparse.csr_matrix(X), Y), model)


def test_large_indices_and_untidy_rows():
    numbers, columns = np.array([1.0, 2.0, 0.0, 3.0, 4.0] * 6), np.array([3, 3, 0, 2, 1] * 6)
    ends = np.arange(0, 31, 5)
    x = sparse.csr_matrix((numbers, columns, ends), shape=(6, 5))
    x.indices, x.indptr = x.indices.astype("int64"), x.indptr.astype("int64")
    x.has_canonical_format = False
    dense = np.tile([0, 4.0, 3, 3, 0], (6, 1))
    y = np.arange(6) % 2
    alike(*(xn.MLPClassifier(**FEW).fit(a, y) for a in (dense, x)))


def test_texts():
    words = {"sea": "ship wave salt port sail", "land": "field barn wheat plough soil"}
    texts = [
        " ".join(RNG.choice(words[kind].split(), 4)) for kind in ("sea", "land") for _ in range(30)
    ]
    labels = ["sea"] * 30 + ["land"] * 30
    model = make_pipeline(TfidfVectorizer(), xn.MLPClassifier((8,), random_state=0, max_iter=150))
    assert cross_val_score(model, texts, labels, cv=3).mean() > 0.9


def test_categories():
    table = RNG.integers(0, 5, (120, 3)).astype(str)
    y = (table[:, 0] == "2") * 2.0 - (table[:, 1] == "4")
    model = make_pipeline(
        OneHotEncoder(sparse_output=True),
        xn.MLPRegressor(
            hidden_layer_sizes=(16,), random_state=0, max_iter=400, learning_rate_init=0.02
        ),
    )
    assert model.fit(table, y).score(table, y) > 0.95


def test_what_is_not_finite_is_refused(each):
    for value in (np.nan, np.inf):
        with each(value):
            x = sparse.csr_array(X)
            x.data[3] = value
            with pytest.raises(ValueError, match=r"contains (NaN|infinity)"):
                xn.MLPClassifier(**FEW).fit(x, Y)


def test_other_backends_say_what_to_do():
    pytest.importorskip("torch")
    with pytest.raises(DataError, match=r"X is sparse.*NumPy.*torch.*X\.toarray\(\)"):
        xn.MLPClassifier(backend="torch", **FEW).fit(sparse.csr_array(X), Y)


def test_tags():
    for kind in TARGETS:
        assert kind().__sklearn_tags__().input_tags.sparse
