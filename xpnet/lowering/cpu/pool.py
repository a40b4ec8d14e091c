"""The threads of a BLAS: how many it uses, and a limit for a while."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from functools import cache
from threading import Lock

from xpnet.lowering.cpu import blas

__all__ = ["Pool", "numpys"]


class Pool:
    """The threads that a library computes with, in the whole process.

    Parameters
    ----------
    ask : callable
        Returns the number of threads.
    give : callable
        Sets it.
    """

    def __init__(self, ask: Callable[[], int], give: Callable[[int], object]) -> None:
        self._ask, self._give = ask, give
        self.limits: list[int] = []
        self._lock, self._before = Lock(), 1

    @property
    def count(self) -> int:
        """How many threads there are when nothing is limited."""
        return self._before if self.limits else self._ask()

    def limited(self, count: int) -> AbstractContextManager[None]:
        """No more than so many threads inside the ``with``; what there was comes back behind it.

        Several Python threads may hold limits at once. The lowest counts, and the first number
        comes back behind the last of them.
        """
        return _Limit(self, count)

    def change(self, change: Callable[[int], None], count: int) -> None:
        """Take up a limit, or let it go."""
        with self._lock:
            if not self.limits:
                self._before = self._ask()
            change(count)
            self._give(min([*self.limits, self._before]))


class _Limit(AbstractContextManager[None]):
    """Written out, since a generator would take three times as long."""

    def __init__(self, pool: Pool, count: int) -> None:
        self._pool, self._count = pool, count

    def __enter__(self) -> None:
        self._pool.change(self._pool.limits.append, self._count)

    def __exit__(self, *_: object) -> None:
        self._pool.change(self._pool.limits.remove, self._count)


@cache
def numpys() -> Pool:
    """The threads of NumPy's BLAS; where they cannot be set there is one, and stays."""
    for library in blas.libraries():
        ask, give = (blas.openblas(library, f"{do}_num_threads") for do in ("get", "set"))
        if ask and give:
            return Pool(ask, give)
        if getattr(library, "MKL_Set_Num_Threads", None):
            return Pool(library.MKL_Get_Max_Threads, library.MKL_Set_Num_Threads)
    return Pool(lambda: 1, lambda count: None)
