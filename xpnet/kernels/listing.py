"""A namespace that computes nothing: a definition that runs with it lists its own steps.

It has the part of the Array API standard in which every step is one call with ``out=``, a view,
or a constant. It raises `Underivable` for anything else.
"""

from collections.abc import Callable, Sequence
from functools import partial, wraps
from typing import Any

from xpnet.backends.base import PlannedBackend
from xpnet.backends.data_types import kind_of
from xpnet.kernels.promotion import ELEMENTWISE, NUMBERS, TESTS, broadcast, promoted
from xpnet.kernels.terms import Cast, Filled, Given, Step, Term, Underivable, View
from xpnet.ops.reduce import normal_axes, reduced_shape
from xpnet.ops.shape import reshaped
from xpnet.ops.signature import broadcast_shapes
from xpnet.typing import Shape, size_of

__all__ = ["Listing"]

_MAKERS = ("arange", "eye", "full", "linspace", "ones", "zeros")
_FACTS = """bool e finfo float32 float64 iinfo inf int32 int64 isdtype nan newaxis pi
    result_type""".split()


def _or_underivable(function: Callable[..., Any]) -> Callable[..., Any]:
    """A call in a form that this function does not support, though the library's may."""

    @wraps(function)
    def call(*args: Any, **settings: Any) -> Any:
        try:
            return function(*args, **settings)
        except TypeError as error:
            raise Underivable(str(error)) from error

    return call


