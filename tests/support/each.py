"""Many cases in one test: what fails is named, and hides none of the others."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

__all__ = ["Each"]

_IN_FULL = 3


class Each:
    """The cases of one test: each runs in a ``with`` of its own, or in several.

    >>> each = Each()
    >>> for dtype in ("float32", "float64"):
    ...     with each(dtype):
    ...         limit = {"float32": 2}[dtype]
    ...         for n in (0, 3, 4):
    ...             with each(n=n):
    ...                 assert n < limit, "too many"
    >>> each.finish()
    Traceback (most recent call last):
    AssertionError: 3 cases failed:
    [float32, n=3] too many
    [float32, n=4] too many
    [float64] KeyError: 'float64'
    """

    def __init__(self) -> None:
        self.failures: list[tuple[str, BaseException]] = []
        self._names: list[str] = []

    @contextmanager
    def __call__(self, *parts: object, **settings: object) -> Iterator[None]:
        """Run a case that these name; an error is kept until all cases have run."""
        names = [*map(str, parts), *(f"{k}={v}" for k, v in settings.items())]
        self._names += names
        try:
            yield
        except (Exception, pytest.fail.Exception) as error:
            self.failures.append((", ".join(self._names), error))
        finally:
            del self._names[len(self._names) - len(names) :]

    def summary(self) -> str:
        """All failures by the names of their cases, the first few in full."""
        count = len(self.failures)
        lines = [f"{count} {'case' if count == 1 else 'cases'} failed:"]
        for i, (name, error) in enumerate(self.failures):
            kind = "" if isinstance(error, AssertionError) else f"{type(error).__name__}: "
            text = f"{kind}{str(error).strip()}"
            lines.append(f"[{name}] {text if i < _IN_FULL else text.partition(chr(10))[0]}")
        return "\n".join(lines)

    def finish(self) -> None:
        """Raise what has failed; the traceback is that of the first failure."""
        __tracebackhide__ = True
        if self.failures:
            raise AssertionError(self.summary()) from self.failures[0][1]
