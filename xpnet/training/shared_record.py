"""The record of an epoch whose batches several processes share."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from xpnet.engine.batch_graph import PENALTY, SHARED, TOTAL, WEIGHT
from xpnet.engine.engine import Engine
from xpnet.parallel.shared_batches import SharedBatches
from xpnet.training.epoch_record import EpochRecord
from xpnet.typing import Array

__all__ = ["SharedRecord"]


class SharedRecord(EpochRecord):
    """The results of this process's rows, and those of whole batches when they are needed.

    The latter do not depend on the number of processes: a fit may resume with another.

    Parameters
    ----------
    engine, together
        As for `EpochRecord`.
    shared : SharedBatches

    Attributes
    ----------
    shared : SharedBatches
    """

    def __init__(self, engine: Engine, shared: SharedBatches, together: int) -> None:
        super().__init__(engine, shared.own, together)
        self.shared = shared
        self._own = shared.own.programs[0].batch_graph.layout
        self._layout = _of_a_batch(self._own, together)
        self._earlier: Array = np.zeros((0, max(part.stop for part in self._layout.values())))

    @property
    def layout(self) -> Mapping[str, slice]:
        return self._layout

    @property
    def sizes(self) -> Sequence[int]:
        return self.shared.totals

    def rows(self, count: int) -> Array:
        """The results of whole batches: all processes call this together."""
        first = min(len(self._earlier), count)
        if first == count:
            return self._earlier[:count]
        own = super().rows(count)[first:]
        sizes = np.asarray(self._batches.sizes[first:count], dtype="float64")
        weights = own[:, self._own[WEIGHT]][:, 0] if WEIGHT in self._own else sizes
        found = self.shared.member.group.gather((own, sizes, weights))
        rows, sizes, weights = (np.stack(parts, axis=1) for parts in zip(*found, strict=True))
        merged = [
            self._merged(*(pieces[has] for pieces in (row, weight)))
            for row, weight, has in zip(rows, weights, sizes > 0, strict=True)
        ]
        return np.concatenate([self._earlier[:count], np.stack(merged)])

    def restore(self, rows: Array) -> None:
        self._earlier = np.asarray(rows, dtype="float64")

    def finish(self) -> dict[str, float]:
        found = super().finish()
        self._earlier = self._earlier[:0]
        return found

    def _merged(self, rows: Array, weights: Array) -> Array:
        """The results of a batch from those of its pieces."""
        own, whole, network = self._own, self._layout, self._engine.network
        found = np.zeros(self._earlier.shape[1])
        for name, metric in network.measures.items():
            merge: Any = metric.merge
            found[whole[name]] = merge(rows[:, own[name]], weights)
        total = weights.sum()
        if WEIGHT in whole:
            found[whole[WEIGHT]] = total
        if PENALTY in own:
            found[whole[PENALTY]] = rows[0, own[PENALTY]]
        if SHARED in whole:
            found[whole[SHARED]] = rows[0, own[SHARED]]
        elif SHARED in own:
            found[whole[PENALTY]] += rows[0, own[SHARED]] / total if total else 0.0
        if TOTAL in whole:
            parts = [whole[name] for name in ("loss", PENALTY) if name in whole]
            found[whole[TOTAL]] = sum(found[part] for part in parts)
        return found


def _of_a_batch(own: Mapping[str, slice], together: int) -> dict[str, slice]:
    """The layout of a whole batch's results: that of one process.

    If a batch is a step, the penalty that its samples share is a part of the penalty.
    """
    found: dict[str, slice] = {}
    for name, part in own.items():
        name = PENALTY if name == SHARED and together == 1 else name
        if name not in found:
            start = max((known.stop for known in found.values()), default=0)
            found[name] = slice(start, start + part.stop - part.start)
    return found
