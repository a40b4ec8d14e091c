"""A graph in words, by which a resumed fit recognizes it."""

from typing import Any
from zlib import crc32

from xpnet.backends import get
from xpnet.graph.graph import Graph
from xpnet.graph.node import Node
from xpnet.graph.value import Value

__all__ = ["in_words"]

_SMALL = 8  # elements of a constant that are written out


def in_words(graph: Graph) -> list[str]:
    """Each node as text: its operation, its inputs with all constants, its settings."""
    return [_node(node) for node in graph.nodes]


def _node(node: Node) -> str:
    settings = [f"{name}={_setting(value)}" for name, value in node.static.items()]
    return f"{node.record.name}({', '.join([*map(_value, node.inputs), *settings])})"


def _value(value: Value) -> str:
    if value.kind != "constant":
        return value.name
    try:
        data = get("numpy").asarray(value.data)
    except TypeError:  # arrays on a GPU are not copied for this
        return f"array of shape {value.shape}"
    if data.size <= _SMALL:
        return str(data.tolist())
    return f"array of shape {data.shape} with checksum {crc32(data)}"


def _setting(value: Any) -> Any:
    """A setting; a function by its name, since its repr has an address."""
    return getattr(value, "__qualname__", None) or repr(value)
