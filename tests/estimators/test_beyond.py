"""What scikit-learn's estimators do not have, each by its own parameter."""

import warnings

import numpy as np
import pytest

pytest.importorskip("sklearn", minversion="1.9")

from sklearn.base import clone
from sklearn.datasets import load_diabetes, load_digits, load_iris
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.class_weight import compute_sample_weight

import xpnet as xn
from xpnet.errors import XpnetError

X, Y = load_digits(return_X_y=True)
X = X / 16
X_TRAIN, Y_TRAIN, X_VAL, Y_VAL = X[:1200], Y[:1200], X[1200:], Y[1200:]
X_REG, Y_REG = load_diabetes(return_X_y=True)
X_REG = X_REG * 20

pytestmark = pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning")


def classifier(**settings):
    return xn.MLPClassifier(**{"random_state": 0, "max_iter": 10, **settings})


def regressor(**settings):
    return xn.MLPRegressor(**{"random_state": 0, "max_iter": 10, **settings})


def weights(model):
    return [np.array(w) for w in model.coefs_ + model.intercepts_]


def assert_same(a, b):
    for one, other in zip(weights(a), weights(b), strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-9, atol=1e-12)


# --- losses ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "loss",
    ["softmax_cross_entropy", "cross_entropy", "focal", "binary_focal", "binary_cross_entropy",
     "hinge", "multiclass_hinge", "mean_squared_error", xn.losses.softmax_cross_entropy(0.1)],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("classes", [2, 3])
def test_losses_of_classes(loss, classes):
    chosen = classes > Y
    data, names = X[chosen], np.array(["a", "b", "c"])[Y[chosen]]
    model = classifier(loss=loss, max_iter=30).fit(data, names)
    assert model.score(data, names) > 0.98
    if hasattr(model, "predict_proba"):
        found = model.predict_proba(data)
        assert found.shape == (len(data), classes)
        np.testing.assert_allclose(found.sum(axis=1), 1, rtol=1e-9)
        assert (model.classes_[found.argmax(axis=1)] == model.predict(data)).all()


def test_no_probabilities_without_a_loss_of_them():
    assert not hasattr(classifier(loss="hinge"), "predict_proba")
    assert not hasattr(classifier(loss="hinge").fit(X, Y), "predict_log_proba")
    assert hasattr(classifier(), "predict_proba")


def test_a_loss_of_your_own():
    def loss(output, target):
        return xn.ops.softmax_cross_entropy(output, target)

    assert_same(classifier(loss=loss).fit(X, Y), classifier().fit(X, Y))


@pytest.mark.parametrize("loss", ["huber", "mae", "log_cosh", "gaussian_nll", xn.losses.huber(3.0)],
                         ids=str)  # fmt: skip
def test_losses_of_numbers(loss):
    y = (Y_REG - Y_REG.mean()) / Y_REG.std()
    model = regressor(loss=loss, max_iter=100, learning_rate_init=0.01, alpha=0.1).fit(X_REG, y)
    assert model.predict(X_REG).shape == y.shape
    assert model.score(X_REG, y) > 0.4


def test_quantiles():
    rng = np.random.default_rng(0)
    x = rng.uniform(-1, 1, (4000, 1))
    y = x[:, 0] + rng.uniform(-1, 1, 4000)
    levels = (0.1, 0.5, 0.9)
    model = regressor(quantiles=levels, max_iter=40, learning_rate_init=0.01).fit(x, y)
    found = model.predict(x)
    assert found.shape == (4000, 3)
    np.testing.assert_allclose((y[:, None] <= found).mean(axis=0), levels, atol=0.05)
    one = regressor(quantiles=0.9, max_iter=40, learning_rate_init=0.01).fit(x, y)
    assert (y <= one.predict(x)).mean() == pytest.approx(0.9, abs=0.05)


@pytest.mark.parametrize("columns", [1, 2])
def test_scaled_targets(columns):
    y = 1e4 * np.stack([Y_REG, 3 * Y_REG[::-1]][:columns], axis=1).squeeze() + 5e6
    scaled = regressor(scale_target=True, max_iter=60).fit(X_REG, y)
    mean, deviation = y.mean(axis=0), y.std(axis=0)
    by_hand = regressor(max_iter=60).fit(X_REG, (y - mean) / deviation)
    assert_same(scaled, by_hand)
    np.testing.assert_allclose(scaled.predict(X_REG), by_hand.predict(X_REG) * deviation + mean)


