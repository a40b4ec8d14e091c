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
        Parameters and the optimizer's vectors, each flat; the results of the current epoch's
        batches; arrays of callbacks.
    state : dict
        Everything else, as JSON-compatible data.
    """

    arrays: dict[str, Array]
    state: dict[str, Any]
