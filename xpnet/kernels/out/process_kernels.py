"""Sums over processes: deriving a kernel runs the definition on stand-ins, which cannot be sent."""

from collections.abc import Callable
from typing import Any

from xpnet import ops
from xpnet.kernels.recorder import Recorder, kernel

__all__: list[str] = []


def _sum_into(across: Callable[[Any], Any], x: Any, out: Any) -> None:
    out[...] = across(x)


@kernel(ops.sum_over_processes, inplace=(0,))
def sum_over_processes(k: Recorder, out: Any, x: Any, *, across: Callable[[Any], Any]) -> None:
    k(_sum_into, across, x, out=out)


@kernel(ops.sum_over_processes, vjp=0, inplace=(0,))
def sum_over_processes_vjp(k: Recorder, out: Any, gy: Any, *, across: Callable[[Any], Any]) -> None:
    k(_sum_into, across, gy, out=out)
