"""`xpnet train --preset`: the recipe of the estimators for tables."""

import pytest

import xpnet as xn
from xpnet.cli import main

pytest.importorskip("pyarrow", reason="tables are read with pyarrow")


@pytest.mark.parametrize("preset", ["fast", "realmlp"])
def test_classes(run, run_json, classes_csv, tmp_path, preset):
    path = tmp_path / "m.safetensors"
    flags = [classes_csv, "--preset", preset, "--epochs", 4]
    found = run_json(*flags, "--save", path)
    assert found["preset"] == preset
    assert found["test_accuracy"] > 0.8
    assert [found[f"{part}_rows"] for part in ("train", "validation", "test")] == [77, 19, 24]
    assert found["hidden"] == [256, 256, 256]
    assert len(found["history"]["val_accuracy"]) == 4
    model = xn.load(path)
    assert len(model.history) == 4
    assert model.evaluate(classes_csv)["accuracy"] > 0.8
    out = run("train", *flags).out
    assert f"preset {preset}: hidden 256 256 256, 4 epochs" in out
    assert "the best epoch on the validation rows is kept" in out


def test_values_in_their_units(run_json, values_csv):
    found = run_json(values_csv, "--preset", "fast", "--epochs", 100)
    assert found["test_r2"] > 0.8
    assert found["history"]["val_loss"][-1] > 1, "1000 +- 50, not standardized"


def test_settings_change_the_recipe(run_json, classes_csv):
    flags = "--hidden 16 8 --epochs 2 --batch-size 20 --learning-rate 0.01 --dropout 0"
    found = run_json(classes_csv, "--preset", "fast", *flags.split(), "--weight-decay", "0.5")
    assert (found["hidden"], found["epochs"], found["batch_size"]) == ([16, 8], 2, 20)
    assert found["learning_rate"] == 0.01
    assert found["parameters"] < 1000


def test_images(run_json):
    pytest.importorskip("sklearn", reason="digits come with scikit-learn")
    found = run_json("digits", "--preset", "fast", "--epochs", 20, "--hidden", 64)
    assert found["test_accuracy"] > 0.8


@pytest.mark.parametrize(
    "option",
    [
        ("--optimizer", "sgd"),
        ("--activation", "tanh"),
        ("--early-stopping",),
        ("--checkpoint", "x"),
        ("--dtype", "float64"),
    ],
)
def test_what_the_recipe_decides_is_refused(capsys, classes_csv, option):
    assert main(["train", classes_csv, "--preset", "fast", *option]) == 2
    assert f"{option[0]} works only with --preset mlp" in capsys.readouterr().err
