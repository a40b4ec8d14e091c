"""`xpnet train`: what it reaches and what it tells."""

import os
from pathlib import Path

import numpy as np
import pytest

from xpnet import __version__
from xpnet.cli.source import load
from xpnet.cli.split import split
from xpnet.datasets import digits, read_table
from xpnet.model import Model

pytest.importorskip("sklearn", reason="digits come with scikit-learn")
needs_data = pytest.mark.skipif("XPNET_DATA" not in os.environ, reason="XPNET_DATA is not set")


@pytest.mark.parametrize("seed", range(5))
def test_digits_with_the_defaults(run_json, seed):
    found = run_json("digits", "--seed", seed)
    assert found["test_accuracy"] >= 0.97
    assert found["seed"] == seed


def test_digits_with_sgd(run_json):
    found = run_json("digits", "--optimizer", "sgd", "--epochs", 10)
    assert found["learning_rate"] == 0.1
    assert found["test_accuracy"] >= 0.95


@pytest.mark.smoke
def test_json_says_what_was_done(run_json):
    flags = "--hidden 8 4 --activation tanh --epochs 2 --batch-size 100 --learning-rate 0.01"
    where = "--dtype float64 --backend numpy --threads 1"
    found = run_json("digits", *flags.split(), *where.split())
    history = found.pop("history")
    assert set(history) == {
        *("epoch", "loss", "accuracy", "val_loss", "val_accuracy", "learning_rate", "seconds")
    }
    assert history["epoch"] == [1, 2]
    assert found.pop("test_loss") == pytest.approx(history["val_loss"][-1])
    assert found.pop("test_accuracy") == pytest.approx(history["val_accuracy"][-1])
    assert 0 < found.pop("seconds") < 100
    assert found == {
        "xpnet": __version__,
        "dataset": "digits",
        "task": "classification",
        "target": None,
        "classes": list("0123456789"),
        "features": 64,
        "train_rows": 1437,
        "test_rows": 360,
        "hidden": [8, 4],
        "parameters": 64 * 8 + 8 + 8 * 4 + 4 + 4 * 10 + 10,
        "activation": "tanh",
        "optimizer": "adam",
        "learning_rate": 0.01,
        "batch_size": 100,
        "epochs": 2,
        "seed": 0,
        "dtype": "float64",
        "backend": "numpy",
        "threads": 1,
        "test_r2": None,
    }


@pytest.mark.parametrize("threads", [None, 1, 2])
def test_threads(run_json, monkeypatch, threads):
    given, fit = [], Model.fit

    def listening(self, *args, threads, **settings):
        given.append(threads)
        return fit(self, *args, threads=threads, **settings)

    monkeypatch.setattr(Model, "fit", listening)
    flags = [] if threads is None else ["--threads", threads]
    assert run_json("digits", "--epochs", 1, "--batch-size", 100, *flags)["threads"] == threads
    assert given == [threads]


def test_text_for_people(run):
    out, err = run("train", "digits", "--epochs", 3, "--hidden", 32)
    assert "1,437 rows to train, 360 to test, 64 features" in out
    assert "2,410 parameters" in out
    assert "backend numpy" in out
    rows = [line.split() for line in out.splitlines()]
    header = next(i for i, cells in enumerate(rows) if cells[:2] == ["epoch", "loss"])
    assert [cells[0] for cells in rows[header + 1 : header + 4]] == ["1", "2", "3"]
    last = out.splitlines()[-1]
    assert last.startswith(f"test: accuracy {rows[header + 3][4]}, loss {rows[header + 3][3]}")
    assert err == ""


def test_with_json_the_text_goes_to_stderr(run):
    out, err = run("train", "digits", "--epochs", 1, "--json")
    assert out.startswith("{")
    assert out.endswith("}\n")
    assert "test: accuracy" in err
    assert "val_accuracy" in err


