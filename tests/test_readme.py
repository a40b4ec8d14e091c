"""README.md: every Python block and every ``xpnet`` command in it runs, every install works.

A block is left alone if the line before it is an HTML comment that begins with ``not run``.
"""

import os
import re
import shlex
import tomllib
from pathlib import Path
from typing import Any

import pytest

from xpnet.cli import bench, main
from xpnet.cli.parser import parser

ROOT = Path(__file__).parents[1]
README = ROOT / "README.md"
TEXT = README.read_text("utf-8") if README.is_file() else ""
pytestmark = pytest.mark.skipif(not TEXT, reason="there is no README.md beside the tests")

_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_NOT_RUN = re.compile(r"<!--\s*not run[^\n]*-->\s*$")
_SHELL = ("", "bash", "sh", "shell", "console")
_DATA = ("mnist", "XPNET_DATA")  # a command with one of these reads files that may not be here


def blocks(text: str, *languages: str) -> list[str]:
    """Contents of the fenced blocks of these languages that are to be run."""
    return [
        found[2]
        for found in _FENCE.finditer(text)
        if found[1] in languages and not _NOT_RUN.search(text[: found.start()])
    ]


def commands(text: str) -> list[str]:
    """Each shell command: lines of shell blocks and indented lines, cut at ``&&`` and ``#``."""
    prose = _FENCE.sub("", text)
    lines = [line for block in blocks(text, *_SHELL) for line in block.splitlines()]
    lines += [line for line in prose.splitlines() if line.startswith("    ")]
    bare = (re.sub(r"(^|\s)#.*", "", line).strip().removeprefix("$ ") for line in lines)
    return [part.strip() for line in bare if line for part in line.split("&&")]


def extras(text: str) -> set[str]:
    """The extras of xpnet that any ``pip install`` in the text names."""
    found = re.findall(r"pip install (?:-e )?['\"]?(?:\.|xpnet)\[([\w,-]+)\]", text)
    return {name for names in found for name in names.split(",")}


COMMANDS = commands(TEXT)


def _first(command: str) -> str:
    """The program that a command runs, without assignments before it."""
    return next((word for word in shlex.split(command) if "=" not in word), "")


def census(folder: Path) -> None:
    """The files that the commands for tables name: small, with categories and gaps."""
    pytest.importorskip("pyarrow")
    header = "age,education,hours,income"
    rows = [
        f"{20 + i * 7 % 50},{['Bachelors', 'HS-grad', '?', 'Masters'][i % 4]},{30 + i % 20},"
        f"{'>50K' if i % 4 in (0, 3) else '<=50K'}"
        for i in range(120)
    ]
    (folder / "adult.csv").write_text("\n".join([header, *rows]) + "\n")
    (folder / "test.csv").write_text("\n".join([header, *rows[:40]]) + "\n")
    new = [row.rpartition(",")[0] for row in rows[:10]]
    (folder / "new.csv").write_text("\n".join([header.rpartition(",")[0], *new]) + "\n")


def test_python_blocks_run_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    if "datasets.digits" in TEXT or "datasets.iris" in TEXT:
        pytest.importorskip("sklearn")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "readme"}
    found = blocks(TEXT, "python")
    assert found, "README.md shows no Python"
    for block in found:
        exec(compile(block, "README.md", "exec"), names)


def test_python_blocks_of_the_guide_run_in_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("sklearn")
    monkeypatch.chdir(tmp_path)
    names: dict[str, Any] = {"__name__": "guide"}
    found = blocks((ROOT / "docs" / "guide.md").read_text("utf-8"), "python")
    assert len(found) > 5
    for block in found:
        exec(compile(block, "guide.md", "exec"), names)
    test, inputs = names["test"], names["features"]
    assert names["classifier"].evaluate(inputs[test], names["labels"][test])["accuracy"] > 0.95
    for regressor in (names["regressor"], names["robust"]):
        assert regressor.evaluate(inputs[test], names["target"][test])["r2"] > 0.97
    assert names["tables"].evaluate(names["rows"][test], names["answers"][test])["accuracy"] > 0.9
    assert names["iris"].evaluate(names["flowers"], names["kinds"])["accuracy"] > 0.9


