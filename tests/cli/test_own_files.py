"""No command overwrites a file that it reads."""

import os

import pytest

import xpnet as xn
from xpnet.cli import main

pytest.importorskip("pyarrow", reason="tables are read with pyarrow")


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """A table and a model of it, whose names may end like any output."""
    folder = tmp_path_factory.mktemp("own")
    table = folder / "t.csv"
    table.write_text("x,y\n" + "\n".join(f"{i},{'ab'[i % 2]}" for i in range(20)) + "\n")
    assert main(["train", str(table), "--epochs", "1", "--save", str(folder / "m")]) == 0
    return table, folder / "m"


COMMANDS = {
    "train --save": ("train {data} --epochs 1 --save {out}", "the file with the data"),
    "train --plot": ("train {data} --epochs 1 --plot {out}", "the file with the data"),
    "--test": ("train other.csv --test {data} --save {out}", "the file of --test"),
    "--validation": ("train other.csv --validation {data} --save {out}", "of --validation"),
    "predict, the data": ("predict {model} {data} --out {out}", "the file with the data"),
    "report, the data": ("report {model} {data} --html {out}", "the file with the data"),
    "evaluate": ("evaluate {model} {data} --plot {out}", "the file with the data"),
    "explain": ("explain {model} {data} --plot {out}", "the file with the data"),
    "predict, the model": ("predict {data} t.csv --out {out}", "the model itself"),
    "report, the model": ("report {data} t.csv --html {out}", "the model itself"),
    "export": ("export {data} --to onnx --out {out}", "the model itself"),
    "two outputs": ("train other.csv --save {out} --plot {out}", "the file of --save"),
}


@pytest.mark.parametrize("kind", ["the same name", "a link", "a hard link", "by another path"])
@pytest.mark.parametrize("name", COMMANDS)
def test_a_file_that_is_read_stays(capsys, monkeypatch, tmp_path, name, kind):
    """Refused at once: nothing that the command reads is even opened."""
    monkeypatch.chdir(tmp_path)
    own, out = tmp_path / "own.csv", tmp_path / "out.csv"
    own.write_text("what is there")
    match kind:
        case "a link":
            out.symlink_to(own)
        case "a hard link":
            os.link(own, out)
        case "by another path":
            (tmp_path / "folder").mkdir()
            out = os.path.join("folder", "..", "own.csv")
        case _:
            out = own
    command, words = COMMANDS[name]
    arguments = command.format(data=own, out=out, model="m").split()
    assert main(arguments) == 2
    err = capsys.readouterr().err
    option = [word for word in arguments if word.startswith("--")][-1]
    assert err.startswith(f"xpnet: error: {option} {out}: this is ")
    assert words in err
    assert f"Choose another name with {option}." in err
    assert own.read_text() == "what is there"


def test_an_export_whose_usual_name_is_the_model(capsys, files, tmp_path):
    pytest.importorskip("onnx")
    own = tmp_path / "m.onnx"
    own.write_bytes(before := files[1].read_bytes())
    assert main(["export", str(own), "--to", "onnx"]) == 2
    assert "this is the model itself. Choose another name with --out." in capsys.readouterr().err
    assert own.read_bytes() == before


def test_another_file_may_be_replaced(run, files, tmp_path, monkeypatch):
    pytest.importorskip("sklearn")
    (tmp_path / "p.csv").write_text("old")
    run("predict", files[1], files[0], "--out", tmp_path / "p.csv")
    assert (tmp_path / "p.csv").read_text().startswith("prediction,")
    monkeypatch.chdir(tmp_path)
    run("train", "digits", "--epochs", 1, "--save", "digits")  # a name, not a file
    run("train", files[0], "--epochs", 1, "--save", files[1])
    assert xn.load(files[1]).classes == ("a", "b")
