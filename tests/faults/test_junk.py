"""A sample of the calls of ``junk.py``, the same in every run."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import xpnet


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read as on Linux")
def test_junk_is_refused(tmp_path):
    package, script = Path(xpnet.__file__).parents[1], Path(__file__).with_name("junk.py")
    done = subprocess.run(
        [sys.executable, "-W", "ignore", str(script), "", "197"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([str(package), *sys.path])},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    assert "calls:" in done.stdout
