"""Files that ``xpnet train`` of version 0.1 wrote: columns and scales beside a plain network."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xpnet.errors import FormatError
from xpnet.model import Model
from xpnet.nn import PrepareColumns
from xpnet.tabular.feature import Feature
from xpnet.tabular.prepared import Prepared
from xpnet.tabular.schema import Schema
from xpnet.tabular.table_model import TableModel
from xpnet.tabular.target import Target

__all__ = ["old_table_model"]

_KEYS = {"columns", "target", "classes", "features", "values"}


def old_table_model(model: Model) -> TableModel | None:
    """The table model that such a file describes; None for any other preprocessing.

    Raises
    ------
    FormatError
        If an entry is not in the form that version 0.1 wrote.
    """
    given, shape = model.preprocessing, model.network.features
    if given is None or given.keys() != _KEYS or len(shape) != 1:
        return None
    width = shape[0]
    names = _names(given, "columns") or tuple(f"x{i}" for i in range(width))
    if len(names) != width:
        raise FormatError(f"it names {len(names)} columns, but its network takes {width}.")
    features = tuple(Feature(name, "number") for name in names)
    schema = Schema(features, _target(given), named=given["columns"] is not None)
    scale = _scale(given, "features")
    if scale is None:
        layer, state = PrepareColumns(width, scaling="none"), {"fill": np.zeros(width)}
    else:
        mean, std = (np.broadcast_to(part, (width,)).copy() for part in scale)
        layer = PrepareColumns(width, scaling="standard")
        state = {"fill": mean, "center": mean, "inverse_scale": 1 / std}
    return TableModel(schema, Prepared(layer, state), model)


def _target(given: Mapping[str, Any]) -> Target:
    name = given["target"]
    if name is not None and not isinstance(name, str):
        raise FormatError(f"the model's preprocessing has an invalid 'target': {name!r}.")
    name = "y" if name is None else name
    classes = _names(given, "classes")
    if classes is not None:
        return Target(name, classes)
    mean, std = _scale(given, "values") or (np.zeros(()), np.ones(()))
    return Target(name, center=float(mean), scale=float(std))


def _names(given: Mapping[str, Any], key: str) -> tuple[str, ...] | None:
    found = given[key]
    if found is None:
        return None
    if not isinstance(found, list) or not found or not all(isinstance(n, str) for n in found):
        raise FormatError(
            f"the model's preprocessing has an invalid {key!r}: expected a list of names."
        )
    return tuple(found)


def _scale(
    given: Mapping[str, Any], key: str
) -> tuple[NDArray[np.float64], NDArray[np.float64]] | None:
    """Means and deviations."""
    found = given[key]
    if found is None:
        return None
    try:
        mean, std = (np.asarray(found[name], dtype=np.float64) for name in ("mean", "std"))
        if mean.shape == std.shape and np.isfinite(mean).all() and (std > 0).all():
            return mean, std
    except (TypeError, ValueError, KeyError):
        pass
    raise FormatError(
        f"the model's preprocessing has an invalid {key!r}: expected means, and deviations "
        "greater than 0."
    )
