"""The ops and vjps of the table's cases, applied to arrays."""

from collections.abc import Callable
from typing import Any

import numpy as np

from support import cases
from xpnet.graph import interpret
from xpnet.ops.record import Update
from xpnet.testing import Application


def _same(array: np.ndarray) -> np.ndarray:
    return array


def applications(
    case: cases.Case, n: int, dtype: str, change: Callable[[np.ndarray], np.ndarray] = _same
) -> list[Application]:
    """The case's op and each of its vjps, applied to floating inputs changed so."""
    graph, node, feeds = cases.trace(case, n, dtype)
    for index in cases.differentiable(case):
        cases.append_vjp(graph, node, index, feeds)
    feeds = {v: change(a) if a.dtype.kind == "f" else a for v, a in feeds.items()}
    nodes = graph.nodes
    values = [v for m in nodes for v in (*m.inputs, *m.outputs)]
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
        for m in nodes
        if not isinstance(m.record, Update)
    ]
