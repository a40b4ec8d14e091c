"""Class weights: how much the samples of each class count in the loss."""

from collections.abc import Callable, Iterator, Mapping
from typing import Any

from xpnet.arguments import number
from xpnet.backends import is_float
from xpnet.backends.data_types import dtype_name
from xpnet.data.arrays import Data, batch_slices
from xpnet.errors import ArgumentError, in_brief
from xpnet.nn import Loss
from xpnet.typing import Shape

__all__ = ["with_class_weight"]

_ROWS = 1 << 16  # at a time, of targets that are not in memory


def with_class_weight(loss: Loss, output: Shape, data: Data, class_weight: Any) -> Data:
    """The data with each sample's weight multiplied by that of its class.

    A sample with a probability for each class gets the mean of the classes' weights.

    Raises
    ------
    ArgumentError
        If the loss has no classes, or the weights do not fit them.
    """
    if class_weight is None:
        return data
    parts = batch_slices(data.rows, _ROWS if data.stored else data.rows)

    def shares() -> Iterator[Any]:
        return (_shares(loss, output, data, data.y[part, ...]) for part in parts)

    weights = _numbers(class_weight, shares, data)
    own = data.backend.asarray(weights, dtype_name(data.x.dtype))
    found = [share @ own for share in shares()]
    factor = found[0] if len(found) == 1 else data.backend.xp.concat(found)
    if data.backend.synchronous and float(data.backend.xp.max(factor)) == 0:
        raise ArgumentError("class_weight is 0 for every sample: nothing would be learned.")
    return Data(data.backend, data.x, data.y, factor if data.w is None else data.w * factor)


def _shares(loss: Loss, output: Shape, data: Data, y: Any) -> Any:
    """The probability of each class for the samples with these targets: (n, classes)."""
    xp = data.backend.xp
    if loss.target == "binary" and output == (1,):
        return xp.concat([1 - y, y], axis=1)
    if loss.target != "classes":
        raise ArgumentError(
            f"class_weight needs a loss with classes, not {loss.name!r} with outputs of shape "
            f"{output}: use sample_weight."
        )
    if is_float(dtype_name(y.dtype)):
        return y
    device = getattr(y, "device", None)
    classes = xp.arange(output[-1], dtype=y.dtype, device=device)
    return xp.astype(xp.expand_dims(y, axis=-1) == classes, data.x.dtype)


def _numbers(given: Any, shares: Callable[[], Iterator[Any]], data: Data) -> list[float]:
    """One weight for each class."""
    rows, classes = data.rows, next(shares()).shape[1]
    if isinstance(given, str):
        if given != "balanced":
            raise ArgumentError(
                f"class_weight must be 'balanced', a dict or a list, got {in_brief(given)}."
            )
        xp, parts = data.backend.xp, shares()
        total = sum((xp.sum(share, axis=0) for share in parts), xp.sum(next(parts), axis=0))
        totals = data.backend.to_numpy(total).tolist()
        return [rows / (classes * t) if t else 0.0 for t in totals]
    if isinstance(given, Mapping):
        unknown = [key for key in given if key not in range(classes)]
        if unknown:
            raise ArgumentError(
                f"class_weight names {', '.join(map(repr, unknown))}, but the classes are the "
                f"whole numbers from 0 to {classes - 1}."
            )
        given = [given.get(j, 1.0) for j in range(classes)]
    if getattr(given, "ndim", 1) != 1 or not hasattr(given, "__len__") or len(given) != classes:
        raise ArgumentError(
            f"class_weight must be 'balanced', a dict or a list of {classes} numbers, got "
            f"{in_brief(given)}."
        )
    if hasattr(given, "tolist"):
        given = given.tolist()
    return [number(f"class_weight of class {j}", w, 0) for j, w in enumerate(given)]