def test_a_run_can_be_repeated(run_json):
    first, again, other = (run_json("digits", "--epochs", 1, "--seed", s) for s in (3, 3, 4))
    assert first["test_loss"] == again["test_loss"] != other["test_loss"]


@pytest.mark.parametrize("library", ["torch", "jax"])
def test_another_library_reaches_the_same_loss(run, run_json, classes_csv, tmp_path, library):
    """Losses differ from NumPy's by rounding only; the saved model predicts there too."""
    pytest.importorskip(library)
    file = tmp_path / "kinds.safetensors"
    flags = [classes_csv, "--target", "kind", "--epochs", 2, "--save", file]
    expected = run_json(*flags, "--backend", "numpy")
    found = run_json(*flags, "--backend", f"{library}:cpu")
    assert found["backend"] == library
    assert found["history"]["loss"] == pytest.approx(expected["history"]["loss"], rel=1e-4)
    predicted = run("predict", file, classes_csv, "--backend", library).out
    assert predicted.count("\n") == 121


def test_the_backend_asked_for_comes_before_the_environment(run_json, monkeypatch):
    monkeypatch.setenv("XPNET_BACKEND", "cupy")
    assert run_json("digits", "--epochs", 1, "--backend", "numpy")["backend"] == "numpy"


def test_no_hidden_units_train_a_linear_model(run_json):
    found = run_json("digits", "--epochs", 1, "--hidden")
    assert found["hidden"] == []
    assert found["parameters"] == 64 * 10 + 10


def test_classes_of_a_csv(run_json, classes_csv):
    found = run_json(classes_csv)
    assert found["test_accuracy"] >= 0.9
    assert found["classes"] == ["no", "yes"]
    assert found["target"] == "kind"
    assert found["train_rows"] + found["test_rows"] == 120
    assert found["test_rows"] == 24


def test_values_of_a_csv_are_reported_in_its_units(run_json, values_csv):
    found = run_json(values_csv, "--learning-rate", 0.005)
    assert found["task"] == "regression"
    assert found["test_accuracy"] is None
    assert found["classes"] is None
    y_test = read_table(values_csv).y[split(120, None, seed=0)[1]]
    assert found["test_r2"] > 0.95
    assert found["test_r2"] == pytest.approx(1 - found["test_loss"] / y_test.var(), abs=1e-5)
    assert found["history"]["val_loss"][-1] == pytest.approx(found["test_loss"])


def test_the_loss_is_the_squared_error_of_the_file(run_json, tmp_path):
    # No feature varies, so that the best there is to say is the mean of the training rows.
    y, y_test = np.array([10.5, 30.5] * 32), np.array([10.5, 20.5, 33.5])
    path = tmp_path / "flat.npz"
    np.savez(path, X=np.ones((64, 1)), y=y, X_test=np.ones((3, 1)), y_test=y_test)
    found = run_json(path, "--hidden", "--epochs", 300, "--batch-size", 64)
    assert found["test_loss"] == pytest.approx(((y_test - 20.5) ** 2).mean(), rel=1e-3)


def test_r2_of_equal_targets_is_null(run_json, tmp_path, table):
    X, value = table
    path = tmp_path / "equal.npz"
    np.savez(path, X=X, y=value, X_test=X[:2], y_test=[0.5, 0.5])
    assert run_json(path, "--epochs", 1)["test_r2"] is None


def test_an_archive_with_test_rows(run_json, tmp_path, table):
    X, value = table
    kinds = (value > 0).astype(int)
    path = tmp_path / "given.npz"
    np.savez(path, X=X[:90], y=kinds[:90], X_test=X[90:], y_test=kinds[90:])
    found = run_json(path)
    assert (found["train_rows"], found["test_rows"]) == (90, 30)
    assert found["test_accuracy"] >= 0.9


def test_an_archive_without_test_rows_is_split(run_json, tmp_path, table):
    X, value = table
    path = tmp_path / "whole.npz"
    np.savez(path, X=X, y=value)
    found = run_json(path)
    assert (found["train_rows"], found["test_rows"]) == (96, 24)
    assert found["test_r2"] > 0.9


