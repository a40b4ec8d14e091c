"""Losses and metrics by name: values against torch, and what they accept as targets."""

import numpy as np
import pytest

import xpnet as xn
from xpnet.backends.cpu import NumpyBackend
from xpnet.engine.batch_graph import BatchSpec

RNG = np.random.default_rng(0)
X = RNG.normal(size=(9, 4))
REAL, LABELS = RNG.normal(size=(9, 3)), RNG.integers(0, 3, 9)
ONE_HOT = np.eye(3)[LABELS]
SOFT = np.abs(REAL) / np.abs(REAL).sum(-1, keepdims=True)
BITS = (REAL > 0).astype(float)


def built(loss, units=3, **settings):
    return xn.Model(xn.Dense(units), loss, dtype="float64", input_shape=4, **settings).build()


@pytest.mark.parametrize(
    ("loss", "y", "reference"),
    [
        ("softmax_cross_entropy", LABELS, "cross_entropy"),
        ("softmax_cross_entropy", ONE_HOT, "cross_entropy"),
        ("softmax_cross_entropy", SOFT, "cross_entropy"),
        ("binary_cross_entropy_with_logits", BITS, "binary_cross_entropy_with_logits"),
        ("binary_cross_entropy_with_logits", SOFT, "binary_cross_entropy_with_logits"),
        ("mean_squared_error", REAL, "mse_loss"),
    ],
)
def test_values_and_one_step_like_torch(loss, y, reference):
    model = built(loss, optimizer=xn.SGD(0.1))
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    w = torch.tensor(model.parameters["weight"].copy(), requires_grad=True)
    expected = getattr(torch.nn.functional, reference)(torch.tensor(X) @ w, torch.tensor(y))
    expected.backward()
    assert model.evaluate(X, y)["loss"] == pytest.approx(expected.item(), rel=1e-12)
    assert model.train_on_batch(X, y) == pytest.approx(expected.item(), rel=1e-12)
    np.testing.assert_allclose(
        model.parameters["weight"], (w - 0.1 * w.grad).detach().numpy(), rtol=1e-10
    )


@pytest.mark.smoke
@pytest.mark.parametrize(
    "y",
    [LABELS, LABELS.astype("int8"), LABELS.astype("uint64"), LABELS.tolist(), ONE_HOT,
     ONE_HOT.astype("int32"), ONE_HOT.astype(bool), ONE_HOT.astype("float32"), ONE_HOT.tolist()],
    ids=["int64", "int8", "uint64", "list", "one-hot", "int one-hot", "bool one-hot",
         "float32 one-hot", "one-hot list"],
)  # fmt: skip
def test_every_form_of_labels_gives_the_same_loss(y):
    model = built("softmax_cross_entropy")
    assert model.evaluate(X, y) == pytest.approx(model.evaluate(X, LABELS), rel=1e-12)


@pytest.mark.parametrize("shape", [(9,), (9, 1)])
@pytest.mark.parametrize("kind", [bool, int, float, "uint8"])
def test_every_form_of_binary_targets_gives_the_same_loss(shape, kind):
    model = built("binary_cross_entropy_with_logits", units=1)
    y = BITS[:, 0]
    z = model.predict(X)[:, 0]
    expected = np.mean(np.log1p(np.exp(-np.abs(z))) + np.maximum(z, 0) - z * y)
    found = model.evaluate(X, y.astype(kind).reshape(shape))
    assert found["loss"] == pytest.approx(expected, rel=1e-12)
    assert found["accuracy"] == pytest.approx(np.mean((z > 0) == (y > 0.5)))


@pytest.mark.parametrize("shape", [(9,), (9, 1)])
@pytest.mark.parametrize("kind", ["float64", "float32", "int64", "uint8", bool])
def test_every_form_of_a_real_column_gives_the_same_loss(shape, kind):
    model, y = built("mean_squared_error", units=1), np.arange(9) % 2
    expected = np.mean((model.predict(X)[:, 0] - y) ** 2)
    found = model.evaluate(X, y.astype(kind).reshape(shape))["loss"]
    assert found == pytest.approx(expected, rel=1e-12)


