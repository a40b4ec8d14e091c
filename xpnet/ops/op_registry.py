"""All ops and update rules by name."""

from xpnet.ops import (
    activations,
    arithmetic,
    constraints,
    gates,
    gather,
    linear,
    losses,
    metrics,
    missing,
    processes,
    reduce,
    residuals,
    shape,
    special,
    standardize,
    stochastic,
    updates,
)
from xpnet.ops.record import Op, Update

__all__ = ["REGISTRY", "UPDATES"]

_MODULES = (
    arithmetic,
    activations,
    gates,
    special,
    missing,
    linear,
    reduce,
    processes,
    shape,
    gather,
    standardize,
    stochastic,
    constraints,
    losses,
    residuals,
    metrics,
)

REGISTRY: dict[str, Op] = {
    op.name: op for module in _MODULES for op in vars(module).values() if isinstance(op, Op)
}
UPDATES: dict[str, Update] = {
    rule.name: rule for rule in vars(updates).values() if isinstance(rule, Update)
}
