"""The array libraries that the tests run on, and the table of example inputs of every op.

`xp` is a fixture with one value for each way in which a graph can be run (see `Variant`).
A test with an argument `case` runs once for each entry of the table in ``ops/cases.py``, a test
with an argument `rule` once for each example of an optimiser's update rule, a test with an
argument `entry` once for each model of ``zoo.py``.
"""

import importlib.util
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xpnet.backends import Backend, get, status
from xpnet.backends.base import PlannedBackend, dtype_name
from xpnet.backends.cpu import NumpyBackend
from xpnet.graph import Graph, Plan, Value, interpret
from xpnet.graph.interpret import constant, evaluate


def _load(name, path):
    """Import a helper module by its path: tests are not a package."""
    spec = importlib.util.spec_from_file_location(name, path)
    sys.modules[name] = module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_cases = _load("xpnet_test_cases", Path(__file__).parent / "ops" / "cases.py")
_zoo = _load("xpnet_test_zoo", Path(__file__).parent / "zoo.py")


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    """Machine code is made anew, and none of it is left in the user's folder."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XPNET_CACHE", str(tmp_path_factory.mktemp("cache")))
        yield


@pytest.fixture
def usual_handlers():
    """The handlers of SIGINT and SIGTERM that a program has when it starts in a terminal.

    A test runner may have its own, and what runs under ``nohup`` or in the background of a shell
    script ignores SIGINT.
    """
    usual = {signal.SIGINT: signal.default_int_handler, signal.SIGTERM: signal.SIG_DFL}
    before = {number: signal.signal(number, handler) for number, handler in usual.items()}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


def pytest_configure(config):
    """Let scikit-learn take arrays of other libraries, which SciPy allows when it is imported."""
    os.environ.setdefault("SCIPY_ARRAY_API", "1")


def pytest_generate_tests(metafunc):
    for argument, table in (
        ("case", _cases.CASES),
        ("rule", _cases.RULES),
        ("entry", _zoo.ZOO),
    ):
        if argument in metafunc.fixturenames:
            metafunc.parametrize(argument, table, ids=str)


@pytest.fixture
def zoo():
    """The module of the small models: `ZOO`."""
    return _zoo


@pytest.fixture
def cases():
    """The table's module: `CASES`, `RULES`, `trace` and what goes with them."""
    return _cases


class PoisonedBackend(NumpyBackend):
    """NumPy whose workspace can be filled with 0xFF bytes, which are NaN in every float type."""

    def __init__(self):
        self.arenas = []

    def arena(self, nbytes):
        memory = super().arena(nbytes)
        self.arenas.append(memory)
        return memory

    def poison(self):
        for memory in self.arenas:
            memory[...] = 0xFF


@dataclass(frozen=True)
class Variant:
    """One array library, and one way of running a graph on it.

    `asarray` prepares a NumPy array as the variant wants it (of its own memory; read-only where
    any write into an input, or into a result that a later op reads, must fail). `planned`
    variants run a graph's plan, the others interpret it. `poison` fills the workspace with NaN
    where the variant has that.
    """

    name: str
    backend: Backend
    planned: bool = False
    readonly: bool = False

    @property
    def xp(self) -> Any:
        return self.backend.xp

    def asarray(self, array: Any) -> Any:
        result = self.backend.asarray(np.array(array))
        if self.readonly:
            result.flags.writeable = False
        return result

    def to_numpy(self, array: Any) -> np.ndarray:
        return np.asarray(self.backend.to_numpy(array))

    def poison(self) -> None:
        if isinstance(self.backend, PoisonedBackend):
            self.backend.poison()

    def compute(
        self, graph: Graph, feeds: Mapping[Value, Any], outputs: Sequence[Value]
    ) -> list[Any]:
        """Arrays of this library for `outputs`, from NumPy arrays for inputs and parameters."""
        arrays = {value: self.asarray(array) for value, array in feeds.items()}
        before = {value: self.to_numpy(array).copy() for value, array in arrays.items()}
        if self.planned:
            results = self._plan(graph, arrays, outputs)
        elif self.readonly:
            results = self._interpret_readonly(graph, arrays, outputs)
        else:
            results = interpret(graph, self.xp, arrays, outputs, self.backend.device)
        for value, array in arrays.items():
            np.testing.assert_array_equal(self.to_numpy(array), before[value], "input mutated")
        for value, result in zip(outputs, results, strict=True):
            assert (tuple(result.shape), dtype_name(result.dtype)) == (value.shape, value.dtype)
        return results

    def _interpret_readonly(self, graph: Graph, arrays: Mapping[Value, Any], outputs: Any) -> Any:
        """Interpret with every array made read-only as soon as it is there."""
        known = {**arrays, **{value: constant(self.xp, value) for value in graph.constants}}
        for node in graph.nodes:
            evaluate(self.xp, node, known)
            for value in (node.output, node.residual):
                if isinstance(known.get(value), np.ndarray):
                    known[value].flags.writeable = False
        return [known[value] for value in outputs]

    def _plan(self, graph: Graph, arrays: Mapping[Value, Any], outputs: Sequence[Value]) -> Any:
        given = {value: arrays[value] for value in graph.parameters.values()}
        plan = Plan(graph, self.backend, given, outputs)
        self.poison()
        for value in graph.inputs:
            self.backend.write(plan.array(value), arrays[value])
        plan.run()
        return [self.backend.copy(plan.array(value)) for value in outputs]


def _cupy_variant() -> Variant:
    found = {s.name: s for s in status()}["cupy"]
    if not found.usable:
        pytest.skip(found.reason)
    return Variant("cupy", get("cupy"), planned=True)


def _torch_variant() -> Variant:
    pytest.importorskip("torch", reason="PyTorch is not installed")
    import array_api_compat.torch as torch

    return Variant("torch", get(torch))


@pytest.fixture(
    params=[
        "numpy",
        "numpy-readonly",
        "numpy-poisoned",
        "array-api-strict",
        "torch",
        pytest.param("cupy", marks=pytest.mark.gpu),
    ]
)
def xp(request):
    """Each array library in turn; see `Variant`."""
    if request.param == "array-api-strict":
        strict = pytest.importorskip("array_api_strict")
        with strict.ArrayAPIStrictFlags(
            api_version=strict.__array_api_version__,  # the latest that it knows is its default
            boolean_indexing=False,
            data_dependent_shapes=False,
            enabled_extensions=(),
        ):
            yield Variant(request.param, get(strict))
    elif request.param == "torch":
        yield _torch_variant()
    elif request.param == "cupy":
        yield _cupy_variant()
    elif request.param == "numpy-poisoned":
        yield Variant(request.param, PoisonedBackend(), planned=True)
    else:
        yield Variant(request.param, get("numpy"), readonly=request.param == "numpy-readonly")


@pytest.fixture(scope="session")
def new_poisoned() -> type[PoisonedBackend]:
    """Makes backends like `poisoned`, also for Hypothesis, which runs a test many times."""
    return PoisonedBackend


@pytest.fixture
def poisoned() -> PlannedBackend:
    """A NumPy backend with ``poison()``: see `PoisonedBackend`."""
    return PoisonedBackend()
