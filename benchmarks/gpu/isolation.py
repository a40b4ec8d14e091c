"""A part in its own process, which may crash or hang without affecting the others."""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from collections.abc import Sequence
from contextlib import suppress
from time import monotonic

from gpu.report import Report
from gpu.suite import environment

GRACE = 20.0  # seconds after its limit until a process that does not end is killed


def isolated(
    report: Report, name: str, seconds: float, command: Sequence[str], grace: float = GRACE
) -> None:
    """Run a part by a command that writes to the same report; its rows are kept.

    A command that does not end is killed, with all processes that it started.
    """
    report.begin(name, seconds)
    start, killed = monotonic(), False
    with tempfile.TemporaryFile("w+", errors="replace") as errors:
        process = subprocess.Popen(
            command, stderr=errors, env=environment(), start_new_session=True
        )
        try:
            process.wait(seconds + grace)
        except subprocess.TimeoutExpired:
            killed = True
        finally:
            kill(process)
        errors.seek(0)
        said = errors.read()[-4000:]
    report.data = Report.load(report.folder).data
    entry = report.data["parts"][name]
    if entry["status"] == "running":
        how = "did not end and was killed" if killed else f"ended with code {process.returncode}"
        status = "stopped" if killed else "failed"
        entry.update(status=status, error=f"its process {how}", traceback=said)
        entry["seconds"] = round(monotonic() - start, 2)
    report.save()


def kill(process: subprocess.Popen[bytes]) -> None:
    """End a process and its children, if any are still running."""
    if hasattr(os, "killpg"):
        with suppress(ProcessLookupError, PermissionError):  # all have ended
            os.killpg(process.pid, signal.SIGKILL)
    else:
        process.kill()
    process.wait()
