"""The graph of an update: an optimizer's rules, the constraints and the average on vectors."""

from collections.abc import Iterable, Sequence
from typing import Any

from xpnet.engine.coefficients import Coefficient, Use, uses
from xpnet.graph import Graph, ParameterTable, Part, Value
from xpnet.ops.loss_scale import COPY_IF_OVERFLOW, NEXT_SCALE
from xpnet.ops.record import Update as Rule
from xpnet.ops.vector_rules import FLUSH
from xpnet.optim import Optimizer
from xpnet.typing import Array, Namespace

__all__ = ["flush_graph", "slot_names", "update_graph"]

_TINY = {"float32": 1e-30, "float64": 1e-200}  # far above the denormals, far below any effect


def update_graph(
    optimizer: Optimizer,
    table: ParameterTable,
    dtype: str,
    scaled: bool = False,
    without: slice = slice(0, 0),
) -> Graph:
    """The rules in order of application: the chain, the constraints, the average.

    If the loss was `scaled`, a step that overflowed changes only the loss scale. Rules of single
    elements are not applied to the part `without`.
    """
    graph, slots = Graph(), slot_names(optimizer)
    chain, averaging = uses(optimizer.chain(), table), uses(optimizer.averaging(), table)
    graph.vector("params", table.size, dtype)
    for name in ["gradient", *slots]:
        graph.vector(name, table.trainable, dtype)
    if scaled:
        _hold(graph, ["params", *slots], table.trainable, dtype)
    numbers = {
        read: graph.input(_named(read), (), dtype)
        for read in dict.fromkeys(read for use in [*chain, *averaging] for read in use.reads)
    }
    for use in chain:
        _append(graph, use, numbers, without)
    for name in table.trained:
        _constrain(graph, table, name)
    for use in averaging:
        _append(graph, use, numbers, without)
    if scaled:
        _put_back(graph, ["params", *slots], Part(slice(0, table.trainable)))
    return graph


def slot_names(optimizer: Optimizer) -> list[str]:
    """Names of the vectors that an optimizer keeps."""
    links = [*optimizer.chain(), *optimizer.averaging()]
    return [*dict.fromkeys(name for link in links for name in link.update.slots)]


def _hold(graph: Graph, names: Sequence[str], length: int, dtype: str) -> None:
    """Copy these vectors if the step overflowed, before anything changes them."""
    graph.vector("loss_scale", 4, dtype)
    scale = graph.vectors["loss_scale"]
    for name in names:
        graph.vector(f"kept.{name}", length, dtype)
        graph.update(COPY_IF_OVERFLOW, [f"kept.{name}"], [graph.vectors[name], scale])


def _put_back(graph: Graph, names: Sequence[str], part: Part) -> None:
    """Undo a step that overflowed, and compute the next scale."""
    scale = graph.vectors["loss_scale"]
    for name in names:
        kept = graph.assignments[f"kept.{name}"]
        graph.update(COPY_IF_OVERFLOW, [name], [kept, scale], part=part)
    graph.update(NEXT_SCALE, ["loss_scale"])


def _named(read: Coefficient) -> str:
    """A coefficient's name in the graph."""
    name, *factors = read
    return name if factors == [1, 1] else f"{name} {' '.join(f'x{factor:g}' for factor in factors)}"


def _append(graph: Graph, use: Use, numbers: dict[Coefficient, Value], without: slice) -> None:
    """Apply a link to a part of the vectors, or to what is before and after `without` in it."""
    rule, given = use.link.update, [numbers[read] for read in use.reads]
    first, last = use.part.start, use.part.stop
    low, high = (min(max(end, first), last) for end in (without.start, without.stop))
    parts = [use.part] if low == high else [slice(first, low), slice(high, last)]
    for part in parts:
        if part.start < part.stop:
            graph.update(rule, rule.vectors, given, use.link.static, Part(part))


def _constrain(graph: Graph, table: ParameterTable, name: str) -> None:
    """Apply a parameter's constraint, if it has one."""
    spec = table.specs[name]
    if spec.constraint is None:
        return
    op = spec.constraint.op

    def project(xp: Namespace, p: Array, **static: Any) -> tuple[Array]:
        return (op.fn(xp, p, **static),)

    rule = Rule(f"constraint {op.name}", project, changes=("params",))
    part = Part(table.part(name), spec.shape)
    graph.update(rule, rule.vectors, static=spec.constraint.static, part=part)


def flush_graph(slots: Iterable[str], length: int, dtype: str) -> Graph:
    """Set numbers in the slots to 0 if they are too small to matter.

    The slot of a unit without gradient decays by beta in each step until it is denormal, and a
    CPU computes with denormal numbers about forty times slower.
    """
    graph = Graph()
    for name in slots:
        graph.vector(name, length, dtype)
        graph.update(FLUSH, [name], static={"below": _TINY[dtype]})
    return graph
