"""Permutation importance and partial dependence: what they mean, on every kind of column."""

import sys
from typing import Any

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

import xpnet as xn
from xpnet.errors import ArgumentError, DataError, MissingDependencyError, UnknownNameError
from xpnet.tabular import Schema, TableModel, dependence, importance

pytest.importorskip("sklearn", reason="scikit-learn is not installed")

RNG = np.random.default_rng(0)
N = 160
AGE = np.where(np.arange(N) % 9, RNG.integers(18, 80, N), np.nan)
TABLE: dict[str, Any] = {
    "age": AGE,
    "city": [["Rome", "Oslo", "Bonn", None][i % 4] for i in range(N)],
    "street": [f"street {i % 11}" for i in range(N)],
    "member": [[True, False, None][i % 3] for i in range(N)],
    "since": np.datetime64("2020-01-01T06") + np.arange(N) * np.timedelta64(13, "h"),
    "noise": RNG.normal(size=N),
    "zeros": np.where(np.arange(N) % 10, 0.0, np.arange(N)),
}
TABLE["rich"] = np.where(np.nan_to_num(AGE, nan=40) > 45, "yes", "no")
TABLE["wealth"] = 1e5 + 0.5 + 2000 * np.nan_to_num(AGE, nan=40)
TABLE["size"] = np.array(["small", "middle", "large"])[np.arange(N) % 4 % 3]


def made(target, *, epochs=40):
    drop = [name for name in ("rich", "wealth", "size") if name != target]
    schema = Schema.infer(TABLE, target, drop=drop)
    outputs = 1 if schema.target.classes is None else len(schema.target.classes)
    net = xn.Sequential(xn.Dense(16, "relu"), xn.Dense(outputs))
    model = TableModel.of(TABLE, schema, net, optimizer=xn.Adam(0.01), backend="numpy")
    model.fit(TABLE, epochs=epochs, batch_size=16, verbose=False)
    return model


@pytest.fixture(scope="module")
def models():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("xpnet.training.advice.warn_user", lambda *_: None)  # brief on purpose
        return {target: made(target) for target in ("rich", "wealth", "size")}


# --- importance -----------------------------------------------------------------------------------


@pytest.mark.smoke
def test_the_column_that_decides_is_the_most_important(models, each):
    for target in ("rich", "wealth"):
        with each(target):
            found = importance(models[target], TABLE)
            assert found.names[0] == "age"
            assert found.mean[0] > 5 * abs(found.mean[found.names.index("noise")])
            assert {*found.names} == {f.name for f in models[target].schema.used}
            assert (np.diff(found.mean) <= 0).all()


def test_every_score_gets_worse(models, each):
    """Also those of which less is better."""
    names = {"rich": ("accuracy", "balanced_accuracy", "log_loss")}
    for target, scores in (names | {"wealth": ("r2", "rmse", "mse", "mae")}).items():
        for score in scores:
            with each(f"{target}, {score}"):
                found = importance(models[target], TABLE, score=score, repeats=2)
                assert found.whole == pytest.approx(models[target].evaluate(TABLE)[score])
                assert (found.score, found.repeats, found.rows) == (score, 2, N)
                assert found.mean[0] > 0
                assert found.falls == (score in ("accuracy", "balanced_accuracy", "r2"))


def test_it_is_what_shuffling_the_table_does(models):
    """The mean over many shuffles of the table's own cells, to a few standard errors."""
    model, draws = models["wealth"], 60
    found = importance(model, TABLE, repeats=draws, score="mae")
    rng, place = np.random.default_rng(1), found.names.index("age")
    shuffled = [TABLE | {"age": rng.permutation(TABLE["age"])} for _ in range(draws)]
    rises = [model.evaluate(table)["mae"] - found.whole for table in shuffled]
    error = 5 * np.std(rises) * (2 / draws) ** 0.5
    assert abs(np.mean(rises) - found.mean[place]) < error


def test_rows_and_permutations_follow_the_seed(models):
    first, again, other = (
        importance(models["wealth"], TABLE, rows=50, repeats=2, seed=seed) for seed in (3, 3, 4)
    )
    assert first.rows == 50
    assert_array_equal(first.mean, again.mean)
    assert first.whole != other.whole


