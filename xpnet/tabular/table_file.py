"""A table model's part of its file: the schema, the preparation, the history."""

from collections.abc import Sequence
from typing import Any

from xpnet.errors import FormatError
from xpnet.model import Model
from xpnet.saving.codec import decode, encode
from xpnet.saving.model_file import TablePart
from xpnet.tabular.prepared import Prepared
from xpnet.tabular.schema import Schema

__all__ = ["read_table_part", "table_part"]


def table_part(schema: Schema, prepared: Prepared, history: Sequence[Any]) -> TablePart:
    """What a file holds besides the network."""
    data = {
        "schema": schema.to_dict(),
        "prepare": encode(prepared.layer, "prepare"),
        "history": [{name: encode(row[name], "history") for name in row} for row in history],
    }
    return TablePart(data, dict(prepared.state))


def read_table_part(part: TablePart) -> tuple[Schema, Prepared, list[dict[str, float]]]:
    """The schema, the preparation and the history of a file.

    Raises
    ------
    XpnetError
        If they cannot be read or do not belong together.
    """
    try:
        described = part.data["schema"], part.data["prepare"], part.data.get("history", [])
    except KeyError as error:
        raise FormatError(f"its description of the table has no {error}.") from error
    schema = Schema.from_dict(described[0])
    prepared = Prepared.checked(decode(described[1]), part.arrays)
    if prepared.layer.width != len(schema.used):
        raise FormatError(
            f"it prepares {prepared.layer.width} columns, but its schema has {len(schema.used)}."
        )
    history = described[2]
    if not isinstance(history, list) or not all(isinstance(row, dict) for row in history):
        raise FormatError("its history is not a list of rows.")
    return schema, prepared, [{name: decode(row[name]) for name in row} for row in history]


def inputs_of(model: Model) -> int:
    """Number of inputs of a model for tables."""
    shape = model.network.features
    if len(shape) != 1:
        raise FormatError(f"its network takes samples of shape {shape}, not rows of a table.")
    return int(shape[0])
