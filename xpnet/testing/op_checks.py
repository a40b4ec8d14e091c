"""Check an op on every variant: its values, shapes, and gradients by finite differences."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from xpnet.arguments import count as count_of
from xpnet.arguments import elements, function, instance, texts
from xpnet.backends import check_float, is_float
from xpnet.backends.readable import host_numbers
from xpnet.graph import Graph, Node, Value
from xpnet.ops.record import PASS, Op
from xpnet.testing.differences import Setting, finite_differences, sum_to_shape
from xpnet.testing.variants import Variant, usable_variants, variant
from xpnet.typing import ArrayLike

__all__ = ["append_vjp", "check_op", "differentiable", "trace_op"]

VALUES = {"float32": 3e-6, "float64": 1e-13}  # tolerances, relative and absolute
_GRADIENTS = {"rtol": 1e-6, "atol": 1e-8}  # accuracy of central differences
_ROUNDING = 1e-5  # between a gradient in float32 and in float64

Feeds = dict[Value, np.ndarray]


def trace_op(
    op: Op, inputs: Sequence[Any], settings: dict[str, Any], dtype: str = "float64"
) -> tuple[Graph, Node, Feeds]:
    """A graph of one op alone, its node, and the arrays for the graph's inputs.

    Parameters
    ----------
    op : Op
    inputs : sequence of array
        Floating-point arrays are converted to `dtype`; integers stay.
    settings : dict
        The op's settings by name.
    dtype : {"float64", "float32"}
    """
    instance("op", op, Op, "an Op")
    instance("settings", settings, Mapping, "a dict of settings by name")
    texts("the names of settings", tuple(settings), "['axis']")
    check_float(dtype)
    graph, feeds = Graph(), {}
    given = elements("inputs", inputs, "[array]")
    for i, array in enumerate(host_numbers(f"input {i}", x) for i, x in enumerate(given)):
        array = array.astype(dtype) if array.dtype.kind == "f" else array
        feeds[graph.input(f"x{i}", array.shape, str(array.dtype))] = array
    op(*graph.inputs, **settings)
    return graph, graph.nodes[-1], feeds


def append_vjp(graph: Graph, node: Node, index: int, feeds: Feeds) -> Value:
    """Append the gradient of an op's input, and add an upstream gradient to `feeds`.

    Parameters
    ----------
    graph, node, feeds
        As `trace_op` returns them.
    index : int
        The position of the input.
    """
    assert isinstance(node.record, Op)
    output = node.output
    gy = graph.input("gy", output.shape, output.dtype)
    feeds[gy] = weights(output.shape).astype(output.dtype)
    vjp = node.record.vjp_of(index)
    if vjp is None:
        raise ValueError(f"{node.record.name} has no gradient with respect to its input {index}.")
    return gy if vjp is PASS else graph.append_vjp(vjp, node, index, gy)


def weights(shape: Sequence[int]) -> np.ndarray:
    """Numbers of either sign and magnitude 0.2 to 2: the weights of a sum of an op's results."""
    rng = np.random.default_rng([9, *shape])
    return np.asarray(rng.uniform(0.2, 2.0, shape) * rng.choice([-1.0, 1.0], shape))


def differentiable(op: Op, count: int) -> list[int]:
    """Positions among `count` inputs at which an op has a gradient."""
    instance("op", op, Op, "an Op")
    known = count_of("count", count, 0, 2**31)
    last = len(op.vjps) if not op.variadic else known
    return [i for i in range(min(known, last)) if op.vjp_of(i) is not None]