def test_standardized_by_the_training_rows_alone(tmp_path):
    path = tmp_path / "shifted.npz"
    np.savez(path, X=[[1.0], [3.0]], y=[0.5, 1.5], X_test=[[102.0]], y_test=[101.0])
    source = load(str(path), None, seed=0)
    assert source.X.tolist() == [[-1], [1]]
    assert source.X_test.tolist() == [[100]]
    assert source.y.tolist() == [-1, 1]
    assert source.y_test.tolist() == [200]
    assert source.unit == 0.5


def test_standardization_and_split_are_told(run, values_csv):
    out = run("train", values_csv, "--epochs", 1, "--seed", 7).out
    assert "standardized with the mean and standard deviation of the training rows" in out
    assert "test rows: a fifth, chosen by seed 7" in out
    assert "test: R2 " in out


def write_counts(path, numbers):
    path.write_text("a,count\n" + "".join(f"{i % 7},{n}\n" for i, n in enumerate(numbers)))
    return path


def test_whole_numbers_can_be_classes_or_values(run, run_json, tmp_path):
    path = write_counts(tmp_path / "a.csv", [3, 4, 5] * 20)
    hint = "3 classes (3, 4, 5) (--task regression to predict the number)"
    assert hint in run("train", path, "--epochs", 1).out
    chosen = run("train", path, "--epochs", 1, "--task", "classification").out
    assert "3 classes (3, 4, 5)\n" in chosen
    assert run_json(path, "--epochs", 1, "--task", "regression")["task"] == "regression"


def test_classes_of_text_are_not_taken_for_numbers(run, classes_csv):
    assert "--task" not in run("train", classes_csv, "--epochs", 1).out


@pytest.mark.parametrize(("rows", "told"), [(45, True), (50, False)])
def test_few_test_rows_are_told(run, tmp_path, rows, told):
    path = write_counts(tmp_path / "a.csv", [i + 0.5 for i in range(rows)])
    out = run("train", path, "--epochs", 1).out
    assert ("only 9 test rows: the test figures mean little" in out) is told


@pytest.mark.parametrize(("header", "told"), [("5.1,3.5,kind", True), ("0,1,kind", False)])
def test_a_header_that_looks_like_data_is_told(run, tmp_path, header, told):
    path = tmp_path / "a.csv"
    path.write_text(f"{header}\n" + "4.9,3.0,a\n4.7,3.2,b\n" * 5)
    out = run("train", path, "--epochs", 1).out
    assert ("Line 1 looks like data: it has names such as '5.1' and '3.5'" in out) is told


def test_the_seed_chooses_the_test_rows_of_a_file(values_csv):
    first, again, other = (load(values_csv, None, seed).y_test for seed in (0, 0, 1))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()


def test_images_are_not_standardized():
    source = load("digits", None, seed=5)
    assert source.X.min() == 0
    assert source.X.max() == 1
    np.testing.assert_array_equal(source.X_test, digits().X_test)


def test_a_target_in_the_middle(run_json, classes_csv):
    found = run_json(write_target_first(classes_csv), "--target", "kind", "--epochs", 1)
    assert found["target"] == "kind"
    assert found["features"] == 3


def write_target_first(path):
    lines = Path(path).read_text().splitlines()
    turned = [",".join([last, *rest]) for *rest, last in (line.split(",") for line in lines)]
    Path(path).write_text("\n".join(turned))
    return path


@needs_data
def test_wine(run_json):
    wine = Path(os.environ["XPNET_DATA"]) / "wine-quality" / "winequality-red.csv"
    assert run_json(wine)["test_accuracy"] > 0.5  # 0.43 for always saying 5
    assert run_json(wine, "--target", "alcohol")["test_r2"] > 0.6


@needs_data
def test_mnist_in_one_epoch(run_json):
    assert run_json("mnist", "--epochs", 1)["test_accuracy"] > 0.95
