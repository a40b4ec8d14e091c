"""`fit`, `train_on_batch`, `predict`, `evaluate`, `summary`, `MLP`: what they do on good data."""

import numpy as np
import pytest

import xpnet as xn

RNG = np.random.default_rng(0)
X, LABELS, REAL = RNG.normal(size=(23, 4)), RNG.integers(0, 3, 23), RNG.normal(size=(23, 3))


def make(net=None, **settings):
    settings = {"optimizer": xn.SGD(0.1), **settings}
    return xn.Model(net or xn.Sequential(xn.Dense(8), xn.ReLU(), xn.Dense(3)), **settings)


def test_the_example_of_the_requirement():
    net = xn.Sequential(xn.Dense(128, kernel_init=xn.init.normal(0.01)), xn.ReLU(), xn.Dense(10))
    model = xn.Model(
        net,
        loss="softmax_cross_entropy",
        optimizer=xn.SGD(0.1, momentum=0.9),
        backend=None,
        dtype="float32",
        seed=0,
    )
    X, y, Xv, yv = xn.datasets.digits()
    history = model.fit(
        X,
        y,
        epochs=20,
        batch_size=128,
        sample_weight=None,
        validation_data=(Xv, yv),
        callbacks=[],
        verbose="auto",
    )
    assert history["loss"][-1] < 0.1 < history["loss"][0]
    assert history["val_accuracy"][-1] > 0.95
    assert model.evaluate(Xv, yv)["accuracy"] == pytest.approx(history["val_accuracy"][-1])
    loss = model.train_on_batch(X[:64], y[:64])
    assert (loss.shape, loss.dtype) == ((), np.float32)
    assert model.predict(Xv).shape == (len(Xv), 10)
    assert "9,610 parameters" in model.summary()  # 64 * 128 + 128 + 128 * 10 + 10
    assert sum(a.size for a in model.state_dict().values()) == 9610  # fmt: skip


@pytest.mark.smoke
def test_history_has_a_row_an_epoch():
    history = make().fit(X, LABELS, epochs=3, validation_data=(X, LABELS))
    assert history.columns == (
        "epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds",
    )  # fmt: skip
    assert len(history) == 3
    assert history["epoch"] == [1, 2, 3]
    assert history["learning_rate"] == [0.1] * 3
    assert all(s > 0 for s in history["seconds"])
    assert history["loss"][0] > history["loss"][1] > history["loss"][2]
    assert history[-1]["loss"] == history["loss"][-1]
    assert [row["epoch"] for row in history] == [1, 2, 3]
    assert all(type(v) in (int, float) for column in history.to_dict().values() for v in column)
    assert len(str(history).splitlines()) == 4
    assert "3 epochs" in repr(history)


def test_an_unknown_column_names_the_columns():
    with pytest.raises(KeyError, match=r"'acc'.*epoch, loss, accuracy"):
        make().fit(X, LABELS, epochs=1)["acc"]


def test_rows_of_the_history_can_be_sliced():
    history = make().fit(X, LABELS, epochs=3)
    assert [row["epoch"] for row in history[1:]] == [2, 3]


