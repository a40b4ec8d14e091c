"""Models that read tables: what they predict, their scores, and their files."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import xpnet as xn
from xpnet.errors import ArgumentError, DataError, DataWarning, FormatError
from xpnet.tabular import Schema, TableModel, as_table

RNG = np.random.default_rng(0)
N = 120
AGE = np.where(np.arange(N) % 9, RNG.integers(18, 80, N), np.nan)
TABLE = {
    "city": [["Rome", "Oslo", "Bonn", None][i % 4] for i in range(N)],
    "street": [f"street {i % 11}" for i in range(N)],
    "age": AGE,
    "member": [[True, False, None][i % 3] for i in range(N)],
    "since": np.datetime64("2020-01-01T06") + np.arange(N) * np.timedelta64(13, "h"),
    "rich": ["yes" if np.nan_to_num(a, nan=40) > 45 else "no" for a in AGE],
    "wealth": 1.7e9 + 0.5 + 20 * np.nan_to_num(AGE, nan=40),
}


def made(target, *, epochs=60, scaling="standard", **settings):
    other = {"rich": "wealth", "wealth": "rich"}[target]
    schema = Schema.infer(TABLE, target, drop=[other])
    net = xn.Sequential(xn.Dense(16, "relu"), xn.Dense(2 if target == "rich" else 1))
    settings = {"optimizer": xn.Adam(0.01), "backend": "numpy"} | settings
    model = TableModel.of(TABLE, schema, net, scaling=scaling, **settings)
    if epochs:
        model.fit(TABLE, epochs=epochs, batch_size=16, verbose=False)
    return model


@pytest.fixture(scope="module")
def classifier():
    return made("rich")


@pytest.fixture(scope="module")
def regressor():
    return made("wealth")


def test_classes_are_learned(classifier):
    scores = classifier.evaluate(TABLE)
    assert scores["accuracy"] > 0.95
    shares = classifier.predict_proba(TABLE)
    assert_allclose(shares.sum(axis=1), 1)
    assert classifier.classes == ("no", "yes")
    assert_array_equal(classifier.predict(TABLE), np.array(["no", "yes"])[shares.argmax(axis=1)])


def test_truth_values_alone_are_prepared():
    rows = {"member": TABLE["member"], "rich": TABLE["rich"]}
    schema = Schema.infer(rows, "rich")
    model = TableModel.of(rows, schema, xn.Sequential(xn.Dense(2)), backend="numpy")
    assert_array_equal(model.inputs(rows)[:3, 0], [1, -1, 0])
    assert np.isfinite(model.predict_proba(rows)).all()


def test_values_are_learned_in_the_units_of_the_table(regressor):
    """The values differ in their last digits, which float32 does not hold."""
    scores = regressor.evaluate(TABLE)
    errors = regressor.predict(TABLE) - TABLE["wealth"]
    assert scores["r2"] > 0.95
    assert_allclose(scores["rmse"], np.sqrt(np.mean(errors**2)))
    assert TABLE["wealth"].min() <= regressor.predict(TABLE).min()


@pytest.mark.parametrize("scaling", ["standard", "robust", "quantile", "none"])
def test_files_give_the_same_predictions(tmp_path, scaling):
    model = made("rich", epochs=2, scaling=scaling)
    model.save(tmp_path / "m.safetensors")
    again = xn.load(tmp_path / "m.safetensors")
    assert isinstance(again, TableModel)
    assert again.schema == model.schema
    assert again.history == model.history
    assert_array_equal(again.predict_proba(TABLE), model.predict_proba(TABLE))


def test_a_history_with_a_loss_that_is_not_finite(tmp_path):
    table = {"x": np.arange(20.0), "y": np.arange(20.0)}
    model = TableModel.of(table, Schema.infer(table, "y"), xn.Dense(1), backend="numpy")
    model.fit(table, epochs=1, validation={"x": [1.0], "y": [1e30]}, verbose=False)
    assert model.history[0]["val_loss"] == np.inf
    model.save(tmp_path / "m.safetensors")
    assert xn.load(tmp_path / "m.safetensors").history == model.history


def test_a_category_without_a_known_value():
    rows = {"a": ["u", "v", None, None], "x": [1.0, 2.0, 3.0, 4.0], "y": [1.0, 2.0, 4.5, 3.0]}
    schema = Schema.infer(rows, "y", rows=np.array([2, 3]))
    assert schema.of_kind("category")[0].categories == ()
    model = TableModel.of(as_table(rows).take(np.array([0, 1])), schema, xn.Dense(1))
    assert np.isfinite(model.predict({"a": [None], "x": [1.0]})).all()


def test_training_goes_on_from_a_file(tmp_path):
    model = made("wealth", epochs=2)
    model.save(tmp_path / "m.safetensors", optimizer_state=True)
    again = xn.load(tmp_path / "m.safetensors")
    for each in (model, again):
        each.fit(TABLE, epochs=2, batch_size=16, verbose=False)
    assert_array_equal(again.predict(TABLE), model.predict(TABLE))
    assert len(again.history) == 4


def test_rows_of_any_kind(classifier):
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame(TABLE)
    rows = frame.astype(object).where(frame.notna(), None).to_dict("records")
    wanted = classifier.predict_proba(TABLE)
    assert_array_equal(classifier.predict_proba(frame[frame.columns[::-1]]), wanted)
    assert_array_equal(classifier.predict_proba(rows), wanted)
    alone = classifier.predict_proba(as_table(TABLE).take(np.array([5])))
    assert_allclose(alone, wanted[5:6], rtol=1e-5)


def test_a_file_of_rows(classifier, tmp_path):
    pandas = pytest.importorskip("pandas")
    path = tmp_path / "rows.csv"
    pandas.DataFrame(TABLE).to_csv(path, index=False)
    for given in (path, str(path)):
        assert_array_equal(classifier.predict(given), classifier.predict(TABLE))
    assert_allclose(classifier.evaluate(path)["accuracy"], classifier.evaluate(TABLE)["accuracy"])


def test_what_was_never_seen_or_is_missing(classifier):
    row = {"city": "Lima", "street": None, "age": None, "member": None, "since": None}
    with pytest.warns(DataWarning, match="'Lima'"):
        shares = classifier.predict_proba([row])
    assert np.isfinite(shares).all()


def test_large_tables_are_predicted_in_pieces(classifier):
    big = as_table(TABLE).take(np.arange(5000) % N)
    assert_allclose(
        classifier.predict_proba(big),
        np.resize(classifier.predict_proba(TABLE), (5000, 2)),
        rtol=1e-5,
    )


def test_errors_before_predicting(classifier, regressor):
    with pytest.raises(DataError, match="lacks the column 'age'"):
        classifier.predict({name: TABLE[name] for name in TABLE if name != "age"})
    with pytest.raises(DataError, match="no column 'rich'"):
        classifier.evaluate({name: TABLE[name] for name in TABLE if name != "rich"})
    with pytest.raises(ArgumentError, match="no probabilities"):
        regressor.predict_proba(TABLE)


def test_a_value_that_float32_cannot_hold_is_named(classifier):
    row = {name: cells[:2] for name, cells in TABLE.items()}
    with pytest.raises(DataError, match="row 1, column 'age': 1e\\+60 is too far from the values"):
        classifier.predict(row | {"age": [50, 1e60]})
    with pytest.raises(DataError, match="column 'age': expected a number of at most 1e\\+75"):
        classifier.predict(row | {"age": [-1e300, 1]})


def test_columns_that_are_not_read_may_hold_anything(classifier):
    other = {"notes": [[1], "x"] * (N // 2)}
    assert_array_equal(classifier.predict(TABLE | other), classifier.predict(TABLE))


@pytest.mark.parametrize("use", ["predict", "predict_proba", "outputs", "evaluate", "inputs"])
def test_no_rows_are_refused(classifier, use):
    with pytest.raises(DataError, match="the table has no rows"):
        getattr(classifier, use)({name: cells[:0] for name, cells in TABLE.items()})


@pytest.mark.parametrize("scaling", ["standard", "robust", "quantile", "none"])
def test_numbers_of_any_size_are_learned_from_or_refused(scaling):
    """The smallest and the largest that are taken, without a warning of overflow."""
    for largest in (1e75, 1e-300, 5e-324):
        table = {"x": np.linspace(-largest, largest, 41), "y": np.linspace(0, largest, 41)}
        schema = Schema.infer(table, "y")
        settings = {"scaling": scaling, "backend": "numpy"}
        if scaling == "none" and largest > 1:
            with pytest.raises(DataError, match="row 0, column 'x': -1e\\+75 is too far"):
                TableModel.of(table, schema, xn.Dense(1), **settings).predict(table)
            continue
        model = TableModel.of(table, schema, xn.Dense(1), **settings)
        model.fit(table, epochs=1, verbose=False)
        assert np.isfinite(model.predict(table)).all()


def test_parts_that_do_not_fit_together(classifier):
    with pytest.raises(ArgumentError, match="a schema with a target"):
        TableModel(classifier.schema.without_target(), classifier.prepared, classifier.model)
    with pytest.raises(ArgumentError, match="2 classes need 2 outputs"):
        made("rich", loss="mse")


@pytest.mark.parametrize("loss", ["binary_cross_entropy_with_logits", "binary_focal"])
def test_one_logit_for_two_classes(loss):
    schema = Schema.infer(TABLE, "rich", drop=["wealth"])
    model = TableModel.of(TABLE, schema, xn.Dense(1), loss=loss, optimizer=xn.Adam(0.05))
    model.fit(TABLE, epochs=60, batch_size=16, verbose=False)
    assert model.evaluate(TABLE)["accuracy"] > 0.9
    assert model.predict_proba(TABLE).shape == (N, 2)


def change(path, edit):
    """Rewrite a file with other data or arrays."""
    from xpnet.saving.tensor_file import read_file, write_file

    arrays, data = read_file(path)
    arrays, data = dict(arrays), dict(data)
    edit(arrays, data)
    write_file(path, arrays, data)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (lambda a, d: d["table"].pop("schema"), "schema"),
        (lambda a, d: d["table"]["schema"]["features"].pop(0), "columns"),
        (lambda a, d: d["table"].update(prepare={"kind": "ReLU", "settings": {}}), "Prepare"),
        (lambda a, d: d["table"].update(history=3), "history"),
        (lambda a, d: a.pop("prepare/fill"), "fill"),
        (lambda a, d: a.update({"prepare/fill": np.full(2, np.nan)}), "finite"),
        (lambda a, d: a.update({"prepare/fill": np.zeros(3)}), "shape"),
        (lambda a, d: d.update(version=1), "prepare/fill"),
    ],
)
def test_damaged_files(tmp_path, classifier, edit, words):
    classifier.save(tmp_path / "m.safetensors")
    change(tmp_path / "m.safetensors", edit)
    with pytest.raises(FormatError, match=words):
        xn.load(tmp_path / "m.safetensors")


def test_files_of_version_0_1(tmp_path):
    """Columns and scales stood beside the network, which took scaled numbers."""
    model = xn.MLP([2, 8, 1], loss="mse", backend="numpy").build()
    values = {"mean": 100.0, "std": 5.0}
    features = {"mean": [10.0, 1.0], "std": [2.0, 0.5]}
    entry = {"columns": ["a", "b"], "target": "y", "classes": None}
    model.save(
        tmp_path / "m.safetensors", preprocessing=entry | {"features": features, "values": values}
    )
    again = xn.load(tmp_path / "m.safetensors")
    x = np.array([[9.0, 1.5], [12.0, 0.5]])
    wanted = model.predict((x - features["mean"]) / features["std"])[:, 0] * 5 + 100
    assert_allclose(again.predict({"b": x[:, 1], "a": x[:, 0]}), wanted, rtol=1e-6)


def test_other_preprocessing_stays_the_users_own(tmp_path):
    model = xn.MLP([2, 8, 1], backend="numpy").build()
    model.save(tmp_path / "m.safetensors", preprocessing={"mean": 3})
    assert xn.load(tmp_path / "m.safetensors").preprocessing == {"mean": 3}


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_predictions_on_other_libraries(library):
    pytest.importorskip(library)
    found, wanted = (made("wealth", epochs=3, backend=b).predict(TABLE) for b in (library, "numpy"))
    assert_allclose(found, wanted, rtol=0, atol=1e-2)


def refuses(model, words):
    """Rows whose outputs overflow are refused, and the first is named."""
    bad = ~np.isfinite(model.outputs(TABLE)).all(axis=1)
    assert bad.sum() > 1
    first = rf"the table, row {bad.argmax()}: .*, like those of {bad.sum() - 1} more rows\."
    for method in [model.predict] + [model.predict_proba] * (model.classes is not None):
        with pytest.raises(DataError, match=first) as info:
            method(TABLE)
        assert words in str(info.value)
        assert "lower learning rate" in str(info.value)


@pytest.mark.parametrize("target", ["rich", "wealth"])
def test_a_model_with_parameters_that_are_not_finite(target):
    model = made(target, epochs=0, optimizer=xn.SGD(1e300))
    model.model.train_on_batch(*model.samples(TABLE))
    refuses(model, "parameters are not finite")


@pytest.mark.parametrize("target", ["rich", "wealth"])
def test_a_model_with_parameters_that_are_too_large(target, tmp_path):
    model = made(target, epochs=0)
    large = {n: np.full_like(a, 3e38) for n, a in model.model.state_dict().items()}
    model.model.load_state_dict(large)
    model.save(tmp_path / "m.safetensors")
    refuses(xn.load(tmp_path / "m.safetensors"), "weights are too large")


@pytest.mark.parametrize("target", ["rich", "wealth"])
def test_the_row_of_a_prediction_that_is_not_finite(tmp_path, monkeypatch, target):
    """The message names its line in the file, although blank lines came before."""
    pytest.importorskip("pyarrow")
    model = made(target, epochs=0)
    outputs = np.ones((3, 2 if target == "rich" else 1), np.float32)
    outputs[1, 0] = np.nan
    monkeypatch.setattr(model, "outputs", lambda *_, **__: outputs)
    path = tmp_path / "t.csv"
    path.write_text("city,street,age,member,since\nRome,a,1,,\n\nOslo,b,2,,\nBonn,c,3,,\n")
    with pytest.raises(DataError, match=r"t\.csv, line 4: the prediction is not a finite") as info:
        model.predict(path)
    assert "like those" not in str(info.value)
    assert "lower learning rate" in str(info.value)


def test_infinite_logits_that_decide_are_predicted(monkeypatch):
    model = made("rich", epochs=0, loss="focal")
    monkeypatch.setattr(model, "outputs", lambda *_, **__: np.array([[-np.inf, 0.0], [0, -np.inf]]))
    assert model.predict(TABLE).tolist() == ["yes", "no"]


def test_scores_count_rows_without_a_prediction(monkeypatch):
    model = made("rich", epochs=0)
    outputs = np.where(np.array(TABLE["rich"])[:, None] == ["no", "yes"], 9.0, 0.0)
    outputs[:30] = np.nan
    monkeypatch.setattr(model, "outputs", lambda *_, **__: outputs)
    scores = model.evaluate(TABLE)
    assert scores["accuracy"] == 0.75
    assert np.isnan(scores["log_loss"])
