"""The part ``probe``: whether a private cuBLASLt handle can be captured and replayed.

It then runs xpnet's own test of cuBLASLt in each precision, which names the epilogues that are not
used.
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from gpu.report import Bench, Row, attempt
from gpu.suite import environment
from xpnet.lowering.cuda.gemm import usable

SCRIPT = Path(__file__).parents[1] / "probe_cublaslt.py"


def probe(bench: Bench) -> Iterator[Row]:
    """Run the probe in its own process and keep its output; then run xpnet's tests."""

    def run() -> Row:
        done = subprocess.run(
            [sys.executable, str(SCRIPT)],
            env=environment(),
            capture_output=True,
            text=True,
            timeout=max(1.0, bench.left - 1),
            check=False,
        )
        text = (done.stdout + done.stderr).strip()
        return {"found": text[-2000:], "returncode": done.returncode, "ok": done.returncode == 0}

    yield attempt({"what": SCRIPT.name}, run)
    for precision in bench.device.checked:
        yield attempt({"what": precision}, partial(_trial, bench, precision))


def _trial(bench: Bench, precision: str) -> Row:
    good, found = usable(bench.device.backend.cupy, precision)
    return {"found": found, "ok": good}
