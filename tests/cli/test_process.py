"""The command as a process of its own."""

import json
import os
import subprocess
import sys

import pytest

from xpnet import __version__

HEAVY = ("sklearn", "matplotlib", "tqdm", "cupy", "pooch", "scipy", "numba")


def python(*arguments, **settings):
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, check=False, **settings
    )


def test_version():
    done = python("-m", "xpnet", "--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"xpnet {__version__}\n", "")


def test_train_with_json(classes_csv):
    done = python("-m", "xpnet", "train", classes_csv, "--epochs", "2", "--json")
    assert done.returncode == 0
    assert json.loads(done.stdout)["epochs"] == 2


def test_an_error_has_no_traceback():
    done = python("-m", "xpnet", "train", "digts")
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("xpnet: error: unknown data set 'digts'.")
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("arguments", [["info", "--help"], ["train", "--help"], ["--version"]])
def test_nothing_heavy_is_imported_for_help(arguments):
    code = f"""
import sys
from xpnet.cli import main
try:
    main({arguments!r})
except SystemExit:
    print("loaded:", [name for name in {HEAVY!r} if name in sys.modules])
"""
    assert python("-c", code).stdout.endswith("loaded: []\n")


@pytest.mark.skipif(os.name == "nt", reason="pipes of this kind are POSIX's")
@pytest.mark.parametrize("arguments", [["train", "FILE", "--epochs", "1"], ["info"]])
def test_a_reader_that_goes_away(classes_csv, arguments):
    arguments = [classes_csv if argument == "FILE" else argument for argument in arguments]
    reading, writing = os.pipe()
    os.close(reading)
    command = [sys.executable, "-m", "xpnet", *arguments]
    # What is left in a buffer is what Python complains of at its exit.
    buffered = {k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"}
    with os.fdopen(writing, "wb") as gone:
        done = subprocess.run(
            command, stdout=gone, stderr=subprocess.PIPE, env=buffered, check=False
        )
    assert (done.returncode, done.stderr) == (141, b"")


@pytest.fixture
def letters_csv(tmp_path):
    """Columns and classes in letters that few encodings have."""
    cities = ("\u6771\u4eac", "S\u00e3o")
    rows = [f"{i % 7},{i % 5},{cities[i % 7 > 3]}" for i in range(30)]
    path = tmp_path / "letters.csv"
    path.write_text("gr\u00f6\u00dfe,b,city\n" + "\n".join(rows) + "\n", encoding="utf-8")
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "cp1252", "ascii"])
def test_letters_that_the_output_lacks_are_escaped(letters_csv, tmp_path, encoding):
    model, environment = tmp_path / "m.safetensors", {**os.environ, "PYTHONIOENCODING": encoding}
    shown = "\u6771\u4eac".encode(encoding, "backslashreplace")
    for arguments in (
        ["train", letters_csv, "--epochs", "1", "--save", model],
        ["predict", model, letters_csv],
        ["inspect", model],
    ):
        command = [sys.executable, "-m", "xpnet", *map(str, arguments)]
        done = subprocess.run(command, capture_output=True, env=environment, check=True)
        assert shown in done.stdout


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
def test_output_to_a_full_disk():
    with open("/dev/full", "w") as full:
        command = [sys.executable, "-m", "xpnet", "info"]
        done = subprocess.run(command, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr.startswith("xpnet: error: reading or writing failed: ")
    assert done.stderr.count("\n") == 1


def run(*arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, shell="", buffered=True):
    """A command in a process of its own, whose output is buffered, as outside of a terminal."""
    environment = {n: v for n, v in os.environ.items() if n != "PYTHONUNBUFFERED"}
    environment |= {} if buffered else {"PYTHONUNBUFFERED": "1"}
    command = [sys.executable, "-m", "xpnet", *arguments]
    if shell:  # closes a stream before the program starts
        command = ["sh", "-c", f'exec "$@" {shell}', "sh", *command]
    return subprocess.run(
        command, stdout=stdout, stderr=stderr, text=True, check=False, env=environment
    )


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["train", "-h"]])
def test_help_to_a_full_disk(arguments, each):
    for buffered in (True, False):
        with each(buffered), open("/dev/full", "w") as full:
            done = run(*arguments, stdout=full, buffered=buffered)
            assert done.returncode == 2
            assert done.stderr.startswith("xpnet: error: reading or writing failed: ")
            assert done.stderr.count("\n") == 1


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="a device of Linux")
def test_an_error_that_cannot_be_told_is_told_by_the_status():
    with open("/dev/full", "w") as full:
        assert run("inspect", "not there", stderr=full).returncode == 2
        assert run("info", stdout=full, stderr=full).returncode == 2


@pytest.mark.skipif(os.name == "nt", reason="a shell of POSIX")
@pytest.mark.parametrize("arguments", [["info"], ["--version"], ["inspect", "not there"]])
def test_closed_streams(arguments):
    done = run(*arguments, shell=">&-")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert done.stderr.startswith("xpnet: error: the standard output is closed")
    done = run(*arguments, shell="2>&-")
    assert (done.returncode, done.stdout) == (2, "")


@pytest.mark.skipif(os.name == "nt", reason="names of files are Unicode there")
def test_names_that_the_systems_encoding_lacks(tmp_path):
    pytest.importorskip("pyarrow")
    rows = "".join(f"{i % 7},{i % 5}.5,{'xyz'[i % 3]}\n" for i in range(60))
    (tmp_path / "größe.csv").write_text(f"a,b,c\n{rows}", encoding="utf-8")
    (tmp_path / "alt.csv").write_text(f"a,b,c\r{rows}", encoding="utf-8")
    ascii_only = {"LC_ALL": "C", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0"}
    for command in (
        "train größe.csv --epochs 1 --save mödel.safetensors",
        "evaluate mödel.safetensors größe.csv",
        "predict mödel.safetensors größe.csv --out vorhergesägt.parquet",
        "predict mödel.safetensors größe.csv --out vorhergesägt.csv",
        "evaluate mödel.safetensors alt.csv",
    ):
        done = subprocess.run(
            [sys.executable, "-m", "xpnet", *command.split()],
            env={**os.environ, **ascii_only},
            cwd=tmp_path,
            capture_output=True,
            check=False,
        )
        assert (done.returncode, done.stderr) == (0, b""), command
    assert (tmp_path / "vorhergesägt.parquet").exists()
