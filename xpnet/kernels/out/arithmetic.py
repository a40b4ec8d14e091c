"""In-place kernels of elementwise arithmetic."""

from typing import Any

from xpnet import ops
from xpnet.kernels.recorder import Recorder, kernel
from xpnet.ops import Op

__all__: list[str] = []


def _ufunc(name: str, record: Op, vjp: int | None = None) -> None:
    """Register one call of a ufunc as the whole kernel."""

    @kernel(record, vjp=vjp, inplace=(0, 1))
    def function(k: Recorder, out: Any, *xs: Any) -> None:
        k(getattr(k.raw, name), *xs, out=out)


_ufunc("negative", ops.negative)
_ufunc("negative", ops.negative, 0)
_ufunc("exp", ops.exp)
_ufunc("multiply", ops.exp, 0)
_ufunc("log", ops.log)
_ufunc("divide", ops.log, 0)
_ufunc("add", ops.add)
_ufunc("subtract", ops.subtract)
_ufunc("negative", ops.subtract, 1)
_ufunc("multiply", ops.multiply)
_ufunc("multiply", ops.multiply, 0)
_ufunc("multiply", ops.multiply, 1)
_ufunc("divide", ops.divide)
_ufunc("divide", ops.divide, 0)
_ufunc("power", ops.power)


@kernel(ops.identity)
def identity(k: Recorder, out: Any, x: Any) -> None:
    k(k.raw.copyto, out, x)


@kernel(ops.divide, vjp=1, inplace=(0,))
def divide_vjp_b(k: Recorder, out: Any, gy: Any, y: Any, b: Any) -> None:
    k(k.raw.multiply, gy, y, out=out)
    k(k.raw.divide, out, b, out=out)
    k(k.raw.negative, out, out=out)


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


@kernel(ops.flush_to_zero, inplace=(0,))
def flush_to_zero(k: Recorder, out: Any, x: Any, *, below: float) -> None:
    size, large = k.scratch(x), k.scratch(x, dtype="bool")
    k(k.raw.abs, x, out=size)
    k(k.raw.greater_equal, size, below, out=large)
    k(k.raw.multiply, x, large, out=out)
