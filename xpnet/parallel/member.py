"""One of the processes of a fit: how they begin together, and end together."""

import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from time import sleep
from typing import Any, NamedTuple

from xpnet.errors import ArgumentError, DistributedError, DivergedError
from xpnet.parallel.agreement import Agreement
from xpnet.parallel.comparison import difference
from xpnet.parallel.distributed import Distributed, DistributedLike, group_of
from xpnet.parallel.group import Group
from xpnet.version import __version__

__all__ = ["Member", "member"]

_PAUSE = 0.5  # seconds in which one process can show an error that all of them raise


class _Failure(NamedTuple):
    """An error of a process, as the others are told."""

    kind: str
    message: str


class Member:
    """This process among those that share a fit.

    Attributes
    ----------
    group : Group
    settings : Distributed
    agreement : Agreement
    """

    def __init__(self, group: Group, settings: Distributed) -> None:
        self.group, self.settings, self.agreement = group, settings, Agreement(group)
        self._begun, self._first = False, 0
        self._known: BaseException | None = None  # an error that all processes raise

    @property
    def sharded(self) -> bool:
        """Whether each process has rows of its own."""
        return self.settings.data == "sharded"

    def exchange(self, value: Any) -> list[Any]:
        """All processes' values, before the fit begins.

        Raises
        ------
        DistributedError
            If another process failed instead.
        """
        found = self.group.gather(value)
        failed = [rank for rank, own in enumerate(found) if isinstance(own, _Failure)]
        if failed:
            self._first = failed[0]
            kind, message = found[self._first]
            raise DistributedError(f"process {self._first} failed: {kind}: {message}")
        return found

    def agree(self, own: dict[str, Any]) -> None:
        """Raise `ArgumentError` unless all processes have the same settings."""
        what = difference(self.exchange({"version of xpnet": __version__, **own}))
        if what is not None:
            self._known = ArgumentError(f"the processes of a fit must agree, but {what}.")
            raise self._known

    def begin(self) -> None:
        """From here on, an error of one process ends all of them."""
        self._begun = True

    def fail(self, error: BaseException) -> None:
        """Let the others know of an error of this fit, which is raised afterwards."""
        if error is self._known or isinstance(error, DivergedError | DistributedError):
            pass
        elif not self._begun:
            found = self.group.gather(_Failure(type(error).__name__, str(error)))
            self._first = next(r for r, own in enumerate(found) if isinstance(own, _Failure))
        else:
            traceback.print_exception(error)
            sys.stderr.flush()
            self.group.abort()
        if self.group.rank != self._first:
            sleep(_PAUSE)


@contextmanager
def member(distributed: DistributedLike) -> Iterator[Member | None]:
    """This process's part in a fit; None if it is alone.

    An error that only this process knows of reaches the others: as an error before the fit has
    begun, by the end of all processes afterwards. MPI cannot continue without one of them.
    """
    found = group_of(distributed)
    if found is None:
        yield None
        return
    own = Member(*found)
    try:
        yield own
    except BaseException as error:
        own.fail(error)
        raise
