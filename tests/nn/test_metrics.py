"""Metrics by name, and how those of the batches are combined."""

import warnings

import array_api_strict
import numpy as np
import pytest

import xpnet as xn
from xpnet import ops
from xpnet.backends.cpu import NumpyBackend
from xpnet.errors import TrainingWarning
from xpnet.graph import Graph
from xpnet.nn import Metric, get_loss, get_metrics, loss_metric

scores = pytest.importorskip("sklearn.metrics", reason="scikit-learn is not installed")

RNG = np.random.default_rng(1)
N, K = 23, 3
X, REAL = RNG.normal(size=(N, 4)), RNG.normal(size=(N, K))
LABELS = np.arange(N) * 7 % K
ONE_HOT, BITS = np.eye(K)[LABELS], (REAL > 0).astype(float)
WEIGHTS = np.arange(N) % 4 * 0.5
weighted = pytest.mark.parametrize("w", [None, WEIGHTS], ids=["plain", "weighted"])


def built(loss="mse", metrics=None, units=K, net=None, **settings):
    net = net or xn.Dense(units)
    settings = {"dtype": "float64", "input_shape": 4, "optimizer": xn.SGD(0.01), **settings}
    return xn.Model(net, loss, metrics=metrics, **settings).build()


def measured(model, y, w=None, batch_size=5):
    """What training reports for data in batches, of which the last is smaller."""
    return model.fit(X, y, sample_weight=w, batch_size=batch_size, epochs=1, shuffle=False)[0]


def still(loss, metrics, units=K, net=None):
    """A model whose parameters hardly move."""
    return built(loss, metrics, units, net, optimizer=xn.SGD(1e-300))


# --- r2 --------------------------------------------------------------------------------------


@weighted
@pytest.mark.parametrize("batch_size", [5, 23])
def test_r2_of_batches_is_that_of_all(w, batch_size):
    model = still("mse", ["r2"])
    y = REAL + np.array([0.0, 5.0, 100.0])
    expected = scores.r2_score(y, model.predict(X), sample_weight=w)
    assert measured(model, y, w, batch_size)["r2"] == pytest.approx(expected, rel=1e-12)
    assert model.evaluate(X, y, sample_weight=w)["r2"] == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("shape", [(N,), (N, 1)])
def test_r2_of_one_column(shape):
    model, y = still("huber", ["r2"], units=1), REAL[:, 0]
    expected = scores.r2_score(y, model.predict(X)[:, 0])
    assert measured(model, y.reshape(shape))["r2"] == pytest.approx(expected, rel=1e-12)


def test_r2_far_from_0_in_single_precision():
    """The variance comes from deviations: a difference of squares of 1e4 would have no digits."""
    model = xn.Model(xn.Dense(1), "mse", metrics=["r2"], optimizer=xn.SGD(1e-30), input_shape=4)
    model.build()
    model.parameters["bias"][...] = 1e4
    y = (1e4 + REAL[:, :1]).astype("float32")
    expected = scores.r2_score(y.astype("float64"), model.predict(X).astype("float64"))
    assert measured(model, y)["r2"] == pytest.approx(expected, rel=1e-3)


@weighted
@pytest.mark.parametrize("bias", [0.1, 0.2], ids=["exact", "wrong"])
def test_r2_of_a_constant_target(w, bias):
    """0.1 has no exact mean; that must not count as variance."""
    model = still("mse", ["r2"], units=1)
    model.parameters["weight"][...], model.parameters["bias"][...] = 0, bias
    y = np.full((N, 1), 0.1)
    assert measured(model, y, w)["r2"] == (1.0 if bias == 0.1 else 0.0)


def test_r2_passes_nan_on():
    (metric,) = get_metrics(["r2"], get_loss("mse")).values()
    rows = np.array([[np.nan, 1.0, 0.0], [0.0, 1.0, 0.0]])
    assert np.isnan(metric.combine(rows, np.array([2.0, 1.0])))


@pytest.mark.parametrize(
    ("loss", "units", "read"),
    [("poisson", K, np.exp), ("gaussian_nll", 2 * K, lambda z: z[:, :K])],
)
def test_metrics_compare_what_the_output_predicts(loss, units, read):
    model = still(loss, ["r2", "mean_absolute_error", "mse"], units=units)
    y, z = np.abs(REAL), read(model.predict(X))
    found = measured(model, y)
    assert found["r2"] == pytest.approx(scores.r2_score(y, z), rel=1e-12)
    expected = scores.mean_absolute_error(y, z)
    assert found["mean_absolute_error"] == pytest.approx(expected, rel=1e-12)
    assert found["mse"] == pytest.approx(scores.mean_squared_error(y, z), rel=1e-12)


# --- the answers of classifiers --------------------------------------------------------------


