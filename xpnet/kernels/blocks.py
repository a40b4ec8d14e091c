"""Long vectors in pieces: calls are recorded once and repeated on every piece.

Between two calls a piece stays in cache, but a whole vector does not.
"""

from collections.abc import Callable, Sequence
from typing import Any

from xpnet.kernels.recorder import Recorder
from xpnet.kernels.terms import Given, Step, Term

__all__ = ["Blocks", "can_be_cut"]


def can_be_cut(steps: Sequence[Step], length: int) -> bool:
    """Whether the steps treat every element of vectors of this length alike and separately."""

    def alike(term: Term) -> bool:
        return isinstance(term, Given | Step) and term.shape in ((), (length,))

    return all(
        step.elementwise and all(alike(t) for t in (step, *step.args) if isinstance(t, Term))
        for step in steps
    )


class Blocks:
    """Stands in for a recorder and cuts a kernel's vectors into pieces.

    `repeat` passes the calls to the recorder for each piece in turn. Scratch memory is as long as
    a piece, and all pieces share it.
    """

    def __init__(self, k: Recorder, length: int, size: int) -> None:
        self.backend, self.raw = k.backend, k.raw
        self._k, self._length, self._size = k, length, size
        self._calls: list[tuple[Callable[..., Any], tuple[Any, ...], dict[str, Any]]] = []

    def __call__(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        self._calls.append((fn, args, kwargs))

    def scratch(self, like: Any) -> Any:
        """Memory for a piece of `like`, of its type."""
        return self._k.scratch(like, (self._size,) if like.shape else ())

    def repeat(self) -> None:
        """Record all calls for the first piece, then for the next."""
        for start in range(0, self._length, self._size):
            self._record(start, min(start + self._size, self._length))

    def _record(self, start: int, stop: int) -> None:
        # Cut each array once: libraries make copies if `out` is another view of an argument.
        pieces: dict[int, Any] = {}

        def cut(x: Any) -> Any:
            if getattr(x, "shape", ()) == ():
                return x
            if id(x) not in pieces:
                whole = x.shape[0] == self._length
                pieces[id(x)] = x[start:stop] if whole else x[: stop - start]
            return pieces[id(x)]

        for fn, args, kwargs in self._calls:
            self._k(fn, *map(cut, args), **{name: cut(x) for name, x in kwargs.items()})