def test_accuracy_counts_right_answers():
    model = built("softmax_cross_entropy")
    expected = np.mean(model.predict(X).argmax(-1) == LABELS)
    assert model.evaluate(X, LABELS)["accuracy"] == pytest.approx(expected)
    assert model.evaluate(X, ONE_HOT)["accuracy"] == pytest.approx(expected)


def test_accuracy_of_several_binary_columns():
    model = built("binary_cross_entropy_with_logits")
    expected = np.mean((model.predict(X) > 0) == (BITS > 0.5))
    assert model.evaluate(X, BITS)["accuracy"] == pytest.approx(expected)


@pytest.mark.parametrize(
    ("loss", "default"),
    [
        ("softmax_cross_entropy", {"loss", "accuracy"}),
        ("binary_cross_entropy_with_logits", {"loss", "accuracy"}),
        ("mean_squared_error", {"loss"}),
    ],
)
def test_default_metrics(loss, default):
    y = {"softmax_cross_entropy": LABELS}.get(loss, BITS)
    assert set(built(loss).evaluate(X, y)) == default
    assert set(built(loss, metrics=[]).evaluate(X, y)) == {"loss"}


def test_extreme_logits_give_finite_losses():
    model = built("softmax_cross_entropy")
    model.parameters["weight"][...] *= 1e6
    assert np.isfinite(model.evaluate(X, LABELS)["loss"])
    model = built("binary_cross_entropy_with_logits")
    model.parameters["weight"][...] *= 1e6
    assert np.isfinite(model.evaluate(X, BITS)["loss"])


def test_an_unknown_loss_lists_the_names_and_the_nearest():
    with pytest.raises(xn.errors.UnknownNameError) as caught:
        xn.Model(xn.Dense(3), loss="softmax_crossentropy")
    text = str(caught.value)
    assert "unknown loss 'softmax_crossentropy'" in text
    assert "Did you mean 'softmax_cross_entropy'?" in text
    assert "binary_cross_entropy_with_logits, binary_focal, cross_entropy" in text


def test_an_unknown_metric_lists_the_names_and_the_nearest():
    with pytest.raises(xn.errors.UnknownNameError) as caught:
        xn.Model(xn.Dense(3), metrics=["acuracy"])
    assert "unknown metric 'acuracy'. Did you mean 'accuracy'?" in str(caught.value)
    assert "mean_squared_error" in str(caught.value)


def test_accuracy_of_a_regression_is_refused():
    with pytest.raises(xn.errors.ArgumentError, match="accuracy needs a classification loss"):
        xn.Model(xn.Dense(3), loss="mean_squared_error", metrics=["accuracy"])


@pytest.mark.parametrize("metrics", ["accuracy", [["accuracy"]], [None], 3], ids=repr)
def test_metrics_that_are_no_list_of_metrics(metrics):
    with pytest.raises(xn.errors.ArgumentError, match="metric") as caught:
        xn.Model(xn.Dense(3), metrics=metrics)
    assert "'a'" not in str(caught.value), "a text must not be taken letter by letter"


@pytest.mark.parametrize(
    "loss",
    [None, 3, ["mean_squared_error"], xn.losses.huber],
    ids=["None", "number", "list", "factory"],
)
def test_what_is_no_loss_is_refused(loss):
    with pytest.raises(xn.errors.ArgumentError, match=r"a loss is a name or .* xpnet\.losses\.hub"):
        xn.Model(xn.Dense(3), loss=loss)


# --- every loss trains -----------------------------------------------------------------------

PROBABILITIES = {"cross_entropy": xn.Softmax, "bce": xn.Sigmoid, "binary_cross_entropy": xn.Sigmoid}
COUNTS = np.abs(np.round(3 * REAL))


def targets(loss):
    return {"classes": LABELS, "binary": BITS, "real": REAL, "counts": COUNTS}[loss.target]


def net_for(loss):
    last = PROBABILITIES.get(loss.name)
    layer = xn.Dense(6 if loss.name == "gaussian_nll" else 3)
    return layer if last is None else xn.Sequential(layer, last())


