"""A plan as a table for people."""

from collections.abc import Mapping, Sequence
from typing import Any

from xpnet.graph.memory import Layout
from xpnet.graph.node import Node
from xpnet.graph.value import Value
from xpnet.kernels import Kernel

__all__ = ["listing"]


def listing(
    name: str,
    inputs: Sequence[Value],
    kernels: Mapping[Node, Kernel],
    layout: Layout,
    calls: Sequence[Any],
) -> str:
    """One line for each input and node: op, output, shape, memory, kernel."""
    rows: list[tuple[str, ...]] = [("op", "output", "shape", "memory", "kernel")]
    rows += [_input_row(v, layout) for v in inputs]
    rows += [_row(node, kernel, layout) for node, kernel in kernels.items()]
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    lines = ["  ".join(t.ljust(w) for t, w in zip(r, widths, strict=True)).rstrip() for r in rows]
    title = (
        f"Plan on {name}: {len(kernels)} nodes, {len(calls)} calls, {layout.size:,} bytes of "
        "workspace"
    )
    return "\n".join([title, *lines])


def _input_row(value: Value, layout: Layout) -> tuple[str, ...]:
    memory = f"@{layout.offsets[value]}" if value in layout.offsets else "given"
    return value.kind, value.name, _shape(value), memory, ""


def _row(node: Node, kernel: Kernel, layout: Layout) -> tuple[str, ...]:
    inputs = ", ".join(v.name for v in node.inputs)
    names = ", ".join(v.name for v in node.outputs)
    memory = ", ".join(_memory(v, layout) for v in node.outputs)
    return f"{node.record.name}({inputs})", names, _shape(node.output), memory, kernel.family


def _memory(value: Value, layout: Layout) -> str:
    if value in layout.shared:
        return f"over {layout.shared[value].name}"
    return f"@{layout.offsets[value]}" if value in layout.offsets else "given"


def _shape(value: Value) -> str:
    return f"{value.dtype}{list(value.shape)}"
