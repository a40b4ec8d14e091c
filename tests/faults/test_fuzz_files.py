"""The short form of ``fuzz_files.py``."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

import xpnet


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read as on Linux")
@pytest.mark.parametrize("kind", ["onnx", "npz", "csv", "checkpoint"])
def test_files_changed_at_random(tmp_path, kind):
    if kind == "onnx":
        pytest.importorskip("onnx")
    package = str(Path(xpnet.__file__).parents[1])
    script = str(Path(__file__).with_name("fuzz_files.py"))
    done = subprocess.run(
        [sys.executable, script, kind, "1", "0", "50"],
        env={**os.environ, "PYTHONPATH": os.pathsep.join([package, *sys.path])},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("50 files")
