"""A fit between two steps, as data: what a checkpoint stores."""

from dataclasses import dataclass
from typing import Any

from xpnet.typing import Array

__all__ = ["Snapshot"]


@dataclass(frozen=True)
class Snapshot:
    """A fit between two steps.

    Attributes
    ----------
    arrays : dict of str to NumPy array
        Parameters and the optimizer's vectors, each flat; the results of the present epoch's
        batches; arrays of callbacks.
    state : dict
        Everything else, as data that JSON can hold.
    """

    arrays: dict[str, Array]
    state: dict[str, Any]
