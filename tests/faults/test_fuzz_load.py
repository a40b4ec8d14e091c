"""The short form of ``fuzz_load.py``."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import xpnet


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is limited as on Linux")
def test_files_changed_at_random(tmp_path):
    package = str(Path(xpnet.__file__).parents[1])
    script = str(Path(__file__).with_name("fuzz_load.py"))
    done = subprocess.run(
        [sys.executable, "-W", "error", script, "1", "0", "400"],
        env={**os.environ, "PYTHONPATH": package},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("400 files")