@weighted
@pytest.mark.parametrize("y", [LABELS, ONE_HOT], ids=["labels", "one-hot"])
@pytest.mark.parametrize("loss", ["softmax_cross_entropy", "focal", "multiclass_hinge"])
def test_top_k_accuracy(loss, y, w):
    model = still(loss, ["top_1_accuracy", "top_2_accuracy", "accuracy"])
    found, z = measured(model, y, w), model.predict(X)
    for k in (1, 2):
        expected = scores.top_k_accuracy_score(LABELS, z, k=k, sample_weight=w)
        assert found[f"top_{k}_accuracy"] == pytest.approx(expected)
    assert found["accuracy"] == pytest.approx(found["top_1_accuracy"])


@pytest.mark.parametrize("k", [3, 5])
def test_top_k_of_all_classes_means_nothing(k):
    model = built("focal", [f"top_{k}_accuracy"])
    with pytest.raises(xn.errors.ArgumentError, match=rf"top_{k}_accuracy is always 1 for 3"):
        model.evaluate(X, LABELS)


@pytest.mark.parametrize(
    ("loss", "last", "threshold"),
    [
        ("binary_cross_entropy_with_logits", None, 0.0),
        ("binary_focal", None, 0.0),
        ("hinge", None, 0.0),
        ("binary_cross_entropy", xn.Sigmoid(), 0.5),
    ],
)
def test_accuracy_of_binary_losses(loss, last, threshold):
    net = xn.Dense(K) if last is None else xn.Sequential(xn.Dense(K), last)
    model = built(loss, net=net)
    z = model.predict(X)
    expected = np.mean((z > threshold) == (BITS > 0.5))
    assert 0.2 < expected < 0.9
    assert model.evaluate(X, BITS)["accuracy"] == pytest.approx(expected)


def test_accuracy_of_probabilities_of_classes():
    model = built("cross_entropy", net=xn.Sequential(xn.Dense(K), xn.Softmax()))
    expected = scores.accuracy_score(LABELS, model.predict(X).argmax(-1))
    assert model.evaluate(X, LABELS)["accuracy"] == pytest.approx(expected)
    assert model.evaluate(X, ONE_HOT)["accuracy"] == pytest.approx(expected)


# --- losses as metrics -----------------------------------------------------------------------


@weighted
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("mean_absolute_error", scores.mean_absolute_error),
        ("mae", scores.mean_absolute_error),
        ("mean_squared_error", scores.mean_squared_error),
        ("quantile", lambda y, z, **w: scores.mean_pinball_loss(y, z, alpha=0.5, **w)),
    ],
)
def test_losses_by_name_as_metrics(name, expected, w):
    model = still("log_cosh", [name])
    found = measured(model, REAL, w)
    assert found[name] == pytest.approx(expected(REAL, model.predict(X), sample_weight=w))


@weighted
def test_a_sum_is_added_up_over_the_batches(w):
    model = still("residual_sum_of_squares", ["rss", "mse"])
    share = np.ones(N) if w is None else w
    expected = ((model.predict(X) - REAL) ** 2).sum(-1) @ share
    for found in (measured(model, REAL, w), model.evaluate(X, REAL, sample_weight=w)):
        assert found["loss"] == found["rss"] == pytest.approx(expected, rel=1e-12)
        assert found["mse"] == pytest.approx(expected / share.sum() / K, rel=1e-12)


def test_a_sum_has_the_gradient_of_a_sum():
    a, b = built("rss", optimizer=xn.SGD(0.01)), built("mse", optimizer=xn.SGD(0.01 * N * K))
    a.train_on_batch(X, REAL)
    b.train_on_batch(X, REAL)
    np.testing.assert_allclose(a.predict(X), b.predict(X), rtol=1e-10)


def test_a_loss_with_settings_as_a_metric():
    model = still("mse", [xn.losses.huber(delta=0.5)])
    size = np.abs(model.predict(X) - REAL)
    expected = np.where(size <= 0.5, size**2 / 2, 0.5 * (size - 0.25)).mean()
    assert measured(model, REAL)["huber"] == pytest.approx(expected)


def test_the_loss_itself_is_a_metric_by_its_name():
    found = measured(still("poisson", ["poisson"]), np.abs(REAL))
    assert found["poisson"] == found["loss"]


# --- what a metric is ------------------------------------------------------------------------


def test_a_metric_of_ones_own():
    """The smallest output: the minimum over the batches, not their mean."""

    def parts(output, target, samples, weights):
        return [xn.ops.max(output), xn.ops.max(-output, axis=0)]

    def combine(rows, shares):
        assert rows.shape == (5, 1 + K)
        assert shares.tolist() == [5, 5, 5, 5, 3]
        return -rows[:, 1:].max()

    found = measured(model := still("mse", [Metric("lowest", parts, combine)]), REAL)
    assert found["lowest"] == pytest.approx(model.predict(X).min())


def test_the_mean_of_batches_is_by_their_shares():
    metric = loss_metric(get_loss("mse"))
    assert metric.name == "mean_squared_error"
    assert metric.combine(np.array([[1.0], [4.0]]), np.array([3.0, 1.0])) == 1.75


