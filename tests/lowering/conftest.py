"""Random lists of calls, loops executed without a compiler, and kernels applied to arrays."""

import importlib.util
import sys
from pathlib import Path

import pytest

from xpnet.backends.cpu import NumpyBackend

HERE = Path(__file__).parent


def _load(name, folder=HERE):
    """Import a helper module by its path: tests are not a package."""
    spec = importlib.util.spec_from_file_location(
        f"xpnet_test_{folder.name}_{name}", folder / f"{name}.py"
    )
    sys.modules[spec.name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


applications = _load("conftest", HERE.parent / "kernels").applications


@pytest.fixture(scope="session")
def recorded():
    """The module ``recorded.py``: lists of calls on one piece of memory."""
    return _load("recorded")


@pytest.fixture(scope="session")
def interpret():
    """``interpret(loop)`` executes a loop, one number at a time."""
    return _load("interpreter").interpret


@pytest.fixture
def compiling(new_poisoned):
    """A NumPy backend whose calls are compiled, and whose workspace can be filled with NaN."""
    pytest.importorskip("llvmlite", reason="the extra 'fast' is not installed")
    backend = new_poisoned()
    backend.compiles, backend.families = True, ("loops", "out")
    return backend


@pytest.fixture(scope="session")
def compiled_backend():
    pytest.importorskip("llvmlite", reason="the extra 'fast' is not installed")
    return NumpyBackend(compiles=True)
