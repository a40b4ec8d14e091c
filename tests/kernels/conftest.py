"""Applications of ops and vjps to arrays, and all that a kernel may be wanted for."""

import pytest
from support.fixtures import applications

from xpnet.ops.op_registry import REGISTRY, UPDATES
from xpnet.ops.record import PASS

__all__ = ["applications"]


@pytest.fixture
def every_record():
    """Everything that a plan or an optimizer may have to find a kernel for."""
    vjps = [v for op in REGISTRY.values() for v in op.vjps if v not in (None, PASS)]
    return [*REGISTRY.values(), *vjps, *UPDATES.values()]