@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize(
    "spec",
    [
        *xn.losses.names(),
        xn.losses.quantile(0.9),
        xn.losses.softmax_cross_entropy(label_smoothing=0.1),
        xn.losses.focal(gamma=0.5),
    ],
    ids=str,
)
def test_training_lowers_the_loss(spec, weighted):
    loss = xn.losses.get(spec)
    w = np.arange(9) % 3 * 1.0 if weighted else None
    for dtype, backend in (("float32", "numpy"), ("float64", NumpyBackend())):  # by single calls
        optimizer = xn.SGD(0.02)
        model = xn.Model(net_for(loss), spec, optimizer, dtype=dtype, backend=backend)
        history = model.fit(X, targets(loss), sample_weight=w, epochs=7, batch_size=4)
        assert history["loss"][-1] < history["loss"][0]
        found = model.evaluate(X, targets(loss), sample_weight=w)
        assert found["loss"] < history["loss"][0]
        assert ("accuracy" in found) == (loss.target in ("classes", "binary"))


@pytest.mark.parametrize("share", [0.0, 0.1])
def test_smoothed_labels_are_not_spread_out(share):
    """One op looks a label up; no matrix has a row for each label."""
    loss = xn.losses.softmax_cross_entropy(label_smoothing=share)
    graph = built(loss).engine.programs.get(BatchSpec("train", 9, (), "int64")).batch_graph.graph
    names = [node.record.name for node in graph.nodes]
    assert names.count("softmax_cross_entropy") == 1
    assert not {"one_hot", "soft_cross_entropy"} & {*names}


def test_quantiles_have_an_output_each():
    levels = [0.1, 0.5, 0.9]
    model = xn.Model(xn.Dense(3), xn.losses.quantile(levels), optimizer=xn.Adam(0.05))
    x, y = np.zeros((101, 1)), np.arange(101) / 100
    for shape in ((101,), (101, 1)):
        model.fit(x, y.reshape(shape), epochs=150, batch_size=101)
    np.testing.assert_allclose(model.predict(x[:1])[0], levels, atol=0.02)


def test_gaussian_nll_finds_mean_and_variance():
    model = xn.Model(xn.Dense(2), "gaussian_nll", optimizer=xn.Adam(0.05), dtype="float64")
    x, y = np.zeros((100, 1)), RNG.normal(3.0, 0.5, 100)
    model.fit(x, y, epochs=400, batch_size=100)
    mean, log_variance = model.predict(x[:1])[0]
    assert mean == pytest.approx(y.mean(), abs=1e-3)
    assert log_variance == pytest.approx(np.log(y.var()), abs=1e-3)


def test_poisson_finds_the_logarithm_of_the_rate():
    model = xn.Model(xn.Dense(1), "poisson", optimizer=xn.Adam(0.05), dtype="float64")
    x, y = np.zeros((100, 1)), RNG.poisson(4.0, 100)
    model.fit(x, y, epochs=400, batch_size=100)
    assert model.predict(x[:1])[0, 0] == pytest.approx(np.log(y.mean()), abs=1e-3)


def test_saturated_probabilities_still_train():
    """The network is certain and wrong: p is exactly 0 and 1, the loss is 100, nothing is NaN."""
    model = xn.Model(xn.Sequential(xn.Dense(2), xn.Softmax()), "cross_entropy", input_shape=2)
    model.build().parameters["layers.0.weight"][...] = [[500, -500], [-500, 500]]
    x = np.eye(2)
    assert model.evaluate(x, [1, 0])["loss"] == 100
    assert model.train_on_batch(x, [1, 0]) == 100
    assert all(np.isfinite(a).all() for a in model.parameters.values())


def test_a_loss_can_be_part_of_ones_own():
    def both(z, t):
        return 0.5 * xn.losses.mean_squared_error()(z, t) + xn.losses.huber(delta=0.1)(z, t)

    z = built("mean_squared_error").predict(X)
    size = np.abs(z - REAL)
    expected = np.where(size <= 0.1, size**2 / 2, 0.1 * (size - 0.05)) + size**2 / 2
    found = built(both).evaluate(X, REAL)["loss"]
    assert found == pytest.approx(expected.mean(), rel=1e-12)


