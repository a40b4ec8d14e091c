"""The inputs of an op: numbers and arrays become constants, and types are checked."""

from collections.abc import Callable, Sequence
from typing import Any

from xpnet.backends import dtype_name, is_float
from xpnet.errors import DTypeError, GraphError
from xpnet.graph.value import Value
from xpnet.ops.op_settings import check_input
from xpnet.ops.record import Op

__all__ = ["values_of"]

Constant = Callable[[Any, str], Value]


def values_of(constant: Constant, graph: object, op: Op, args: Sequence[Any]) -> tuple[Value, ...]:
    """Turn numbers and arrays among the arguments into constants, and check all."""
    values = [a for a in args if isinstance(a, Value)]
    if any(v.graph is not graph for v in values):
        raise GraphError(
            f"{op.name} got values of two different traces: do not keep a symbolic value "
            "and use it in another call."
        )
    names = op.inputs or ("inputs",) * len(args)
    pairs = zip(names, args, strict=True)
    like = [a for name, a in pairs if isinstance(a, Value) and name not in op.numbers]
    floats = {v.dtype for v in like if is_float(v.dtype)}
    if len(floats) > 1:
        raise DTypeError(f"{op.name} mixes {' and '.join(sorted(floats))}: convert one first.")
    # Without symbolic floats, as for a fixed table and symbolic ids, use an array's own type.
    kinds = [dtype_name(a.dtype) for a in args if hasattr(a, "dtype")]
    dtype = floats.pop() if floats else next(filter(is_float, kinds), values[0].dtype)
    return tuple(
        _typed(constant, op, name, arg, dtype) for name, arg in zip(names, args, strict=True)
    )


def _typed(constant: Constant, op: Op, name: str, data: Any, dtype: str) -> Value:
    """One argument as a value of the type that the op expects."""
    if not isinstance(data, Value):
        check_input(op.name, name, data)
    if isinstance(data, bool | int | float):
        if name not in (op.integers or ()):
            return constant(float(data), dtype)
        kind = "int64" if isinstance(data, int) else "float64"
        return constant(data, _kind(op, name, kind, dtype, symbolic=False))
    kind = data.dtype if isinstance(data, Value) else dtype_name(data.dtype)
    if op.integers is not None:
        kind = _kind(op, name, kind, dtype, isinstance(data, Value))
    return data if isinstance(data, Value) else constant(data, kind)


def _kind(op: Op, name: str, kind: str, dtype: str, symbolic: bool) -> str:
    """The type that an input must have. Arrays and numbers are converted to it, values are not."""
    integers = op.integers or ()
    if name in integers and is_float(kind):
        raise DTypeError(
            f"{op.name} needs an integer type for {name}, got {kind}: convert it first "
            "(such as y.astype('int64'))."
        )
    if name in integers or is_float(kind):
        return kind if symbolic or name in integers else dtype
    if symbolic:
        target = dtype if is_float(dtype) else "float32"
        raise DTypeError(
            f"{op.name} needs a floating type for {name}, got {kind}: convert it first "
            f"(such as y.astype('{target}'))."
        )
    return dtype
