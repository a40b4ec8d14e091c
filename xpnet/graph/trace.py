"""Trace a Python function of layers and ops into a graph."""

from collections.abc import Callable, Sequence
from typing import Any

from xpnet.backends import is_float
from xpnet.errors import GraphError
from xpnet.graph.graph import Graph, TraceSettings
from xpnet.graph.value import Value
from xpnet.typing import Shape

__all__ = ["checked", "trace"]


def trace(
    function: Callable[..., Any], inputs: Sequence[tuple[str, Shape, str]], **settings: Any
) -> tuple[Graph, Value]:
    """Call a function once with symbolic values; return the graph and the result.

    Parameters
    ----------
    function : callable
        A layer, or any function made of layers, ops and Python's operators.
    inputs : sequence of (name, shape, dtype)
        One symbolic input for each of the function's arguments.
    **settings
        ``training``, ``seed``, ``frozen`` and ``share`` of the `TraceSettings`.
    """
    floats = [dtype for _, _, dtype in inputs if is_float(dtype)]
    chosen = TraceSettings(dtype=floats[0] if floats else "float32", **settings)
    graph = Graph(settings=chosen)
    values = [graph.input(*declared) for declared in inputs]
    return graph, checked(function, graph.scope.call(function, *values, name=""))


def checked(function: Callable[..., Any], result: Any) -> Value:
    """The one symbolic value that a traced function must return."""
    if isinstance(result, Value):
        return result
    name = getattr(function, "__name__", type(function).__name__)
    raise GraphError(
        f"{name} must return one symbolic value made of xpnet's ops and layers, got "
        f"{type(result).__name__}."
    )
