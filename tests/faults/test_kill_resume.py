"""The short form of ``kill_resume.py``."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

import xpnet


@pytest.mark.skipif(os.name != "posix", reason="there is no SIGKILL here")
def test_a_training_that_is_killed_ends_as_one_that_is_not():
    package = str(Path(xpnet.__file__).parents[1])
    done = subprocess.run(
        [sys.executable, str(Path(__file__).with_name("kill_resume.py")), "--kills", "6"],
        env={**os.environ, "PYTHONPATH": package, "XPNET_BLAS": "numpy"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["kills"] >= 6
