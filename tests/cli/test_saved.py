"""`xpnet train --save`, and what is done with the file: predict, evaluate, inspect."""

import csv
import json

import numpy as np
import pytest

import xpnet as xn
from xpnet.cli import main


@pytest.fixture
def fails(capsys):
    """Run a command that must fail; return the sentence."""

    def fails(*arguments):
        assert main([*map(str, arguments)]) == 2
        out = capsys.readouterr()
        assert out.out == ""
        assert out.err.startswith("xpnet: error: ")
        return out.err

    return fails


@pytest.fixture
def kinds(run, classes_csv, tmp_path):
    """A model of classes, its file and its data."""
    path = tmp_path / "kinds.safetensors"
    out = run("train", classes_csv, "--epochs", 20, "--save", path).out
    assert out.endswith(f"model: {path}\n")
    return path, classes_csv


@pytest.fixture
def prices(run, values_csv, tmp_path):
    path = tmp_path / "values.safetensors"
    run("train", values_csv, "--epochs", 60, "--save", path)
    return path, values_csv


def rows(text):
    return list(csv.DictReader(text.splitlines()))


def test_classes(run, kinds):
    path, data = kinds
    found = rows(run("predict", path, data).out)
    with open(data) as stream:
        wanted = [row["kind"] for row in csv.DictReader(stream)]
    right = np.mean([f["prediction"] == w for f, w in zip(found, wanted, strict=True)])
    assert right > 0.9
    for row in found:
        shares = {name: float(row[f"probability_{name}"]) for name in ("no", "yes")}
        assert sum(shares.values()) == pytest.approx(1)
        assert shares[row["prediction"]] >= 0.5
    measured = json.loads(run("evaluate", path, data, "--json").out)
    assert measured["rows"] == 120
    assert measured["accuracy"] == pytest.approx(right)


def test_values_in_the_units_of_the_table(run, prices):
    path, data = prices
    found = np.array([float(row["prediction"]) for row in rows(run("predict", path, data).out)])
    with open(data) as stream:
        wanted = np.array([float(row["price"]) for row in csv.DictReader(stream)])
    assert 900 < found.mean() < 1100
    measured = json.loads(run("evaluate", path, data, "--json").out)
    assert measured["loss"] == measured["mse"]
    assert measured["loss"] == pytest.approx(((found - wanted) ** 2).mean(), rel=1e-3)
    spread = ((wanted - wanted.mean()) ** 2).mean()
    assert measured["r2"] == pytest.approx(1 - measured["loss"] / spread, rel=1e-3)
    assert measured["r2"] > 0.9


def test_columns_are_found_by_their_names(run, kinds, tmp_path):
    path, data = kinds
    with open(data) as stream:
        table = list(csv.DictReader(stream))[:7]
    other = tmp_path / "other.csv"
    other.write_text(
        "note;f2;f0;f1\n" + "\n".join(f"text;{r['f2']};{r['f0']};{r['f1']}" for r in table)
    )
    found, wanted = (rows(run("predict", path, file).out) for file in (other, data))
    assert len(found) == 7
    for row, same in zip(found, wanted, strict=False):  # of 7 rows and of 120: equal to rounding
        assert row.keys() == same.keys()
        assert row["prediction"] == same["prediction"]
        assert float(row["probability_no"]) == pytest.approx(
            float(same["probability_no"]), rel=1e-5
        )


