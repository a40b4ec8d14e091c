"""A program for sparse inputs: the first product and its gradient, around a planned rest."""

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

from xpnet.backends import Backend
from xpnet.data.sparse_rows import touched_columns
from xpnet.engine.batch_graph import BatchGraph
from xpnet.engine.programs import PlannedProgram, Program
from xpnet.engine.state import TrainState
from xpnet.graph import ParameterTable, Plan, Value
from xpnet.typing import Array

__all__ = ["RowGradient", "SparseProgram", "rows_alone", "settle"]

_ALL = slice(None)


class RowGradient(NamedTuple):
    """The gradient of a weight, where it is not 0.

    Attributes
    ----------
    weight : str
        The parameter's name.
    rows : array
        The numbers of the rows, in ascending order.
    values : array of shape (rows, units)
    """

    weight: str
    rows: Array
    values: Array


def rows_alone(program: Program) -> RowGradient | None:
    """The gradient of a weight that a run computed, if it is not in the state's and has no more."""
    return program.rows_alone() if isinstance(program, SparseProgram) else None


def settle(program: Program) -> None:
    """Complete the state's gradient after a run."""
    if isinstance(program, SparseProgram):
        program.settle()


class SparseProgram:
    """A `Program` whose inputs are SciPy's sparse rows; SciPy multiplies them with the weight.

    The gradient of the weight stays outside of the gradient vector until `settle` is called, so
    that an update may take its rows alone.
    """

    def __init__(
        self, inner: PlannedProgram, backend: Backend, table: ParameterTable, state: TrainState
    ) -> None:
        self._inner, self._backend, self._table, self._state = inner, backend, table, state
        assert inner.batch_graph.product is not None
        self._product = inner.batch_graph.product
        self._x: Any = None
        self._rows: RowGradient | None = None

    @property
    def batch_graph(self) -> BatchGraph:
        """What is computed."""
        return self._inner.batch_graph

    @property
    def results(self) -> Array:
        """The numbers that the graph's `layout` names."""
        return self._inner.results

    @property
    def flops(self) -> int:
        """Flops of the largest dense product."""
        return self._inner.flops

    @property
    def threads(self) -> int:
        """Threads that share all but the sparse product."""
        return self._inner.threads

    @property
    def borrowed(self) -> Sequence[Value]:
        """Inputs that are read in place from the data."""
        return self._inner.borrowed

    @property
    def plan(self) -> Plan:
        """The plan of all but the sparse product."""
        return self._inner.plan

    def load(self, arrays: Sequence[Array], rows: slice) -> None:
        """Take these rows as the batch."""
        x, *others = arrays
        self._x = x if rows == _ALL else x[rows]
        self._inner.load([None, *others], rows)

    def release(self) -> None:
        """Stop reading the loaded arrays."""
        self._x = None
        self._inner.release()

    def gathers(self, arrays: Sequence[Array]) -> list[Callable[[Array], Any]]:
        """Functions that take the rows at an array of indices."""
        x, *others = arrays
        planned: Any = self._backend

        def gather(index: Array) -> None:
            self._x = x[index]

        pairs = zip(others, self._inner.inputs[1:], strict=True)
        return [gather, *(planned.gather(*pair) for pair in pairs)]

    def run(self) -> None:
        """Compute. In training, this sets all of the state's gradient but the sparse part."""
        weight = self._table.view(self._backend.xp, self._state.params, self._product.weight)
        self._backend.assign(self._inner.inputs[0], self._x @ weight)
        self._inner.run()
        self._rows = self._gradient()

    def _gradient(self) -> RowGradient | None:
        slope = self._product.slope
        if slope is None:
            return None
        columns, x = touched_columns(self._x)
        return RowGradient(self._product.weight, columns, x.T @ self._inner.plan.array(slope))

    def rows_alone(self) -> RowGradient | None:
        """The weight's gradient, if it is not in the state's and has no more rows."""
        return None if self._product.weight in self.batch_graph.gradients else self._rows

    def settle(self) -> None:
        """Put the weight's gradient into the state's."""
        found, self._rows = self._rows, None
        if found is None:
            return
        whole = self._table.view(self._backend.xp, self._state.gradient, found.weight)
        if found.weight not in self.batch_graph.gradients:  # which the plan has written otherwise
            self._backend.zeroed(whole)
        whole[found.rows] += found.values

    def commit(self) -> None:
        """Set the state's running statistics to the values of the last run."""
        self._inner.commit()

    def output(self) -> Array:
        """The network's output in the last run."""
        return self._inner.output()
