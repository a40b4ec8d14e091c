"""Map the arrays of a call to the rows and columns of a loop."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from xpnet.lowering.ir import Argument, MemoryRef
from xpnet.lowering.reading import Operand, Work
from xpnet.typing import Shape, size_of

__all__ = ["Fitted", "computed_in", "fit", "natural_shape"]

_TESTS = "equal not_equal less less_equal greater greater_equal isfinite isinf isnan".split()
_LOGICAL = "logical_and logical_not logical_or logical_xor".split()
_WHOLE = """abs add bitwise_and bitwise_invert bitwise_or bitwise_xor equal greater greater_equal
    less less_equal maximum minimum multiply negative not_equal subtract""".split()
_BY_WIDTH = "bool uint8 int32 uint32 int64 uint64 float32 float64".split()


def natural_shape(work: Work) -> tuple[int, int]:
    """Rows and columns of the call that starts a loop."""
    target = work.args[0].shape if work.axes is not None else work.out.shape
    return _matrix(target)


def _matrix(shape: Shape) -> tuple[int, int]:
    if len(shape) < 2:
        return 1, size_of(shape)
    return size_of(shape[:-1]), shape[-1]


@dataclass(eq=False)
class Fitted:
    """A call with its arrays mapped to the rows and columns of a loop."""

    level: str
    args: list[Any]  # memory references and numbers
    out: MemoryRef
    refs: list[tuple[MemoryRef, Operand]]
    reduces: str = ""


def fit(work: Work, shape: tuple[int, int]) -> Fitted | None:
    """Map the arrays of a call to rows and columns; None if they do not fit."""
    reduced = work.axes is not None
    source = work.args[0].shape if reduced else work.out.shape
    level, kept = _level(source, shape)
    if level is None:
        return None
    operands = [a for a in work.args if isinstance(a, Operand)]
    found = {id(a): _ref(a, source, kept) for a in operands}
    if any(p is None for p in found.values()):
        return None
    args = [found[id(a)] if isinstance(a, Operand) else a for a in work.args]
    if not reduced:
        out, goal = _ref(work.out, work.out.shape, kept), level
        if out is None or (size_of(work.out.shape) > 1 and _repeats(out, level, shape)):
            return None
    else:
        found_level = _reduced_level(work, source, level, shape)
        if found_level is None:
            return None
        out, goal = _reduced_ref(work.out, found_level), found_level
        if out is None:
            return None
    refs = [(p, o) for o in operands if (p := found[id(o)]) is not None]
    return Fitted(goal, args, out, [*refs, (out, work.out)], level if reduced else "")


def _repeats(ref: MemoryRef, level: str, shape: tuple[int, int]) -> bool:
    """Whether several elements of an output share memory."""
    rows, columns = shape
    if level == "full":
        return (rows > 1 and not ref.row) or (columns > 1 and not ref.column)
    return level == "row" and rows > 1 and not ref.row


def _level(source: Shape, shape: tuple[int, int]) -> tuple[str | None, int]:
    """The level of arrays of a shape, and how many of their dimensions to keep."""
    rows, columns = shape
    if shape == (1, 1):
        return ("pre", 0) if size_of(source) == 1 else (None, 0)
    if _matrix(source) == shape and source:
        return "full", 2 if len(source) > 1 else 1
    if columns == 1 and source == (rows,):
        return "full", 0
    if size_of(source) == rows and source and (len(source) == 1 or source[-1] == 1):
        return "row", 0 if len(source) == 1 else -1
    if size_of(source) == 1:
        return ("row" if rows == 1 else "pre"), 0
    return None, 0


def _ref(operand: Operand, target: Shape, kept: int) -> MemoryRef | None:
    """The memory of an operand, seen as a matrix (2), a row (1) or a column (0, -1)."""
    if size_of(operand.shape) == 1:
        return MemoryRef(operand.address, operand.dtype, 0, 0)
    if kept == 2:
        strides = _collapsed(operand, target, 2)
    elif kept == 1:
        found = _collapsed(operand, target, 1)
        strides = None if found is None else (0, found[0])
    else:
        found = _collapsed(operand, target, 1)
        strides = None if found is None else (found[0], 0)
    if strides is None or min(strides) < 0:
        return None
    return MemoryRef(operand.address, operand.dtype, strides[0], strides[1])


def _reduced_level(work: Work, source: Shape, level: str, shape: tuple[int, int]) -> str | None:
    """The level of a reduction's result."""
    axes, ndim = work.axes or (), len(source)
    every, (rows, columns) = axes == tuple(range(ndim)), shape
    if level == "full" and (every if rows == 1 else ndim > 1 and axes == (ndim - 1,)):
        return "row"
    if work.name != "sum":
        return None
    over_rows = level == "full" and axes == tuple(range(ndim - 1))
    if every or (over_rows and columns == 1):
        return "total"
    return "column" if over_rows else None


def _reduced_ref(out: Operand, level: str) -> MemoryRef | None:
    """The memory of a reduction's result."""
    found = _collapsed(out, out.shape, 1) if out.shape else (0,)
    if found is None or found[0] < 0:
        return None
    step = found[0]
    return MemoryRef(out.address, out.dtype, *((0, step) if level == "column" else (step, 0)))


def computed_in(name: str, args: Sequence[Argument], out: str) -> str | None:
    """The type in which a function computes, by the library's promotion of its arguments.

    None if loops do not support the function for this type.
    """
    arrays = args[1:] if name == "where" else args
    kinds = [a.ref.dtype for a in arrays if not isinstance(a, int | float)]
    if any(kind not in _BY_WIDTH for kind in (*kinds, out)):
        return None
    if name in ("copy", "where") or not kinds:
        return out
    top = max(kinds, key=_BY_WIDTH.index)
    if name not in (*_TESTS, *_LOGICAL, "first_equal"):
        top = max(top, out, key=_BY_WIDTH.index)
    if top == "float32" and not {"int32", "uint32", "int64", "uint64"}.isdisjoint(kinds):
        top = "float64"
    return top if _known(name, top, arrays) else None


def _known(name: str, dtype: str, args: Sequence[Argument]) -> bool:
    """Whether loops support a function for a type."""
    if dtype.startswith("float"):
        return name not in _LOGICAL
    if any(isinstance(a, float) for a in args):
        return False
    if name in _LOGICAL:
        return dtype == "bool"
    return name in _WHOLE and (name, dtype[0]) != ("abs", "u")


def _collapsed(operand: Operand, target: Shape, kept: int) -> tuple[int, ...] | None:
    """Strides, in elements, of an operand broadcast to a target, as `kept` dimensions.

    Dimensions before the last ``kept - 1`` merge into one; None if they cannot.
    """
    missing = len(target) - len(operand.shape)
    if missing < 0:
        return None
    steps = [0] * missing
    for n, stride, wanted in zip(operand.shape, operand.strides, target[missing:], strict=True):
        if (n != wanted and n != 1) or stride % operand.itemsize:
            return None
        steps.append(stride // operand.itemsize if n == wanted else 0)
    split = len(target) - (kept - 1)
    lead = [(n, s) for n, s in zip(target[:split], steps[:split], strict=True) if n != 1]
    for (_, outer), (n, inner) in pairwise(lead):
        if outer != n * inner:
            return None
    rest = [s if n != 1 else 0 for n, s in zip(target[split:], steps[split:], strict=True)]
    return (lead[-1][1] if lead else 0, *rest)
