"""`--plot`: the curves, and what is refused before the training."""

import sys

import pytest

from xpnet.cli import main, plot
from xpnet.errors import ArgumentError
from xpnet.training.history import History

figure = pytest.importorskip("matplotlib.figure", reason="curves need matplotlib")


@pytest.fixture
def drawn(monkeypatch):
    """Collect the figures that are saved."""
    figures = []
    save = figure.Figure.savefig

    def savefig(self, *args, **kwargs):
        figures.append(self)
        save(self, *args, **kwargs)

    monkeypatch.setattr(figure.Figure, "savefig", savefig)
    return figures


def curves(axes):
    return {line.get_label(): list(line.get_ydata()) for line in axes.get_lines()}


@pytest.mark.parametrize(("ending", "start"), [("png", b"\x89PNG"), ("svg", b"<?xml")])
def test_the_file_is_a_picture(run, classes_csv, tmp_path, ending, start):
    file = tmp_path / f"curves.{ending}"
    out = run("train", classes_csv, "--epochs", 2, "--plot", file).out
    assert file.read_bytes().startswith(start)
    assert out.endswith(f"curves: {file}\n")


def test_classification_shows_loss_and_accuracy(run_json, classes_csv, tmp_path, drawn):
    history = run_json(classes_csv, "--epochs", 4, "--plot", tmp_path / "a.png")["history"]
    loss, accuracy = drawn[0].axes
    assert curves(loss) == {"train": history["loss"], "test": history["val_loss"]}
    assert curves(accuracy) == {"train": history["accuracy"], "test": history["val_accuracy"]}
    assert [axes.get_ylabel() for axes in (loss, accuracy)] == ["loss", "accuracy"]
    assert loss.get_xlabel() == "epoch"
    assert loss.get_legend() is not None
    assert "kinds.csv" in drawn[0].get_suptitle()


@pytest.mark.parametrize("epochs", [1, 2, 3, 40])
def test_ticks_are_whole_epochs(run_json, values_csv, tmp_path, drawn, epochs):
    run_json(values_csv, "--epochs", epochs, "--plot", tmp_path / "a.png")
    (axes,) = drawn[0].axes  # of values there is no accuracy
    ticks = axes.get_xticks().tolist()
    assert ticks == [int(tick) for tick in ticks]
    assert any(1 <= tick <= epochs for tick in ticks)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere/a.png", "the folder .*nowhere does not exist"),
        ("a.xyz", r"must end in \.png, \.pdf or \.svg\.$"),
        ("a", r"must end in \.png, \.pdf or \.svg\.$"),
        ("folder.png", "cannot be written"),
    ],
)
def test_refused_before_the_training(capsys, monkeypatch, tmp_path, name, message):
    (tmp_path / "folder.png").mkdir()
    monkeypatch.setattr("xpnet.cli.train_command.load", lambda *_: pytest.fail("data were loaded"))
    file = tmp_path / name
    with pytest.raises(ArgumentError, match=message):
        plot.check(str(file))
    assert main(["train", "digits", "--plot", str(file)]) == 2
    assert capsys.readouterr().err.startswith("xpnet: error: --plot")


def test_without_matplotlib_the_extra_is_named_before_the_training(capsys, monkeypatch, tmp_path):
    monkeypatch.setitem(sys.modules, "matplotlib.backend_bases", None)
    monkeypatch.setattr("xpnet.cli.train_command.load", lambda *_: pytest.fail("data were loaded"))
    assert main(["train", "digits", "--plot", str(tmp_path / "a.png")]) == 2
    assert "xpnet[plot]" in capsys.readouterr().err


def test_results_come_before_a_picture_that_fails(capsys, monkeypatch, classes_csv, tmp_path):
    def full(*_, **__):
        raise OSError("no space left")

    monkeypatch.setattr(figure.Figure, "savefig", full)
    file = str(tmp_path / "a.png")
    assert main(["train", classes_csv, "--epochs", "1", "--plot", file]) == 2
    out, err = capsys.readouterr()
    assert "scores on 24 test rows" in out
    assert err.startswith(f"xpnet: error: --plot: {file} cannot be written: no space left.")


def test_markers_only_where_they_can_be_told_apart(tmp_path, drawn):
    for epochs in (30, 31):
        history = History()
        for epoch in range(1, epochs + 1):
            history.append({"epoch": epoch, "loss": 1.0, "val_loss": 2.0})
        plot.draw(str(tmp_path / "a.png"), history, "digits")
    assert [f.axes[0].get_lines()[0].get_marker() for f in drawn] == ["o", ""]
