"""Every op on arrays, on symbolic values, and in a function with gradients."""

from pathlib import Path
from typing import Any

import numpy as np
from faults.junk_call import Call, Target
from support.cases import CASES, Case

import xpnet as xn
from xpnet.ops.op_registry import REGISTRY

__all__ = ["OPS"]

HUGE = ("array of 10**12 rows",)  # an op computes with it for hours, or its result fits nowhere
FLOATING = ("RuntimeWarning",)  # of NaN and infinity, as `numpy.errstate` says


def _on_arrays(case: Case) -> Target:
    def make(_: Path) -> Call:
        op = REGISTRY[case.op]
        settings = dict.fromkeys(op.static) | (op.fn.__kwdefaults__ or {}) | case.static(3)
        return Call(op, tuple(case.arrays(3)), settings, without=HUGE, allowed=FLOATING)

    return Target(f"ops.{case.op}", make)


def _symbolic(case: Case) -> Target:
    """Settings of ops on symbolic values."""

    def make(_: Path) -> Call:
        op, arrays = REGISTRY[case.op], case.arrays(3)

        def traced(**settings: Any) -> Any:
            function = xn.value_and_grad(
                lambda *values: xn.ops.sum(op(*values, **settings)), wrt=(), backend="numpy"
            )
            return function(*arrays)

        settings = (op.fn.__kwdefaults__ or {}) | case.static(3)
        return Call(traced, (), settings, allowed=FLOATING)

    return Target(f"ops.{case.op}, traced", make)


def _beside(case: Case) -> Target:
    """Junk beside a symbolic value."""

    def make(_: Path) -> Call:
        op, first = REGISTRY[case.op], case.arrays(3)[0]

        def traced(junk: Any) -> Any:
            return xn.value_and_grad(lambda x: xn.ops.sum(op(x, junk)), backend="numpy")(first)

        return Call(traced, (1.0,), allowed=FLOATING)

    return Target(f"ops.{case.op} beside a value", make)


_ONE_EACH = {case.op: case for case in reversed(CASES)}
_X = np.ones((3, 2))
FEEDS: dict[str, Any] = {"parameters": {}, "step": 0, "epoch": 0}


def _squares(x: Any) -> Any:
    return xn.ops.sum(x * x)


OPS = [
    *map(_on_arrays, _ONE_EACH.values()),
    *(
        _symbolic(case)
        for case in _ONE_EACH.values()
        if REGISTRY[case.op].static and case.op != "as_index"
    ),
    *(_beside(_ONE_EACH[name]) for name in ("add", "maximum", "prelu")),
    Target(
        "ops.Op",
        lambda _: Call(xn.ops.Op, ("own", "(...)->(...)", lambda xp, x: x, [None])),
    ),
    Target(
        "value_and_grad",
        lambda _: Call(xn.value_and_grad, (_squares,), use=lambda f: f(_X), without=HUGE),
    ),
    Target(
        "value_and_grad()",
        lambda _: Call(
            xn.value_and_grad(_squares),
            (_X,),
            {"parameters": {}, "step": 0, "epoch": 0},
            without=HUGE,
        ),
    ),
    Target(
        "value_and_grad().init",
        lambda _: Call(xn.value_and_grad(_squares).init, (_X,), {"seed": 0}, without=HUGE),
    ),
]
