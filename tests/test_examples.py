"""docs/examples: each script runs on its small budget, draws, and reaches what is asked of that."""

import os
import re
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest

import xpnet

FOLDER = Path(__file__).parents[1] / "docs" / "examples"
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="there are no docs beside the tests")


class Example(NamedTuple):
    """A script, what it needs, and what its output must match or fulfil."""

    script: str
    expected: str | Callable[[str], None]
    data: str | None = None  # in the folder that XPNET_DATA names
    extras: tuple[str, ...] = ()  # modules


def between(pattern: str, low: float, high: float = float("inf")) -> Callable[[str], None]:
    """A check that the number in the pattern's group lies in [low, high]."""

    def check(output: str) -> None:
        found = re.search(pattern, output)
        assert found, f"no {pattern!r} in:\n{output}"
        assert low <= float(found[1]) <= high, output

    return check


EXAMPLES = [
    Example("celsius.py", between(r"xn\.value_and_grad +\S+ +(\S+)", 31.999, 32.001)),
    Example("irises.py", between(r"two layers, 2 units +\S+ +(\S+)", 0.94), None, ("sklearn",)),
    Example("gates.py", between(r"largest difference (\S+)", 0, 1e-12)),
    Example("softmax.py", between(r"Adam +\S+ +\S+ +\S+ +(\S+)", 0, 0.02)),
    Example("error_functions.py", between(r"mean_absolute_error +(\S+)", 1.9, 2.1)),
    Example("mnist_journal.py", between(r"macro  \S+  \S+  (\S+)", 0.90), "mnist", ("sklearn",)),
    Example(
        "mnist_variations.py", between(r"its test accuracy: (\S+)", 0.90), "mnist", ("sklearn",)
    ),
    Example("keras_mlp.py", between(r"mean test accuracy: (\S+)", 0.92), "mnist"),
    Example("transfer_learning.py", between(r"gain: (\S+)", 0.01), "mnist"),
]


def test_every_script_is_in_the_table() -> None:
    scripts = {file.name for file in FOLDER.glob("*.py")} - {"support.py"}
    assert {example.script for example in EXAMPLES} == scripts


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.script)
def test_it_runs(example: Example, tmp_path: Path) -> None:
    for module in example.extras:
        pytest.importorskip(module)
    data = Path(os.environ.get("XPNET_DATA", ""), example.data or "")
    if example.data is not None and not ("XPNET_DATA" in os.environ and data.exists()):
        pytest.skip(f"XPNET_DATA has no {example.data}")
    draw = ["--pictures", str(tmp_path)] if find_spec("matplotlib") else []
    package = str(Path(xpnet.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, str(FOLDER / example.script), "--quick", *draw],
        env={**os.environ, "PYTHONPATH": package, "OPENBLAS_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr, done.stderr
    if callable(example.expected):
        example.expected(done.stdout)
    else:
        assert re.search(example.expected, done.stdout), done.stdout
