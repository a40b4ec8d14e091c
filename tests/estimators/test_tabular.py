"""Estimators for tables: data frames in, strong defaults, one model out."""

import pickle
from time import perf_counter

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.model_selection import cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer

import xpnet as xn
from xpnet.estimators.table_samples import rows_for_validation
from xpnet.tabular.recipe import Recipe

pd = pytest.importorskip("pandas")
pytest.importorskip("narwhals", reason="the extra 'tables' is not installed")

ROWS = 120
QUICK = {"max_epochs": 3, "hidden": 16, "batch_size": 32, "random_state": 0, "threads": 1}


def frame(rows=ROWS, seed=0):
    """Every kind of column, with gaps."""
    rng = np.random.default_rng(seed)
    made = pd.DataFrame(
        {
            "age": rng.normal(40, 10, rows),
            "city": rng.choice(["Rome", "Oslo", "Lima"], rows),
            "job": rng.choice(list("abcdefghijkl"), rows),
            "member": rng.random(rows) < 0.5,
            "since": pd.date_range("2020-01-01", periods=rows),
        }
    )
    made.loc[3, "age"] = np.nan
    made.loc[5, "city"] = None
    return made


def values(X):
    return X["age"].fillna(40).to_numpy() / 10 + (X["city"] == "Rome").to_numpy() * 2.0


def labels(X):
    return np.where(values(X) > 4.5, "rich", "poor")


@pytest.fixture(scope="module")
def classifier():
    X = frame()
    return xn.TabularClassifier(**QUICK).fit(X, labels(X))


@pytest.fixture(scope="module")
def regressor():
    X = frame()
    return xn.TabularRegressor(**QUICK).fit(X, values(X))


# --- what it learns -------------------------------------------------------------------------------


def test_values_of_a_smooth_function():
    rng = np.random.default_rng(0)
    X = rng.uniform(-2, 2, (400, 2))
    y = 1000 + 50 * (np.sin(2 * X[:, 0]) + X[:, 1])
    model = xn.TabularRegressor(max_epochs=40, hidden=64, batch_size=32, random_state=0, threads=1)
    model.fit(X, y)
    assert model.score(X, y) > 0.9
    assert y.min() <= model.predict(100 * X).min()
    assert model.predict(100 * X).max() <= y.max()


def test_classes_of_a_table_with_every_kind_of_column():
    X = frame(400)
    model = xn.TabularClassifier(max_epochs=30, hidden=64, random_state=0, threads=1)
    assert model.fit(X, labels(X)).score(X, labels(X)) > 0.85


# --- attributes and predictions -------------------------------------------------------------------


def test_attributes(classifier, regressor):
    for model in (classifier, regressor):
        assert model.n_features_in_ == 5
        assert list(model.feature_names_in_) == ["age", "city", "job", "member", "since"]
        assert model.n_iter_ == len(model.history_) == 3
        assert isinstance(model.table_model_, xn.tabular.TableModel)
    assert list(classifier.classes_) == ["poor", "rich"]
    assert "val_accuracy" in classifier.history_[0]
    assert "val_loss" in regressor.history_[0]


def test_probabilities(classifier):
    X = frame()
    found = classifier.predict_proba(X)
    assert found.shape == (ROWS, 2)
    np.testing.assert_allclose(found.sum(axis=1), 1)
    np.testing.assert_array_equal(classifier.predict(X), classifier.classes_[found.argmax(1)])


def test_the_best_epoch_counts():
    X = frame()
    y = values(X)
    kept = []
    model = xn.TabularRegressor(**QUICK | {"max_epochs": 12, "learning_rate": 1.0})
    model.set_params(callbacks=[lambda m, e, logs: kept.append(m.state_dict())]).fit(X, y)
    losses = [row["val_loss"] for row in model.history_]
    best = len(losses) - 1 - int(np.argmin(losses[::-1]))
    found = model.table_model_.model.state_dict()
    assert all((found[name] == array).all() for name, array in kept[best].items())


def test_columns_are_found_by_name(classifier):
    X = frame(20, seed=1)
    wanted = classifier.predict_proba(X)
    turned = X[X.columns[::-1]].assign(extra=1)
    np.testing.assert_array_equal(classifier.predict_proba(turned), wanted)
    with pytest.raises(xn.errors.DataError, match="lacks the column 'job'"):
        classifier.predict(X.drop(columns="job"))


