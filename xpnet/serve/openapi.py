"""The server's description for other programs, as OpenAPI 3.1 has it."""

from typing import Any

from xpnet.serve.limits import Limits
from xpnet.serve.served import Description, ServedColumn
from xpnet.version import __version__

__all__ = ["openapi"]

_TYPES: dict[str, dict[str, Any]] = {
    "number": {"type": ["number", "null"]},
    "boolean": {"type": ["boolean", "null"]},
    "date": {"type": ["string", "null"]},
    "category": {"type": ["string", "null"]},
}
_SHOWN = 100  # categories in a description
_JSON, _CSV, _PROBLEM = "application/json", "text/csv", "application/problem+json"
_REFUSALS = {
    "400": "A column is missing or a value is wrong; the detail names it.",
    "406": "The client accepts neither JSON nor CSV.",
    "408": "The body arrived too slowly.",
    "413": "The body or the number of rows is too large.",
    "415": "The body is neither JSON nor CSV in UTF-8.",
    "503": "Too many requests are waiting: try again after Retry-After seconds.",
}


def openapi(description: Description, limits: Limits) -> dict[str, Any]:
    """The document, with an example row."""
    return {
        "openapi": "3.1.0",
        "info": {
            "title": f"{description.name}: predicts {description.target}",
            "version": __version__,
        },
        "servers": [{"url": "."}],
        "paths": {
            "/predict": {"post": _predict(description)},
            "/health": {"get": _get("Whether the server is ready", "health")},
            "/schema": {"get": _get("What the model reads and predicts", "schema")},
            "/metrics": {"get": _get("What has been answered, and how fast", "metrics")},
        },
        "components": {
            "schemas": {
                "Row": _row(description, limits.strict),
                "Request": _request(description, limits),
                "Prediction": _prediction(description),
                "Answer": _answer(),
                "Refusal": {
                    "type": "object",
                    "properties": {
                        "title": {"type": "string"},
                        "status": {"type": "integer"},
                        "detail": {"type": "string"},
                        "column": {"type": "string"},
                    },
                    "required": ["title", "status", "detail"],
                },
            }
        },
    }


def _get(summary: str, name: str) -> dict[str, Any]:
    answer = {"description": summary, "content": {_JSON: {"schema": {"type": "object"}}}}
    return {"summary": summary, "operationId": name, "responses": {"200": answer}}


def _ref(name: str) -> dict[str, str]:
    return {"$ref": f"#/components/schemas/{name}"}


def _predict(description: Description) -> dict[str, Any]:
    row = description.example
    examples: dict[str, Any] = {"rows": {"value": {"rows": [row, row]}}}
    content: dict[str, Any] = {_JSON: {"schema": _ref("Request"), "examples": examples}}
    if description.columns:
        examples["one row"] = {"value": row}
        examples["columns"] = {"value": {name: [value] for name, value in row.items()}}
        content[_CSV] = {"schema": {"type": "string"}}
    problem = {"content": {_PROBLEM: {"schema": _ref("Refusal")}}}
    answers = {_JSON: {"schema": _ref("Answer")}, _CSV: {"schema": {"type": "string"}}}
    return {
        "summary": f"Predict {description.target}",
        "operationId": "predict",
        "requestBody": {"required": True, "content": content},
        "responses": {
            "200": {
                "description": "The predictions, in the form of the request.",
                "content": answers,
            },
            **{status: {"description": text, **problem} for status, text in _REFUSALS.items()},
        },
    }


def _row(description: Description, strict: bool) -> dict[str, Any]:
    """The schema of a row."""
    if not description.columns:
        return _array(list(description.shape or ()))
    row = {
        "type": "object",
        "properties": {column.name: _column(column, strict) for column in description.columns},
        "required": [column.name for column in description.columns],
        "additionalProperties": not strict,
        "example": description.example,
    }
    if description.shape is None:
        return row
    return {"anyOf": [row, _array(list(description.shape))]}


def _array(shape: list[int]) -> dict[str, Any]:
    if not shape:
        return {"type": "number"}
    return {"type": "array", "items": _array(shape[1:]), "minItems": shape[0], "maxItems": shape[0]}


def _column(column: ServedColumn, strict: bool) -> dict[str, Any]:
    found = {**_TYPES[column.kind]}
    if column.kind == "category" and strict:
        found["enum"] = [*column.categories, None]
    elif column.kind == "category":
        more = ", ..." if len(column.categories) > _SHOWN else ""
        found["description"] = f"Known: {', '.join(column.categories[:_SHOWN])}{more}"
    elif column.kind == "date":
        found["description"] = "A date such as 2026-11-30 or 2026-11-30T17:21."
    return found


def _request(description: Description, limits: Limits) -> dict[str, Any]:
    rows = {
        "type": "object",
        "properties": {
            "rows": {
                "type": "array",
                "items": _ref("Row"),
                "minItems": 1,
                "maxItems": limits.max_rows,
            }
        },
        "required": ["rows"],
    }
    if not description.columns:
        return rows
    columns = {
        "type": "object",
        "properties": {
            column.name: {"type": "array", "items": _column(column, limits.strict)}
            for column in description.columns
        },
        "required": [column.name for column in description.columns],
    }
    return {"anyOf": [_ref("Row"), rows, columns]}


def _prediction(description: Description) -> dict[str, Any]:
    """The schema of a row's prediction."""
    if description.classes is None:
        return {"type": "object", "properties": {"prediction": {}}, "required": ["prediction"]}
    shares = {"type": "object", "additionalProperties": {"type": "number"}}
    return {
        "type": "object",
        "properties": {
            "prediction": {"enum": list(description.classes)},
            "probabilities": shares,
        },
        "required": ["prediction", "probabilities"],
    }


def _answer() -> dict[str, Any]:
    warnings = {"type": "array", "items": {"type": "string"}}
    rows = {
        "type": "object",
        "properties": {
            "rows": {"type": "array", "items": _ref("Prediction")},
            "warnings": warnings,
        },
        "required": ["rows"],
    }
    columns = {
        "type": "object",
        "properties": {
            "prediction": {"type": "array"},
            "probabilities": {"type": "object"},
            "warnings": warnings,
        },
        "required": ["prediction"],
    }
    return {"anyOf": [_ref("Prediction"), rows, columns]}
