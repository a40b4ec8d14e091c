"""PyTorch's functions with ``out=``, by the names and arguments that kernels use.

Most are PyTorch's own. The others choose among several of PyTorch's functions, according to the
arrays. They choose once, when a plan is made; a step then calls the chosen function directly.
"""

from collections.abc import Callable, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any

from xpnet.backends.data_types import dtype_name
from xpnet.typing import Shape, size_of

__all__ = ["Chosen", "functions"]

Bound = Callable[[], Any]

# By the names of the Array API, which are PyTorch's own.
_SAME = """abs acos acosh add asin asinh atan atan2 atanh bitwise_and bitwise_or bitwise_xor
    ceil cos cosh divide exp expm1 floor floor_divide greater greater_equal hypot less
    less_equal log log10 log1p log2 logaddexp logical_and logical_not logical_or
    logical_xor maximum minimum multiply negative not_equal pow remainder sin sinh sqrt
    subtract swapaxes tan tanh trunc where""".split()
_OWN = "addcmul addmm gather log_softmax".split()  # for kernels of the family "torch"
_OTHER = {"bitwise_invert": "bitwise_not", "equal": "eq", "expand_dims": "unsqueeze"}


class Chosen:
    """A function that chooses one of PyTorch's functions according to its arguments.

    Parameters
    ----------
    choose : callable
        Takes the arguments and returns the call, ready to be made any number of times.
    """

    def __init__(self, choose: Callable[..., Bound]) -> None:
        self.choose = choose

    def __call__(self, *args: Any, **settings: Any) -> None:
        self.choose(*args, **settings)()


def functions(torch: Any, device: Any) -> SimpleNamespace:
    """The functions for the arrays of a device."""

    def dtype(kind: Any) -> Any:
        return kind if isinstance(kind, torch.dtype) else getattr(torch, dtype_name(kind))

    def made(function: Callable[..., Any]) -> Callable[..., Any]:
        def make(*args: Any, dtype: Any = "int64") -> Any:
            return function(*args, dtype=found.dtype(dtype), device=device)

        return make

    found = SimpleNamespace(
        **{name: getattr(torch, name) for name in _SAME + _OWN},
        **{name: getattr(torch, own) for name, own in _OTHER.items()},
        **{name: made(getattr(torch, name)) for name in ("arange", "empty", "ones", "zeros")},
        dtype=dtype,
        add_at=Chosen(_add_at),
        argmax=Chosen(partial(_reduction, torch.argmax)),
        concatenate=Chosen(partial(_concatenate, torch)),
        copyto=Chosen(partial(_copyto, torch)),
        matmul=Chosen(partial(_matmul, torch)),
        max=Chosen(partial(_reduction, torch.amax)),
        min=Chosen(partial(_reduction, torch.amin)),
        put=Chosen(_put),
        scatter_add=Chosen(_scatter_add),
        sum=Chosen(partial(_reduction, torch.sum)),
        take=Chosen(partial(_take, torch)),
    )
    if device.type == "cpu" and torch.backends.mkl.is_available():
        found.sqrt = Chosen(partial(_sqrt, torch))
    # PyTorch's have no `out`. `takes_out` is False for the Python functions that wrap them.
    for name in ("isfinite", "isinf", "isnan"):
        setattr(found, name, _without_out(getattr(torch, name)))
    return found


def _sqrt(torch: Any, x: Any, out: Any) -> Bound:
    """The square root as 1 / (1 / sqrt(x)).

    PyTorch's square root is MKL's. It takes 0.7 ns per element, but 3.7 ns for a zero, and an
    optimizer's vectors are full of zeros. These two calls take 0.5 ns for any number.
    """
    first, second = partial(torch.rsqrt, x, out=out), partial(torch.reciprocal, out, out=out)

    def call() -> None:
        first()
        second()

    return call


def _without_out(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    def call(x: Any) -> Any:
        return function(x)

    return call


def _copyto(torch: Any, out: Any, values: Any, where: Any = None, casting: str = "") -> Bound:
    """Write an array or a number into `out`, everywhere or where a mask holds."""
    if where is not None:
        return partial(torch.where, where, values, out, out=out)
    if isinstance(values, int | float):
        return partial(out.fill_, values)
    return partial(out.copy_, values)


def _reduction(
    function: Callable[..., Any], x: Any, *, out: Any, axis: Any = None, keepdims: bool = False
) -> Bound:
    axes = tuple(range(x.ndim)) if axis is None else axis
    if axes == () and x.ndim:  # PyTorch takes an empty tuple to mean all axes
        return partial(out.copy_, x)
    return partial(function, x, axes, keepdims, out=out)


def _concatenate(torch: Any, arrays: Sequence[Any], axis: int, out: Any) -> Bound:
    return partial(torch.cat, arrays, axis, out=out)


def _take(torch: Any, source: Any, index: Any, out: Any) -> Bound:
    """Rows of `source`, at an index of any shape."""
    flat = index.reshape(-1)
    rows = out.view(flat.shape[0], *source.shape[1:])
    return partial(torch.index_select, source, 0, flat, out=rows)


def _put(target: Any, index: Any, values: Any) -> Bound:
    return partial(target.put_, index, values)


def _add_at(target: Any, index: Any, values: Any) -> Bound:
    """Add each value to its element of a vector.

    On a GPU, the order of the additions varies, and so do the last digits of the sums.
    """
    return partial(target.index_add_, 0, index, values)


def _scatter_add(target: Any, index: Any, values: Any) -> Bound:
    """Add each value to one element of its row; the index has that element's number."""
    return partial(target.scatter_add_, -1, index, values)


def _matmul(torch: Any, a: Any, b: Any, out: Any) -> Bound:
    """A product. PyTorch's `matmul` chooses a function in every call, and may allocate."""
    if a.ndim == b.ndim == 2:
        return partial(torch.mm, a, b, out=out)
    if a.ndim == 1 and b.ndim == 2:
        return partial(torch.mv, b.mT, a, out=out)
    a, out = (a.unsqueeze(0), out.unsqueeze(-2)) if a.ndim == 1 else (a, out)
    b, out = (b.unsqueeze(1), out.unsqueeze(-1)) if b.ndim == 1 else (b, out)
    try:
        stacks = [_stack(x, out.shape[:-2]) for x in (a, b, out)]
    except RuntimeError:  # not a view: PyTorch copies in each step
        return partial(torch.matmul, a, b, out=out)
    return partial(torch.bmm, *stacks[:2], out=stacks[2])


def _stack(x: Any, loop: Shape) -> Any:
    """The matrices of an array, broadcast, as one stack; a view of the array."""
    return x.expand(*loop, *x.shape[-2:]).view(size_of(loop), *x.shape[-2:])
