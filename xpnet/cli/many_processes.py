"""`xpnet train --distributed`: one command in several processes."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from time import sleep

from xpnet.errors import XpnetError
from xpnet.parallel.distributed import group_of

__all__ = ["one_of_several"]

_PAUSE = 1.0  # seconds in which the first process can show an error that all have


@contextmanager
def one_of_several() -> Iterator[bool]:
    """Whether this process prints and writes files; an error of it ends all."""
    found = group_of(True)
    if found is None:
        yield True
        return
    group, _ = found
    try:
        yield group.rank == 0
    except XpnetError as error:
        if group.rank:
            sleep(_PAUSE)
        print(f"xpnet: error: {error}", file=sys.stderr, flush=True)
        group.abort()
