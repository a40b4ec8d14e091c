"""One fit after another: what is kept, what is forgotten, and what a failed one leaves behind."""

import inspect
import os
import pickle
import signal
import subprocess
import sys
import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.9")

from sklearn import neural_network
from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.metrics import d2_pinball_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from support.brief import BRIEF

import xpnet as xn
from xpnet.errors import TrainingWarning

X, Y = load_digits(return_X_y=True)
X = X / 16
X_REG, Y_REG = load_diabetes(return_X_y=True)
X_REG = X_REG * 20

pytestmark = [
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
    BRIEF,
]


def classifier(**settings):
    return xn.MLPClassifier(**{"random_state": 0, "max_iter": 5, **settings})


def regressor(**settings):
    return xn.MLPRegressor(**{"random_state": 0, "max_iter": 5, **settings})


# --- what is kept ---------------------------------------------------------------------------------


@pytest.mark.parametrize("how", ["warm start", "partial_fit"])
def test_best_weights_are_those_of_one_fit(how):
    model = classifier(early_stopping=True, warm_start=True).fit(X, Y)
    model.set_params(early_stopping=False)
    before = model.coefs_[0].copy()
    model.fit(X, Y) if how == "warm start" else model.partial_fit(X, Y)
    assert not np.array_equal(model.coefs_[0], before)
    assert "_best_state" not in vars(model)


@pytest.mark.smoke
def test_partial_fit_keeps_the_loss_of_its_network():
    model = classifier(loss="log_loss").fit(X, Y > 4)
    model.set_params(loss="softmax_cross_entropy").partial_fit(X, Y > 4)
    assert model.n_outputs_ == 1
    assert model.score(X, Y > 4) > 0.7
    numbers = regressor().fit(X_REG, Y_REG)
    numbers.set_params(quantiles=(0.1, 0.9)).partial_fit(X_REG, Y_REG)
    assert numbers.n_outputs_ == 1
    assert numbers.predict(X_REG).shape == Y_REG.shape
    with pytest.raises(ValueError, match="y has 2 columns"):
        numbers.partial_fit(X_REG, np.stack([Y_REG, Y_REG], axis=1))


def test_partial_fit_keeps_the_rule_of_its_learning_rate():
    given = {"solver": "sgd", "learning_rate": "invscaling", "power_t": 0.2, "random_state": 0}
    found = []
    for kind in (neural_network.MLPRegressor, xn.MLPRegressor):
        model = kind(**given, learning_rate_init=0.01).partial_fit(X, Y)
        model.set_params(power_t=0.9, learning_rate_init=0.5, learning_rate="constant")
        for _ in range(3):
            model.partial_fit(X, Y)
        found.append(model)
    theirs, ours = found
    np.testing.assert_allclose(ours.loss_curve_, theirs.loss_curve_, rtol=1e-8)
    assert ours.learning_rate_ == pytest.approx(theirs._optimizer.learning_rate)


# --- what fails -----------------------------------------------------------------------------------

BROKEN = {
    "weights": ({}, {"sample_weight": -np.ones(len(X))}),
    "validation": ({}, {"X_val": X[:, :3], "y_val": Y}),
    "activation": ({"activation": "relo"}, {}),
    "loss": ({"loss": "log_los"}, {}),
    "callback": ({"callbacks": [xn.EarlyStopping()]}, {}),
    "optimizer": ({"optimizer": "adamw", "momentum": 0.5}, {}),
    "divergence": ({"solver": "sgd", "learning_rate_init": 1e300}, {}),
}


@pytest.mark.parametrize("name", BROKEN)
@pytest.mark.parametrize("warm_start", [False, True])
def test_a_fit_that_fails_leaves_the_model_as_it_was(name, warm_start):
    settings, given = BROKEN[name]
    model = classifier(warm_start=warm_start).fit(X, Y)
    want, curve = model.predict_proba(X), list(model.loss_curve_)
    other = (Y + 100) if not warm_start else Y
    with pytest.raises(ValueError):  # noqa: PT011  (each says something else)
        model.set_params(**settings).fit(X[:, :64], other, **given)
    np.testing.assert_array_equal(model.predict_proba(X), want)
    np.testing.assert_array_equal(model.classes_, np.arange(10))
    assert model.loss_curve_ == curve
    fresh = classifier(**settings)
    with pytest.raises(ValueError):  # noqa: PT011
        fresh.fit(X, Y, **given)
    with pytest.raises(NotFittedError):
        fresh.predict(X)


def test_a_partial_fit_that_is_refused_changes_nothing():
    model = classifier()
    with pytest.raises(ValueError, match="has classes not in"):
        model.partial_fit(X, Y, classes=range(5))
    assert not hasattr(model, "classes_")
    model.partial_fit(X, Y, classes=range(10))
    before, weight = dict(vars(model)), model.coefs_[0].copy()
    with pytest.raises(ValueError, match="negative"):
        model.partial_fit(X, Y, sample_weight=-np.ones(len(X)))
    assert vars(model) == before
    np.testing.assert_array_equal(model.coefs_[0], weight)


