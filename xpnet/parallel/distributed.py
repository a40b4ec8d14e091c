"""The settings of training by several processes."""

from dataclasses import dataclass
from typing import Any, Literal, Self

from xpnet.arguments import choice
from xpnet.errors import ArgumentError, in_brief
from xpnet.parallel.group import Group
from xpnet.parallel.mpi import MpiGroup

__all__ = ["Distributed", "DistributedLike", "group_of"]

_DATA, _STATISTICS = ("replicated", "sharded"), ("local", "sync")


@dataclass(frozen=True)
class Distributed:
    """How several processes train one model; ``model.fit(..., distributed=Distributed(...))``.

    Every process runs the same program under MPI (``mpiexec -n 8 python -m mpi4py train.py``) and
    calls `fit` with the same settings. Each computes the gradient of its rows of every batch; the
    gradients are summed, and every process makes the same update. So ``batch_size`` is that of the
    whole batch, and the result is that of one process to rounding, with the same bits in all.

    Parameters
    ----------
    comm : mpi4py.MPI.Comm, optional
        The processes that take part; all by default.
    data : {"replicated", "sharded"}, default "replicated"
        ``"replicated"``: every process is given all rows, and takes its part of each batch.
        ``"sharded"``: every process is given rows of its own, and contributes to each batch in
        proportion to their number; validation data are then sharded, too.
    batch_norm : {"local", "sync"}, default "local"
        Whether `BatchNorm` normalizes by the statistics of each process's own rows, or by those of
        the whole batch, as one process does. ``"sync"`` needs four more sums over processes for
        each such layer in each step, two of them in the backward pass.

    Raises
    ------
    UnknownNameError
        For other values of `data` and `batch_norm`.

    Examples
    --------
    >>> import xpnet as xn
    >>> xn.Distributed(data="sharded", batch_norm="sync")
    Distributed(comm=None, data='sharded', batch_norm='sync')
    """

    comm: Any = None
    data: Literal["replicated", "sharded"] = "replicated"
    batch_norm: Literal["local", "sync"] = "local"

    def __post_init__(self) -> None:
        choice("data", self.data, _DATA)
        choice("batch_norm", self.batch_norm, _STATISTICS)

    def described(self) -> dict[str, Any]:
        """What all processes must be given alike."""
        return {"data": self.data, "batch_norm": self.batch_norm}

    def __deepcopy__(self, memo: Any) -> Self:
        """The same object: a communicator cannot be copied."""
        return self


DistributedLike = bool | Distributed
"""False for one process, True for all processes of MPI, or how they work together."""


def group_of(distributed: DistributedLike) -> tuple[Group, Distributed] | None:
    """The processes that take part, and how; None if this process is alone."""
    if distributed is False:
        return None
    settings = Distributed() if distributed is True else distributed
    if not isinstance(settings, Distributed):
        raise ArgumentError(
            f"distributed must be True, False or an xpnet.Distributed, got {in_brief(distributed)}."
        )
    group = MpiGroup(settings.comm)
    return None if group.size == 1 else (group, settings)