@pytest.mark.parametrize(
    ("loss", "metric", "words"),
    [
        ("softmax_cross_entropy", "r2", "r2 needs a regression loss, not 'softmax_cross_entropy'"),
        ("hinge", "r2", "r2 needs a regression loss"),
        ("mse", "top_5_accuracy", "top_5_accuracy needs a class loss"),
        ("hinge", "top_2_accuracy", "top_2_accuracy needs a class loss"),
        ("huber", "accuracy", "accuracy needs a classification loss"),
        ("huber", "top_0_accuracy", "unknown metric 'top_0_accuracy'"),
        ("huber", "poisson", "unknown metric 'poisson'"),
        ("huber", "R2", "Did you mean 'r2'"),
        ("huber", "absolute_error", "Did you mean 'mean_absolute_error'"),
        ("focal", "top5_accuracy", "Did you mean 'top_5_accuracy'"),
    ],
)
def test_metrics_that_do_not_go_with_the_loss(loss, metric, words):
    with pytest.raises(xn.errors.ArgumentError, match=words):
        xn.Model(xn.Dense(3), loss, metrics=[metric])


def test_r2_of_several_quantiles_is_refused():
    model = built(xn.losses.quantile([0.1, 0.5, 0.9]), ["r2"])
    with pytest.raises(xn.errors.ShapeError, match=r"r2 expects .* \(23, 3\) and \(23, 1\)"):
        model.evaluate(X, REAL[:, :1])


def test_sklearn_has_the_same_r2_of_constants():
    """What the tests above assume."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert scores.r2_score([2.0, 2.0], [2.0, 2.0]) == 1.0
        assert scores.r2_score([2.0, 2.0], [2.0, 3.0]) == 0.0


# --- outputs that are NaN -------------------------------------------------------------------------

KINDS = {  # loss, units, targets with which an output of zeros is right, and metrics
    "labels": ("softmax_cross_entropy", 3, np.zeros(40, int), ["accuracy", "top_2_accuracy"]),
    "hinge": ("multiclass_hinge", 3, np.zeros(40, int), ["accuracy", "top_1_accuracy"]),
    "probabilities": ("softmax_cross_entropy", 3, np.eye(3)[np.zeros(40, int)], ["accuracy"]),
    "binary": ("binary_cross_entropy_with_logits", 1, np.zeros(40), ["accuracy"]),
    "columns": ("binary_cross_entropy_with_logits", 2, np.zeros((40, 2)), ["accuracy"]),
    "threshold": ("binary_cross_entropy", 2, np.zeros((40, 2)), ["accuracy"]),
}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("backend", ["numpy", "plan", "interpreter", "torch", "jax"])
def test_outputs_that_are_nan_count_as_wrong(kind, backend):
    if backend in ("torch", "jax"):
        pytest.importorskip(backend)
    place = {"plan": NumpyBackend(False), "interpreter": array_api_strict}.get(backend, backend)
    loss, units, y, metrics = KINDS[kind]
    net = xn.Dense(units, kernel_init=xn.init.constant(0.0), bias=False)
    model = xn.Model(net, loss, metrics=metrics, backend=place, check_finite=False, input_shape=4)
    x = np.ones((40, 4), "float32")
    whole = model.evaluate(x, y)
    assert all(whole[name] >= 0 for name in metrics)
    x[::4] = np.nan
    with pytest.warns(TrainingWarning, match="10 of 40 rows have outputs that are NaN"):
        part = model.evaluate(x, y, batch_size=16)
    assert np.isnan(part["loss"])
    for name in metrics:
        assert part[name] == pytest.approx(0.75 * whole[name], rel=1e-6)
    x[:] = np.nan
    with pytest.warns(TrainingWarning, match="40 of 40 rows"):
        found = model.evaluate(x, y)
    assert [found[name] for name in metrics] == [0] * len(metrics)


def test_finite_outputs_are_no_cause_of_a_loss_that_is_nan():
    """The error is told where it is: here a target's."""
    model = xn.Model(xn.Dense(1), "mse", check_finite=False, input_shape=2).build()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert np.isnan(model.evaluate(np.ones((4, 2)), np.full((4, 1), np.nan))["loss"])


@pytest.mark.parametrize("at", [0, 1, 2])
def test_one_output_that_is_nan_is_enough(at, xp):
    """Whichever: the largest of them is not known."""
    z = np.array([[3.0, 1, 2], [1, 3, 2], [1, 2, 3], [np.inf, 1, 2]])
    z[:3, at] = np.nan
    graph = Graph()
    logits, labels = graph.input("z", (4, 3), "float64"), graph.input("y", (4,), "int64")
    soft = graph.input("t", (4, 3), "float64")
    found = [ops.accuracy(logits, labels), ops.soft_accuracy(logits, soft)]
    for label in range(3):
        y = np.array([label, label, label, 0])
        feeds = {logits: z, labels: y, soft: np.eye(3)[y]}
        for got in xp.compute(graph, feeds, found):
            np.testing.assert_array_equal(xp.to_numpy(got), [0, 0, 0, 1])