def test_categories_never_seen(classifier):
    X = frame(20, seed=1).assign(city="Atlantis")
    with pytest.warns(xn.errors.DataWarning, match="Atlantis"):
        assert len(classifier.predict(X)) == 20


@pytest.mark.parametrize("library", ["polars", "pyarrow"])
def test_other_data_frames(classifier, library):
    module = pytest.importorskip(library)
    X = frame(20, seed=1)
    other = module.DataFrame(X) if library == "polars" else module.Table.from_pandas(X)
    np.testing.assert_array_equal(classifier.predict_proba(other), classifier.predict_proba(X))


def test_other_labels():
    X = frame(40)
    rich = labels(X) == "rich"
    for names in ([False, True], [3, 7], [-1.0, 1.0], ["b", "a"]):
        y = np.array(names)[rich.astype(int)]
        found = xn.TabularClassifier(**QUICK | {"max_epochs": 1}).fit(X, y)
        assert found.predict(X).dtype == y.dtype
        assert set(found.classes_) == set(names)


def test_kinds_override_the_guess():
    X = np.column_stack([np.arange(60) % 3, np.arange(60) % 7]).astype(float)
    model = xn.TabularRegressor(kinds={"x0": "category", "x1": "ignored"}, **QUICK)
    model.fit(X, X[:, 0])
    features = model.table_model_.schema.features
    assert [f.kind for f in features] == ["category", "ignored"]


# --- files, pickles, scikit-learn -----------------------------------------------------------------


def test_saved_as_a_table_model(classifier, regressor, tmp_path):
    X = frame(20, seed=1)
    for model in (classifier, regressor):
        model.table_model_.save(tmp_path / "m.safetensors")
        again = xn.load(tmp_path / "m.safetensors")
        np.testing.assert_array_equal(again.predict(X), model.predict(X))
    assert again.history == regressor.history_


def test_pickled_and_cloned(classifier):
    X = frame(20, seed=1)
    again = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(again.predict_proba(X), classifier.predict_proba(X))
    fresh = clone(classifier)
    assert fresh.get_params() == classifier.get_params()
    assert not hasattr(fresh, "table_model_")


def test_the_same_seed_gives_the_same_model(classifier):
    X = frame()
    again = xn.TabularClassifier(**QUICK).fit(X, labels(X))
    np.testing.assert_array_equal(again.predict_proba(X), classifier.predict_proba(X))
    other = xn.TabularClassifier(**QUICK | {"random_state": 1}).fit(X, labels(X))
    assert (other.predict_proba(X) != classifier.predict_proba(X)).any()


def test_in_a_pipeline_and_a_search():
    X = frame(60)
    X, y = X.drop(columns="job"), values(X)
    model = make_pipeline(FunctionTransformer(), xn.TabularRegressor(**QUICK))
    assert len(cross_val_score(model, X, y, cv=2)) == 2


# --- ensembles ------------------------------------------------------------------------------------


def test_several_networks_become_one_model(tmp_path):
    X = frame(40)
    settings = QUICK | {"max_epochs": 2}
    for kind, y in ((xn.TabularClassifier, labels(X)), (xn.TabularRegressor, values(X))):
        model = kind(n_ens=3, **settings).fit(X, y)
        assert [row["member"] for row in model.history_] == [1, 1, 2, 2, 3, 3]
        net = model.table_model_.model.config.net
        assert isinstance(net, xn.Average)
        assert len(net.branches) == 3
        table = model.table_model_
        outputs = [member(table, i) for i in range(3)]
        if kind is xn.TabularClassifier:
            shares = [np.exp(o) / np.exp(o).sum(1, keepdims=True) for o in outputs]
            np.testing.assert_allclose(model.predict_proba(X), np.mean(shares, 0), rtol=1e-4)
        else:
            np.testing.assert_allclose(table.outputs(X), np.mean(outputs, 0), rtol=1e-4, atol=1e-5)
        table.save(tmp_path / "m.safetensors")
        np.testing.assert_array_equal(
            xn.load(tmp_path / "m.safetensors").predict(X), model.predict(X)
        )


def member(table, i):
    """The outputs of one network of an ensemble."""
    state = table.model.state_dict()
    net = table.model.config.net.branches[i]
    own = xn.Model(net, "mse", input_shape=table.model.network.features, metrics=()).build()
    start = f"branches.{i}."
    own.load_state_dict({k.removeprefix(start): v for k, v in state.items() if k.startswith(start)})
    return own.predict(table.inputs(frame(40)))


