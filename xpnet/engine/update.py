"""The update: an optimizer's rules on the vectors of a state, ready to run."""

from collections.abc import Iterable, Sequence
from functools import cached_property
from itertools import repeat

from xpnet.backends import Backend
from xpnet.engine.coefficients import Coefficients
from xpnet.engine.programs import Program
from xpnet.engine.row_update import RowUpdate
from xpnet.engine.sparse_program import RowGradient, rows_alone, settle
from xpnet.engine.state import TrainState
from xpnet.engine.update_graph import flush_graph, update_graph
from xpnet.engine.vector_program import VectorProgram
from xpnet.errors import ArgumentError
from xpnet.graph import ParameterTable
from xpnet.lowering import shares
from xpnet.optim import Optimizer
from xpnet.typing import Array

__all__ = ["FLUSH_EVERY", "UpdateProgram"]

FLUSH_EVERY = 32  # updates
_ELEMENTS = 4096  # of a vector that count as one of the rows that threads share


class UpdateProgram:
    """An optimizer's update of the vectors of a state.

    Parameters
    ----------
    optimizer : Optimizer
    table : ParameterTable
    backend : Backend
    state : TrainState
        Holds the optimizer's vectors; see `slot_names`.
    dtype : str

    Attributes
    ----------
    graph : Graph
        The rules of the update.
    coefficients : Coefficients
        The numbers that its rules read.
    """

    def __init__(
        self,
        optimizer: Optimizer,
        table: ParameterTable,
        backend: Backend,
        state: TrainState,
        dtype: str,
    ) -> None:
        self.optimizer, self._backend, self._state, self._dtype = optimizer, backend, state, dtype
        self._table, self._by_rows = table, dict[str, RowUpdate | None]()
        self.graph = update_graph(optimizer, table, dtype, state.loss_scale is not None)
        self._threads = self._shares(None)
        self.coefficients = Coefficients(optimizer, table)

    def _shares(self, threads: int | None) -> int:
        """How many threads share an update; at most `threads`."""
        length = self._state.gradient.shape[0]
        return shares(self._backend, threads, length // _ELEMENTS, float("inf"))

    def share(self, threads: int | None) -> None:
        """Share updates among at most this many threads; see `Model.fit`."""
        found = self._shares(threads)
        if found != self._threads:
            self._threads = found
            vars(self).pop("rules", None)
            vars(self).pop("flush", None)
            self._by_rows.clear()

    def by_rows(self, weight: str) -> RowUpdate | None:
        """The update by rows of a weight; None if it would not be the whole update."""
        if weight not in self._by_rows:
            given = self.optimizer, self._table, self._backend, self._state, self._dtype
            self._by_rows[weight] = RowUpdate.of(weight, *given, self._threads)
        return self._by_rows[weight]

    def run(self, learning_rate: float, share: float = 0.0, program: Program | None = None) -> None:
        """Update the parameters with the gradient, whose vector may be overwritten.

        `share` is the finished share of the current epoch. The gradient is that of `program`, which
        may keep rows of it; by default, all of it is in the vector.
        """
        product = None if program is None else program.batch_graph.product
        rows = self._rows(program) if program is not None and product is not None else None
        state, flush = self._state, self.flush
        rules = self.rules if rows is None else rows[0].others
        step = state.updates + 1
        numbers = self.coefficients(learning_rate, step, state.epoch, share)
        state.updates = step
        if numbers != rules.numbers.written:
            rules.numbers.write(numbers)
        rules.run()
        if rows is not None:
            rows[0].change(rows[1], state.vectors, self._backend.xp)
        if flush is not None and state.updates % FLUSH_EVERY == 0:
            flush.run()

    def _rows(self, program: Program) -> tuple[RowUpdate, RowGradient] | None:
        """The rows that are all to be changed of a weight; None if the vector has them now."""
        gradient = rows_alone(program)
        found = None if gradient is None else self.by_rows(gradient.weight)
        if gradient is None or found is None:
            settle(program)
            return None
        return found, gradient

    # Bound on first use: a model that only predicts is ready sooner.

    @cached_property
    def rules(self) -> VectorProgram:
        """The program of an update."""
        vectors = self._state.vectors
        return VectorProgram(
            self.graph,
            self._backend,
            vectors,
            self._dtype,
            spare=["gradient"],
            threads=self._threads,
        )

    @cached_property
    def flush(self) -> VectorProgram | None:
        """The program that flushes denormals; None where they cost nothing."""
        if not self._backend.denormals_cost:
            return None
        length = self._state.gradient.shape[0]
        graph = flush_graph(self._state.slots, length, self._dtype)
        return VectorProgram(
            graph, self._backend, self._state.vectors, self._dtype, threads=self._threads
        )

    # --- many steps ahead ---------------------------------------------------------------------

    def ahead(
        self, learning_rates: Sequence[float], shares: Iterable[float] | None = None
    ) -> list[tuple[float, ...]]:
        """The numbers that the next updates read, one row per learning rate.

        `shares` are the finished shares of the epoch, by default those at its start.
        """
        state, times = self._state, repeat(0.0) if shares is None else shares
        return self.coefficients.ahead(learning_rates, state.updates + 1, state.epoch, times)

    def passed(self, steps: int) -> None:
        """Note that the rules' calls made this many updates, with numbers from `ahead`."""
        self._state.updates += steps
        self.rules.numbers.written = ()

    def average(self) -> Array:
        """The running average of the trained parameters, as a new flat vector.

        Raises
        ------
        ArgumentError
            If the optimizer keeps none.
        """
        decay, state = self.optimizer.average_decay, self._state
        if decay is None:
            raise ArgumentError(
                "the optimizer keeps no average of the parameters: give it one, such as "
                f"xpnet.{type(self.optimizer).__name__}(average_decay=0.99)."
            )
        if state.updates == 0:
            return self._backend.copy(state.params[: state.gradient.shape[0]])
        return state.vectors["average"] / (1 - decay**state.updates)
