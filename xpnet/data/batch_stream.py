"""Batches that a function returns, anew for each epoch."""

from collections.abc import Callable, Iterable, Iterator
from itertools import chain, islice
from logging import getLogger
from typing import Any

from xpnet.arguments import count
from xpnet.errors import ArgumentError, DataError

__all__ = ["BatchStream", "batches"]


def batches(
    factory: Callable[[], Iterable[Any]] | Iterable[Any], steps: int | None = None
) -> "BatchStream":
    """Batches from a function, for `Model.fit`, `evaluate` and `predict` in place of `X` and `y`.

    Parameters
    ----------
    factory : callable or iterable
        ``factory()`` returns an iterator over the batches of one epoch; it is called at the start
        of each epoch. A batch is ``(X, y)`` or ``(X, y, weight)``; for `predict`, `X` alone is
        enough. A loader that can be iterated again and again, such as PyTorch's ``DataLoader``,
        or a sequence of batches with ``__len__`` and ``__getitem__``, such as Keras's, may be
        given itself.
    steps : int, optional
        Batches of an epoch. Further ones are not asked for, so the iterator may be endless. By
        default ``len()`` of what `factory` returns; where it has none, all batches are counted
        once before training.

    Returns
    -------
    BatchStream

    Raises
    ------
    ArgumentError
        If `factory` is an iterator, which is used up after one epoch.

    Notes
    -----
    The order of the samples is the function's business, so `shuffle` has no effect. A fit that
    resumes skips the batches that were taken: the function must return the same batches again.
    Each batch makes one step. Batches may have different numbers of rows.

    Examples
    --------
    >>> import xpnet as xn
    >>> X, y, _, _ = xn.datasets.digits()
    >>> def halves():
    ...     yield X[:700], y[:700]
    ...     yield X[700:], y[700:]
    >>> history = xn.MLP([64, 10]).fit(xn.data.batches(halves), epochs=2)
    """
    return BatchStream(factory, steps)


class BatchStream:
    """What `batches` returns."""

    def __init__(
        self, factory: Callable[[], Iterable[Any]] | Iterable[Any], steps: int | None
    ) -> None:
        if isinstance(factory, Iterator):
            raise ArgumentError(
                f"xpnet.data.batches got a {type(factory).__name__}, which is used up after one "
                "epoch: give the function that makes it, such as batches(lambda: generator())."
            )
        if not callable(factory) and not _repeats(factory):
            raise ArgumentError(
                "xpnet.data.batches expects a function that returns an iterator over batches, or "
                f"a loader of batches; got {type(factory).__name__}."
            )
        self._factory = factory
        self._given = None if steps is None else count("steps", steps)
        self._steps: int | None = self._given
        self._begun: tuple[Iterator[Any], Any] | None = None  # an iterator, and its first batch
        self._last: Any = None

    @property
    def steps(self) -> int:
        """Batches of an epoch."""
        if self._steps is None:
            found = self._made()
            known = getattr(type(found), "__len__", None)
            if known is not None:
                self._steps = len(found)
            else:
                getLogger("xpnet").info("batches are counted once; give steps= to save that")
                self._last = found
                self._steps = sum(1 for _ in _iterated(found))
            if not self._steps:
                raise DataError("there is no batch 1: the function returned no batches at all.")
        return self._steps

    def first(self) -> Any:
        """The first batch of an epoch that has not begun."""
        if self._begun is None:
            steps, iterator = self.steps, self._iterator()
            for batch in iterator:
                self._begun = iterator, batch
                break
            else:
                raise DataError(f"there is no batch 1: the iterator is empty, not of {steps}.")
        return self._begun[1]

    def begin(self, skipped: int = 0) -> Iterator[Any]:
        """The batches of a new epoch, without the first few."""
        if self._begun is None:
            iterator = self._iterator()
        else:
            iterator = chain([self._begun[1]], self._begun[0])
            self._begun = None
        return islice(iterator, skipped, None)

    def _made(self) -> Any:
        return self._factory() if callable(self._factory) else self._factory

    def _iterator(self) -> Iterator[Any]:
        found = self._made()
        if isinstance(found, Iterator):
            if found is self._last:
                raise DataError(
                    "there is no batch 1 of the next epoch: the function returned the same "
                    f"{type(found).__name__} again, which is used up. Make a new one in each call."
                )
            self._last = found
        return _iterated(found)


def _repeats(found: Any) -> bool:
    """Whether an object can be iterated again and again."""
    kind = type(found)
    return hasattr(kind, "__iter__") or (hasattr(kind, "__getitem__") and hasattr(kind, "__len__"))


def _iterated(found: Any) -> Iterator[Any]:
    """The batches of an iterable, or of a sequence that does not end by itself."""
    kind = type(found)
    if hasattr(kind, "__iter__"):
        return iter(found)
    if hasattr(kind, "__getitem__") and hasattr(kind, "__len__"):
        return (found[i] for i in range(len(found)))
    raise ArgumentError(
        f"the function given to xpnet.data.batches must return an iterator over batches, got a "
        f"{kind.__name__}."
    )