def test_what_cannot_be_measured(models, each, monkeypatch):
    model = models["rich"]
    untargeted = {name: column for name, column in TABLE.items() if name != "rich"}
    for error, words, call in (
        (UnknownNameError, "accuracy", lambda: importance(model, TABLE, score="acuracy")),
        (UnknownNameError, "rmse", lambda: importance(models["wealth"], TABLE, score="accuracy")),
        (DataError, "'rich'", lambda: importance(model, untargeted)),
        (ArgumentError, "repeats", lambda: importance(model, TABLE, repeats=0)),
        (ArgumentError, "rows", lambda: dependence(model, TABLE, rows=0)),
        (ArgumentError, "mean 'city'", lambda: dependence(model, TABLE, ["citi"])),
        (ArgumentError, "points", lambda: dependence(model, TABLE, points=1)),
    ):
        with each(words), pytest.raises(error, match=words):
            call()
    monkeypatch.setitem(sys.modules, "sklearn.inspection", None)
    with pytest.raises(MissingDependencyError, match=r"xpnet\[sklearn\]"):
        importance(model, TABLE)
    assert dependence(model, TABLE, ["age"])  # needs NumPy alone


# --- partial dependence ---------------------------------------------------------------------------


@pytest.mark.smoke
def test_it_is_what_setting_the_cells_does(models, each):
    """For every kind of column, and classes, two or more, as well as numbers."""
    for target, model in models.items():
        for curve in dependence(model, TABLE, points=5):
            for value, mean in zip(curve.values, curve.mean, strict=True):
                with each(f"{target}, {curve.name} = {value}"):
                    cell = None if value == "(missing)" else value
                    column = np.array([value] * N) if curve.kind == "number" else [cell] * N
                    if curve.kind == "date":
                        column = np.array([value] * N, "datetime64[s]")
                    table = TABLE | {curve.name: column}
                    of = model.predict if target == "wealth" else model.predict_proba
                    assert_allclose(mean, of(table).mean(axis=0), rtol=1e-5, atol=1e-6)


def test_values_of_every_kind(models):
    found = {curve.name: curve for curve in dependence(models["rich"], TABLE, points=12)}
    assert [*found] == [f.name for f in models["rich"].schema.used]
    assert found["city"].values == ("(missing)", "Bonn", "Oslo", "Rome")
    assert_allclose(found["city"].share, 0.25)
    assert len(found["street"].values) == 11
    assert found["member"].values == (False, True)
    assert found["since"].values[0].startswith("2020-01-0")
    for name in ("age", "since", "noise"):
        values = found[name].values
        assert len(values) == 12
        assert list(values) == sorted(values)
        assert (np.diff(found[name].share) > 0).all()
    assert found["age"].mean.shape == (12, 2)


def test_a_column_that_is_nearly_always_0_has_other_values_too(models):
    (curve,) = dependence(models["rich"], TABLE, ["zeros"], points=8)
    assert len(curve.values) == 8
    assert curve.values[0] == 0.0


def test_few_values_are_all_there_and_many_categories_are_cut(models):
    model = models["rich"]
    few = TABLE | {"age": np.arange(N) % 3 + 20.0}
    (curve,) = dependence(model, few, ["age"])
    assert curve.values == (20.0, 21.0, 22.0)
    (curve,) = dependence(model, TABLE, ["street"], points=4)
    assert len(curve.values) == 4
    gone = TABLE | {"age": np.full(N, np.nan)}
    (curve,) = dependence(model, gone, ["age"])
    assert len(curve.values) == 1


def test_both_are_json(models):
    import json

    found = importance(models["size"], TABLE, repeats=1)
    curves = [curve.to_dict() for curve in dependence(models["size"], TABLE, points=3)]
    again = json.loads(json.dumps({"importance": found.to_dict(), "dependence": curves}))
    assert again["importance"]["columns"][0]["column"] == found.names[0]
    assert len(again["dependence"][0]["mean"][0]) == 3