# --- weights, validation, time --------------------------------------------------------------------


def test_rows_of_weight_0_are_left_out():
    X = frame(60)
    y = values(X)
    weight = np.ones(60)
    weight[::4] = 0
    kept = weight > 0
    model = xn.TabularRegressor(**QUICK).fit(X, y, sample_weight=weight)
    other = xn.TabularRegressor(**QUICK).fit(X[kept], y[kept], sample_weight=weight[kept])
    np.testing.assert_array_equal(model.predict(X), other.predict(X))


def test_class_weights_count():
    X = frame()
    y = labels(X)
    shares = []
    for weight in ({"rich": 100.0}, None, "balanced", {"poor": 100.0}):
        model = xn.TabularClassifier(class_weight=weight, **QUICK).fit(X, y)
        shares.append(model.predict_proba(X)[:, 1].mean())
    assert shares[0] > shares[1] > shares[3]
    with pytest.raises(xn.errors.ArgumentError, match="names 'old', but the classes are"):
        xn.TabularClassifier(class_weight={"old": 2.0}, **QUICK).fit(X, y)


def test_rows_for_validation_are_given():
    X, V = frame(), frame(40, seed=1)
    model = xn.TabularRegressor(**QUICK).fit(X, values(X), X_val=V, y_val=values(V))
    table = model.table_model_
    assert table.target.high == values(X).max()
    inputs, targets = table.inputs(V), table.target.scaled(values(V))
    losses = [row["val_loss"] for row in model.history_]
    error = float(np.mean((table.model.predict(inputs)[:, 0] - targets) ** 2))
    np.testing.assert_allclose(error, min(losses), rtol=1e-4)


def test_validation_keeps_the_proportions_of_the_classes():
    y = np.repeat([0, 1, 2, 3, 4], [600, 300, 90, 9, 1])
    for seed in range(5):
        kept, held = rows_for_validation(len(y), 0.2, y, seed)
        assert sorted([*kept, *held]) == list(range(len(y)))
        counts = np.bincount(y[held], minlength=5)
        np.testing.assert_allclose(counts, [120, 60, 18, 2, 0], atol=2)
        assert set(y[kept]) == set(range(5))
    other = rows_for_validation(len(y), 0.2, None, 0)[1]
    assert len(other) == 200


def test_few_rows_train_without_validation():
    X = frame(20)
    model = xn.TabularRegressor(**QUICK).fit(X, values(X))
    assert "val_loss" not in model.history_[0]
    every = xn.TabularRegressor(validation_fraction=0.0, **QUICK).fit(frame(), values(frame()))
    assert "val_loss" not in every.history_[0]


def test_one_row_and_a_class_of_one_row():
    X = frame(40)
    one = xn.TabularRegressor(**QUICK).fit(X[["age"]][:1], [5.0])
    np.testing.assert_array_equal(one.predict(X), 5.0)
    y = labels(X)
    y[7] = "odd"
    model = xn.TabularClassifier(**QUICK).fit(X, y)
    assert list(model.classes_) == ["odd", "poor", "rich"]


def test_a_constant_target():
    X = frame(40)
    with pytest.warns(xn.errors.DataWarning, match=r"the target 'target' is 3\.5 in every row"):
        model = xn.TabularRegressor(**QUICK).fit(X, np.full(40, 3.5))
    np.testing.assert_array_equal(model.predict(X), 3.5)


def test_a_target_that_is_constant_where_the_weights_are_not_0():
    X, y = frame(40), pd.Series(np.arange(40.0), name="price")
    y[:30] = -7
    with pytest.warns(xn.errors.DataWarning, match="the target 'price' is -7 in every row"):
        xn.TabularRegressor(**QUICK).fit(X, y, sample_weight=np.arange(40) < 30)


def test_time_is_limited():
    X = frame(2000)
    model = xn.TabularRegressor(time_limit=0.5, batch_size=8, hidden=[64, 64], threads=1)
    start = perf_counter()
    model.fit(X, values(X))
    assert model.n_iter_ < 256
    assert perf_counter() - start < 60  # 256 epochs take minutes


def test_callbacks_and_verbose(capsys):
    X, seen = frame(40), []
    model = xn.TabularRegressor(
        callbacks=[lambda m, epoch, logs: seen.append(epoch)], n_ens=2, verbose=1, **QUICK
    )
    model.fit(X, values(X))
    assert seen == [1, 2, 3, 1, 2, 3]
    assert "val_loss" in capsys.readouterr().err


