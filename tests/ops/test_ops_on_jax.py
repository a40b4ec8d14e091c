"""Every op and its gradients, compiled by JAX: NumPy's numbers.

Compiling takes 0.1 s for an example: there are few, and a test compiles those of many ops at once.
"""

from typing import Any

import numpy as np
import pytest
from support.cases import EXAMPLES, append_vjp, differentiable, trace

from xpnet import testing
from xpnet.graph import interpret
from xpnet.testing.op_checks import VALUES

jax = pytest.importorskip("jax", reason="JAX is not installed")

TOGETHER = 12  # ops in one function
MOST = 2  # examples of an op
OPS = [EXAMPLES[i : i + TOGETHER] for i in range(0, len(EXAMPLES), TOGETHER)]


def applied(case: Any, dtype: str) -> Any:
    """The graph of an example and of its gradients, its inputs, and what it computes."""
    graph, node, feeds = trace(case, 3, dtype)
    slopes = [append_vjp(graph, node, i, feeds) for i in differentiable(case)]
    return graph, feeds, [node.output, *slopes]


def computed(library: Any, graphs: dict[str, Any]) -> dict[str, list[np.ndarray]]:
    """All graphs in one call of a compiled function."""
    feeds = {
        name: [library.asarray(a) for a in given.values()] for name, (_, given, _) in graphs.items()
    }

    def function(feeds: Any) -> Any:
        found = {}
        for name, (graph, given, outputs) in graphs.items():
            arrays = dict(zip(given, feeds[name], strict=True))
            found[name] = interpret(graph, library.xp, arrays, outputs, library.backend.device)
        return found

    found = library.backend.compiled(function)(feeds)
    return {name: [library.to_numpy(a) for a in arrays] for name, arrays in found.items()}


@pytest.mark.parametrize("several", OPS, ids=lambda ops: f"{ops[0]}-to-{ops[-1]}")
def test_ops_and_their_gradients(several: Any, each: Any) -> None:
    graphs = {
        f"{case} {dtype}": applied(case, dtype)
        for op in several
        for dtype, cases in (("float64", [*op][:MOST]), ("float32", [*op][:1]))
        for case in cases
    }
    with testing.variant("jax") as library, testing.variant("numpy") as plain:
        found, wanted = (computed(each_library, graphs) for each_library in (library, plain))
    for name, arrays in wanted.items():
        within = 10 * VALUES[name.rpartition(" ")[2]]
        for got, array in zip(found[name], arrays, strict=True):
            with each(name):
                assert got.dtype == array.dtype
                np.testing.assert_allclose(got, array, rtol=within, atol=within)
