"""The threads of a BLAS: how many it uses, and a limit for a while."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
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
        self._limits: list[int] = []
        self._lock, self._before = Lock(), 1

    @property
    def count(self) -> int:
        """How many threads there are when nothing is limited."""
        return self._before if self._limits else self._ask()

    @contextmanager
    def limited(self, count: int) -> Iterator[None]:
        """No more than so many threads inside the ``with``; what there was comes back behind it.

        Several Python threads may hold limits at once. The lowest counts, and the first number
        comes back behind the last of them.
        """
        self._change(self._limits.append, count)
        try:
            yield
        finally:
            self._change(self._limits.remove, count)

    def _change(self, change: Callable[[int], None], count: int) -> None:
        with self._lock:
            if not self._limits:
                self._before = self._ask()
            change(count)
            self._give(min([*self._limits, self._before]))


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