# --- recipes --------------------------------------------------------------------------------------


def test_settings_reach_the_network_and_its_training():
    X = frame(60)
    model = xn.TabularClassifier(
        hidden=(8, 4),
        dropout=0.3,
        weight_decay=0.5,
        learning_rate=0.01,
        label_smoothing=0.25,
        max_epochs=2,
        batch_size=16,
        random_state=0,
    ).fit(X, labels(X))
    config = model.table_model_.model.config
    text, optimizer = repr(config.net), config.optimizer
    assert "units=8" in text
    assert "units=4" in text
    assert "0.3" in text
    assert optimizer.learning_rate(0.0) == 0
    assert optimizer.learning_rate.rate == 0.01
    assert "0.25" in repr(config.loss) or config.loss.settings


def test_presets():
    for rows, epochs in ((100, 256), (12_800, 50), (1_000_000, 4)):
        assert Recipe.of("realmlp", 2, rows).epochs == 256
        assert Recipe.of("fast", 2, rows).epochs == epochs
        assert Recipe.of("fast", 2, rows, epochs=7).epochs == 7
    with pytest.raises(ValueError, match="preset"):
        xn.TabularClassifier(preset="slow").fit(frame(40), labels(frame(40)))


@pytest.mark.parametrize("rows", [1, 100, 256, 257, 383, 384, 1000, 12_345])
def test_batches_are_about_equal(rows):
    size = Recipe.of("realmlp", 0, rows).batch_rows(rows)
    sizes = [size] * (rows // size) + ([rows % size] if rows % size else [])
    assert max(sizes) <= 384
    assert max(sizes) - min(sizes) < len(sizes)


# --- bad data -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda X, y: (X, ["same"] * len(X)), "only one class"),
        (lambda X, y: (X, None), "requires y to be passed"),
        (lambda X, y: (X, y[:-1]), "inconsistent numbers of samples"),
        (lambda X, y: (X[:0], y[:0]), "0 rows"),
        (lambda X, y: (X[["job"]].assign(job="a"), y), "no column to learn from"),
        (lambda X, y: (np.zeros((len(X), 0)), y), "0 feature"),
        (lambda X, y: (X["age"], y), "two dimensions|2D|columns"),
    ],
)
def test_bad_data(change, message):
    X = frame(40)
    with pytest.raises(ValueError, match=message):
        xn.TabularClassifier(**QUICK).fit(*change(X, labels(X)))


def test_bad_targets_and_weights():
    X = frame(40)
    model = xn.TabularRegressor(**QUICK)
    with pytest.raises(ValueError, match="NaN"):
        model.fit(X, np.full(40, np.nan))
    with pytest.raises(ValueError, match="convert string"):
        model.fit(X, labels(X))
    with pytest.raises(ValueError, match="non-zero"):
        model.fit(X, values(X), sample_weight=np.zeros(40))
    with pytest.raises(ValueError, match="together"):
        model.fit(X, values(X), X_val=X)
    with pytest.raises(xn.errors.DataError, match="'odd', which is not in y"):
        xn.TabularClassifier(**QUICK).fit(X, labels(X), X_val=X[:1], y_val=["odd"])


def test_an_error_leaves_the_estimator_unchanged(regressor):
    X = frame()
    again = pickle.loads(pickle.dumps(regressor))
    with pytest.raises(ValueError, match="NaN"):
        again.fit(X, np.full(ROWS, np.nan))
    np.testing.assert_array_equal(again.predict(X), regressor.predict(X))


def test_sparse_data():
    sparse = pytest.importorskip("scipy.sparse")
    with pytest.raises(TypeError, match="sparse"):
        xn.TabularRegressor(**QUICK).fit(sparse.csr_matrix(np.eye(5)), np.arange(5.0))


@pytest.mark.parametrize("kind", ["classifier", "regressor"])
def test_predictions_that_are_not_finite(kind, request, monkeypatch):
    model = request.getfixturevalue(kind)
    outputs = np.ones((ROWS, 2 if kind == "classifier" else 1))
    outputs[7] = np.nan
    monkeypatch.setattr(model.table_model_, "outputs", lambda *_, **__: outputs)
    for method in (model.predict, getattr(model, "predict_proba", model.predict)):
        with pytest.raises(ValueError, match="the table, row 7: the prediction is not a finite"):
            method(frame())
