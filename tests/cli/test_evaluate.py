"""`xpnet evaluate`: scores, each class, confusion, calibration; as text, JSON and a picture."""

import json
import re

import numpy as np
import pytest

import xpnet as xn
from xpnet.cli import main
from xpnet.cli.score_text import (
    calibration_text,
    class_text,
    confusion_text,
    each_class_text,
    value_text,
)
from xpnet.tabular.class_results import ClassResults
from xpnet.tabular.value_results import ValueResults

pytest.importorskip("pyarrow", reason="tables are read with pyarrow")


@pytest.fixture
def classes(run, classes_csv, tmp_path):
    path = tmp_path / "kinds.safetensors"
    run("train", classes_csv, "--epochs", 20, "--save", path)
    return path, classes_csv


@pytest.fixture
def values(run, values_csv, tmp_path):
    path = tmp_path / "values.safetensors"
    run("train", values_csv, "--epochs", 60, "--save", path)
    return path, values_csv


def results(k, rows=400, seed=0, names=None):
    rng = np.random.default_rng(seed)
    true = rng.integers(0, k, rows)
    shares = rng.random((rows, k)) + 0.5 * (true[:, None] == np.arange(k))
    names = [f"class {i}" for i in range(k)] if names is None else names
    return ClassResults.of(names, true, shares / shares.sum(axis=1, keepdims=True))


@pytest.mark.smoke
def test_classes(run, classes):
    path, data = classes
    found = json.loads(run("evaluate", path, data, "--json").out)
    out = run("evaluate", path, data).out
    assert "120 rows, target 'kind'" in out.splitlines()[0]
    for words in (
        f"accuracy           {found['accuracy']:.4f}",
        f"log loss           {found['log_loss']:.4f}",
        f"ROC AUC            {found['roc_auc']:.4f}",
        "class  precision  recall      F1  rows",
        "confusion matrix (rows: true class, columns: predicted)",
        "calibration: how often the predicted class was right",
    ):
        assert words in out
    assert max(map(len, out.splitlines()[1:])) < 80
    model = xn.load(path)
    assert found["accuracy"] == pytest.approx(model.evaluate(data)["accuracy"])
    assert found["log_loss"] == pytest.approx(model.evaluate(data)["log_loss"])


def test_values(run, values):
    path, data = values
    found = json.loads(run("evaluate", path, data, "--json").out)
    out = run("evaluate", path, data).out
    assert f"R2                   {found['r2']:.4f}" in out
    assert "errors (predicted - true) in the units of 'price'" in out
    errors = xn.load(path).predict(data) - np.genfromtxt(data, delimiter=",", skip_header=1)[:, -1]
    assert found["error_quantiles"]["0.95"] == pytest.approx(np.quantile(errors, 0.95))


def test_only_the_columns_of_the_model_and_the_target_are_looked_at(run, classes, tmp_path):
    path, data = classes
    wanted = json.loads(run("evaluate", path, data, "--json").out)
    with open(data) as stream:
        header, *rows = stream.read().splitlines()
    for name, cell in (("id", "7"), ("note", "text"), ("day", "2020-01-02"), ("gap", "")):
        more = tmp_path / "more.csv"
        more.write_text("\n".join([f"{name},{header}", *(f"{cell},{row}" for row in rows)]) + "\n")
        assert json.loads(run("evaluate", path, more, "--json").out) == wanted


def test_rows_without_a_target_are_left_out(run, classes, tmp_path, capsys):
    path, data = classes
    with open(data) as stream:
        header, *rows = stream.read().splitlines()
    gaps = [f"{row.rpartition(',')[0]}," if i < 7 else row for i, row in enumerate(rows)]
    other = tmp_path / "gaps.csv"
    other.write_text("\n".join([header, *gaps]) + "\n")
    assert "113 rows, target 'kind' (7 without a target are left out)" in " ".join(
        run("evaluate", path, other).out.split()
    )
    other.write_text("\n".join([header, *gaps[:7]]) + "\n")
    assert main(["evaluate", str(path), str(other)]) == 2
    assert "no row with a target in the column 'kind'" in capsys.readouterr().err


@pytest.mark.parametrize("ending", ["png", "svg"])
def test_pictures(run, classes, values, tmp_path, ending):
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    for path, data in (classes, values):
        file = tmp_path / f"a.{ending}"
        run("evaluate", path, data, "--plot", file)
        assert file.read_bytes().startswith(b"\x89PNG" if ending == "png" else b"<?xml")


def test_a_picture_that_cannot_be_is_refused_at_once(classes, tmp_path, capsys):
    pytest.importorskip("matplotlib", reason="pictures need matplotlib")
    path, data = classes
    assert main(["evaluate", str(path), data, "--plot", str(tmp_path / "a.xyz")]) == 2
    assert capsys.readouterr().out == ""


@pytest.mark.parametrize("k", [2, 5, 20, 200])
def test_any_number_of_classes_fits_80_columns(k):
    found = results(k, names=["a class with quite a long name " * 2 + str(i) for i in range(k)])
    parts = class_text, each_class_text, lambda f: confusion_text(f, 80)
    lines = [line for part in parts for line in part(found)]
    lines += calibration_text(found.calibration)
    assert max(map(len, lines)) < 80


def test_of_many_classes_the_largest_and_the_most_confused_are_shown():
    found = results(100, rows=5000)
    each, confused = each_class_text(found), confusion_text(found, 80)
    assert len(each) == 1 + 10 + 1
    assert each[-1] == "... and 90 classes with fewer rows (--json lists all)"
    assert int(each[1].split()[-1]) == found.support.max()
    assert confused[0] == "most frequent confusions"
    counts = found.confusion - np.diag(found.confusion.diagonal())
    assert int(confused[2].split()[-1]) == counts.max()


def test_the_confusion_matrix_is_that_of_the_results():
    found = results(3, names=["a", "b", "c"])
    _, head, *rows = confusion_text(found, 80)
    assert head.split() == ["a", "b", "c"]
    assert [[int(cell) for cell in row.split()[1:]] for row in rows] == found.confusion.tolist()


def test_short_names_that_are_the_same_do_not_head_columns():
    found = results(2, names=["a long name 1", "a long name 2"])
    assert confusion_text(found, 80)[0] == "most frequent confusions"


def test_names_of_classes_cannot_affect_the_terminal():
    found = results(2, names=["\x1b[31ma", "b"])
    lines = [*class_text(found), *each_class_text(found), *confusion_text(found, 80)]
    assert not any("\x1b" in line for line in lines)


def test_numbers_are_written_as_people_write_them():
    true = np.array([0.0, 100_000.0, 400_000.0])
    text = "\n".join(value_text(ValueResults.of(true, true + 30_000.5), "price"))
    assert re.search(r"RMSE +30,000 ", text) or re.search(r"RMSE +30,001 ", text)
    small = "\n".join(value_text(ValueResults.of(true / 1e8, true / 1e8 + 0.00012), "price"))
    assert "0.00012" in small


def test_rows_without_a_prediction_are_told():
    true, shares = np.array([0, 1]), np.array([[np.nan, np.nan], [0.2, 0.8]])
    text = "\n".join(class_text(ClassResults.of("ab", true, shares)))
    assert "1 rows have no prediction: the network's output is NaN" in text
    assert re.search("log loss +-", text)
