"""GET /schema: the columns, the target and the limits, as JSON."""

from typing import Any

from xpnet.serve.limits import Limits
from xpnet.serve.served import Description, ServedColumn

__all__ = ["schema_answer"]


def schema_answer(description: Description, limits: Limits) -> dict[str, Any]:
    """What a model reads and predicts, and what the server takes."""
    target: dict[str, Any] = {"name": description.target}
    if description.classes is not None:
        target["classes"] = list(description.classes)
    else:
        target |= {"low": description.low, "high": description.high}
    return {
        "model": description.name,
        "columns": [_column(column) for column in description.columns],
        "shape": None if description.shape is None else list(description.shape),
        "target": target,
        "limits": {
            "max_bytes": limits.max_bytes,
            "max_rows": limits.max_rows,
            "strict": limits.strict,
        },
        "example": description.example,
    }


def _column(column: ServedColumn) -> dict[str, Any]:
    found = {"name": column.name, "kind": column.kind, "example": column.example}
    return found | ({"categories": list(column.categories)} if column.kind == "category" else {})
