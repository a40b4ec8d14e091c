"""What can go wrong: the message on standard error, and the exit status."""

import os
import warnings

import numpy as np
import pytest

from xpnet import __version__
from xpnet.cli import main
from xpnet.errors import BackendFallbackWarning


@pytest.fixture
def fails(capsys):
    """Run a command that must fail with status 2; return its one line."""

    def fails(*arguments):
        assert main([*map(str, arguments)]) == 2
        err = capsys.readouterr().err
        assert err.startswith("xpnet: error: ")
        assert err.count("\n") == 1
        assert "Traceback" not in err
        return err

    return fails


def test_an_unknown_data_set_names_the_known_and_the_nearest(fails):
    err = fails("train", "digts")
    assert "Did you mean 'digits'?" in err
    for name in ("digits", "mnist", "fashion", "FILE.csv", "FILE.npz", "FILE.parquet"):
        assert name in err


def test_a_missing_file_names_the_nearest(fails, classes_csv, tmp_path):
    err = fails("train", tmp_path / "kind.csv")
    assert f"there is no file {tmp_path / 'kind.csv'}. Did you mean {classes_csv}?" in err


def test_a_missing_file_with_none_like_it(fails, tmp_path):
    assert fails("train", tmp_path / "kind.csv").endswith("kind.csv.\n")


def test_a_missing_folder(fails, tmp_path):
    assert "nowhere does not exist" in fails("train", tmp_path / "nowhere" / "a.csv")


def test_a_folder_for_a_file(fails, tmp_path):
    (tmp_path / "a.csv").mkdir()
    assert "is not a file" in fails("train", tmp_path / "a.csv")


def test_an_unknown_column(fails, classes_csv):
    assert "Did you mean 'kind'?" in fails("train", classes_csv, "--target", "kinds")


@pytest.mark.parametrize(
    "option", [("--target", "kind"), ("--task", "regression"), ("--no-header",), ("--test", "0.1")]
)
def test_options_of_tables_for_images(fails, option):
    assert f"{option[0]} needs a table, but digits holds images" in fails(
        "train", "digits", *option
    )


def test_validation_rows_of_images_come_from_their_own(fails, classes_csv):
    assert "--validation FILE needs a table" in fails(
        "train", "digits", "--validation", classes_csv
    )


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (["--activation", "rel"], "Did you mean 'relu'?"),
        (["--optimizer", "adm"], "Did you mean 'adam'?"),
        (["--backend", "nump"], "Did you mean 'numpy'?"),
        (["--dtype", "float16"], "float32"),
        (["--learning-rate", "0"], "learning_rate"),
        (["--learning-rate", "nan"], "learning_rate"),
        (["--dropout", "1"], "--dropout"),
        (["--weight-decay", "-1"], "weight_decay"),
    ],
)
def test_settings_are_refused_before_data_are_read(fails, monkeypatch, flags, message):
    monkeypatch.setattr("xpnet.cli.train_command.load", lambda *_: pytest.fail("data were loaded"))
    assert message in fails("train", "digits", *flags)


@pytest.mark.parametrize("data", ["digits", "classes_csv"])
@pytest.mark.parametrize("seed", ["-1", str(2**32)])
def test_a_seed_out_of_range(fails, request, data, seed):
    data = data if data == "digits" else request.getfixturevalue(data)
    assert "seed must be " in fails("train", data, "--seed", seed)


def test_a_training_that_diverges(fails, values_csv):
    err = fails("train", values_csv, "--optimizer", "sgd", "--learning-rate", "1e6", "--hidden")
    assert "Try a smaller learning rate" in err


def test_too_little_memory(fails, monkeypatch):
    def load(*_):
        raise MemoryError

    monkeypatch.setattr("xpnet.cli.train_command.load", load)
    assert "not enough memory" in fails("train", "digits")


def test_a_message_of_several_lines_keeps_them(capsys, monkeypatch, tmp_path):
    pooch = pytest.importorskip("pooch", reason="downloads need pooch")

    def retrieve(*_, **__):
        raise OSError("no network")

    monkeypatch.setattr(pooch, "retrieve", retrieve)
    monkeypatch.setenv("XPNET_DATA", str(tmp_path))
    monkeypatch.setenv("XPNET_CACHE", str(tmp_path))
    assert main(["train", "mnist"]) == 2
    first, *rest = capsys.readouterr().err.splitlines()
    assert first.startswith(
        "xpnet: error: MNIST could not be found or downloaded. Connect to the internet"
    )
    assert sum("no network" in line for line in rest) == 2


@pytest.mark.parametrize(
    "arguments",
    [
        ["trian"],
        ["train"],
        ["train", "digits", "--epochs", "0"],
        ["train", "digits", "--epochs", "1.5"],
        ["train", "digits", "--batch-size", "-3"],
        ["train", "digits", "--hidden", "0"],
        ["train", "digits", "--threads", "0"],
        ["train", "digits", "--threads", "two"],
        ["train", "a.csv", "--test", "1"],
        ["train", "a.csv", "--validation", "0"],
        ["train", "a.csv", "--early-stopping", "0"],
        ["train", "a.csv", "--class-weight", "even"],
        ["train", "digits", "--colour"],
    ],
)
def test_arguments_that_cannot_be_read(capsys, arguments):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    assert "error: " in capsys.readouterr().err


