"""The array libraries that the tests run on, and the tables of examples that they run through.

`xp` is a fixture with one value for each way in which a graph can be run (`testing.Variant`).
A test with an argument `examples` runs once for each op, with the op's entries of the table in
``support/cases.py``, a test with an argument `rule` once for each example of an optimizer's update
rule, a test with an argument `entry` once for each model of ``support/zoo.py``.

A test costs some milliseconds before it does anything. What is only a matter of another type, size
or value is a loop inside of a test, each turn of it under ``with each(...)``, which names what
fails and goes on.
"""

import gc
import os
import re
import signal
from contextlib import ExitStack
from pathlib import Path

if "PYTEST_XDIST_WORKER" in os.environ:  # each worker has one core; NumPy reads it when imported
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import pytest
from support import cases as table_of_cases
from support import zoo as table_of_models
from support.each import Each

from xpnet import testing
from xpnet.backends import jax_devices
from xpnet.backends.base import PlannedBackend
from xpnet.errors import BackendUnavailableError, MissingDependencyError


@pytest.fixture(scope="session", autouse=True)
def _own_cache(tmp_path_factory):
    """Machine code is made anew, once for all workers, and not left in the user's folder."""
    folder = tmp_path_factory.getbasetemp()
    if "PYTEST_XDIST_WORKER" in os.environ:
        folder = folder.parent
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("XPNET_CACHE", str(folder / "cache"))
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
    """Let scikit-learn take arrays of other libraries, which SciPy allows when it is imported.

    JAX compiles twice as fast without most optimizations, and only the time of a step suffers.
    """
    os.environ.setdefault("SCIPY_ARRAY_API", "1")
    os.environ.setdefault("JAX_DISABLE_MOST_OPTIMIZATIONS", "1")


def pytest_collection_finish():
    """Let the collector of garbage pass over the tests themselves, half a million objects."""
    gc.collect()
    gc.freeze()


def pytest_terminal_summary(terminalreporter):
    """Write the names of skipped tests and modules to a file, for a run with what they need."""
    path = os.environ.get("TESTS_SKIPPED")
    if path:
        reports = terminalreporter.stats.get("skipped", [])
        # Parameters and groups are left out: other libraries may give others.
        names = {re.split(r"[\[@]", report.nodeid)[0] for report in reports}
        Path(path).write_text("".join(f"{name}\n" for name in sorted(names)))


def pytest_generate_tests(metafunc):
    for argument, table in (
        ("examples", table_of_cases.EXAMPLES),
        ("rule", table_of_cases.RULES),
        ("entry", table_of_models.ZOO),
    ):
        if argument in metafunc.fixturenames:
            metafunc.parametrize(argument, table, ids=str)


@pytest.fixture
def each():
    """Names the cases of a test that loops over them: see `Each`."""
    return Each()


@pytest.hookimpl(wrapper=True)
def pytest_pyfunc_call(pyfuncitem):
    """Fail a test some of whose cases failed, once all have run."""
    __tracebackhide__ = True
    cases = pyfuncitem.funcargs.get("each")
    try:
        result = yield
    except BaseException as error:
        if isinstance(cases, Each) and cases.failures:
            error.add_note(cases.summary())
        raise
    if isinstance(cases, Each):
        cases.finish()
    return result


@pytest.fixture
def jax64():
    """JAX with 64-bit types; without JAX, the test is skipped."""
    jax = pytest.importorskip("jax", reason="JAX is not installed")
    with jax_devices.wide():
        yield jax


@pytest.fixture
def small_work_is_shared(monkeypatch):
    """Threads share batches that are far too small to be worth it."""
    monkeypatch.setattr("xpnet.lowering.cpu.thread_count._ROWS", 1)
    monkeypatch.setattr("xpnet.lowering.cpu.thread_count._FLOPS", 1.0)


@pytest.fixture
def zoo():
    """The module of the small models: `ZOO`."""
    return table_of_models


@pytest.fixture(scope="session")
def cases():
    """The table's module: `CASES`, `RULES`, `trace` and what goes with them."""
    return table_of_cases


@pytest.fixture(
    params=[
        pytest.param(name, marks=pytest.mark.gpu if name == "cupy" else ())
        for name in testing.VARIANTS
        if name != "jax"  # compiling each graph takes minutes; see `ops/test_ops_on_jax.py`
    ]
)
def xp(request):
    """Each array library in turn; see `testing.Variant`."""
    with ExitStack() as stack:
        try:
            library = stack.enter_context(testing.variant(request.param))
        except (MissingDependencyError, BackendUnavailableError) as error:
            pytest.skip(str(error))
        yield library


@pytest.fixture(scope="session")
def new_poisoned() -> type[testing.PoisonedBackend]:
    """Makes backends like `poisoned`, also for Hypothesis, which runs a test many times."""
    return testing.PoisonedBackend


@pytest.fixture
def poisoned() -> PlannedBackend:
    """A NumPy backend with ``poison()``: see `testing.PoisonedBackend`."""
    return testing.PoisonedBackend()