@pytest.mark.parametrize(("mean", "deviation"), [(1.7e9, 20), (1e15, 1e3), (1e6, 1e-3), (0, 1e-32)])
def test_scaled_targets_that_the_type_of_X_merges(mean, deviation):
    y = mean + deviation * (Y_REG - Y_REG.mean()) / Y_REG.std()
    for data in (X_REG, X_REG.astype("float32")):
        model = regressor(scale_target=True, learning_rate_init=0.01).fit(data, y)
        assert model.predict(data).dtype == "float64"
        residual = (model.predict(data) - y) / deviation
        assert 1 - np.mean(residual**2) == pytest.approx(model.score(data, y), abs=1e-3)
        assert model.score(data, y) > 0.3


# --- networks -------------------------------------------------------------------------------------


def test_any_activation_and_one_for_each_layer():
    model = classifier(hidden_layer_sizes=(20, 20), activation=["gelu", xn.ops.tanh]).fit(X, Y)
    net = xn.Sequential(xn.Dense(20), xn.GELU(), xn.Dense(20), xn.Tanh(), xn.Dense(10))
    plain = xn.Model(net, dtype="float64", input_shape=64).build()
    plain.load_state_dict(model._model.state_dict())
    np.testing.assert_allclose(model.predict(X), plain.predict(X).argmax(axis=1))


@pytest.mark.parametrize("normalization", ["batch", "layer"])
def test_normalization_and_dropout(normalization):
    settings = {"normalization": normalization, "dropout": [0.2, 0.0], "max_iter": 30,
                "hidden_layer_sizes": (30, 30), "learning_rate_init": 0.005}  # fmt: skip
    model = classifier(**settings).fit(X_TRAIN, Y_TRAIN)
    assert model.score(X_VAL, Y_VAL) > 0.9
    assert_same(model, classifier(**settings).fit(X_TRAIN, Y_TRAIN))
    np.testing.assert_array_equal(model.predict_proba(X_VAL), model.predict_proba(X_VAL))


def test_hidden_activations():
    model = classifier(hidden_layer_sizes=(20, 15), normalization="layer").fit(X, Y)
    last = model.transform(X)
    assert last.shape == (len(X), 15)
    assert model.transform(X, layer=0).shape == (len(X), 20)
    logits = last @ model.coefs_[-1] + model.intercepts_[-1]
    np.testing.assert_allclose(xn.ops.softmax(logits), model.predict_proba(X), rtol=1e-9)
    np.testing.assert_array_equal(model.transform(X, layer=-2), model.transform(X, layer=0))
    with pytest.raises(XpnetError, match=r"layer must be from -2 .* to 1 .*; got 2"):
        model.transform(X, layer=2)


# --- optimization ---------------------------------------------------------------------------------


def test_optimizers_and_schedules():
    plain = classifier(solver="sgd", learning_rate_init=0.1, momentum=0.9, nesterovs_momentum=False)
    given = classifier(optimizer=xn.SGD(0.1, momentum=0.9))
    assert_same(plain.fit(X, Y), given.fit(X, Y))
    model = classifier(optimizer=xn.AdamW(xn.StepDecay(0.01, 0.1, 4))).fit(X, Y)
    assert model.score(X, Y) > 0.9
    assert model.learning_rate_ == pytest.approx(0.01 * 0.1**2)
    assert classifier(optimizer="rmsprop").fit(X, Y).score(X, Y) > 0.9
    assert not hasattr(classifier(optimizer="lbfgs"), "partial_fit")
    assert not hasattr(classifier(optimizer=xn.LBFGS()), "partial_fit")
    assert hasattr(classifier(optimizer="adamm"), "partial_fit")  # which raises what `fit` does
    assert classifier(optimizer=xn.LBFGS(), max_iter=30).fit(X, Y).score(X, Y) > 0.95


def test_clipping():
    model = classifier(solver="sgd", momentum=0, alpha=0, max_iter=1, clip_global_norm=1e-3,
                       learning_rate_init=1.0, batch_size=len(X))  # fmt: skip
    start = weights(classifier().initialize(X, Y))
    change = [a - b for a, b in zip(weights(model.fit(X, Y)), start, strict=True)]
    assert np.sqrt(sum((d**2).sum() for d in change)) == pytest.approx(1e-3, rel=0.01)
    with pytest.raises(ValueError, match="clip_norm needs the solver"):
        classifier(clip_norm=1.0, solver="lbfgs").fit(X, Y)


