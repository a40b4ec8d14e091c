"""Applications of ops and vjps to arrays, and all records that may need a kernel."""

import pytest
from support.fixtures import applications, variations

from xpnet.ops import loss_scale, vector_rules
from xpnet.ops.op_registry import REGISTRY, UPDATES
from xpnet.ops.record import PASS, Update

__all__ = ["applications", "variations"]


@pytest.fixture
def every_record():
    """Everything that a plan or an optimizer may need a kernel for."""
    vjps = [v for op in REGISTRY.values() for v in op.vjps if v not in (None, PASS)]
    modules = vector_rules, loss_scale
    rules = [r for module in modules for r in vars(module).values() if isinstance(r, Update)]
    return [*REGISTRY.values(), *vjps, *UPDATES.values(), *rules]
