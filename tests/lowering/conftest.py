"""Random lists of calls, loops executed without a compiler, and kernels applied to arrays."""

import importlib
from functools import partial

import pytest
from support import loop_interpreter
from support import recorded as recorded_calls
from support.fixtures import applications, variations

from xpnet.backends.cpu import NumpyBackend

__all__ = ["applications", "variations"]


@pytest.fixture(scope="session")
def recorded():
    """The module that creates lists of calls on one piece of memory."""
    return recorded_calls


@pytest.fixture(scope="session")
def interpret():
    """``interpret(loop)`` executes a loop, one number at a time."""
    return loop_interpreter.interpret


@pytest.fixture(scope="session")
def new_compiling(new_poisoned):
    """Makes NumPy backends that compile their calls, whose workspace can be filled with NaN."""
    pytest.importorskip("llvmlite", reason="the extra 'fast' is not installed")
    return partial(new_poisoned, compiles=True)


@pytest.fixture
def compiling(new_compiling):
    """One such backend."""
    return new_compiling()


@pytest.fixture(scope="session")
def compiled_backend():
    pytest.importorskip("llvmlite", reason="the extra 'fast' is not installed")
    return NumpyBackend(compiles=True)


@pytest.fixture(scope="session")
def run_layout():
    """``run_layout(layout, rng)`` runs a program in a random order that threads could have."""
    pytest.importorskip("llvmlite", reason="the extra 'fast' is not installed")
    return importlib.import_module("support.stages").run_layout
