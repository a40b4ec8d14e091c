"""Kernels of elementwise arithmetic with a pass less than the definition has."""

from typing import Any

from xpnet import ops
from xpnet.kernels.recorder import Recorder, kernel

__all__: list[str] = []


@kernel(ops.power, vjp=0, inplace=(0,))
def power_vjp_a(k: Recorder, out: Any, gy: Any, a: Any, b: Any) -> None:
    zero, exponent, slope = k.scratch(b, dtype="bool"), k.scratch(b), k.scratch(out)
    k(k.raw.equal, b, 0, out=zero)
    k(k.raw.subtract, b, 1, out=exponent)
    k(k.raw.copyto, exponent, 0, where=zero)
    k(k.raw.power, a, exponent, out=slope)
    k(k.raw.multiply, gy, b, out=out)
    k(k.raw.multiply, out, slope, out=out)


@kernel(ops.power, vjp=1, inplace=(0,))
def power_vjp_b(k: Recorder, out: Any, gy: Any, y: Any, a: Any) -> None:
    zero, log_a = k.scratch(y, dtype="bool"), k.scratch(out)
    k(k.raw.equal, y, 0, out=zero)
    k(k.raw.copyto, log_a, a)
    k(k.raw.copyto, log_a, 1, where=zero)
    k(k.raw.log, log_a, out=log_a)
    k(k.raw.multiply, gy, y, out=out)
    k(k.raw.multiply, out, log_a, out=out)