@pytest.mark.parametrize("batch_size", [1, 2, 7, 22, 23, 24, 1000])
@pytest.mark.parametrize("rows", [1, 2, 23])
def test_every_batch_size(batch_size, rows):
    steps = []

    class Count(xn.Callback):
        def on_step_end(self, model, step):
            steps.append(step)

    model = make()
    settings = {"epochs": 2, "batch_size": batch_size, "callbacks": [Count()]}
    history = model.fit(X[:rows], LABELS[:rows], **settings)
    per_epoch = -(-rows // batch_size)
    assert steps == list(range(1, 2 * per_epoch + 1))
    assert model.engine.state.updates == 2 * per_epoch
    assert history["loss"][1] < history["loss"][0]


@pytest.mark.parametrize("features", [1, 2])
@pytest.mark.parametrize("rows", [1, 5])
@pytest.mark.parametrize("units", [1, 2])
@pytest.mark.parametrize(
    "loss", ["softmax_cross_entropy", "binary_cross_entropy_with_logits", "mean_squared_error"]
)
def test_one_sample_one_feature_one_class(features, rows, units, loss):
    x, y = X[:rows, :features], np.zeros(rows, int)
    if loss != "softmax_cross_entropy" and units > 1:
        y = np.zeros((rows, units))
    model = make(xn.Dense(units), loss=loss)
    history = model.fit(x, y, epochs=2, batch_size=3, validation_data=(x, y))
    assert np.isfinite(history["loss"] + history["val_loss"]).all()
    if (loss, units) == ("softmax_cross_entropy", 1):
        assert history["loss"] == [0, 0]
    else:
        assert history["loss"][1] < history["loss"][0]
    assert model.predict(x).shape == (rows, units)
    assert model.train_on_batch(x, y).shape == ()


def test_samples_of_several_dimensions():
    x = RNG.normal(size=(9, 2, 5))
    net = xn.Sequential(lambda v: xn.ops.reshape(v, shape=(v.shape[0], 10)), xn.Dense(3))
    model = make(net)
    history = model.fit(x, LABELS[:9], epochs=3, batch_size=4)
    assert history["loss"][2] < history["loss"][0]
    assert model.predict(x).shape == (9, 3)


def test_a_step_returns_the_loss_before_it():
    model = make().build(4)
    before = model.evaluate(X, LABELS)["loss"]
    loss = model.train_on_batch(X, LABELS)
    assert type(loss) is np.ndarray
    assert loss.shape == ()
    assert float(loss) == pytest.approx(before, rel=1e-6)
    assert model.evaluate(X, LABELS)["loss"] < before
    assert (model.engine.state.updates, model.epoch) == (1, 0)


def test_a_returned_loss_does_not_change_later():
    model = make()
    first = model.train_on_batch(X, LABELS)
    value = float(first)
    model.train_on_batch(X, LABELS)
    model.evaluate(X[:3], LABELS[:3])
    assert float(first) == value


def test_a_returned_prediction_does_not_change_later():
    model = make().build(4)
    first = model.predict(X)
    value = first.copy()
    model.predict(X + 1)
    model.fit(X, LABELS, epochs=1)
    np.testing.assert_array_equal(first, value)


@pytest.mark.parametrize("batch_size", [1, 5, 22, 23, 100])
def test_predictions_and_losses_do_not_depend_on_the_batch_size(batch_size):
    model = make(dtype="float64").build(4)
    np.testing.assert_allclose(model.predict(X, batch_size), model.predict(X), rtol=1e-12)
    found = model.evaluate(X, LABELS, batch_size=batch_size)
    assert found == pytest.approx(model.evaluate(X, LABELS), rel=1e-12)


def test_predict_and_evaluate_change_nothing():
    model = make(optimizer=xn.Adam())
    model.fit(X, LABELS, epochs=1)
    twin = make(optimizer=xn.Adam())
    twin.fit(X, LABELS, epochs=1)
    model.predict(X[:5])
    model.evaluate(X, LABELS)
    assert model.fit(X, LABELS, epochs=1)["loss"] == twin.fit(X, LABELS, epochs=1)["loss"]


@pytest.mark.parametrize("layout", ["C", "F", "strided", "reversed", "read-only", "int", "float16"])
def test_any_layout_of_the_data_gives_the_same_training_and_is_left_alone(layout):
    x, y = np.round(X * 4), LABELS
    expected = make().fit(x, y, epochs=2, batch_size=5)["loss"]
    given = {
        "C": x.copy(), "F": np.asfortranarray(x), "strided": np.repeat(x, 2, axis=1)[:, ::2],
        "reversed": x[::-1].copy()[::-1], "read-only": x.copy(), "int": x.astype("int16"),
        "float16": x.astype("float16"),
    }[layout]  # fmt: skip
    given.flags.writeable = layout != "read-only"
    labels = np.stack([y, y], axis=1)[:, 0]
    labels.flags.writeable = layout != "read-only"
    assert make().fit(given, labels, epochs=2, batch_size=5)["loss"] == expected
    np.testing.assert_array_equal(given, x)
    np.testing.assert_array_equal(labels, y)


def test_summary_lists_layers_shapes_and_parameters():
    shared = xn.Dense(8)
    text = make(xn.Sequential(xn.Dense(8), shared, xn.Residual(shared), xn.Dense(3)))
    text = text.build(4).summary()
    assert "(n, 8)" in text
    assert "shared" in text
    assert "139 parameters" in text  # 40 + 72 + 27
    for kind in ("Sequential", "Dense", "Residual"):
        assert kind in text


def test_what_needs_parameters_says_how_to_make_them():
    for use in (
        lambda m: m.parameters, lambda m: m.summary(), lambda m: m.state_dict(),
        lambda m: m.load_state_dict({}), lambda m: m.build(),
    ):  # fmt: skip
        model = make()
        with pytest.raises(xn.errors.ArgumentError, match=r"model\.build\(\(n_features,\)\)"):
            use(model)
        assert not model.built


@pytest.mark.parametrize("activation", ["tanh", xn.Tanh, xn.Tanh(), xn.ops.tanh])
def test_mlp_is_the_same_as_the_layers_written_out(activation):
    settings = {"kernel_init": "he_normal", "bias_init": xn.init.normal(0.1)}
    a = xn.MLP([4, 6, 5, 3], activation=activation, optimizer="sgd", seed=3, **settings)
    d = [xn.Dense(n, **settings) for n in (6, 5, 3)]
    b = xn.Model(xn.Sequential(d[0], xn.Tanh(), d[1], xn.Tanh(), d[2]), optimizer="sgd", seed=3)
    assert a.fit(X, LABELS, epochs=2)["loss"] == b.fit(X, LABELS, epochs=2)["loss"]


def test_mlp_knows_its_features():
    model = xn.MLP([4, 3]).build()
    assert model.parameters["layers.0.weight"].shape == (4, 3)
    with pytest.raises(xn.errors.ShapeError, match=r"\(4,\)"):
        xn.MLP([4, 3]).fit(X[:, :2], LABELS)


@pytest.mark.parametrize("sizes", [[4], [], 4, [4, 0], [0, 3], [4, 2.5], [4.0, 3], [4, True]])
def test_mlp_refuses_bad_sizes(sizes):
    with pytest.raises(xn.errors.ArgumentError, match=r"sizes|units|input_shape"):
        xn.MLP(sizes)
