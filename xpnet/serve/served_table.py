"""A `TableModel` that is served."""

from collections.abc import Mapping, Sequence
from copy import copy
from datetime import UTC, datetime
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xpnet.errors import DataError
from xpnet.serve.refusal import Refusal
from xpnet.serve.served import Description, Encoded, ServedColumn
from xpnet.serve.wording import listed, quoted, shown
from xpnet.tabular.far_values import first_far_value
from xpnet.tabular.quick_prepared import QuickPrepared
from xpnet.tabular.row_encoder import CellError, EncodedRows, RowEncoder
from xpnet.tabular.schema import Feature
from xpnet.tabular.table_model import TableModel

__all__ = ["ServedTable"]


class ServedTable:
    """A model of tables: rows are objects, and columns are found by name.

    Parameters
    ----------
    model : TableModel
    name : str
        What the model is called.
    strict : bool
        Whether columns and categories that the model does not know are refused.
    """

    def __init__(self, model: TableModel, name: str, strict: bool) -> None:
        self._model, self._name, self._strict = copy(model), name, strict
        self._model.prepared = QuickPrepared.from_prepared(model.prepared)
        self._encoder = RowEncoder(model.schema)
        self._names = frozenset(self._encoder.names)
        self._known = frozenset((model.target.name, *(f.name for f in model.schema.features)))

    @cached_property
    def description(self) -> Description:
        """What the model reads and predicts."""
        schema, target = self._model.schema, self._model.target
        usual = self._usual_values()
        columns = tuple(
            ServedColumn(f.name, f.kind, f.categories, _example(f, usual.get(f.name)))
            for f in schema.features
            if f.kind != "ignored"
        )
        low, high = (None if np.isinf(end) else float(end) for end in (target.low, target.high))
        return Description(self._name, columns, target.name, target.classes, low, high)

    @cached_property
    def header(self) -> Sequence[str] | None:
        """The columns of CSV for a model that was trained without a header line."""
        schema = self._model.schema
        return None if schema.named else [feature.name for feature in schema.features]

    def encode_rows(self, rows: Sequence[Any]) -> Encoded:
        """See `Served.encode_rows`."""
        several = len(rows) > 1
        named = [self._named(row, f"row {i}: " if several else "") for i, row in enumerate(rows)]
        return self._encoded(self._encoder.rows, named, len(rows))

    def encode_columns(self, columns: Mapping[str, Sequence[Any]]) -> Encoded:
        """See `Served.encode_rows`."""
        self._check_names(columns, "")
        return self._encoded(self._encoder.columns, columns, len(columns[self._encoder.names[0]]))

    def predict(self, rows: NDArray[Any]) -> NDArray[Any]:
        """See `Served.predict`.

        Raises
        ------
        Refusal
            400 for a number that is so large that the network cannot take it.
        """
        try:
            outputs = self._model.outputs_of(rows)
        except DataError:
            self._check_size(rows)
            raise
        if self._model.classes is None:
            return self._model.values_of(outputs)
        return self._model.probabilities_of(outputs)

    def _check_size(self, rows: NDArray[Any]) -> None:
        """Refuse a row with a number that is too large for the network."""
        found = first_far_value(self._model.inputs_of, rows)
        if found is not None:
            name = self._encoder.names[found[1]]
            raise Refusal(
                400,
                f"column {quoted(name)}: {rows[found]:g} is too far from the values in the "
                "training data.",
                name,
            )

    def _named(self, row: Any, where: str) -> dict[str, Any]:
        """A row with all columns; without a header line, a row may also be a list."""
        if isinstance(row, list) and self.header is not None:
            if len(row) != len(self.header):
                raise Refusal(400, f"{where}expected {len(self.header)} values, got {len(row)}.")
            return dict(zip(self.header, row, strict=True))
        if not isinstance(row, dict):
            raise Refusal(400, f"{where}expected an object, got {shown(row)}.")
        if not row.keys() >= self._names or (self._strict and not row.keys() <= self._known):
            self._check_names(row, where)
        return row

    def _check_names(self, given: Mapping[str, Any], where: str) -> None:
        """Refuse a missing column, and in strict mode one that is not known."""
        missing = [name for name in self._model.feature_names if name not in given]
        if missing:
            raise Refusal(
                400,
                f"{where}{listed(missing)} missing. A missing value is null, or an empty cell of "
                "CSV.",
                missing[0],
            )
        for name in given if self._strict else ():
            if name not in self._known:
                raise Refusal(
                    400, f"{where}the model does not read the column {quoted(name)}.", name
                )

    def _encoded(self, encode: Any, data: Any, rows: int) -> Encoded:
        try:
            found: EncodedRows = encode(data)
        except CellError as error:
            row = f"row {error.row}, " if rows > 1 else ""
            raise Refusal(
                400,
                f"{row}column {quoted(error.column)}: expected {error.expected}, got "
                f"{shown(error.value)}. A missing value is null, or an empty cell of CSV.",
                error.column,
            ) from None
        warnings = [
            f"column {quoted(name)}: {quoted(category)} was not in the training data. It is "
            "treated as unknown."
            for name, category in found.unknown
        ]
        if warnings and self._strict:
            name, category = found.unknown[0]
            raise Refusal(
                400, f"column {quoted(name)}: the model does not know {quoted(category)}.", name
            )
        return Encoded(found.matrix, warnings)

    def _usual_values(self) -> dict[str, float]:
        """The median of numbers and dates in the training data."""
        schema, fill = self._model.schema, self._model.prepared.state.get("fill", ())
        filled = [*schema.of_kind("number"), *schema.of_kind("date")]
        return {f.name: float(value) for f, value in zip(filled, fill, strict=False)}


def _example(feature: Feature, usual: float | None) -> Any:
    match feature.kind:
        case "category":
            return feature.categories[0] if feature.categories else None
        case "boolean":
            return True
        case "date":
            return datetime.fromtimestamp(usual or 0.0, UTC).date().isoformat()
    short = float(f"{usual or 0.0:.6g}")
    return int(short) if short.is_integer() else short
