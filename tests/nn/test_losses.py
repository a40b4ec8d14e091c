"""Losses and metrics by name: values against torch, and what they accept as targets."""

import numpy as np
import pytest

import xpnet as xn

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
    assert "binary_cross_entropy_with_logits, mean_squared_error" in text


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


@pytest.mark.parametrize("loss", [None, 3, ["mean_squared_error"]], ids=repr)
def test_what_is_no_loss_is_refused(loss):
    with pytest.raises(xn.errors.ArgumentError, match="a loss is a name or a function"):
        xn.Model(xn.Dense(3), loss=loss)
