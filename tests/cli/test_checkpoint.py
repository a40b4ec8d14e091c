"""`xpnet train --checkpoint --resume`."""

import json

import pytest

from xpnet.cli import main

pytest.importorskip("sklearn")
TRAIN = ["train", "digits", "--hidden", "16", "--json"]


def run(capsys, *arguments):
    status = main([*map(str, arguments)])
    captured = capsys.readouterr()
    return status, captured.out, captured.err


def test_training_goes_on_from_its_checkpoints(capsys, tmp_path):
    folder = tmp_path / "checkpoints"
    whole = json.loads(run(capsys, *TRAIN, "--epochs", 4)[1])
    assert run(capsys, *TRAIN, "--epochs", 2, "--checkpoint", folder)[0] == 0
    status, out, _ = run(capsys, *TRAIN, "--epochs", 4, "--checkpoint", folder, "--resume")
    found = json.loads(out)
    assert status == 0
    assert found["history"]["epoch"] == [1, 2, 3, 4]
    assert (
        found["history"]["train_loss" if "train_loss" in found["history"] else "loss"]
        == (whole["history"]["train_loss" if "train_loss" in whole["history"] else "loss"])
    )
    assert found["test_accuracy"] == whole["test_accuracy"]


def test_checkpoints_of_before_are_not_passed_over(capsys, tmp_path):
    run(capsys, *TRAIN, "--epochs", 1, "--checkpoint", tmp_path)
    status, _, error = run(capsys, *TRAIN, "--epochs", 1, "--checkpoint", tmp_path)
    assert status == 2
    assert "Add --resume" in error
    status, _, error = run(capsys, *TRAIN, "--resume")
    assert status == 2
    assert "--resume needs --checkpoint" in error


@pytest.mark.parametrize(
    "option", [["--learning-rate", "0.5"], ["--batch-size", "7"], ["--optimizer", "sgd"]]
)
def test_settings_are_printed_only_if_they_are_those_of_the_checkpoint(capsys, tmp_path, option):
    train = [part for part in TRAIN if part != "--json"]
    train += ["--epochs", "1", "--checkpoint", str(tmp_path)]
    status, out, _ = run(capsys, *train)
    assert status == 0
    assert out.count("learning rate 0.001, batch size") == 1
    status, out, error = run(capsys, *train, "--resume", *option)
    assert status == 2
    assert "the checkpoint is from another fit" in error
    assert "learning rate" not in out
    assert "batch size" not in out
