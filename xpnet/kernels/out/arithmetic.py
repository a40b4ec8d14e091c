"""In-place kernels of elementwise arithmetic."""

from typing import Any

from xpnet import ops
from xpnet.kernels.recorder import Recorder, kernel

__all__: list[str] = []


def _ufunc(name: str, record: Any, inputs: int) -> None:
    """Register one call of a ufunc as the whole kernel."""

    @kernel(record, inplace=tuple(range(inputs)))
    def function(k: Recorder, out: Any, *xs: Any) -> None:
        k(getattr(k.raw, name), *xs, out=out)


for _name, _record in (
    ("negative", ops.negative),
    ("negative", ops.negative.vjp_of(0)),
    ("negative", ops.subtract.vjp_of(1)),
    ("exp", ops.exp),
    ("log", ops.log),
):
    _ufunc(_name, _record, 1)

for _name, _record in (
    ("add", ops.add),
    ("subtract", ops.subtract),
    ("multiply", ops.multiply),
    ("multiply", ops.multiply.vjp_of(0)),
    ("multiply", ops.multiply.vjp_of(1)),
    ("divide", ops.divide),
    ("divide", ops.divide.vjp_of(0)),
    ("power", ops.power),
    ("multiply", ops.exp.vjp_of(0)),
    ("divide", ops.log.vjp_of(0)),
):
    _ufunc(_name, _record, 2)


@kernel(ops.identity)
def identity(k: Recorder, out: Any, x: Any) -> None:
    k(k.raw.copyto, out, x)


@kernel(ops.divide.vjp_of(1), inplace=(0,))
def divide_vjp_b(k: Recorder, out: Any, gy: Any, y: Any, b: Any) -> None:
    k(k.raw.multiply, gy, y, out=out)
    k(k.raw.divide, out, b, out=out)
    k(k.raw.negative, out, out=out)


@kernel(ops.power.vjp_of(0), inplace=(0,))
def power_vjp_a(k: Recorder, out: Any, gy: Any, a: Any, b: Any) -> None:
    nonzero, exponent, slope = k.scratch(b, dtype="bool"), k.scratch(b), k.scratch(out)
    k(k.raw.not_equal, b, 0, out=nonzero)
    k(k.raw.subtract, b, nonzero, out=exponent)
    k(k.raw.power, a, exponent, out=slope)
    k(k.raw.multiply, gy, b, out=out)
    k(k.raw.multiply, out, slope, out=out)


@kernel(ops.power.vjp_of(1), inplace=(0,))
def power_vjp_b(k: Recorder, out: Any, gy: Any, y: Any, a: Any) -> None:
    zero, log_a = k.scratch(y, dtype="bool"), k.scratch(out)
    k(k.raw.equal, y, 0, out=zero)
    k(k.raw.copyto, log_a, a)
    k(k.raw.copyto, log_a, 1, where=zero)
    k(k.raw.log, log_a, out=log_a)
    k(k.raw.multiply, gy, y, out=out)
    k(k.raw.multiply, out, log_a, out=out)
