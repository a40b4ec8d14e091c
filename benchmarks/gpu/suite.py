"""The part ``tests``: the GPU tests by pytest, and the examples on the device."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from importlib.util import find_spec
from pathlib import Path
from time import perf_counter
from typing import Any
from xml.etree import ElementTree

import xpnet as xn
from gpu.report import Bench, Row, attempt

ROOT = Path(__file__).parents[2]
EXAMPLES = ROOT / "docs" / "examples"
SHOWN = 50  # failed tests that are named
GRACE = 15  # seconds for an interrupted pytest to write its results


def environment() -> dict[str, str]:
    """This process's environment, set so that other processes import the same xpnet."""
    paths = [str(Path(xn.__file__).parents[1]), os.environ.get("PYTHONPATH", "")]
    usual = {k: v for k, v in os.environ.items() if k != "PYTHONSAFEPATH"}
    return {**usual, "PYTHONPATH": os.pathsep.join(filter(None, paths))}


def tests(bench: Bench) -> Iterator[Row]:
    """Run pytest -m gpu in most of the time; then the examples, several at once."""
    file = bench.report.folder / "tests.xml"
    yield attempt(
        {"what": "pytest -m gpu"}, lambda: pytest_run(bench.scale.tests, file, bench.left * 0.75)
    )
    with ThreadPoolExecutor(4) as pool:
        left = max(5.0, bench.left - 5)
        yield from pool.map(
            lambda name: example(name, bench.device.name, left), bench.scale.examples
        )


# Some versions of pytest-benchmark warn about pytest-xdist, and a warning is an error here. Missing
# packages and NumPy's deprecation warnings in CuPy must not stop the other modules.
OPTIONS = """-m gpu -q -p no:cacheprovider -p no:benchmark --continue-on-collection-errors
    -W default::DeprecationWarning -W default::PendingDeprecationWarning""".split()


# What runs under nohup ignores SIGINT, and so would the pytest that `wait` interrupts.
INTERRUPTIBLE = (
    "import signal, sys, pytest\n"
    "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
    "sys.exit(pytest.main(sys.argv[1:]))\n"
)


def pytest_run(paths: list[str], file: Path, seconds: float) -> Row:
    """Run the tests; those that do not finish in time are interrupted and count as missing."""
    started = perf_counter()
    several = ["-n", str(min(8, os.cpu_count() or 1))] if find_spec("xdist") else []
    row = _pytest([*several, *paths], file, seconds)
    left = seconds - (perf_counter() - started)
    if several and not row["stopped"] and _nothing_ran(row) and left > 0:
        row = _pytest(paths, file, left)
    return {"seconds": round(perf_counter() - started, 1), **row}


def _nothing_ran(row: Row) -> bool:
    return bool(row.get("tests", 0) == row.get("errors", 0))


def _pytest(arguments: list[str], file: Path, seconds: float) -> Row:
    """One run, and the counts of its JUnit report."""
    file.unlink(missing_ok=True)
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, *OPTIONS, f"--junitxml={file}", *arguments],
        cwd=ROOT,
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        output, stopped = wait(process, seconds)
    finally:
        process.kill()
    counted = junit(file.read_text(encoding="utf-8")) if file.is_file() else {}
    good = bool(counted) and not counted["failures"]
    return {
        "returncode": process.returncode,
        "stopped": stopped,
        **counted,
        "ok": good and (stopped or process.returncode == 0),
        "tail": output[-3000:],
    }


def wait(process: subprocess.Popen[str], seconds: float) -> tuple[str, bool]:
    """The output of a process, and whether it was interrupted because the time was up."""
    try:
        return process.communicate(timeout=seconds)[0], False
    except subprocess.TimeoutExpired:
        process.send_signal(signal.SIGINT)
    try:
        return process.communicate(timeout=GRACE)[0], True
    except subprocess.TimeoutExpired:
        process.kill()
        return process.communicate()[0], True


def junit(text: str) -> dict[str, Any]:
    """The counts of a JUnit report, and the names and first lines of failed tests."""
    cases = list(ElementTree.fromstring(text).iter("testcase"))
    bad = [(c, node) for c in cases for kind in ("failure", "error") for node in c.findall(kind)]
    skipped = [node.get("message", "") for c in cases for node in c.findall("skipped")]
    return {
        "tests": len(cases),
        "passed": len(cases) - len({id(c) for c, _ in bad}) - len(skipped),
        "failed": sum(node.tag == "failure" for _, node in bad),
        "errors": sum(node.tag == "error" for _, node in bad),
        "skipped": len(skipped),
        "reasons": sorted(set(skipped))[:10],
        "failures": [
            f"{c.get('classname')}::{c.get('name')}: {(node.get('message') or '')[:300]}"
            for c, node in bad[:SHOWN]
        ],
    }


def example(name: str, backend: str, seconds: float) -> Row:
    """Run one example's script on a backend."""
    what = {"what": f"docs/examples/{name}.py"}

    def run() -> Row:
        started = perf_counter()
        done = subprocess.run(
            [sys.executable, str(EXAMPLES / f"{name}.py"), "--quick"],
            cwd=ROOT,
            env={**environment(), "XPNET_BACKEND": backend},
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        return {
            "seconds": round(perf_counter() - started, 1),
            "ok": done.returncode == 0,
            "tail": (done.stdout + done.stderr)[-600:],
        }

    return attempt(what, run)
