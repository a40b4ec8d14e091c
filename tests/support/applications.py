"""The ops and vjps of the table's cases, applied to arrays."""

from collections.abc import Callable, Iterable
from typing import Any, TypeAlias

import numpy as np

from support import cases
from xpnet.graph import Graph, Value, interpret
from xpnet.ops.record import Update
from xpnet.testing import Application

Change: TypeAlias = Callable[[np.ndarray], np.ndarray]


def _same(array: np.ndarray) -> np.ndarray:
    return array


def applications(case: cases.Case, n: int, dtype: str, change: Change = _same) -> list[Application]:
    """The case's op and each of its vjps, applied to floating inputs changed so."""
    return [application for (application,) in variations(case, n, dtype, [change])]


def variations(
    case: cases.Case, n: int, dtype: str, changes: Iterable[Change]
) -> list[tuple[Application, ...]]:
    """The same for several changes of the inputs: all applications of the op, of a vjp, ..."""
    graph, node, feeds = cases.trace(case, n, dtype)
    for index in cases.differentiable(case):
        cases.append_vjp(graph, node, index, feeds)
    applied = [
        _applied(graph, {v: change(a) if a.dtype.kind == "f" else a for v, a in feeds.items()})
        for change in changes
    ]
    return list(zip(*applied, strict=True))


def _applied(graph: Graph, feeds: dict[Value, np.ndarray]) -> list[Application]:
    values = [v for m in graph.nodes for v in (*m.inputs, *m.outputs)]
    with np.errstate(all="ignore"):
        found = interpret(graph, np, feeds, values)
    arrays: dict[Any, np.ndarray] = dict(zip(values, map(np.asarray, found), strict=True))
    return [
        Application(
            m.record,
            [arrays[v] for v in m.inputs],
            m.static,
            [arrays[v] for v in m.outputs],
        )
        for m in graph.nodes
        if not isinstance(m.record, Update)
    ]
