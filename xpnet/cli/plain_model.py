"""Files of `Model.save`, which know nothing of tables: every column is a number."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from xpnet.cli.predictions import Columns, with_gaps
from xpnet.errors import ArgumentError, DataError
from xpnet.model import Model
from xpnet.tabular.probabilities import FROM_LOSS, probabilities
from xpnet.tabular.table import Table
from xpnet.tabular.target import Target

__all__ = ["plain_predictions", "plain_scores"]


def plain_predictions(model: Model, table: Table) -> Columns:
    """The predictions by name; classes have the names that were saved, or their numbers."""
    output = np.asarray(model.predict(_inputs(table)))
    if model.network.loss.target == "classes" and output.ndim == 2:
        classes = _classes(model, output.shape[1])
        best = {"prediction": with_gaps(np.array(classes)[output.argmax(axis=1)], output)}
        if model.network.loss.name not in FROM_LOSS:
            return best
        shares = probabilities(model, output, len(classes)).astype(output.dtype)
        return best | {f"probability_{name}": shares[:, i] for i, name in enumerate(classes)}
    flat = output.reshape(len(output), -1)
    if flat.shape[1] == 1:
        return {"prediction": flat[:, 0]}
    return {f"prediction_{i}": flat[:, i] for i in range(flat.shape[1])}


def plain_scores(model: Model, table: Table) -> dict[str, float]:
    """Loss and metrics on a table whose last column is the target."""
    *names, name = table.columns
    shape = model.network.output_shape
    if model.network.loss.target == "classes":
        y = Target(name, tuple(_classes(model, shape[-1]))).encode(table[name])
    else:
        y = table[name].numbers().reshape(-1, *(1 for _ in shape))
    return model.evaluate(_inputs(table.select(names)), y)


def _inputs(table: Table) -> NDArray[np.float64]:
    inputs = np.stack([column.numbers() for column in table.columns.values()], axis=1)
    if np.isnan(inputs).any():
        row, place = np.argwhere(np.isnan(inputs))[0].tolist()
        raise DataError(
            f"{table.place(row, list(table.columns)[place])}: expected a number, found an empty "
            "cell. This model reads arrays, which have no gaps: fill it in."
        )
    return inputs


def _classes(model: Model, outputs: int) -> list[Any]:
    """Names of the classes, if they were saved with the model."""
    names = (model.preprocessing or {}).get("classes")
    if names is None:
        return list(range(outputs))
    if not isinstance(names, list) or len(names) != outputs:
        raise ArgumentError(
            f"the model has {outputs} outputs, but its file names these classes: {names!r}."
        )
    return names
