"""The types and shapes of elementwise results, by the Array API's rules."""

from collections.abc import Sequence
from typing import Any

from xpnet.backends.data_types import kind_of
from xpnet.kernels.terms import Term, Underivable
from xpnet.ops.signature import broadcast_shapes
from xpnet.typing import Shape

__all__ = ["ELEMENTWISE", "NUMBERS", "TESTS", "broadcast", "promoted"]

NUMBERS = (bool, int, float)

# Elementwise functions by the types that they accept: floats, integers, booleans.
_KINDS = {
    "f": """acos acosh asin asinh atan atan2 atanh ceil cos cosh divide exp expm1 floor hypot log
        log10 log1p log2 logaddexp pow sign sin sinh sqrt tan tanh trunc""",
    "fi": "abs add floor_divide maximum minimum multiply negative remainder subtract",
    "ib": "bitwise_and bitwise_invert bitwise_or bitwise_xor",
    "b": "logical_and logical_not logical_or logical_xor",
}
TESTS = "isfinite isinf isnan less less_equal greater greater_equal equal not_equal".split()
ELEMENTWISE = {name: kinds for kinds, names in _KINDS.items() for name in names.split()}
ELEMENTWISE |= dict.fromkeys(TESTS, "fib")


def promoted(xs: Sequence[Any], kinds: str) -> Any:
    """The type to which terms and numbers are promoted, by the standard's rules."""
    dtypes = {x.dtype for x in xs if isinstance(x, Term)}
    kinds_found = {kind_of(d) for d in dtypes}
    if len(kinds_found) != 1:
        raise Underivable("no array, or types of several kinds")
    dtype, kind = max(dtypes, key=lambda d: d.itemsize), kinds_found.pop()
    wider = [x for x in xs if type(x) is float and kind != "f"]
    wider += [x for x in xs if type(x) is int and kind == "b"]
    if kind not in kinds or wider:
        raise Underivable(f"type {dtype} here")
    return dtype


def broadcast(xs: Sequence[Any]) -> Shape:
    """The shape to which terms are broadcast; numbers have none."""
    shapes = {x.shape for x in xs if isinstance(x, Term)}
    shape = shapes.pop() if len(shapes) == 1 else broadcast_shapes([*shapes])
    if shape is None:
        raise Underivable("shapes that do not broadcast")
    return shape
