"""The record of an op: name, shape signature, forward function, and one vjp for each input.

The functions' parameters define the rest:

- a **forward** is ``f(xp, *inputs, *, **static)``: positional parameters are arrays and name
  the inputs; keyword-only parameters are static settings such as ``axis``; a setting ``dtype``
  is the output's type, which otherwise is the first input's;
- a **vjp** (vector-Jacobian product) is ``f(xp, gy, *reads, *, **static)``: given the gradient
  of the loss with respect to the output, it returns the gradient with respect to one input.
  The parameters after ``gy`` say what the backward reads: an input by its name, the output as
  ``y``, the saved tensor as ``r``. Arrays that no vjp reads may be overwritten. Its keyword-only
  parameters are the op's settings, ``x_shape`` for the shape of an input ``x``, or ``index``
  and ``shapes``, the input's position and all the inputs' shapes.

`PASS` is the vjp that returns ``gy`` unchanged.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any
from warnings import warn

from xpnet.backends import dtype_name, is_float
from xpnet.errors import GraphError
from xpnet.ops.op_settings import (
    check_definition,
    check_input,
    check_settings,
    check_vjps,
    is_number,
)
from xpnet.ops.signature import Signature
from xpnet.typing import Array, Namespace, Shape, TypedArray

__all__ = ["PASS", "Op", "Update", "Vjp"]

Function = Callable[..., Any]


def _parameters(fn: Function) -> tuple[list[str], list[str]]:
    """Names of the positional parameters after `xp`, and of the keyword-only ones."""
    code = fn.__code__
    names, count = code.co_varnames, code.co_argcount
    return list(names[1:count]), list(names[count : count + code.co_kwonlyargcount])


@dataclass(frozen=True, eq=False)
class Vjp:
    """The gradient of one op with respect to one of its inputs."""

    name: str
    fn: Function
    reads: tuple[str, ...]
    static: tuple[str, ...]


def _pass_on(xp: Namespace, gy: Array) -> Array:
    return gy


PASS = Vjp("pass", _pass_on, (), ())


def _documentation(op: "Op", inputs: list[str], static: list[str], vjps: Sequence[Any]) -> str:
    """An op's equations, shapes and settings, for `help`."""
    gradients = [v.fn.__doc__ for v in vjps if v is not None and v.fn.__doc__]
    lines = [op.fn.__doc__, "", f"Inputs: {', '.join(inputs) or 'any number of arrays'}."]
    lines += [f"Settings, by name: {', '.join(static)}."] if static else []
    lines += [f"Shapes: {op.signature}."]
    lines += ["", "Gradients:", *gradients] if gradients else []
    return "\n".join(str(line) for line in lines)