def check_op(
    op: Op,
    *inputs: ArrayLike,
    reference: Callable[..., Any] | None = None,
    variants: Iterable[str | Variant] | None = None,
    **settings: Setting,
) -> None:
    """Check an op's values and gradients at these inputs, in float32 and float64.

    On every variant the op must return the shape and type of its signature, leave its inputs
    unchanged, and agree with the reference. Each vjp must agree with finite differences, and in
    float32 with itself in float64.

    Parameters
    ----------
    op : Op
    *inputs : array
        More than 1e-4 away from kinks and poles, where finite differences fail.
    reference : callable, optional
        ``reference(*inputs, **settings)``: the values by another formula, in NumPy; by default
        the op's own definition in NumPy and float64.
    variants : iterable of str or Variant, optional
        By default all that can run here; see `usable_variants`.
    **settings
        The op's settings.

    Raises
    ------
    AssertionError
        If anything differs.

    Examples
    --------
    >>> import numpy as np
    >>> from xpnet.ops.record import Op
    >>> from xpnet.testing import check_op
    >>> def cube(xp, x):
    ...     return x * x * x
    >>> def cube_vjp(xp, gy, x):
    ...     return gy * x * x * 3
    >>> x = np.array([[0.5, -1.0, 2.0]])
    >>> check_op(Op("cube", "(...)->(...)", cube, [cube_vjp]), x)

    A wrong vjp:

    >>> def wrong(xp, gy, x):
    ...     return gy * x * 3
    >>> check_op(
    ...     Op("cube", "(...)->(...)", cube, [wrong]), x
    ... )  # doctest: +IGNORE_EXCEPTION_DETAIL
    Traceback (most recent call last):
    AssertionError: cube: gradient of input 0 on numpy
    """
    instance("op", op, Op, "an Op")
    arrays = [host_numbers(f"input {i}", x) for i, x in enumerate(inputs)]
    if reference is not None:
        function("reference", reference)
    if variants is not None:
        variants = elements("variants", variants, "['numpy']")
    wanted = _own(op) if reference is None else reference
    for given in usable_variants() if variants is None else variants:
        if isinstance(given, Variant):
            _check_on(given, op, arrays, settings, wanted)
        else:
            with variant(given) as library:
                _check_on(library, op, arrays, settings, wanted)


def _own(op: Op) -> Callable[..., Any]:
    """The op's definition as a function of NumPy arrays."""
    return lambda *arrays, **settings: op(*arrays, **settings)


def _check_on(
    library: Variant,
    op: Op,
    arrays: list[np.ndarray],
    settings: dict[str, Any],
    reference: Callable[..., Any],
) -> None:
    wanted = reference(*arrays, **settings)
    for dtype, tolerance in VALUES.items():
        graph, node, feeds = trace_op(op, arrays, settings, dtype)
        (got,) = library.compute(graph, feeds, [node.output])
        _close(library, got, wanted, f"{op.name}: {dtype} values", tolerance, tolerance)
    for index in differentiable(op, len(arrays)):
        _check_gradient(library, op, arrays, settings, reference, index)


def _check_gradient(
    library: Variant,
    op: Op,
    arrays: list[np.ndarray],
    settings: dict[str, Any],
    reference: Callable[..., Any],
    index: int,
) -> None:
    exact, gy = _gradient(library, op, arrays, settings, index, "float64")
    wanted = finite_differences(lambda *xs: reference(*xs, **settings), arrays, index, gy)
    what = f"{op.name}: gradient of input {index}"
    _close(library, sum_to_shape(exact, arrays[index].shape), wanted, what, **_GRADIENTS)
    rounded, _ = _gradient(library, op, arrays, settings, index, "float32")
    _close(library, rounded, exact, f"{what} in float32", _ROUNDING, _ROUNDING)


def _gradient(
    library: Variant, op: Op, arrays: Any, settings: Any, index: int, dtype: str
) -> tuple[np.ndarray, np.ndarray]:
    """The gradient of an input, and its upstream gradient."""
    graph, node, feeds = trace_op(op, arrays, settings, dtype)
    if not is_float(node.output.dtype):
        raise AssertionError(f"{op.name} has a gradient, but its output is {node.output.dtype}")
    gradient = append_vjp(graph, node, index, feeds)
    (got,) = library.compute(graph, feeds, [gradient])
    return library.to_numpy(got), feeds[graph.inputs[-1]]


def _close(library: Variant, got: Any, wanted: Any, what: str, rtol: float, atol: float) -> None:
    np.testing.assert_allclose(
        library.to_numpy(got), wanted, rtol=rtol, atol=atol, err_msg=f"{what} on {library.name}"
    )
