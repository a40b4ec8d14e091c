"""The parameters of the suites, and their clock.

    python -m pytest benchmarks --benchmark-only --benchmark-json FILE

They run with every backend that has plans and works here, float32 and float64, and the named sizes.
On a GPU the clock uses events in the backend's own stream; elsewhere it is pytest-benchmark's.
`timed` stores the case, and the test's information about the work, with each figure.
"""

from functools import cache

import pytest
from clock import DeviceClock
from common import SIZES, machine
from contest.worker import versions

import xpnet as xn


def _backends():
    for status in xn.backends.status():
        if status.name == "jax":  # it compiles whole steps: see `peers.py --backends`
            continue
        if not status.usable:
            marks = [pytest.mark.skip(reason=f"{status.name}: {status.reason}")]
        elif status.name.startswith("cupy"):
            import cupy

            marks = [pytest.mark.benchmark(timer=DeviceClock(cupy))]
        else:
            marks = []
        yield pytest.param(status.name, marks=marks)


@pytest.fixture(params=_backends())
def backend(request):
    """Every backend with plans; one that cannot run here is skipped."""
    return xn.backends.get(request.param)


@pytest.fixture(params=SIZES, ids=lambda size: size.name.replace(" ", "_"))
def size(request):
    """The named sizes."""
    return request.param


@pytest.fixture(params=["float32", "float64"])
def dtype(request):
    """Dtypes of the networks."""
    return request.param


@cache
def _machine():
    return machine() | versions()


@cache
def _gpu():
    import cupy

    name = cupy.cuda.runtime.getDeviceProperties(cupy.cuda.Device().id)["name"].decode()
    return {"gpu": name, "cupy": cupy.__version__}


@pytest.fixture
def timed(benchmark, backend):
    """Time a call that may return before its work is done, and record the case."""

    def timed(run, setup=None, **info):
        benchmark.extra_info.update(_machine() | {"backend": backend.name} | info)
        if backend.name.startswith("cupy"):
            benchmark.extra_info.update(_gpu())
        if setup is not None:  # runs before each call, not timed
            benchmark.pedantic(run, setup=setup, rounds=100, warmup_rounds=3)
        elif backend.synchronous or backend.raw is not None:  # CuPy's clock waits by itself
            benchmark(run)
        else:
            benchmark(lambda: (run(), backend.synchronize()))

    return timed


def pytest_benchmark_update_machine_info(config, machine_info):
    """Store BLAS, threads and versions with the figures."""
    machine_info["xpnet"] = _machine()
