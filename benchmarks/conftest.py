"""Which backends and sizes the suites run over."""

import pytest
from common import SIZES, machine

import xpnet as xn


def _backends():
    for status in xn.backends.status():
        skip = pytest.mark.skip(reason=f"{status.name}: {status.reason}")
        yield pytest.param(status.name, marks=[] if status.usable else [skip])


@pytest.fixture(params=_backends())
def backend(request):
    """Every backend by name; those that cannot run here are skipped with the reason."""
    return xn.backends.get(request.param)


@pytest.fixture(params=SIZES, ids=lambda size: size.name.replace(" ", "_"))
def size(request):
    """The named sizes."""
    return request.param


def pytest_benchmark_update_machine_info(config, machine_info):
    """Store BLAS, threads and versions with the figures."""
    machine_info["xpnet"] = machine()
