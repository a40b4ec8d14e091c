"""Trace a Python function of layers and ops into a graph."""

from collections.abc import Callable
from typing import Any

from xpnet import ops
from xpnet.errors import GraphError
from xpnet.graph.value import Value

__all__ = ["checked", "distinct"]


def checked(function: Callable[..., Any], result: Any) -> Value:
    """The one symbolic value that a traced function must return."""
    if isinstance(result, Value):
        return result
    name = getattr(function, "__name__", type(function).__name__)
    raise GraphError(
        f"{name} must return one symbolic value made of xpnet's ops and layers, got "
        f"{type(result).__name__}."
    )


def distinct(values: list[Value]) -> list[Value]:
    """The same values, with a copy where one is repeated or is not computed by a node.

    Each can then be given memory of its own to be computed into.
    """
    seen: set[Value] = set()
    result = []
    for value in values:
        fresh = value if value.kind == "node" and value not in seen else ops.identity(value)
        seen.add(fresh)
        result.append(fresh)
    return result
