"""Class weights: how much the samples of each class count in the loss."""

from collections.abc import Mapping
from typing import Any

from xpnet.arguments import number
from xpnet.backends import Backend, is_float
from xpnet.backends.data_types import dtype_name
from xpnet.data.arrays import Data
from xpnet.errors import ArgumentError, in_brief
from xpnet.nn import Loss
from xpnet.typing import Shape

__all__ = ["with_class_weight"]


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
    share = _shares(loss, output, data)
    weights = _numbers(class_weight, share, data.backend)
    factor = share @ data.backend.asarray(weights, dtype_name(data.x.dtype))
    if data.backend.synchronous and float(data.backend.xp.max(factor)) == 0:
        raise ArgumentError("class_weight is 0 for every sample: nothing would be learned.")
    return Data(data.backend, data.x, data.y, factor if data.w is None else data.w * factor)


def _shares(loss: Loss, output: Shape, data: Data) -> Any:
    """The probability of each class for each sample: (n, classes)."""
    xp, y = data.backend.xp, data.y
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


def _numbers(given: Any, share: Any, backend: Backend) -> list[float]:
    """One weight for each class."""
    rows, classes = share.shape
    if isinstance(given, str):
        if given != "balanced":
            raise ArgumentError(
                f"class_weight must be 'balanced', a dict or a list, got {in_brief(given)}."
            )
        totals = backend.to_numpy(backend.xp.sum(share, axis=0)).tolist()
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
