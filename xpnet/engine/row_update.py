"""An update that changes only some rows of a weight, where the others have no gradient.

Most rules change elements whose gradient is 0: momentum continues, decay shrinks them. Where all
rules leave such elements alone, the update of some rows is the whole update: with the same bits,
in a time that does not grow with the other rows.
"""

from collections.abc import Mapping
from typing import Self

from xpnet.backends import Backend
from xpnet.engine.coefficients import Use, uses
from xpnet.engine.sparse_program import RowGradient
from xpnet.engine.state import TrainState
from xpnet.engine.update_graph import update_graph
from xpnet.engine.vector_program import VectorProgram
from xpnet.graph import ParameterTable
from xpnet.optim import Optimizer
from xpnet.typing import Array, Namespace

__all__ = ["RowUpdate"]


class RowUpdate:
    """An optimizer's update of some rows of one weight, and of all other parameters.

    Attributes
    ----------
    others : VectorProgram
        The program for all other parameters; its numbers are those of the whole update.
    """

    def __init__(
        self,
        found: list[tuple[Use, list[int]]],
        table: ParameterTable,
        others: VectorProgram,
    ) -> None:
        self._uses, self._table, self.others = found, table, others

    @classmethod
    def of(
        cls,
        name: str,
        optimizer: Optimizer,
        table: ParameterTable,
        backend: Backend,
        state: TrainState,
        dtype: str,
        threads: int,
    ) -> Self | None:
        """The update by rows of the weight `name`; None if some rule would change other rows."""
        part, every = table.part(name), uses([*optimizer.chain(), *optimizer.averaging()], table)
        own = [use for use in every if use.part.start < part.stop and part.start < use.part.stop]
        alone = all(use.link.update.skips_zeros for use in own)
        if not alone or table.specs[name].constraint is not None:
            return None
        graph = update_graph(optimizer, table, dtype, without=part)
        others = VectorProgram(
            graph, backend, state.vectors, dtype, spare=["gradient"], threads=threads
        )
        reads = [*dict.fromkeys(read for use in every for read in use.reads)]
        return cls([(use, [*map(reads.index, use.reads)]) for use in own], table, others)

    def change(self, gradient: RowGradient, vectors: Mapping[str, Array], xp: Namespace) -> None:
        """Update the rows, with the numbers that were written to `others`."""
        rows, numbers = gradient.rows, self.others.numbers.array
        changed = {name for use, _ in self._uses for name in use.link.update.vectors}
        whole = {
            name: self._table.view(xp, vectors[name], gradient.weight)
            for name in changed - {"gradient"}
        }
        found = {name: view[rows] for name, view in whole.items()} | {"gradient": gradient.values}
        for use, positions in self._uses:
            rule = use.link.update
            given = [*(found[name] for name in rule.vectors), *(numbers[i] for i in positions)]
            found |= zip(rule.vectors, rule.fn(xp, *given, **use.link.static), strict=True)
        for name, view in whole.items():
            view[rows] = found[name]