# --- signals --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("usual_handlers")
def test_an_interrupt_ends_the_fit_with_a_warning():
    def interrupt(model, epoch, logs):
        if epoch == 2:
            os.kill(os.getpid(), signal.SIGINT)

    model = classifier(callbacks=[interrupt], max_iter=50)
    with pytest.warns(UserWarning, match="Training interrupted by user"):
        model.fit(X, Y)
    assert model.n_iter_ == 2
    assert model.score(X, Y) > 0.3


def test_a_request_to_terminate_has_its_usual_effect():
    code = (
        "import os, signal, numpy as np, xpnet as xn\n"
        "def end(model, epoch, logs):\n"
        "    print(epoch, flush=True)\n"
        "    os.kill(os.getpid(), signal.SIGTERM)\n"
        "x = np.random.default_rng(0).random((50, 3))\n"
        "xn.MLPRegressor(callbacks=[end]).fit(x, x[:, 0])\n"
        "print('went on')\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGTERM, done.stderr
    assert done.stdout == "1\n"


# --- warnings -------------------------------------------------------------------------------------


def interrupt(model, epoch, logs):
    raise KeyboardInterrupt


WARNED = {
    "column": lambda: regressor().fit(X_REG, Y_REG[:, None]),
    "partial column": lambda: classifier().partial_fit(X, Y[:, None], classes=range(10)),
    "initial column": lambda: regressor().initialize(X_REG, Y_REG[:, None]),
    "validated column": lambda: regressor().fit(X_REG, Y_REG, X_val=X_REG, y_val=Y_REG[:, None]),
    "batch": lambda: classifier(batch_size=10_000).fit(X, Y),
    "interrupt": lambda: classifier(callbacks=[interrupt]).fit(X, Y),
    "maximum": lambda: classifier().fit(X, Y),
    "lbfgs": lambda: classifier(solver="lbfgs").fit(X, Y),
    "divergence": lambda: regressor(
        solver="sgd", learning_rate_init=1e12, early_stopping=True, activation="identity"
    ).fit(X_REG * 1e100, Y_REG),
    "pipeline": lambda: make_pipeline(classifier()).fit(X, Y),
}


@pytest.mark.parametrize("name", WARNED)
def test_warnings_point_at_the_line_of_the_user(name):
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        WARNED[name]()
    assert found
    assert {warning.filename for warning in found} == {__file__}


# --- frames ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("kind", [xn.MLPClassifier, xn.MLPRegressor])
def test_fit_reaches_the_fit_of_its_model_in_three_frames(kind, monkeypatch):
    depths = []

    def fit(model, *args, **kwargs):
        depths.append(len(inspect.stack(0)))
        return plain(model, *args, **kwargs)

    plain = xn.Model.fit
    monkeypatch.setattr(xn.Model, "fit", fit)
    kind(max_iter=2).fit(X, Y)
    assert depths == [len(inspect.stack(0)) + 4]  # scikit-learn's, two of ours, the one above


# --- scores ---------------------------------------------------------------------------------------


def test_quantiles_are_scored_by_their_pinball_loss():
    levels = (0.1, 0.5, 0.9)
    model = regressor(quantiles=levels, early_stopping=True, max_iter=20).fit(X_REG, Y_REG)
    found = model.predict(X_REG)
    want = [d2_pinball_score(Y_REG, found[:, i], alpha=q) for i, q in enumerate(levels)]
    assert model.score(X_REG, Y_REG) == pytest.approx(np.mean(want))
    assert len(model.validation_scores_) == model.n_iter_
    one = regressor(quantiles=0.9, max_iter=20).fit(X_REG, Y_REG)
    weight = np.linspace(0, 1, len(Y_REG))
    expected = d2_pinball_score(Y_REG, one.predict(X_REG), alpha=0.9, sample_weight=weight)
    assert one.score(X_REG, Y_REG, weight) == pytest.approx(expected)


@pytest.mark.parametrize(
    "scoring",
    ["neg_max_error", lambda m, x, y: -abs(m.predict(x) - y).max()],
    ids=["name", "function"],
)
def test_scorers_without_weights(scoring):
    weight = np.ones(len(X_REG))
    model = regressor(scoring=scoring, restore_best=True)
    model.fit(X_REG, Y_REG, weight, X_val=X_REG, y_val=Y_REG, sample_weight_val=weight)
    error = abs(model.predict(X_REG) - Y_REG).max()
    assert model.best_validation_score_ == pytest.approx(-error)


def test_restore_best_with_lbfgs():
    train, test = slice(0, 60), slice(300, None)
    model = regressor(solver="lbfgs", restore_best=True, max_iter=80, alpha=0)
    model.fit(X_REG[train], Y_REG[train], X_val=X_REG[test], y_val=Y_REG[test])
    scores = model.validation_scores_
    assert max(scores) > scores[-1] + 0.01  # else nothing is shown
    assert model.score(X_REG[test], Y_REG[test]) == pytest.approx(max(scores))


def test_the_loss_of_several_targets_where_lbfgs_has_nothing_to_do():
    y = np.stack([Y_REG, 2 * Y_REG], axis=1)
    model = regressor(solver="lbfgs", tol=1e9, alpha=0).fit(X_REG, y)
    assert model.loss_ == pytest.approx(0.5 * np.mean((model.predict(X_REG) - y) ** 2))


# --- settings -------------------------------------------------------------------------------------


def test_a_backend_is_given_by_name():
    torch = pytest.importorskip("torch")
    model = classifier(backend="torch").fit(X, Y)
    assert isinstance(model.coefs_[0], torch.Tensor)
    for copy in (clone(model).fit(X, Y), pickle.loads(pickle.dumps(model))):
        np.testing.assert_allclose(copy.predict_proba(X), model.predict_proba(X), atol=1e-12)
    with pytest.raises(ValueError, match="give 'numpy'"):
        classifier(backend=np).fit(X, Y)


def test_an_optimizer_does_not_hide_other_settings():
    named = classifier(optimizer="adamw", learning_rate_init=0.02).fit(X, Y)
    given = classifier(optimizer=xn.AdamW(0.02)).fit(X, Y)
    np.testing.assert_array_equal(named.coefs_[0], given.coefs_[0])
    with pytest.raises(ValueError, match="does not read solver, momentum"):
        classifier(optimizer="adamw", solver="sgd", momentum=0.5).fit(X, Y)
    with pytest.raises(ValueError, match="does not read learning_rate_init"):
        classifier(optimizer=xn.SGD(0.1), learning_rate_init=0.2).fit(X, Y)


def test_types_of_settings():
    for sizes in ((10.7,), ["a"], True):
        with pytest.raises(ValueError, match="hidden_layer_sizes"):
            classifier(hidden_layer_sizes=sizes).fit(X, Y)
    model = clone(classifier(dtype=np.float32, hidden_layer_sizes=np.array([7, 6]))).fit(X, Y)
    assert model.coefs_[0].dtype == np.float32
    with pytest.raises(ValueError, match="layer must be a whole number"):
        model.transform(X, "a")
    with pytest.raises(ValueError, match="no hidden layer"):
        classifier(hidden_layer_sizes=()).fit(X, Y).transform(X)


def test_a_callback_that_needs_validation_says_how():
    with pytest.raises(ValueError, match="X_val= and y_val= to fit"):
        classifier(callbacks=[xn.EarlyStopping()]).fit(X, Y)


# --- data frames ----------------------------------------------------------------------------------


def test_names_of_hidden_units():
    model = classifier(hidden_layer_sizes=(9, 4)).fit(X, Y)
    assert list(model.get_feature_names_out()) == [f"mlpclassifier{i}" for i in range(4)]
    with pytest.raises(NotFittedError):
        classifier().get_feature_names_out()


def test_data_frames():
    pandas = pytest.importorskip("pandas")
    from sklearn.callback import ScoringMonitor

    frame = pandas.DataFrame(X_REG, columns=[f"c{i}" for i in range(10)])
    pipe = make_pipeline(StandardScaler(), regressor(hidden_layer_sizes=(3,)))
    pipe.set_output(transform="pandas").fit(frame, Y_REG)
    assert list(pipe.transform(frame).columns) == [f"mlpregressor{i}" for i in range(3)]
    model = regressor(early_stopping=True, scoring="neg_mean_squared_error")
    with warnings.catch_warnings():
        warnings.simplefilter("error", UserWarning)
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.simplefilter("ignore", TrainingWarning)
        model.set_callbacks(ScoringMonitor(scoring="r2")).fit(frame, Y_REG)
    with pytest.warns(UserWarning, match="valid feature names"):
        model.predict(X_REG)


# --- what a fit says ------------------------------------------------------------------------------


def said(fit, *args):
    """The training warning of a fit; "" if there is none."""
    with warnings.catch_warnings(record=True) as found:
        warnings.simplefilter("always")
        fit(*args)
    texts = [str(w.message) for w in found if w.category is TrainingWarning]
    assert len(texts) <= 1
    return "".join(texts)


def test_badly_scaled_data_are_named_with_a_remedy(each):
    wide = X_REG * np.where(np.arange(10) == 7, 1e5, 1)
    with each("target"):
        assert "scale_target=True" in said(regressor().fit, X_REG, Y_REG)
    with each("scaled target"):
        assert not said(regressor(scale_target=True).fit, X_REG, Y_REG)
    with each("columns"):
        assert "StandardScaler" in said(classifier().fit, wide, Y_REG > 140)
    with each("in a pipeline"):
        pipe = make_pipeline(StandardScaler(), classifier())
        assert not said(pipe.fit, wide, Y_REG > 140)
    with each("partial_fit"):
        assert not said(regressor().partial_fit, wide, Y_REG)


def test_scikit_learn_s_own_warning_says_that_the_loss_was_falling():
    assert not said(classifier(max_iter=20).fit, X, Y)
    with pytest.warns(ConvergenceWarning, match="hasn't converged"):
        classifier(max_iter=20).fit(X, Y)
