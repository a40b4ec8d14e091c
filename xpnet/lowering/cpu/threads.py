"""How many threads the matrix products of a step are worth, and its turn with so many.

A product that two threads share costs more than its own time: each waits for the other, and what is
computed next finds half of its data in the other core's cache. Beside another busy process it is
worse, because a thread that is not running keeps the other waiting for milliseconds.
"""

from contextlib import AbstractContextManager, nullcontext

from xpnet.lowering.cpu.pool import numpys

__all__ = ["advice", "limited", "turn"]

_WORTH = 2e7  # floating-point operations


def advice(operations: float) -> int | None:
    """How many threads to be limited to: 1 for small steps, None (those that there are) for others.

    Parameters
    ----------
    operations : float
        Those of the largest product of a step: 2 m n k.
    """
    return 1 if operations < _WORTH and numpys().count > 1 else None


def limited(threads: int | None) -> AbstractContextManager[None]:
    """Have no more than so many threads between turns, so that these change nothing.

    What there was comes back, after an error too. The limit is that of the whole process.

    Parameters
    ----------
    threads : int or None
        As `advice` gives it.
    """
    return nullcontext() if threads is None else numpys().limited(threads)


def turn(operations: float) -> AbstractContextManager[None] | None:
    """Compute with as many threads as the largest product is worth, whatever runs beside it.

    None where there is one thread only.

    Parameters
    ----------
    operations : float
        As for `advice`.
    """
    pool = numpys()
    return None if pool.count == 1 else pool.turn(advice(operations))
