"""docs/examples: each script runs on its small budget, draws, and reaches what is asked of that."""

import os
import re
import runpy
import subprocess
import sys
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import NamedTuple

import pytest

import xpnet

FOLDER = Path(__file__).parents[1] / "docs" / "examples"
ONE_THREAD = {"OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1"}
pytestmark = pytest.mark.skipif(not FOLDER.is_dir(), reason="there are no docs beside the tests")


class Example(NamedTuple):
    """A script, what it needs, and what its output must match or fulfil."""

    script: str
    expected: Callable[[str], None]
    data: tuple[str, ...] = ()  # in the folder that XPNET_DATA names
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
    Example("irises.py", between(r"two layers, 2 units +\S+ +(\S+)", 0.94), (), ("sklearn",)),
    Example("gates.py", between(r"largest difference (\S+)", 0, 1e-12)),
    Example("softmax.py", between(r"Adam +\S+ +\S+ +\S+ +(\S+)", 0, 0.02)),
    Example("error_functions.py", between(r"mean_absolute_error +(\S+)", 1.9, 2.1)),
    Example("mnist_journal.py", between(r"macro  \S+  \S+  (\S+)", 0.90), ("mnist",), ("sklearn",)),
    Example(
        "mnist_variations.py", between(r"its test accuracy: (\S+)", 0.90), ("mnist",), ("sklearn",)
    ),
    Example("keras_mlp.py", between(r"mean test accuracy: (\S+)", 0.92), ("mnist",)),
    Example("transfer_learning.py", between(r"gain: (\S+)", 0.005), ("mnist",)),
    Example(
        "named_entities.py",
        between(r"network: word \+ shape \+ ending +(\S+)", 0.60),  # the baselines: 0.18, 0.48
        ("wikigold",),
        ("sklearn",),
    ),
    Example("names_language_model.py", between(r"network, \D+1 +\S+ +(\S+)", 2, 2.3), ("names",)),
    Example(
        "regression.py",
        between(r"(?s)housing.*?network, mean of 1 +\S+ +(\S+)", 0.70, 1),
        ("california-housing", "wine-quality"),
        ("sklearn",),
    ),
    Example(
        "adult_income.py",
        between(r"(?s)TabularClassifier, fast +(\S+).*loading: True", 0.83, 0.88),
        ("adult",),
        ("sklearn", "pandas", "pyarrow"),
    ),
    Example(
        "housing_prices.py",
        between(r"TabularRegressor, fast, two averaged +(\d+),", 45, 70),
        ("california-housing",),
        ("sklearn", "pandas", "pyarrow"),
    ),
    Example(
        "wine_scores.py",
        between(r"TabularRegressor +(\S+)", 0.5, 0.8),  # the mean of the training rows: 0.88
        ("wine-quality",),
        ("sklearn", "pandas", "pyarrow"),
    ),
    Example(
        "distributed.py", between(r"difference of the losses: (\S+)", 0, 1e-9), (), ("sklearn",)
    ),
    Example("every_library.py", between(r"difference of the losses: (\S+)", 0, 1e-4)),
    Example("sklearn_swap.py", between(r"loss curves: (\S+)", 0, 1e-9), (), ("sklearn",)),
]


def test_every_script_is_in_the_table() -> None:
    scripts = {file.name for file in FOLDER.glob("*.py")} - {"support.py"}
    assert {example.script for example in EXAMPLES} == scripts


def _arguments(folder: Path) -> list[str]:
    return ["--quick", *(["--pictures", str(folder)] if find_spec("matplotlib") else [])]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda example: example.script)
def test_it_runs(
    example: Example,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """In this process, which has imported scikit-learn and Matplotlib; a warning is an error."""
    for module in example.extras:
        pytest.importorskip(module)
    for name in example.data:
        if not Path(os.environ.get("XPNET_DATA", "/nowhere"), name).exists():
            pytest.skip(f"XPNET_DATA has no {name}")
    script = str(FOLDER / example.script)
    monkeypatch.setattr(sys, "argv", [script, *_arguments(tmp_path)])
    monkeypatch.syspath_prepend(FOLDER)  # they share `support`, and the tests have one, too
    monkeypatch.setitem(sys.modules, "support", None)
    del sys.modules["support"]
    runpy.run_path(script, run_name="__main__")
    output = capsys.readouterr()
    assert "Warning" not in output.err, output.err
    example.expected(output.out)


def test_one_runs_as_a_process(tmp_path: Path) -> None:
    example = next(example for example in EXAMPLES if example.script == "gates.py")
    package = str(Path(xpnet.__file__).parents[1])
    usual = {k: v for k, v in os.environ.items() if k != "PYTHONSAFEPATH"}  # they share `support`
    done = subprocess.run(
        [sys.executable, str(FOLDER / example.script), *_arguments(tmp_path)],
        env={**usual, "PYTHONPATH": package, **ONE_THREAD},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert "Warning" not in done.stderr, done.stderr
    example.expected(done.stdout)
