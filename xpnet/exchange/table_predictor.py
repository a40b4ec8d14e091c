"""A model that reads tables, with the preparation of its columns, as operators."""

import json
from dataclasses import dataclass
from math import isfinite, nan
from typing import Any, Self

import numpy as np

from xpnet import ops
from xpnet.exchange.onnx_writer import ML, OnnxWriter, Tensor
from xpnet.exchange.predictor import Choice, plain_classes
from xpnet.exchange.program import Ends, Program, program, written
from xpnet.exchange.tree import host
from xpnet.graph import Value, trace
from xpnet.model import Model
from xpnet.nn.table_inputs import FIRST_CODE, MISSING_CODE, UNKNOWN_CODE
from xpnet.tabular.booleans import WORDS
from xpnet.tabular.cells import MISSING
from xpnet.tabular.feature import Feature
from xpnet.tabular.probabilities import FROM_LOSS
from xpnet.tabular.table_model import TableModel

__all__ = ["TablePredictor"]


@dataclass(frozen=True, eq=False)
class TablePredictor:
    """A table model, ready to be written for another library.

    Attributes
    ----------
    table_model : TableModel
    choice : Choice or None
        How labels follow from probabilities.
    """

    table_model: TableModel
    choice: Choice | None

    @classmethod
    def of(cls, table_model: TableModel) -> Self:
        """What a table model computes."""
        target = table_model.target
        if target.classes is None:
            return cls(table_model, None)
        labels = target.labels(np.arange(len(target.classes)))
        return cls(table_model, Choice(plain_classes(labels)))

    @property
    def model(self) -> Model:
        """Its network."""
        return self.table_model.model

    @property
    def result(self) -> str:
        """The name of the numbers that it returns."""
        return "prediction" if self.choice is None else "probabilities"

    @property
    def columns(self) -> list[str]:
        """Names of the columns that its program reads, in order."""
        return [feature.name for feature in self._features]

    @property
    def program(self) -> Program:
        """From a table's columns to predictions."""
        return program(self._from_columns, self._arrays)

    @property
    def encoded_program(self) -> Program:
        """From what ``schema.encode`` returns to predictions."""
        return program(self._from_encoded, self._arrays)

    @property
    def metadata(self) -> dict[str, str]:
        """What a user of an ONNX file needs to know: JSON by name."""
        names = [*self._from_columns(OnnxWriter(), 1)[0]]
        inputs = names * len(self._features) if self._is_matrix else names
        columns = [
            {**_described(feature), "input": name}
            for feature, name in zip(self._features, inputs, strict=True)
        ]
        return {"columns": json.dumps(columns), **self._described_target}

    @property
    def encoded_metadata(self) -> dict[str, str]:
        """The same for `encoded_program`: the columns of its matrix, in order."""
        columns = [_described(feature) for feature in self.table_model.schema.used]
        return {"columns": json.dumps(columns), **self._described_target}

    @property
    def _described_target(self) -> dict[str, str]:
        target = self.table_model.target
        classes = {} if target.classes is None else {"classes": json.dumps(target.classes)}
        return {"target": json.dumps(target.name), **classes}

    # --- what is read -------------------------------------------------------------------------

    @property
    def _arrays(self) -> dict[str, Any]:
        state = self.table_model.prepared.state
        return host(self.model) | {f"prepared.{name}": array for name, array in state.items()}

    @property
    def _is_matrix(self) -> bool:
        """Whether all columns are numbers, so that one matrix holds them."""
        return all(feature.kind == "number" for feature in self.table_model.schema.used)

    @property
    def _features(self) -> list[Feature]:
        """The columns of the inputs: those that are read; with positions for names, all."""
        schema = self.table_model.schema
        whole = self._is_matrix and not schema.named
        return [f for f in schema.features if whole or f.kind != "ignored"]

    def _from_columns(self, xp: OnnxWriter, rows: int) -> Ends:
        schema, columns = self.table_model.schema, self._features
        if self._is_matrix:
            x = Tensor(xp, "/x", (rows, len(columns)), "float64")
            places = [columns.index(feature) for feature in schema.used]
            whole = places == [*range(len(columns))]
            encoded = x if whole else xp.take(x, xp.constant(places, "int64"), axis=1)
            return {"x": x}, self._predicted(xp, encoded)
        inputs, read = {}, {}
        for i, feature in enumerate(columns):
            cells = Tensor(xp, f"/column {i}", (rows, 1), _stored(feature))
            inputs[feature.name or f"column {i}"] = cells
            read[feature.name] = _encoded(xp, feature, cells)
        encoded = xp.concat([read[feature.name] for feature in schema.used], axis=1)
        return inputs, self._predicted(xp, encoded)

    def _from_encoded(self, xp: OnnxWriter, rows: int) -> Ends:
        x = Tensor(xp, "/x", (rows, self.table_model.prepared.layer.width), "float64")
        return {"x": x}, self._predicted(xp, x)

    # --- what is made of it -------------------------------------------------------------------

    def _predicted(self, xp: OnnxWriter, encoded: Tensor) -> dict[str, Tensor]:
        """Prepare in float64, compute the network in its type, and finish in float64."""
        rows, network = encoded.shape[0], self.model.network
        graph, prepared = trace(self.table_model.prepared.layer, [("x", encoded.shape, "float64")])
        (inputs,) = written(xp, graph, [prepared], [encoded], "prepared.")
        graph, output = network.trace(rows, training=False)
        (made,) = written(xp, graph, [output], [xp.astype(inputs, network.dtype)])
        made = xp.astype(made, "float64")
        if self.choice is None:
            return {"prediction": self._values(xp, xp.reshape(made, (rows,)))}
        shares = self._shares(xp, made if made.ndim == 2 else xp.reshape(made, (rows, 1)))
        return {"label": self.choice.labels(xp, shares), "probabilities": shares}

    def _values(self, xp: OnnxWriter, made: Any) -> Tensor:
        """In the target's units, clipped to the range seen."""
        target = self.table_model.target
        values = made * target.scale + target.center
        if isfinite(target.low):
            values = xp.maximum(values, target.low)
        if isfinite(target.high):
            values = xp.minimum(values, target.high)
        result: Tensor = values
        return result

    def _shares(self, xp: OnnxWriter, made: Tensor) -> Tensor:
        """Probabilities, from the network's output."""
        way = FROM_LOSS[self.model.network.loss.name]

        def finish(z: Value) -> Any:
            z = ops.softmax(z) if way == "softmax" else ops.sigmoid(z) if way == "sigmoid" else z
            return ops.concat(1 - z, z, axis=1) if z.shape[1] == 1 else z

        graph, finished = trace(finish, [("x", made.shape, "float64")])
        return written(xp, graph, [finished], [made])[0]