def test_what_comes_out_is_what_the_library_says(run, kinds, tmp_path):
    path, data = kinds
    model = xn.load(path)
    out = tmp_path / "out.npz"
    assert run("predict", path, data, "--out", out).out == ""
    with np.load(out) as found:
        assert (found["prediction"] == model.predict(data)).all()
        for i, name in enumerate(model.classes):
            shares = found[f"probability_{name}"]
            np.testing.assert_allclose(shares, model.predict_proba(data)[:, i], rtol=1e-6)
    run("predict", path, data, "--out", tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text() == run("predict", path, data).out


def test_archives(run, tmp_path, table):
    X, value = table
    y, path = (value > 0).astype(int), tmp_path / "m.safetensors"
    np.savez(tmp_path / "t.npz", X=X, y=y, X_test=X[:20], y_test=y[:20])
    run("train", tmp_path / "t.npz", "--epochs", 5, "--save", path)
    assert len(rows(run("predict", path, tmp_path / "t.npz").out)) == 120
    assert run("evaluate", path, tmp_path / "t.npz").out.startswith("t.npz: 20 rows, ")
    np.savez(tmp_path / "only.npz", X=X[:3])
    found = rows(run("predict", path, tmp_path / "only.npz").out)
    assert {row["prediction"] for row in found} <= {"0", "1"}
    assert len(found) == 3


def test_a_model_that_the_library_saved(run, tmp_path, table):
    X, value = table
    path, data = tmp_path / "m.safetensors", tmp_path / "t.npz"
    model = xn.MLP([3, 4, 2], loss="mse")
    model.save(path)
    np.savez(data, X=X, y=value)
    found = rows(run("predict", path, data).out)
    np.testing.assert_allclose(
        [[float(row["prediction_0"]), float(row["prediction_1"])] for row in found],
        model.predict(X.astype("float32")),
        rtol=1e-6,
    )


def test_digits(run, tmp_path):
    pytest.importorskip("sklearn", reason="digits come with scikit-learn")
    path = tmp_path / "digits.safetensors"
    run("train", "digits", "--epochs", 3, "--hidden", 32, "--learning-rate", 0.002, "--save", path)
    _, _, X, y = xn.datasets.digits()
    np.savez(tmp_path / "t.npz", X=X, y=y)
    measured = json.loads(run("evaluate", path, tmp_path / "t.npz", "--json").out)
    assert measured["accuracy"] > 0.9


def test_inspect(run, kinds):
    path, _ = kinds
    text = run("inspect", path).out
    for words in ("xpnet model, version 2", "Sequential(Dense(units=64", "losses.softmax_cross",
                  "layers.0.weight  ", "[2, 64]", "kind: 2 classes (no, yes)", "numbers  2: f0, f1",
                  "20 epochs, 60 steps"):  # fmt: skip
        assert words in text
    data = json.loads(run("inspect", path, "--json").out)
    assert data["tensors"]["layers.0.weight"] == [2, 64]
    features = data["table"]["schema"]["features"]
    assert [feature["name"] for feature in features] == ["f0", "f1", "f2"]


def test_inspect_needs_no_registered_layers_and_says_nothing_to_the_terminal(run, tmp_path):
    path = tmp_path / "m.safetensors"
    xn.MLP([3, 2]).save(path, preprocessing={"\x1b[2J": "\x1b[31m"})
    raw = path.read_bytes()
    path.write_bytes(raw.replace(b"Sequential", b"Sequentiel"))
    text = run("inspect", path).out
    assert "Sequentiel(Dense(" in text
    assert "\x1b" not in text


def test_errors(fails, kinds, prices, tmp_path):
    path, data = kinds
    assert "there is no file" in fails("predict", tmp_path / "no", data)
    assert "no file" in fails("predict", path, tmp_path / "no.csv")
    assert "zip archive" in fails("inspect", _archive(tmp_path))
    assert "the name must end in .csv, " in fails("predict", path, data, "--out", "x.txt")
    assert "there is no folder" in fails("predict", path, data, "--out", tmp_path / "no" / "x.csv")
    assert "unknown backend" in fails("predict", path, data, "--backend", "cuda")
    assert "is not one of the model's classes" in fails("evaluate", path, _with(data, "maybe"))
    assert "no column 'price'" in fails("evaluate", prices[0], data)
    other = tmp_path / "other.csv"
    other.write_text("a,b\n1,2\n")
    assert "lacks columns 'f0', 'f1'" in fails("predict", path, other)


def test_a_place_that_cannot_be_is_told_before_the_training(fails, classes_csv, tmp_path):
    words = fails("train", classes_csv, "--save", tmp_path / "no" / "m.safetensors")
    assert "there is no folder" in words
    assert "is a folder" in fails("train", classes_csv, "--save", tmp_path)


def _archive(folder):
    np.savez(folder / "a.npz", X=np.ones(3))
    return folder / "a.npz"


def _with(data, kind):
    with open(data, "a") as stream:
        stream.write(f"1,2,3,{kind}\n")
    return data