@pytest.mark.parametrize("given", ["balanced", {0: 5.0, 3: 0.5}], ids=str)
def test_class_weights(given):
    factor = compute_sample_weight(given, Y)
    by_class, by_sample = classifier(class_weight=given), classifier()
    assert_same(by_class.fit(X, Y), by_sample.fit(X, Y, sample_weight=factor))
    np.testing.assert_allclose(by_class.loss_curve_, by_sample.loss_curve_)
    names, two = np.array(["no", "yes"]), (Y == 3).astype(int)
    by_name = classifier(class_weight={"yes": 4.0}).fit(X, names[two])
    assert_same(by_name, classifier().fit(X, two, sample_weight=1 + 3.0 * two))


def test_class_weights_that_do_not_fit():
    with pytest.raises(ValueError, match="names \\[11\\]"):
        classifier(class_weight={11: 2.0}).fit(X, Y)
    with pytest.raises(ValueError, match="needs all samples"):
        classifier(class_weight="balanced").partial_fit(X, Y, classes=range(10))


# --- validation, stopping, restoring --------------------------------------------------------------


def test_validation_data():
    w = np.random.default_rng(0).random(len(Y_VAL))
    model = classifier().fit(X_TRAIN, Y_TRAIN, X_val=X_VAL, y_val=Y_VAL, sample_weight_val=w)
    assert_same(model, classifier().fit(X_TRAIN, Y_TRAIN))
    assert len(model.validation_loss_curve_) == len(model.loss_curve_) == 10
    p = model.predict_proba(X_VAL)[np.arange(len(Y_VAL)), Y_VAL]
    assert model.validation_loss_curve_[-1] == pytest.approx(np.average(-np.log(p), weights=w))
    with pytest.raises(ValueError, match="X_val and y_val together"):
        model.fit(X_TRAIN, Y_TRAIN, X_val=X_VAL)


def test_early_stopping_on_given_data_restores_the_best():
    model = classifier(early_stopping=True, max_iter=200, n_iter_no_change=3, tol=1e-3)
    model.fit(X_TRAIN, Y_TRAIN, X_val=X_VAL, y_val=Y_VAL)
    assert model.converged_
    assert model.n_iter_ == len(model.validation_scores_) < 200
    assert model.score(X_VAL, Y_VAL) == pytest.approx(max(model.validation_scores_))


def test_restore_best_by_the_training_loss():
    model = classifier(solver="sgd", learning_rate_init=2.0, momentum=0.95, restore_best=True,
                       n_iter_no_change=np.inf, shuffle=False, batch_size=len(X))  # fmt: skip
    model.fit(X, Y)
    curve = model.loss_curve_
    best = int(np.argmin(curve))
    assert best < len(curve) - 1  # else nothing is shown
    again = classifier(solver="sgd", learning_rate_init=2.0, momentum=0.95, shuffle=False,
                       max_iter=best + 1, batch_size=len(X)).fit(X, Y)  # fmt: skip
    assert_same(model, again)


@pytest.mark.parametrize("scoring", ["loss", "neg_log_loss", lambda m, X, y: m.score(X, y)],
                         ids=["loss", "name", "function"])  # fmt: skip
def test_restore_best_by_any_score(scoring):
    model = classifier(restore_best=True, scoring=scoring, learning_rate_init=0.05, max_iter=15,
                       alpha=0)  # fmt: skip
    model.fit(X_TRAIN, Y_TRAIN, X_val=X_VAL, y_val=Y_VAL)
    assert len(model.validation_scores_) == model.n_iter_
    assert model.best_validation_score_ == max(model.validation_scores_)
    if scoring == "loss":
        assert model.validation_scores_ == [-loss for loss in model.validation_loss_curve_]
    if scoring == "neg_log_loss":
        assert model.validation_scores_ == pytest.approx([-v for v in model.validation_loss_curve_])
        p = model.predict_proba(X_VAL)[np.arange(len(Y_VAL)), Y_VAL]
        assert -np.log(p).mean() == pytest.approx(-model.best_validation_score_)


def test_early_stopping_epoch_by_epoch():
    model = classifier(early_stopping=True, n_iter_no_change=2, tol=1e-3)
    model.converged_, epochs = False, 0
    while not model.converged_ and epochs < 100:
        model.partial_fit(X_TRAIN, Y_TRAIN, classes=range(10), X_val=X_VAL, y_val=Y_VAL)
        epochs += 1
    assert 2 < epochs < 100
    assert model.score(X_VAL, Y_VAL) == pytest.approx(max(model.validation_scores_))
    with pytest.raises(ValueError, match="partial_fit does not support early_stopping=True"):
        model.partial_fit(X_TRAIN, Y_TRAIN)


