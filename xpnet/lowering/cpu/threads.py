"""How many threads the matrix products of a step are worth, and turns with that many.

A product on two threads costs more than its own time. Each thread waits for the other, and the next
computation finds half of its data in the other core's cache. Next to a busy process it is worse,
because a thread that is not running keeps the other waiting for milliseconds.
"""

from contextlib import AbstractContextManager, nullcontext

from xpnet.lowering.cpu.pool import numpys

__all__ = ["advice", "at_most", "turn"]

_WORTH = 2e7  # flops from which several threads pay off


def advice(flops: float) -> int | None:
    """The limit on threads: 1 for small steps, None (no limit) for others.

    Parameters
    ----------
    flops : float
        Flops of a step's largest product: 2 m n k.
    """
    return 1 if flops < _WORTH and numpys().count > 1 else None


def at_most(threads: int | None) -> AbstractContextManager[None]:
    """Limit the threads between turns, so that turns change nothing.

    The earlier number is restored, even after an error. The limit applies to the whole process.

    Parameters
    ----------
    threads : int or None
        From `advice`.
    """
    return nullcontext() if threads is None else numpys().limited(threads)


def turn(flops: float) -> AbstractContextManager[None] | None:
    """Compute with as many threads as the largest product is worth, whatever else runs.

    None if there is only one thread.

    Parameters
    ----------
    flops : float
        As for `advice`.
    """
    pool = numpys()
    return None if pool.count == 1 else pool.turn(advice(flops))
