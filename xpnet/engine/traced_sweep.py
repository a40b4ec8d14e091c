"""All batches of a prediction or an evaluation in one call, for libraries that compile loops."""

from collections.abc import Callable
from typing import Any

from xpnet.backends import TracedBackend
from xpnet.engine.batches import Batches
from xpnet.engine.engine import Engine
from xpnet.engine.programs import InterpretedProgram, batch_values
from xpnet.typing import Array

__all__ = ["traced_sweep"]


def traced_sweep(engine: Engine, batches: Batches) -> Array | None:
    """The outputs of all samples, or one row of results per batch; None on other backends.

    Parameters
    ----------
    engine : Engine
    batches : Batches
        Made for predictions, or for evaluations.
    """
    backend, data = engine.backend, batches.data
    here = batches.whole and data.backend.name == backend.name
    if not isinstance(backend, TracedBackend) or not here:
        return None
    sizes, found = batches.sizes, None
    for first in dict.fromkeys((0, len(sizes) - 1)):  # all batches are alike, except the last
        program: Any = batches.programs[first]
        count = 1 if first or len(sizes) == 1 else len(sizes) - 1
        with engine.programs.lock:
            run = _run(backend, engine, program)
            if found is None:
                found = _empty(backend, program, data.rows, len(sizes))
            found = run(found, first, count, sizes[0], engine.state.params, data.arrays)
    return found


def _empty(backend: TracedBackend, program: InterpretedProgram, rows: int, batches: int) -> Array:
    """Memory for the results of all batches."""
    made = program.batch_graph
    if made.predicted:
        value = made.predicted[0]
        return backend.zeros((rows, *value.shape[1:]), value.dtype)
    return backend.zeros((batches, made.size), made.results[0].dtype)


def _run(
    backend: TracedBackend, engine: Engine, program: InterpretedProgram
) -> Callable[..., Array]:
    """The loop over batches of one size, compiled on first use."""
    if program.sweep is None:
        program.sweep = backend.stepping(_sweeping(backend, engine, program))
    return program.sweep


def _sweeping(
    backend: TracedBackend, engine: Engine, program: InterpretedProgram
) -> Callable[..., Array]:
    """The outputs or results of some batches, as a pure function."""
    made, table, number = program.batch_graph, engine.network.table, backend.counter(0)
    size = made.graph.inputs[0].shape[0]

    def run(
        found: Array, first: Any, count: Any, apart: Any, params: Array, arrays: list[Array]
    ) -> Array:
        views = table.views(backend.xp, params)

        def body(i: Any, found: Array) -> Array:
            start = i * apart
            batch = [backend.rows_from(array, start, size) for array in arrays]
            values = batch_values(made, backend, views, batch, number, None)
            if values.predicted:
                return backend.with_rows(found, start, values.predicted[0])
            return backend.with_rows(found, i, values.results[None, :])

        return backend.loop(first, count, body, found)

    return run
