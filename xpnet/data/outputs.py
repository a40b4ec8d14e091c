"""Outputs that name no class."""

from xpnet.backends import Backend
from xpnet.errors import DataError
from xpnet.typing import Array, size_of

__all__ = ["check_outputs"]


def check_outputs(output: Array, place: Backend) -> None:
    """Raise `DataError` if an output is NaN: the class with the largest output is unknown then."""
    xp = place.xp
    unknown = xp.isnan(output)
    if not bool(xp.any(unknown)):
        return
    at = int(place.to_numpy(xp.argmax(xp.astype(xp.reshape(unknown, (-1,)), xp.int64))))
    raise DataError(
        f"the network's output for row {at // size_of(tuple(output.shape[1:]))} (counted from 0) "
        "is NaN, so it predicts no class: the numbers of this row are probably far from those of "
        "the training data. Check and scale them."
    )
