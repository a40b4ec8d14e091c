"""The settings and arrays that an op is called with, checked by its definition's annotations."""

from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import Any

from xpnet.arguments import flag, is_function, is_real, is_whole
from xpnet.backends import dtype_name, is_float
from xpnet.errors import ArgumentError, DTypeError, GraphError, in_brief
from xpnet.typing import Shape

__all__ = ["Axis", "check_definition", "check_input", "check_settings", "check_vjps", "is_number"]

Axis = int | tuple[int, ...] | None

_REAL = ("float", "int", "uint", "bool", "bfloat")


def _lengths(value: object) -> bool:
    return isinstance(value, tuple | list) and all(map(is_whole, value))


def _is_part(value: object) -> bool:
    if not isinstance(value, tuple | list):
        return value is None
    return len(value) == 2 and all(map(is_whole, value)) and 0 <= value[0] <= value[1]


_KINDS: dict[Any, tuple[str, Callable[[object], bool]]] = {
    float: ("a number", is_real),
    int: ("a whole number", is_whole),
    int | None: ("a whole number or None", lambda v: v is None or is_whole(v)),
    bool: ("True or False", lambda v: isinstance(v, bool)),
    Shape: ("a tuple of whole numbers", _lengths),
    Axis: (
        "a whole number, a tuple of them, or None",
        lambda v: v is None or is_whole(v) or _lengths(v),
    ),
    Callable[[Any], Any]: ("a function of an array", is_function),
    tuple[int, int] | None: ("a pair (first, total) of whole numbers, or None", _is_part),
}


@cache
def _checks(fn: Callable[..., Any]) -> dict[str, tuple[str, Callable[[object], bool]]]:
    """What is checked of each setting; a type that is not known here is not checked."""
    found = getattr(fn, "__annotations__", {})
    return {n: _KINDS[t] for n, t in found.items() if getattr(t, "__hash__", None) and t in _KINDS}


def is_number(x: object) -> bool:
    """Whether this is one of Python's own numbers."""
    return isinstance(x, bool | int | float) and not hasattr(x, "dtype")


def check_settings(
    op: str, fn: Callable[..., Any], settings: Mapping[str, object]
) -> dict[str, Any]:
    """Return the settings, with lists as tuples.

    Raises
    ------
    ArgumentError
        If a setting has another type than the definition names.
    """
    checks = _checks(fn)
    for name, value in settings.items():
        what, good = checks.get(name, ("", None))
        if good is not None and not good(value):
            raise ArgumentError(f"{op}: {name} must be {what}, got {in_brief(value)}.")
    return {n: tuple(v) if n in checks and isinstance(v, list) else v for n, v in settings.items()}


def check_input(op: str, name: str, x: Any, *, index: bool = False) -> None:
    """Raise an error unless an input is an array of real numbers, or a number.

    With `index`, it must hold integers.

    Raises
    ------
    DTypeError, GraphError
    """
    if is_number(x):
        if isinstance(x, int) and not (is_whole(int(x)) if index else is_real(int(x))):
            raise DTypeError(f"{op}: {name} is too large, got {in_brief(x)}.")
        kind = type(x).__name__
    elif not hasattr(x, "dtype") or not hasattr(x, "shape"):
        raise GraphError(
            f"{op} expects arrays of one library, or symbolic values, and numbers beside them, got "
            f"{type(x).__name__}: convert it first, such as with numpy.asarray(...)."
        )
    else:
        kind = dtype_name(x.dtype)
        if not kind.startswith(_REAL):
            raise DTypeError(f"{op} expects real numbers for {name}, got dtype {x.dtype}.")
    if index and is_float(kind):
        raise DTypeError(
            f"{op} needs an integer type for {name}, got {kind}: convert it first "
            "(such as y.astype('int64'))."
        )


def check_definition(op: Any) -> None:
    """Raise `ArgumentError` unless an `Op` can be made of these arguments."""
    texts = isinstance(op.name, str) and isinstance(op.signature, str) and "->" in op.signature
    if not texts:
        raise ArgumentError(
            "an op has a name and a signature such as '(...)->(...)', got "
            f"{in_brief(op.name)} and {in_brief(op.signature)}."
        )
    if not hasattr(op.fn, "__code__") or not op.fn.__code__.co_argcount:
        raise ArgumentError(
            f"the definition of the op {op.name} must be a Python function f(xp, *inputs), got "
            f"{in_brief(op.fn)}."
        )
    if op.infer is not None and not callable(op.infer):
        raise ArgumentError(f"{op.name}: infer must be a function, got {in_brief(op.infer)}.")
    flag(f"{op.name}: broadcast", op.broadcast)
    for name in ("integers", "numbers"):
        names = getattr(op, name)
        if names is not None and not _names(names):
            raise ArgumentError(
                f"{op.name}: {name} must be a tuple of names of inputs, got {in_brief(names)}."
            )


def check_vjps(name: str, vjps: Any, inputs: Sequence[str]) -> None:
    """Raise `ArgumentError` unless there is a vjp, or None, for each input."""
    good = isinstance(vjps, list | tuple) and all(
        v is None or hasattr(v, "reads") or hasattr(v, "__code__") for v in vjps
    )
    if not good or len(vjps) != len(inputs):
        raise ArgumentError(
            f"the op {name} needs a list of functions or None, one for each of its inputs "
            f"({', '.join(inputs)}), got {in_brief(vjps)}."
        )


def _names(value: object) -> bool:
    return isinstance(value, tuple) and all(isinstance(n, str) for n in value)
