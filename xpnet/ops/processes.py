"""Sums over the processes that share a batch."""

from collections.abc import Callable
from typing import Any

from xpnet.ops.record import Op
from xpnet.typing import Namespace

__all__ = ["SUM_OVER_PROCESSES"]


def sum_over_processes(xp: Namespace, x: Any, *, across: Callable[[Any], Any]) -> Any:
    """y = the sum of all processes' x, which across(x) returns: every process calls it in turn."""
    return across(x)


def sum_over_processes_vjp(xp: Namespace, gy: Any, *, across: Callable[[Any], Any]) -> Any:
    """gx = the sum of all processes' gy: each process's loss depends on every x."""
    return across(gy)


SUM_OVER_PROCESSES = Op(
    "sum_over_processes", "(...)->(...)", sum_over_processes, [sum_over_processes_vjp]
)
