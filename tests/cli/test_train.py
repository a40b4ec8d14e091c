"""`xpnet train`: what it reaches and what it tells."""

import os
from pathlib import Path

import numpy as np
import pytest

from xpnet import __version__
from xpnet.cli.split import split
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
    columns = found.pop("columns")
    assert len(columns) == 64
    assert set(columns.values()) == {"number"}
    assert history["epoch"] == [1, 2]
    assert found.pop("test_loss") == pytest.approx(history["val_loss"][-1])
    assert found.pop("test_accuracy") == pytest.approx(history["val_accuracy"][-1])
    assert 0 < found.pop("seconds") < 100
    assert found == {
        "xpnet": __version__,
        "dataset": "digits",
        "task": "classification",
        "target": "y",
        "classes": list(range(10)),
        "features": 64,
        "train_rows": 1437,
        "test_rows": 360,
        "validation_rows": None,
        "preset": "mlp",
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
        "test_rmse": None,
        "test_mae": None,
        "test_balanced_accuracy": pytest.approx(found["test_balanced_accuracy"]),
        "test_auc": None,
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
    assert out.startswith("digits: 1,797 rows\n")
    assert "1,437 to train, 360 to test" in out
    assert "2,410 parameters" in out
    assert "backend numpy" in out
    rows = [line.split() for line in out.splitlines()]
    header = next(i for i, cells in enumerate(rows) if cells[:2] == ["epoch", "loss"])
    assert [cells[0] for cells in rows[header + 1 : header + 4]] == ["1", "2", "3"]
    scores = out[out.index("scores on 360 test rows") :].splitlines()
    accuracy = next(line for line in scores if line.startswith("accuracy"))
    assert float(accuracy.split()[1]) == pytest.approx(float(rows[header + 3][4]), abs=1e-4)
    assert [line.split()[0] for line in scores if line.endswith(("35", "36", "37"))]
    assert scores[-1].startswith("trained for 3 epochs in ")
    assert err == ""


def test_with_json_the_text_goes_to_stderr(run):
    out, err = run("train", "digits", "--epochs", 1, "--json")
    assert out.startswith("{")
    assert out.endswith("}\n")
    assert "scores on 360 test rows" in err
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
    prices = np.genfromtxt(values_csv, delimiter=",", skip_header=1)[:, -1]
    y_test = prices[split(120, None, seed=0)[1]]
    assert found["test_r2"] > 0.95
    assert found["test_r2"] == pytest.approx(1 - found["test_loss"] / y_test.var(), abs=1e-5)
    assert found["test_rmse"] == pytest.approx(found["test_loss"] ** 0.5)
    # Predictions are clipped to the range that was seen; the network's own outputs are not.
    assert found["history"]["val_loss"][-1] == pytest.approx(found["test_loss"], rel=0.05)


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


def test_the_schema_and_the_split_are_told(run, values_csv):
    out = run("train", values_csv, "--epochs", 1, "--seed", 7).out
    assert "values.csv: 120 rows" in out
    assert "numbers  2: f0, f1" in out
    assert "ignored  f2: all cells are" in out
    assert "96 to train, 24 to test (a fifth, chosen by seed 7)" in out
    assert "price: a number (mean" in out
    assert max(map(len, out.splitlines())) < 80


def write_counts(path, numbers):
    path.write_text("a,count\n" + "".join(f"{i % 7},{n}\n" for i, n in enumerate(numbers)))
    return path


def test_whole_numbers_can_be_classes_or_values(run, run_json, tmp_path):
    path = write_counts(tmp_path / "a.csv", [3, 4, 5] * 20)
    hint = "3 classes (3, 4, 5) (--task regression to predict the number)"
    assert hint in " ".join(run("train", path, "--epochs", 1).out.split())
    chosen = run("train", path, "--epochs", 1, "--task", "classification").out
    assert "3 classes (3, 4, 5)\n" in chosen
    assert run_json(path, "--epochs", 1, "--task", "regression")["task"] == "regression"


def test_classes_of_text_are_not_taken_for_numbers(run, classes_csv):
    assert "--task" not in run("train", classes_csv, "--epochs", 1).out


@pytest.mark.parametrize(("rows", "told"), [(45, True), (50, False)])
def test_few_test_rows_are_told(run, tmp_path, rows, told):
    path = write_counts(tmp_path / "a.csv", [i + 0.5 for i in range(rows)])
    out = run("train", path, "--epochs", 1).out
    assert ("few test rows (9): their scores mean little" in out) is told


def test_the_seed_chooses_the_test_rows_of_a_file(run_json, values_csv):
    first, again, other = (run_json(values_csv, "--epochs", 1, "--seed", s) for s in (0, 0, 1))
    assert first["test_loss"] == again["test_loss"] != other["test_loss"]


def test_a_target_in_the_middle(run_json, classes_csv):
    found = run_json(write_target_first(classes_csv), "--target", "kind", "--epochs", 1)
    assert found["target"] == "kind"
    assert found["columns"] == {"f0": "number", "f1": "number", "f2": "ignored"}


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


def test_a_large_number_is_learned_in_its_own_units(run_json, tmp_path):
    """In float32, 1.7e9 + 20 x would be one and the same number."""
    x = np.random.default_rng(0).uniform(-1, 1, 300)
    path = tmp_path / "time.csv"
    path.write_text("x,time\n" + "".join(f"{v!r},{1.7e9 + 20 * v!r}\n" for v in x.tolist()))
    found = run_json(path, "--epochs", 40)
    assert found["test_r2"] > 0.99
    assert found["test_rmse"] < 2