def test_a_loss_that_diverges_ends_early_stopping_with_the_best_weights():
    model = regressor(solver="sgd", learning_rate_init=5.0, early_stopping=True,
                      activation="identity")  # fmt: skip
    model.fit(X_REG * 50, Y_REG)
    assert np.isnan(model.validation_scores_[-1])
    assert np.isfinite(model.predict(X_REG)).all()
    model.set_params(learning_rate_init=1e12, solver="sgd")
    with pytest.warns(ConvergenceWarning, match="The best weights so far were restored"):
        model.fit(X_REG * 1e100, Y_REG)
    start = regressor(activation="identity").initialize(X_REG, Y_REG)
    assert model.n_iter_ == 1
    assert_same(model, start)
    with pytest.raises(ValueError, match="non-finite parameter weights"):
        model.set_params(early_stopping=False).fit(X_REG * 50, Y_REG)


# --- callbacks ------------------------------------------------------------------------------------


def test_xpnets_callbacks():
    seen = []
    model = classifier(callbacks=[lambda m, epoch, logs: seen.append(logs["loss"]) or epoch == 3])
    model.fit(X, Y)
    assert seen == model.loss_curve_
    assert len(seen) == 3


@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_scikit_learns_callbacks(solver):
    from sklearn.callback import ScoringMonitor

    monitor = ScoringMonitor(scoring="accuracy")
    model = classifier(solver=solver, max_iter=5).set_callbacks(monitor).fit(X, Y)
    rows = [row for row in monitor.get_logs().data if row["task_name"] == "epoch"]
    assert len(rows) == model.n_iter_ == 5
    assert rows[-1]["accuracy"] == model.score(X, Y)
    assert rows[0]["accuracy"] < rows[-1]["accuracy"]


def test_scikit_learns_callbacks_may_stop_and_see_the_weights_of_their_epoch():
    class Two:
        def __init__(self):
            self.seen = []

        def setup(self, estimator, context):
            pass

        def teardown(self, estimator, context):
            self.seen.append("over")

        def on_fit_task_begin(self, estimator, context):
            pass

        def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
            self.seen.append(fitted_estimator.coefs_[0])
            return len(self.seen) == 2

    callback = Two()
    model = classifier().set_callbacks(callback).fit(X, Y)
    assert model.n_iter_ == 2
    first, second, whole, over = callback.seen
    np.testing.assert_array_equal(second, model.coefs_[0])
    np.testing.assert_array_equal(whole, model.coefs_[0])
    np.testing.assert_array_equal(first, classifier(max_iter=1).fit(X, Y).coefs_[0])
    assert over == "over"


# --- weights --------------------------------------------------------------------------------------


def test_weights_before_the_fit():
    model = classifier(hidden_layer_sizes=(7,)).initialize(X, Y)
    assert [w.shape for w in model.coefs_] == [(64, 7), (7, 10)]
    assert model.predict(X).shape == Y.shape
    model.coefs_[0] = np.zeros((64, 7))
    model.partial_fit(X, Y)
    start = classifier(hidden_layer_sizes=(7,)).initialize(X, Y)
    given = ([np.zeros((64, 7)), start.coefs_[1]], start.intercepts_)
    other = classifier(hidden_layer_sizes=(7,), initial_weights=given, max_iter=1).fit(X, Y)
    np.testing.assert_allclose(other.loss_curve_, model.loss_curve_)


def test_weights_put_into_the_lists_are_used():
    model = classifier().fit(X, Y)
    model.intercepts_[-1] = np.where(np.arange(10) == 4, 1e3, 0.0)
    assert (model.predict(X) == 4).all()
    model.coefs_[1][...] = 0  # a live view
    assert len(np.unique(model.predict_proba(X), axis=0)) == 1
    model.coefs_[0] = np.zeros((3, 3))
    with pytest.raises(XpnetError, match="shape"):
        model.predict(X)


# --- types, errors --------------------------------------------------------------------------------


def test_dtype():
    model = classifier(dtype="float32").fit(X, Y)
    assert {w.dtype for w in model.coefs_} == {np.dtype("float32")}
    assert classifier().fit((X * 16).astype(int), Y).coefs_[0].dtype == np.float64


