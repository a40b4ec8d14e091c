"""The short forms of the scripts in this folder that need a process of their own."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import xpnet

linux = pytest.mark.skipif(sys.platform != "linux", reason="it looks at Linux's /proc")
posix = pytest.mark.skipif(os.name != "posix", reason="there are no such signals and no fork here")


def script(name: str, *arguments: str) -> Any:
    """What a script reports; it fails if it exits with a message."""
    package = str(Path(xpnet.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(Path(__file__).with_name(name)), *arguments],
        env={**os.environ, "PYTHONPATH": package, "XPNET_BLAS": "numpy"},
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


@posix
def test_signals_leave_no_limit_and_no_lock() -> None:
    found = script("interrupts.py", "--tries", "60")
    if "skipped" in found:
        pytest.skip(found["skipped"])
    assert found == {"tries": 60, "left": 0}


@posix
def test_forks_during_training() -> None:
    assert script("forks.py", "--forks", "8") == {"forks": 8, "hung": 0}


@pytest.mark.parametrize("more", [[], ["--train"]])
def test_predictions_of_several_threads_are_right(more: list[str]) -> None:
    found = script("predictions.py", "--count", "4000", *more)
    assert (found["predictions"], found["wrong"]) == (4000, 0)


@linux
def test_what_is_compiled_does_not_grow() -> None:
    pytest.importorskip("llvmlite", reason="steps are compiled by llvmlite")
    found = script("growth.py", "--count", "40")
    assert found["MB"] < 20
    assert found["maps"] < 500
