"""Arrays that a plan reads and writes, and does not hold itself."""

from xpnet.backends import Backend
from xpnet.engine.batch_graph import BatchGraph
from xpnet.engine.state import TrainState
from xpnet.graph import ParameterTable, Value
from xpnet.typing import Array, size_of

__all__ = ["given_arrays"]


def given_arrays(
    backend: Backend,
    table: ParameterTable,
    state: TrainState,
    batch_graph: BatchGraph,
    results: Array,
) -> dict[Value, Array]:
    """Parts of the state's vectors and of the results, by the values that they hold."""
    xp, graph = backend.xp, batch_graph.graph
    given = {value: table.view(xp, state.params, n) for n, value in graph.parameters.items()}
    given |= {value: state.vectors[name] for name, value in graph.vectors.items()}
    if batch_graph.scale is not None and state.loss_scale is not None:
        given[batch_graph.scale] = state.loss_scale[0, ...]
    start = 0
    for value in batch_graph.results:
        stop = start + size_of(value.shape)
        given[value] = xp.reshape(results[start:stop], value.shape)
        start = stop
    for name, value in batch_graph.gradients.items():
        given[value] = table.view(xp, state.gradient, name)
    for value in batch_graph.state.values():
        given[value] = backend.zeros(value.shape, value.dtype)
    return given
