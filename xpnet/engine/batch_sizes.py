"""Which sizes of batches are worth a compiled program.

To compile takes as long as many steps. The sizes that a model sees first are compiled at once, and
so is every size of which a fit makes several steps. Any other is interpreted until it has come a
few times, as in streams of data whose parts differ. A size is counted in the state, so copies of a
model, and fits that resume, decide alike.

Predictions and evaluations are always compiled, so that the same rows give the same bits, however
often their number has come: interpreted, most outputs differ in the last digit (exponentials round
otherwise), and so do a quarter of the losses (sums have another order). Sizes share their loops, so
a new one takes about 3 ms to plan for a prediction and 8 ms for an evaluation; interpreted, both
take about 1 ms.
"""

from collections.abc import Mapping, Sequence

__all__ = ["counted", "rare"]

_OFTEN = 3  # steps on a size that is then compiled
_MOST = 1000  # sizes that are remembered


def rare(sizes: Mapping[int, int], batches: Sequence[int], epochs: int = 1) -> frozenset[int]:
    """The sizes that are not worth compiling.

    Parameters
    ----------
    sizes : mapping of int to int
        The steps on each size so far, up to 3.
    batches : sequence of int
        The sizes of an epoch's batches.
    epochs : int
    """
    if not sizes or epochs > 1:
        return frozenset()
    once = (rows for rows in {*batches} if batches.count(rows) == 1)
    return frozenset(rows for rows in once if sizes.get(rows, 0) < _OFTEN)


def counted(sizes: Mapping[int, int], batches: Sequence[int], epochs: int = 1) -> dict[int, int]:
    """The sizes with these steps, the latest last; beyond 1000, the oldest are forgotten."""
    few, found = rare(sizes, batches, epochs), dict(sizes)
    for rows in dict.fromkeys(batches):
        known = found.pop(rows, 0)
        found[rows] = known + 1 if rows in few else _OFTEN
    return dict([*found.items()][-_MOST:])
