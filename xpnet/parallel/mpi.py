"""Processes that MPI connects: the only file that knows mpi4py."""

from typing import Any

from xpnet.errors import ArgumentError, in_brief
from xpnet.optional import require
from xpnet.typing import Array

__all__ = ["MpiGroup"]


class MpiGroup:
    """The processes of an MPI communicator; see `Group`.

    Parameters
    ----------
    comm : mpi4py.MPI.Comm or None
        None for ``MPI.COMM_WORLD``.

    Raises
    ------
    MissingDependencyError
        If mpi4py, or the MPI library that it needs, is missing.
    ArgumentError
        If `comm` is not a communicator.
    """

    def __init__(self, comm: Any = None) -> None:
        try:
            mpi: Any = require("mpi4py.MPI", "mpi", "distributed training")
        except RuntimeError as error:  # mpi4py is here, and finds no MPI library
            raise ArgumentError(
                f"mpi4py finds no MPI library ({error}): install one, such as with "
                "pip install 'xpnet[mpi-wheel]'."
            ) from error
        self._mpi, self._comm = mpi, mpi.COMM_WORLD if comm is None else comm
        if not isinstance(self._comm, mpi.Intracomm):
            raise ArgumentError(f"comm must be an mpi4py communicator, got {in_brief(comm)}.")
        self.rank, self.size = int(self._comm.Get_rank()), int(self._comm.Get_size())

    def sum(self, vector: Array) -> None:
        self._comm.Allreduce(self._mpi.IN_PLACE, vector)

    def gather(self, value: Any) -> list[Any]:
        found: list[Any] = self._comm.allgather(value)
        return found

    def abort(self) -> None:
        self._comm.Abort(1)