@pytest.mark.parametrize("section", ["Data that do not fit into memory", "Sparse data"])
def test_python_blocks_on_large_data_run_in_order(
    section: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("scipy")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    sections = (ROOT / "docs" / "scaling.md").read_text("utf-8").split("\n## ")
    (text,) = (each for each in sections if each.startswith(section))
    names: dict[str, Any] = {"__name__": "scaling"}
    for block in blocks(text, "python"):
        exec(compile(block, "scaling.md", "exec"), names)
    assert names["model"].epoch >= 2


@pytest.mark.filterwarnings("ignore::xpnet.errors.TrainingWarning")  # the census is tiny
@pytest.mark.parametrize("command", [c for c in COMMANDS if _first(c) == "xpnet"])
def test_xpnet_commands_run(
    command: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In this process; that a shell finds the command is tested with the command line."""
    if any(word in command for word in _DATA) and not os.environ.get("XPNET_DATA"):
        pytest.skip("XPNET_DATA is not set: the files that this command reads are not here")
    if "digits" in command or "iris" in command:
        pytest.importorskip("sklearn")
    if "adult" in command:
        census(tmp_path)
    if "search" in command:
        pytest.importorskip("optuna")
    words = shlex.split(command)
    start = words.index("xpnet")
    for word in words[:start]:
        monkeypatch.setenv(*word.split("=", 1))
    monkeypatch.setattr(bench, "_ROUNDS", 2)  # of 7
    monkeypatch.chdir(tmp_path)
    if "adult.safetensors" in command and "train" not in command:
        assert main("train adult.csv --epochs 2 --save adult.safetensors".split()) == 0
    if "serve" in words:  # it would serve until it is stopped: tests/serve starts one
        assert parser().parse_args(words[start + 1 :]).model == "adult.safetensors"
        return
    assert main(words[start + 1 :]) == 0
    if "--out" in words:
        assert Path(words[words.index("--out") + 1]).stat().st_size
        return
    assert capsys.readouterr().out.strip()


def test_it_shows_the_command_and_how_to_test() -> None:
    assert any(_first(c) == "xpnet" for c in COMMANDS)
    assert any(c.startswith("pip install") for c in COMMANDS)
    assert any("pytest" in c for c in COMMANDS)


@pytest.mark.parametrize("command", [c for c in COMMANDS if _first(c) != "xpnet"])
def test_every_other_command_is_one_that_is_known_to_work(command: str) -> None:
    words = shlex.split(command)
    if "pytest" in words:
        assert command in _ci_lines(), f"{command!r} is not how .ci/run runs the tests"
    elif words[:2] == ["pip", "install"] or words[1:4] == ["-m", "pip", "install"]:
        assert extras(command) or words[-1] == ".", f"{command!r} does not install xpnet"
    elif words[0] == "bash":
        assert (ROOT / words[1]).is_file()
    else:
        assert words[:2] in (["git", "clone"], ["cd", "xpnet"]), f"nothing checks {command!r}"


def _ci_lines() -> list[str]:
    ci = ROOT / ".ci" / "run"
    if not ci.is_file():
        pytest.skip("there is no .ci/run beside the tests")
    return [line.strip() for line in ci.read_text("utf-8").splitlines()]


def test_the_install_for_tests_is_the_one_that_ci_makes() -> None:
    wanted = [c for c in COMMANDS if c.startswith("pip install") and "test" in extras(c)]
    assert wanted
    assert all(command in _ci_lines() for command in wanted)


def test_every_extra_exists() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    named = extras(TEXT)
    assert named
    assert named <= set(project["optional-dependencies"])


def test_files_that_it_links_to_exist() -> None:
    links = re.findall(r"\]\((?!https?:|#)([^)#\s]+)", TEXT)
    assert [link for link in links if not (ROOT / link).exists()] == []


_EXAMPLE = """Text with `xpnet nothing` inside.

    pip install ".[a,b-c]" && xpnet train digits   # a comment

```bash
$ XPNET_DATA=/x xpnet info
```

<!-- not run: it takes an hour -->
```python
1 / 0
```

```python
x = 1
```
"""


def test_the_reader_finds_what_is_to_be_run() -> None:
    assert blocks(_EXAMPLE, "python") == ["x = 1\n"]
    assert commands(_EXAMPLE) == [
        "XPNET_DATA=/x xpnet info",
        'pip install ".[a,b-c]"',
        "xpnet train digits",
    ]
    assert extras(_EXAMPLE) == {"a", "b-c"}
    assert [_first(c) for c in commands(_EXAMPLE)] == ["xpnet", "pip", "xpnet"]
