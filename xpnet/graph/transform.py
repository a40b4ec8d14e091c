"""`value_and_grad`: the general algorithm for any function of ops and layers."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal, TypeAlias

from xpnet import random
from xpnet.arguments import count, flag, is_whole, named_arrays
from xpnet.arguments import function as check_function
from xpnet.backends import Backend, BackendLike, dtype_name, get, is_float, resolve
from xpnet.backends.readable import check_given, foreign_errors
from xpnet.errors import ArgumentError, DTypeError, GraphError, in_brief
from xpnet.graph.autodiff import gradients
from xpnet.graph.graph import Graph
from xpnet.graph.interpret import interpret
from xpnet.graph.lookups import check_numbers, lookups, numbers_of
from xpnet.graph.parameters import ParameterTable
from xpnet.graph.trace import trace
from xpnet.graph.value import Value
from xpnet.typing import Array, ArrayLike

__all__ = ["ValueAndGrad", "initialize", "value_and_grad"]

WithRespectTo: TypeAlias = int | tuple[int, ...] | Literal["parameters"]

_WEIGHTS = 1  # the stream of random numbers for initial weights


def initialize(graph: Graph, backend: Backend, dtype: str, seed: int) -> dict[str, Array]:
    """Starting values of a graph's parameters, in the order of their declaration."""
    host = get("numpy")
    arrays = {}
    for position, (name, spec) in enumerate(graph.specs.items()):
        key = random.Key(seed, _WEIGHTS, position)
        drawn = host.asarray(spec.init(host.xp, key, spec.shape), "float64")
        if tuple(drawn.shape) != spec.shape or not bool(host.xp.all(host.xp.isfinite(drawn))):
            raise GraphError(
                f"the initializer of {name!r} must return finite numbers of shape {spec.shape}, "
                f"but returned shape {tuple(drawn.shape)}."
            )
        arrays[name] = backend.asarray(host.xp.astype(drawn, host.dtype(dtype)), dtype)
    return arrays


class ValueAndGrad:
    """The result of `value_and_grad`; call it like the function itself."""

    def __init__(
        self,
        function: Callable[..., Any],
        wrt: WithRespectTo,
        backend: BackendLike | None,
        training: bool,
        seed: int,
    ) -> None:
        named = isinstance(wrt, str) and wrt == "parameters"
        positions: Any = (wrt,) if is_whole(wrt) else () if named else wrt
        if not isinstance(positions, tuple | list) or not all(is_whole(i) for i in positions):
            positions = (-1,)
        if any(i < 0 for i in positions):
            raise ArgumentError(
                "wrt must be an argument's position, a tuple of them or 'parameters', got "
                f"{in_brief(wrt)}."
            )
        function = check_function("the function", function)
        training, seed = flag("training", training), count("seed", seed, 0, 2**32)
        self._function, self._wrt, self._positions = function, wrt, positions
        self._backend, self._training, self._seed = backend, training, seed

    def _trace(self, backend: Backend, args: Sequence[ArrayLike]) -> tuple[Graph, list[Any], Value]:
        for i, given in enumerate(args):
            check_given(f"argument {i}", given)
        arrays = []
        for i, given in enumerate(args):
            with foreign_errors(f"argument {i}"):
                arrays.append(backend.asarray(given))
        for i, array in enumerate(arrays):
            if not dtype_name(array.dtype).startswith(("float", "int", "uint", "bool", "bfloat")):
                raise DTypeError(f"argument {i} must hold real numbers, got dtype {array.dtype}.")
        floats = [dtype_name(a.dtype) for a in arrays if getattr(a, "ndim", 0)]
        dtype = next(filter(is_float, floats), "float64")
        arrays = [
            backend.asarray(a, dtype) if isinstance(given, float) else a
            for given, a in zip(args, arrays, strict=True)
        ]
        declared = [(f"x{i}", tuple(a.shape), dtype_name(a.dtype)) for i, a in enumerate(arrays)]
        graph, result = trace(self._function, declared, training=self._training, seed=self._seed)
        return graph, arrays, result

    def init(self, *args: ArrayLike, seed: int = 0) -> dict[str, Array]:
        """Initial parameters of the layers inside the function, by dotted name.

        Parameters
        ----------
        *args
            Example arguments; only their shapes and types matter.
        seed : int, default 0
            The same seed gives the same parameters on every backend.
        """
        backend, seed = resolve(self._backend, *args), count("seed", seed, 0, 2**32)
        with backend.work():
            graph, _, value = self._trace(backend, args)
            return initialize(graph, backend, value.dtype, seed)

    def __call__(
        self,
        *args: ArrayLike,
        parameters: Mapping[str, Array] | None = None,
        step: int = 0,
        epoch: int = 0,
    ) -> tuple[Array, Any]:
        """Compute the function's value and its gradient.

        Parameters
        ----------
        *args
            Arrays or numbers, one for each of the function's arguments.
        parameters : mapping of str to array, optional
            Parameters of the layers inside, by dotted name.
        step : int, default 0
            The step number, which selects the random numbers of `Dropout` and other noise.
        epoch : int, default 0
            The time at which schedules of layers are evaluated.

        Returns
        -------
        value : 0-d array
        gradient : array, tuple of arrays, or dict of arrays by name
            As `wrt` asks.
        """
        parameters = {} if parameters is None else named_arrays("parameters", parameters)
        step, epoch = count("step", step, 0), count("epoch", epoch, 0)
        backend = resolve(self._backend, *args, *parameters.values())
        with backend.work():
            return self._compute(backend, args, parameters, (step, epoch))

    def _compute(
        self,
        backend: Backend,
        args: Sequence[ArrayLike],
        parameters: Mapping[str, Array],
        when: tuple[int, int],
    ) -> tuple[Array, Any]:
        graph, arrays, value = self._trace(backend, args)
        feeds = dict(zip(graph.inputs, arrays, strict=True))
        if set(graph.parameters) != set(parameters):
            names = ", ".join(graph.parameters) or "none"
            raise GraphError(
                f"the function's layers have the parameters {names}; got "
                f"{', '.join(parameters) or 'none'}. Call it with "
                "parameters=vg.init(*args), where vg is this object."
            )
        shapes = {n: tuple(a.shape) for n, a in parameters.items()}
        ParameterTable.of(graph).check(parameters, shapes)
        for name, symbol in graph.parameters.items():
            feeds[symbol] = backend.asarray(parameters[name], symbol.dtype)
        feeds |= _step_feeds(backend, graph, *when)
        _check_lookups(backend, graph, feeds)
        wrt = self._symbols(graph)
        wanted = [value, *gradients(graph, value, wrt)]
        found = interpret(graph, backend.xp, feeds, wanted, backend.device)
        result, *grads = map(backend.copy, found)  # some are views or the arguments themselves
        if isinstance(self._wrt, str):
            return result, {v.name: g for v, g in zip(wrt, grads, strict=True)}
        return result, grads[0] if isinstance(self._wrt, int) else tuple(grads)

    def _symbols(self, graph: Graph) -> list[Value]:
        """The values to differentiate by."""
        if isinstance(self._wrt, str):
            return [v for n, v in graph.parameters.items() if graph.specs[n].trainable]
        if any(i >= len(graph.inputs) for i in self._positions):
            raise ArgumentError(
                f"wrt={in_brief(self._wrt)} names a missing argument: {len(graph.inputs)} were "
                "given."
            )
        symbols = [graph.inputs[i] for i in self._positions]
        for symbol in symbols:
            if not is_float(symbol.dtype):
                raise DTypeError(
                    f"argument {symbol.name[1:]} is {symbol.dtype}: only floating-point arguments "
                    "have a gradient."
                )
        return symbols


