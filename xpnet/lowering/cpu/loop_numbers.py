"""The numbers of a loop that are arguments of its code, so that loops with other numbers share it.

A dropout rate, a weight decay or 1 / the number of rows would otherwise be compiled anew for every
value. Numbers that save work stay in the code: exponents, limits, small integers, and powers of
two, by which a division is a multiplication.
"""

from math import frexp, isfinite
from typing import TypeGuard

import numpy as np

from xpnet.lowering.cpu.llvm_functions import is_real
from xpnet.lowering.ir import Argument, Loop, Statement

__all__ = ["any_width", "bits", "is_passed", "numbers_of", "passed"]

_SMALL, _WIDE = 4096, 64  # integers, columns
_WRITTEN = ("pow", "where", "maximum", "minimum")  # a known limit is compared without NaN's rules
_LARGEST = 12  # exponent of the powers of two that stay in the code


def is_passed(v: Argument, s: Statement) -> TypeGuard[int | float]:
    """Whether an argument of a statement is passed to the code."""
    if isinstance(v, bool) or not isinstance(v, int | float) or s.name in _WRITTEN:
        return False
    if not is_real(s.dtype):
        return s.dtype != "bool" and isinstance(v, int) and _SMALL < abs(v) < 1 << 63
    if not isfinite(v):
        return False
    mantissa, exponent = frexp(v)
    return v != 0 and not (abs(mantissa) == 0.5 and abs(exponent) <= _LARGEST)


def passed(v: int | float, s: Statement) -> int | float:
    """A number as it is passed: a float64, or an int64 if the statement computes with integers."""
    return float(v) if is_real(s.dtype) else int(v)


def numbers_of(loop: Loop) -> list[int | float]:
    """The numbers that are passed, each once, in order of first use."""
    found = (passed(v, s) for s in loop.statements for v in s.args if is_passed(v, s))
    return [n for _, n in dict.fromkeys((type(n), n) for n in found)]


def any_width(loop: Loop) -> bool:
    """Whether the number of columns is an argument, too.

    LLVM unrolls loops over few columns. How it adds many depends on their number, and so do the
    bits of a sum over the columns of one of several rows.
    """
    if loop.rows == 1:
        return True
    sums = any(
        s.name == "sum" and s.reduces == "full" and s.level != "column" for s in loop.statements
    )
    return loop.columns >= _WIDE and not sums


def bits(numbers: list[int | float]) -> list[int]:
    """Numbers as 64-bit words."""
    return [n if isinstance(n, int) else int(np.float64(n).view(np.int64)) for n in numbers]