class Listing:
    """The namespace for one run of a definition on a backend's arrays."""

    def __init__(self, backend: PlannedBackend) -> None:
        self.backend = backend
        self.steps: list[Step] = []

    def __getattr__(self, name: str) -> Any:
        if name in ELEMENTWISE:
            return _or_underivable(partial(self._elementwise, name))
        if name in _MAKERS:
            return partial(self._made, name)
        if name in _FACTS:
            return getattr(self.backend.xp, name)
        raise Underivable(f"xp.{name}")

    def function(self, name: str) -> Any:
        """The library's function with ``out=``."""
        return getattr(self.backend.raw, name, None) or getattr(self.backend.xp, name)

    # Creating terms

    def _step(self, name: str, args: Sequence[Any], shape: Shape, dtype: Any, **how: Any) -> Step:
        self.steps.append(Step(self, name, args, shape, dtype, **how))
        return self.steps[-1]

    def _term(self, x: Any) -> Any:
        """A term for a scalar of the library; terms and numbers are unchanged.

        A whole array is refused: it may be random, and so differ in the next run.
        """
        if isinstance(x, Term) or type(x) in NUMBERS:
            return x
        if self.backend.owns(x) and x.ndim == 0:
            return Given(self, self.backend.xp.asarray(x))
        raise Underivable(f"an argument of type {type(x).__name__}")

    def _array(self, x: Any) -> Term:
        """A term with its own memory."""
        x = self._term(x)
        if not isinstance(x, Term):
            raise Underivable("a number instead of an array")
        return self.copied(x, x.shape, x.dtype) if isinstance(x, Filled | Cast) else x

    def copied(self, x: Term, shape: Shape, dtype: Any, **settings: Any) -> Step:
        """A copy, broadcast and converted."""
        return self._step("copyto", [_handed_on(x)], shape, dtype, **settings)

    def _made(self, name: str, *args: Any, **settings: Any) -> Given:
        if any(isinstance(a, Term) for a in (*args, *settings.values())):
            raise Underivable(f"xp.{name} of an array")
        return Given(self, getattr(self.backend.xp, name)(*args, **settings))

    # Element by element

    def _elementwise(self, name: str, *args: Any) -> Step:
        if not self.backend.takes_out(self.function(name)):
            raise Underivable(f"xp.{name}, which has no out=")
        xs = [self._term(x) for x in args]
        dtype, shape = promoted(xs, ELEMENTWISE[name]), broadcast(xs)
        # Numbers and booleans are enough if an array determines the type and the shape.
        arrays = [x for x in xs if isinstance(x, Term) and not isinstance(x, Filled | Cast)]
        settled = any(x.dtype == dtype for x in arrays)
        spread = [x for x in xs if not isinstance(x, Filled)]
        if not settled or broadcast(spread) != shape:
            xs = [x if type(x) in NUMBERS else self._array(x) for x in xs]
        if name in TESTS:
            dtype = self.backend.raw.dtype("bool")
        return self._step(name, [_handed_on(x) for x in xs], shape, dtype)

    def sign(self, x: Any) -> Step:
        """-1, 0 or 1, and NaN for NaN, for which CuPy's function gives 0."""
        if self.backend.takes_out(self.backend.xp.sign):
            return self._elementwise("sign", x)
        return self.where(x > 0, 1.0, self.where(x < 0, -1.0, x))

    def pow(self, a: Any, b: Any) -> Step:
        """A ** b; a square is a product, as in NumPy's operator."""
        if type(b) in NUMBERS and b == 2:
            return self._elementwise("multiply", a, a)
        return self._elementwise("pow", a, b)

    def square(self, x: Any) -> Step:
        """X * x."""
        return self._elementwise("multiply", x, x)

    def clip(self, x: Any, min: Any = None, max: Any = None) -> Any:
        """The nearest of the numbers from min to max."""
        raised = x if min is None else self._elementwise("maximum", x, min)
        return raised if max is None else self._elementwise("minimum", raised, max)

    def where(self, condition: Any, a: Any, b: Any) -> Step:
        """A where the condition holds, else b."""
        mask, a, b = self._array(condition), self._term(a), self._term(b)
        promoted([mask], "b")
        dtype, shape = promoted([a, b], "fib"), broadcast([mask, a, b])
        return self._step("where", [mask, _handed_on(a), _handed_on(b)], shape, dtype)

    def astype(self, x: Any, dtype: Any, *, copy: bool = True, device: Any = None) -> Term:
        """X in another type. It is not copied, because no definition writes into an array."""
        dtype, x = self.backend.raw.dtype(dtype), self._term(x)
        if x.dtype == dtype:
            return x  # type: ignore[no-any-return]
        if kind_of(dtype) == "b":
            return self._elementwise("not_equal", x, 0)
        if kind_of(x.dtype) == "b" and not isinstance(x, Filled):
            if not self.backend.tests_as_numbers:
                return Cast(x, dtype)
            if isinstance(x, Step) and x.name in TESTS and _any_of(x.args, dtype):
                return self._step(x.name, x.args, x.shape, dtype)  # the test, written as numbers
        unsafe = {} if kind_of(dtype) == "f" else {"casting": "unsafe"}
        return self.copied(x, x.shape, dtype, **unsafe)

    def asarray(self, x: Any, *, dtype: Any = None, copy: Any = None, device: Any = None) -> Term:
        """X unchanged, or in another type."""
        if type(x) in NUMBERS:
            return self._made("asarray", x, dtype=dtype, device=device)
        x = self._term(x)
        return x if dtype is None else self.astype(x, dtype)

    def full_like(self, x: Term, number: float, *, dtype: Any = None, device: Any = None) -> Term:
        """One number, in the shape of x."""
        if type(number) not in NUMBERS:
            raise Underivable("xp.full_like of an array")
        return Filled(self, x.shape, self.backend.raw.dtype(dtype or x.dtype), number)

    def zeros_like(self, x: Term, **like: Any) -> Term:
        """Zeros in the shape of x."""
        return self.full_like(x, 0, **like)

    def ones_like(self, x: Term, **like: Any) -> Term:
        """Ones in the shape of x."""
        return self.full_like(x, 1, **like)

    # Reductions and products

    def _reduced(self, name: str, kinds: str, x: Any, axis: Any, keepdims: bool) -> Step:
        x = self._array(x)
        dtype, axes = promoted([x], kinds), normal_axes(axis, x.ndim)
        shape = reduced_shape([x.shape], axis=axes, keepdims=keepdims)
        only = axes[0] if len(axes) == 1 else axes
        how = {"axis": only, "keepdims": keepdims}
        return self._step(name, [x], shape, dtype, elementwise=False, **how)

    def sum(self, x: Any, *, axis: Any = None, keepdims: bool = False) -> Step:
        """Sum over axes."""
        return self._reduced("sum", "f", x, axis, keepdims)

    def max(self, x: Any, *, axis: Any = None, keepdims: bool = False) -> Step:
        """Maximum over axes."""
        return self._reduced("max", "fi", x, axis, keepdims)

    def min(self, x: Any, *, axis: Any = None, keepdims: bool = False) -> Step:
        """Minimum over axes."""
        return self._reduced("min", "fi", x, axis, keepdims)

    def mean(self, x: Any, *, axis: Any = None, keepdims: bool = False) -> Step:
        """Sum over axes, divided by the number of elements."""
        count = size_of([x.shape[i] for i in normal_axes(axis, x.ndim)])
        return self._elementwise("divide", self.sum(x, axis=axis, keepdims=keepdims), count)

    def argmax(self, x: Any, *, axis: int) -> Step:
        """The index along the axis of the first largest element."""
        x, dtype = self._array(x), self.backend.raw.dtype("int64")
        shape = reduced_shape([x.shape], axis=axis)
        return self._step("argmax", [x], shape, dtype, elementwise=False, axis=axis)

    def matmul(self, a: Any, b: Any) -> Step:
        """The matrix product."""
        a, b = self._array(a), self._array(b)
        if min(a.ndim, b.ndim) < 2 or a.shape[-1] != b.shape[-2]:
            raise Underivable("a product of vectors, or shapes that do not fit")
        loop = broadcast_shapes([a.shape[:-2], b.shape[:-2]])
        if loop is None:
            raise Underivable("shapes that do not broadcast")
        shape = (*loop, a.shape[-2], b.shape[-1])
        return self._step("matmul", [a, b], shape, promoted([a, b], "f"), elementwise=False)

    # Views

    def _view(self, x: Any, shape: Shape, look: Callable[[Any], Any], dense: bool = False) -> Term:
        x = self._term(x)
        if isinstance(x, Filled):
            return Filled(self, shape, x.dtype, x.number)
        if isinstance(x, Cast):
            return Cast(self._view(x.mask, shape, look, dense), x.dtype)
        return View(x, shape, look, dense)

    def index(self, x: Term, key: Any, dense: bool = False) -> Term:
        """A part of x, by integers, slices, None and an ellipsis."""
        keys = list(key) if isinstance(key, tuple) else [key]
        if not all(k is None or k is ... or type(k) in (int, slice) for k in keys):
            raise Underivable("an index made of arrays")
        at = keys.index(...) if ... in keys else len(keys)
        rest = x.ndim - sum(k is not None and k is not ... for k in keys)
        keys[at : at + 1] = [slice(None)] * rest
        lengths, shape = iter(x.shape), []
        for k in keys:
            length = 1 if k is None else next(lengths)
            if isinstance(k, slice):
                shape.append(len(range(*k.indices(length))))
            elif k is None:
                shape.append(1)
        # An ellipsis makes even a single element a view, not a number.
        return self._view(x, tuple(shape), lambda array: array[(*keys, ...)], dense)

    def expand_dims(self, x: Term, *, axis: int = 0) -> Term:
        """A new axis of length 1."""
        at = axis % (x.ndim + 1)
        return self.index(x, (*[slice(None)] * at, None), dense=True)

    def reshape(self, x: Term, shape: Shape, *, copy: Any = None) -> Term:
        """The same elements, row by row, in another shape."""
        shape = reshaped([x.shape], shape=tuple(shape))
        if shape == x.shape:
            return x
        if [n for n in shape if n != 1] == [n for n in x.shape if n != 1]:
            old = tuple(0 if n == 1 else slice(None) for n in x.shape)
            new = tuple(None if n == 1 else slice(None) for n in shape)
            return self.index(self.index(x, old, dense=True), new, dense=True)
        if not x.dense:
            x = self.copied(x, x.shape, x.dtype)
        return self._view(x, shape, lambda array: array.reshape(shape), dense=True)

    def broadcast_to(self, x: Term, shape: Shape) -> Term:
        """X repeated along axes to this shape."""
        broadcast = self.backend.xp.broadcast_to
        return self._view(x, tuple(shape), lambda array: broadcast(array, tuple(shape)))

    def permute_dims(self, x: Term, axes: tuple[int, ...]) -> Term:
        """The axes in another order."""
        permute = self.backend.xp.permute_dims
        shape = tuple(x.shape[i] for i in axes)
        return self._view(x, shape, lambda array: permute(array, axes))

    def matrix_transpose(self, x: Term) -> Term:
        """The matrix transpose: the last two axes exchanged."""
        swap = self.backend.raw.swapaxes
        shape = (*x.shape[:-2], x.shape[-1], x.shape[-2])
        return self._view(x, shape, lambda array: swap(array, -1, -2))


for _name, _function in [*vars(Listing).items()]:
    if not _name.startswith("_"):
        setattr(Listing, _name, _or_underivable(_function))


def _any_of(args: Sequence[Any], dtype: Any) -> bool:
    """Whether one of the arguments is an array of this type."""
    return any(isinstance(a, Term) and a.dtype == dtype for a in args)


def _handed_on(x: Any) -> Any:
    """What a call receives for a term."""
    if isinstance(x, Filled):
        return x.number
    return x.mask if isinstance(x, Cast) else x
