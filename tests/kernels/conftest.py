"""Applications of ops and vjps to arrays, and all records that may need a kernel."""

import pytest
from support.fixtures import applications

from xpnet.ops.record import PASS
from xpnet.ops.registry import REGISTRY, UPDATES

__all__ = ["applications"]


@pytest.fixture
def every_record():
    """Everything that a plan or an optimizer may need a kernel for."""
    vjps = [v for op in REGISTRY.values() for v in op.vjps if v not in (None, PASS)]
    return [*REGISTRY.values(), *vjps, *UPDATES.values()]