def test_without_a_command_there_is_help(capsys):
    assert main([]) == 2
    out, err = capsys.readouterr()
    assert out == ""
    assert err.startswith("usage: xpnet ")
    assert "examples:\n  xpnet train digits" in err
    assert "error" not in err


@pytest.mark.parametrize(
    ("arguments", "usage"),
    [
        (["train", "digits", "--lr", "0.1"], "usage: xpnet train DATA [options]\n"),
        (["info", "--lr"], "usage: xpnet info "),
        (["--lr"], "usage: xpnet [-h] "),
    ],
)
def test_an_unknown_option_shows_the_usage_of_its_command(capsys, arguments, usage):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2
    err = capsys.readouterr().err
    assert err.startswith(usage)
    assert "unrecognized arguments: --lr" in err


@pytest.mark.parametrize(("data", "told"), [("digits", True), ("a.csv", True), ("1.5", False)])
def test_a_data_set_behind_hidden(capsys, data, told):
    with pytest.raises(SystemExit):
        main(["train", "--hidden", "64", data])
    err = capsys.readouterr().err
    assert f"got {data!r}" in err
    assert ("put DATA before --hidden: xpnet train" in err) is told


def test_the_reason_for_a_bad_count(capsys):
    with pytest.raises(SystemExit):
        main(["train", "digits", "--epochs", "0"])
    err = capsys.readouterr().err
    assert "argument --epochs: expected a whole number of at least 1, got '0'" in err


def test_too_many_threads_are_refused_before_data_are_read(fails, monkeypatch):
    monkeypatch.setattr("xpnet.cli.train_command.load", None)
    err = fails("train", "digits", "--threads", 65)
    assert "--threads must be a whole number of at least 1 and below 65, got 65." in err


def test_ctrl_c(capsys, monkeypatch):
    def interrupt(*_):
        raise KeyboardInterrupt

    monkeypatch.setattr("xpnet.cli.train_command.load", interrupt)
    assert main(["train", "digits"]) == 130
    assert capsys.readouterr().err == "xpnet: interrupted\n"


def test_a_non_finite_measurement_is_null_in_json(run_json, tmp_path):
    # The only test row is so far away that the network's output overflows; its prediction is
    # clipped to the values that were seen.
    path = tmp_path / "far.npz"
    rng = np.random.default_rng(0)
    X = rng.normal(size=(50, 1))
    np.savez(path, X=X, y=X[:, 0], X_test=[[1e30]], y_test=[0.5])
    found = run_json(path, "--epochs", "1")
    assert found["test_r2"] is None
    assert found["test_loss"] < 10
    assert found["history"]["val_loss"] == [None]
    assert found["history"]["loss"][0] > 0


@pytest.mark.parametrize("command", [[], ["train"], ["info"]])
def test_help(capsys, command):
    with pytest.raises(SystemExit) as stopped:
        main([*command, "--help"])
    assert stopped.value.code == 0
    out = capsys.readouterr().out
    assert out.startswith(" ".join(["usage: xpnet", *command]))
    if command != ["info"]:
        assert "examples:\n  xpnet train digits" in out


def test_help_tells_the_defaults(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    out = capsys.readouterr().out
    assert "hidden 256 256  epochs 20  batch size 16   learning rate 0.001" in out
    assert "standardized" in out


def test_help_tells_the_rules_for_files(capsys):
    with pytest.raises(SystemExit):
        main(["train", "--help"])
    out = capsys.readouterr().out
    assert out.startswith("usage: xpnet train DATA [options]\n")
    assert "Columns hold numbers, categories, booleans or dates" in out
    rule = "at most half as many as rows, or 10 if that is more), none of them negative"
    assert f"exactly two distinct values, or with at most 100 ({rule}" in " ".join(out.split())
    assert max(map(len, out.splitlines())) <= 100


def test_the_fallback_is_told_in_a_plain_sentence(capsys, monkeypatch, classes_csv):
    def check(_):
        warnings.warn("cupy\n cannot run", BackendFallbackWarning, stacklevel=2)
        warnings.warn("other", UserWarning, stacklevel=2)

    monkeypatch.setattr("xpnet.cli.train_command._check", check)
    with pytest.warns(UserWarning, match="other") as others:
        assert main(["train", classes_csv, "--epochs", "1"]) == 0
    assert capsys.readouterr().err == "xpnet: warning: cupy cannot run\n"
    assert [str(other.message) for other in others] == ["other"]


def test_version(capsys):
    with pytest.raises(SystemExit) as stopped:
        main(["--version"])
    assert stopped.value.code == 0
    assert capsys.readouterr().out == f"xpnet {__version__}\n"


def test_the_environment_is_left_alone(run, classes_csv):
    before = dict(os.environ)
    run("train", classes_csv, "--epochs", 1)
    assert dict(os.environ) == before