def _check_lookups(backend: Backend, graph: Graph, feeds: dict[Value, Array]) -> None:
    """Raise `DataError` if an argument names a row or class that is not there.

    Not on a GPU, where this would wait, nor for arrays that JAX traces, which have no values.
    """
    arrays = [feeds[value] for value in graph.inputs]
    if not backend.synchronous or (backend.traced and not all(map(backend.plain, arrays))):
        return
    for lookup in lookups(graph):
        names = " and ".join(sorted(f"argument {value.name[1:]}" for value in lookup.inputs))
        what = names if lookup.numbers in graph.inputs else f"what is computed from {names}"
        numbers = numbers_of(graph, lookup, feeds, backend)
        check_numbers(what, lookup.where, lookup.size, numbers, backend)


def _step_feeds(backend: Backend, graph: Graph, step: int, epoch: int) -> dict[Value, Array]:
    """The arrays that layers read besides their inputs: the step number, scheduled numbers."""
    values = graph.step_values
    scheduled = [number.at(epoch) for number in values.scheduled.values()]
    return values.feeds(backend.counter(step), backend.numbers(scheduled, backend.widest))


def value_and_grad(
    function: Callable[..., Any],
    wrt: WithRespectTo = 0,
    backend: BackendLike | None = None,
    *,
    training: bool = True,
    seed: int = 0,
) -> ValueAndGrad:
    """Turn a scalar function of ops and layers into one that also returns its gradient.

    The function is traced into a graph, differentiated by general back-propagation and run by
    the interpreter, in the library of the arrays it is called with.

    Parameters
    ----------
    function : callable
        Made of Python operators, `xpnet.ops` and layers; returns a scalar (shape ``()``).
    wrt : int, tuple of int or "parameters", default 0
        Positions of the arguments to differentiate by, or ``"parameters"`` for the
        parameters of the layers inside.
    backend : optional
        A backend, or its name; None follows the arrays.
    training : bool, default True
        Whether layers behave as in training: dropout is applied, and batches are normalized by
        their own statistics. The running statistics do not change.
    seed : int, default 0
        Seed of dropout and noise.

    Returns
    -------
    callable
        ``vg(*args)`` returns ``(value, gradient)``. A function with layers takes their
        parameters by keyword: ``vg(*args, parameters=vg.init(*args))``.

    Raises
    ------
    GraphError
        If the result is not a scalar or does not depend on what it is differentiated by.

    Examples
    --------
    >>> import numpy as np, xpnet as xn
    >>> vg = xn.value_and_grad(lambda w: xn.ops.sum(w * w))
    >>> value, gradient = vg(np.array([1.0, 2.0]))
    >>> float(value), gradient.tolist()
    (5.0, [2.0, 4.0])
    """
    return ValueAndGrad(function, wrt, backend, training, seed)
