"""The room as a whole: what it exports and what importing it loads."""

import subprocess
import sys

import xpnet.datasets


def test_exports_are_exact():
    assert xpnet.datasets.__all__ == [
        "Dataset",
        "Table",
        "digits",
        "fashion_mnist",
        "iris",
        "mnist",
        "read_idx",
        "read_table",
    ]
    assert all(hasattr(xpnet.datasets, name) for name in xpnet.datasets.__all__)


def test_importing_loads_no_optional_package():
    code = (
        "import sys, xpnet.datasets;"
        "print({'sklearn', 'pooch', 'requests', 'matplotlib', 'tqdm'} & set(sys.modules))"
    )
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert run.stdout.strip() == "set()"