@dataclass(frozen=True, eq=False)
class Op:
    """An operation: its mathematics and its shapes.

    Called on symbolic values, an op appends a node to their graph. Called on arrays, it computes
    at once, in the arrays' own library.

    Parameters
    ----------
    name : str
        The op's name, unique in the registry.
    signature : str
        Shapes of the inputs, the output and, after a semicolon, the saved tensor, in NumPy's
        generalized-ufunc notation: ``"(...,n,i),(...,i,o)->(...,n,o)"``. Leading dimensions
        (``...``) broadcast by the Array API's rules if `broadcast` is true, and must be equal
        otherwise.
    fn : callable
        The forward function. If the op saves a tensor, it returns ``(output, saved)``.
    vjps : sequence of callable, Vjp or None
        One for each input; ``None`` for an input without a gradient, such as labels. A variadic
        op has one vjp for all inputs.
    broadcast : bool
        See `signature`.
    integers : tuple of str or None
        Inputs that must be integers, such as labels; all others must be floating point. None for
        an op that moves elements of any type.
    infer : callable, optional
        ``infer(shapes, **static) -> shape`` for ops whose shapes depend on a setting.
    numbers : tuple of str
        Inputs that are single numbers, whose floating type may differ from the others'.
    """

    name: str
    signature: str
    fn: Function
    vjps: Sequence[Any] = ()
    broadcast: bool = False
    integers: tuple[str, ...] | None = ()
    infer: Function | None = None
    numbers: tuple[str, ...] = ()
    inputs: tuple[str, ...] = field(init=False)
    static: tuple[str, ...] = field(init=False)
    shapes: Signature = field(init=False)

    def __post_init__(self) -> None:
        check_definition(self)
        inputs, static = _parameters(self.fn)
        shapes = Signature(self.name, self.signature, self.broadcast)
        names = inputs or ["x"]
        check_vjps(self.name, self.vjps, names)
        vjps = tuple(self._vjp(n, v) for n, v in zip(names, self.vjps, strict=True))
        for key, value in (
            ("inputs", tuple(inputs)),
            ("static", tuple(static)),
            ("shapes", shapes),
            ("vjps", vjps),
            ("__doc__", _documentation(self, inputs, static, vjps)),
        ):
            object.__setattr__(self, key, value)

    def _vjp(self, name: str, fn: Any) -> Vjp | None:
        if fn is None or isinstance(fn, Vjp):
            return fn
        reads, static = _parameters(fn)
        return Vjp(f"{self.name}.vjp_{name}", fn, tuple(reads[1:]), tuple(static))

    def __repr__(self) -> str:
        return f"<op {self.name}: {self.signature}>"

    @property
    def variadic(self) -> bool:
        """Whether the op takes any number of inputs (``*xs``)."""
        return not self.inputs

    @property
    def saves(self) -> bool:
        """Whether the forward also returns a tensor for the backward."""
        return self.shapes.saved is not None

    @property
    def residual(self) -> bool:
        """The name of `saves` in version 0.1."""
        warn("Op.residual is now Op.saves.", DeprecationWarning, stacklevel=2)
        return self.saves

    def vjp_of(self, index: int) -> Vjp | None:
        """The vjp of the input at this position."""
        if not self.vjps:
            return None
        vjp: Vjp | None = self.vjps[0 if self.variadic else index]
        return vjp

    def output_shape(self, shapes: Sequence[Shape], static: Mapping[str, object]) -> Shape:
        """Shape of the output; raises `ShapeError` if the inputs do not fit."""
        if self.infer is not None:
            shape: Shape = self.infer(shapes, **static)
            return shape
        return self.shapes.output_shape(shapes)

    def output_dtype(self, dtypes: Sequence[str], static: Mapping[str, object]) -> str:
        """Type of the output: that of the first input, or the op's setting `dtype`."""
        if "dtype" not in self.static:
            return dtypes[0]
        return str({**(self.fn.__kwdefaults__ or {}), **static}["dtype"])

    def __call__(self, *args: TypedArray | float, **static: object) -> Array:
        """Apply the op to symbolic values (appends a node) or to arrays (computes)."""
        if static:
            static = check_settings(self.name, self.fn, static)
        for arg in args:
            graph = getattr(arg, "graph", None)
            if graph is not None:
                return graph.append(self, args, static)
        from array_api_compat import array_namespace

        names = self.inputs or ("inputs",) * len(args)
        for name, arg in zip(names, args, strict=False):
            check_input(self.name, name, arg, index=name in (self.integers or ()))
        try:
            xp = array_namespace(*args)
        except TypeError as error:
            kinds = ", ".join(type(a).__name__ for a in args) or "nothing"
            raise GraphError(
                f"{self.name} expects arrays of one library, or symbolic values, got {kinds}: "
                "convert them first, such as with numpy.asarray(...)."
            ) from error
        self.output_shape([tuple(getattr(a, "shape", ())) for a in args], static)
        args = _as_arrays(xp, self, args)
        result = self.fn(xp, *args, **static)
        return result[0] if self.saves else result


def _as_arrays(xp: Namespace, op: Op, args: tuple[Any, ...]) -> tuple[Any, ...]:
    """The arguments, with numbers as arrays: integers, or of the type of the first floats."""
    kinds = [a.dtype for a in args if hasattr(a, "dtype")]
    kind = next((k for k in kinds if is_float(dtype_name(k))), None)
    names = op.inputs or ("inputs",) * len(args)
    return tuple(
        xp.asarray(a, dtype=None if name in (op.integers or ()) else kind) if is_number(a) else a
        for name, a in zip(names, args, strict=True)
    )


@dataclass(frozen=True, eq=False)
class Update:
    """One rule that changes flat vectors: a link in an optimizer's chain.

    ``fn(xp, p, g, *slots, *coefficients, **static)`` returns the new ``(p, g, *slots)``.
    Coefficients are 0-d arrays, computed on the host for each step. Slots are vectors as long as
    the parameters; they start as zeros. A rule outside optimizers changes the vectors named in
    `changes`, not p and g. Nothing reads the gradient after a rule that is `last`, so its kernel
    may overwrite the gradient. A rule that `skips_zeros` computes each element by itself, and
    changes nothing where the gradient is 0.
    """

    name: str
    fn: Function
    slots: tuple[str, ...] = ()
    coefficients: tuple[str, ...] = ()
    changes: tuple[str, ...] = ("params", "gradient")
    last: bool = False
    skips_zeros: bool = False

    @property
    def vectors(self) -> tuple[str, ...]:
        """Names of the vectors that the rule changes."""
        return self.changes + self.slots