@pytest.mark.parametrize(
    ("short", "name"),
    [("mse", "mean_squared_error"), ("mae", "mean_absolute_error"),
     ("rss", "residual_sum_of_squares"), ("bce", "binary_cross_entropy")],
)  # fmt: skip
def test_short_names(short, name):
    assert xn.losses.get(short).name == name


# --- targets that do not fit -----------------------------------------------------------------


@pytest.mark.parametrize(
    ("loss", "units", "y", "kind", "words"),
    [
        ("gaussian_nll", 3, REAL, xn.errors.ShapeError, "gaussian_nll needs .* 2 k outputs.* 3"),
        ("gaussian_nll", 4, REAL, xn.errors.ShapeError,
         r"gaussian_nll expects y of shape \(9, 2\) for this network, got \(9, 3\)"),
        ("gaussian_nll", 2, REAL, xn.errors.ShapeError, r"shape \(9, 1\) or \(9,\) for this"),
        (xn.losses.quantile([0.1, 0.9]), 3, REAL[:, 0], xn.errors.ShapeError,
         r"quantile with q=\(0.1, 0.9\) needs a network with 2 outputs.* 3"),
        (xn.losses.quantile([0.1, 0.9]), 2, REAL[:, :2], xn.errors.ShapeError,
         r"quantile expects y of shape \(9, 1\) or \(9,\) for this network, got \(9, 2\)"),
        ("huber", 3, REAL[:, :1], xn.errors.ShapeError, r"huber expects y of shape \(9, 3\)"),
        ("poisson", 3, -COUNTS, xn.errors.DataError, "poisson expects y of at least 0, got -"),
        ("binary_focal", 3, 2 * BITS, xn.errors.DataError, "binary_focal expects y from 0 to 1"),
        ("bce", 3, -BITS, xn.errors.DataError, "binary_cross_entropy expects y from 0 to 1"),
        ("hinge", 3, 2 * BITS - 1, xn.errors.DataError, "hinge expects y from 0 to 1"),
        ("hinge", 3, SOFT, xn.errors.DataError, "hinge expects y of 0 and 1, not probabilities"),
        ("multiclass_hinge", 3, SOFT, xn.errors.DataError, "multiclass_hinge expects y of 0 and"),
        ("multiclass_hinge", 3, LABELS + 1, xn.errors.DataError, "from 1 to 3.*y - 1"),
        ("focal", 3, LABELS * 1.0, xn.errors.DTypeError, "must be integers from 0 to 2"),
        ("cross_entropy", 3, 2 * SOFT, xn.errors.DataError, "from 0 to 1|add up to 1"),
    ],
)  # fmt: skip
def test_targets_that_do_not_fit(loss, units, y, kind, words):
    model = built(loss, units)
    state = model.state_dict()
    for method in (model.fit, model.evaluate, model.train_on_batch):
        with pytest.raises(kind, match=words):
            method(X, y)
    assert all(np.array_equal(a, state[n]) for n, a in model.parameters.items())


def test_a_loss_never_broadcasts_its_target():
    def column_against_row(z, t):
        return xn.losses.mean_absolute_error()(z, xn.ops.reshape(t, shape=(9,)))

    with pytest.raises(xn.errors.ShapeError, match=r"shape \(9, 1\) for an output .* got \(9,\)"):
        built(column_against_row, 1).evaluate(X, REAL[:, :1])


@pytest.mark.parametrize(
    ("make", "settings"),
    [
        ("huber", {"delta": 0}), ("huber", {"delta": "1"}), ("huber", {"delta": np.inf}),
        ("quantile", {"q": 0}), ("quantile", {"q": 1.0}), ("quantile", {"q": [0.5, 1.5]}),
        ("quantile", {"q": []}), ("quantile", {"q": "0.5"}), ("focal", {"gamma": -1}),
        ("binary_focal", {"gamma": None}), ("softmax_cross_entropy", {"label_smoothing": 1.0}),
        ("softmax_cross_entropy", {"label_smoothing": -0.1}),
    ],
    ids=str,
)  # fmt: skip
def test_settings_out_of_range(make, settings):
    with pytest.raises(xn.errors.ArgumentError, match=rf"{next(iter(settings))} "):
        getattr(xn.losses, make)(**settings)