@pytest.mark.parametrize("make", [classifier, regressor])
@pytest.mark.parametrize("solver", ["adam", "lbfgs"])
def test_threads(monkeypatch, each, make, solver):
    given, fit = [], xn.Model.fit

    def listening(self, *args, threads, **settings):
        given.append(threads)
        return fit(self, *args, threads=threads, **settings)

    monkeypatch.setattr(xn.Model, "fit", listening)
    for threads in (None, 1, 2):
        with each(threads):
            model = clone(make(solver=solver, threads=threads, max_iter=1))
            assert model.get_params()["threads"] is threads
            model.fit(X[:200], Y[:200])
            if solver == "adam":
                model.partial_fit(X[:200], Y[:200])
            assert {*given} == {threads}
            given.clear()


@pytest.mark.parametrize("make", [classifier, regressor])
def test_threads_that_cannot_be(each, make):
    model = make(max_iter=1).fit(X[:200], Y[:200])
    before = weights(model)
    for threads in (0, -1, 65, "two", 1.5, True):
        with each(threads):
            model.set_params(threads=threads)
            for fit in (model.fit, model.partial_fit):
                with pytest.raises(ValueError, match="threads"):
                    fit(X[:200], Y[:200])
            assert all(map(np.array_equal, weights(model), before))


@pytest.mark.parametrize(
    ("settings", "match"),
    [
        ({"activation": "relo"}, "Did you mean 'relu'"),
        ({"activation": ["relu", "tanh"]}, "2 entries, but there are 1 hidden"),
        ({"dropout": [0.1, 0.2]}, "2 entries"),
        ({"loss": "log_los"}, "Valid names"),
        ({"optimizer": "adamm"}, "Did you mean"),
        ({"hidden_layer_sizes": (10, 0)}, "hidden_layer_sizes must be > 0"),
        ({"backend": "numpi"}, "backend"),
        ({"initial_weights": ([], [])}, "expected 2 weights"),
        ({"callbacks": [3]}, "a callback is"),
    ],
    ids=str,
)
def test_settings_that_cannot_be(settings, match):
    with pytest.raises(ValueError, match=match):
        classifier(**settings).fit(X, Y)


def test_a_loss_that_does_not_go():
    with pytest.raises(ValueError, match="chooses one class"):
        classifier(loss="focal").fit(X, np.stack([Y > 2, Y < 5], axis=1).astype(int))
    with pytest.raises(ValueError, match="use MLPClassifier"):
        regressor(loss="softmax_cross_entropy").fit(X, Y)
    with pytest.raises(ValueError, match="leave out loss"):
        regressor(loss="huber", quantiles=0.5).fit(X, Y)
    with pytest.raises(ValueError, match="does not work for counts"):
        regressor(loss="poisson", scale_target=True).fit(X, Y)


def test_convergence_is_told():
    with pytest.warns(ConvergenceWarning, match="lbfgs failed to converge after 3"):
        model = classifier(solver="lbfgs", max_iter=3).fit(X, Y)
    assert not model.converged_
    with pytest.warns(ConvergenceWarning, match=r"Maximum iterations \(10\)"):
        classifier().fit(X, Y)


def test_negative_weights_are_refused():
    with pytest.raises(ValueError, match="negative"):
        classifier().fit(X, Y, sample_weight=-np.ones(len(X)))


def test_iris_by_every_solver():
    data, names = load_iris(return_X_y=True)
    for solver in ("adam", "sgd", "lbfgs"):
        model = classifier(solver=solver, max_iter=400, learning_rate_init=0.01).fit(data, names)
        assert model.score(data, names) > 0.95


def test_an_output_that_is_nan_is_no_class():
    """Numbers that are far too large overflow in the network: its output is inf - inf."""
    made = xn.MLPClassifier((4,), activation="relu", max_iter=2, random_state=0)
    X = np.random.default_rng(0).normal(size=(40, 3)).astype("float32")
    made.fit(X, np.arange(40) % 3)
    made.coefs_[1][...] = [[1, -1, 1], [-1, 1, -1], [1, 1, -1], [-1, -1, 1]]
    made.coefs_[0][...] = 1e3
    X[5] = 1e38
    for method in (made.predict, lambda X: made.score(X, np.zeros(40, int))):
        with pytest.raises(
            ValueError, match=r"output for row 5 .* is NaN, so it predicts no class"
        ):
            method(X)
    assert set(made.predict(X[:5])) <= {0, 1, 2}


@pytest.mark.parametrize("value", [0.1, 1.1, 273.15])
def test_a_constant_target_has_no_scale(value):
    model = xn.MLPRegressor(hidden_layer_sizes=(4,), max_iter=2, scale_target=True)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model.fit(X, np.full(len(X), value))
    assert xn.exchange.to_sklearn(model) is not None