def _described(feature: Feature) -> dict[str, Any]:
    found: dict[str, Any] = {"name": feature.name, "kind": feature.kind}
    if feature.kind == "category":
        found["categories"] = list(feature.categories)
    return found


def _stored(feature: Feature) -> str:
    """The type of a column's cells: numbers, or texts."""
    return "object" if feature.kind in ("boolean", "category") else "float64"


def _encoded(xp: OnnxWriter, feature: Feature, cells: Tensor) -> Tensor:
    """Write what `Feature.encode` computes."""
    if feature.kind == "boolean":
        words = {spelled(word): v for word, v in WORDS.items() for spelled in _SPELLINGS}
        given = {"keys_strings": [*words], "values_floats": [*words.values()], "default_float": nan}
        dtype = "float32"
    elif feature.kind == "category":
        codes = dict.fromkeys(sorted(MISSING), MISSING_CODE)
        codes |= {name: code for code, name in enumerate(feature.categories, FIRST_CODE)}
        given = {"keys_strings": [*codes], "values_int64s": [*codes.values()]}
        given["default_int64"], dtype = UNKNOWN_CODE, "int64"
    else:
        return cells
    made = xp.emit("LabelEncoder", [cells], cells.shape, dtype, domain=ML, **given)
    return xp.astype(made, "float64")


_SPELLINGS = (str.lower, str.capitalize, str.upper)
