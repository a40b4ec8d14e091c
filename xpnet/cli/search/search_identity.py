"""Whether two processes search for the same thing: the same rows, target and options."""

import argparse
import json
from collections.abc import Iterator, Mapping
from hashlib import sha256
from typing import Any

import numpy as np

from xpnet.cli.source import Part, Source

__all__ = ["differences", "identity"]

_OPTIONS = (
    *("preset", "hidden", "activation", "dropout", "epochs", "batch_size", "learning_rate"),
    *("weight_decay", "class_weight", "early_stopping", "seed", "dtype"),
)
_PARTS: tuple[Part, ...] = ("train", "held", "test")


def identity(arguments: argparse.Namespace, source: Source) -> dict[str, Any]:
    """What must be the same in all processes of a search, ready for JSON."""
    classes = source.target.classes
    columns = {feature.name: feature.kind for feature in source.schema.used}
    found = {
        "target": source.target.name,
        "classes": None if classes is None else list(map(str, classes)),
        "columns": columns,
        "rows": [source.rows[part] for part in _PARTS],
        "cells": _digest(source),
        "options": {name: getattr(arguments, name) for name in _OPTIONS},
    }
    same: dict[str, Any] = json.loads(json.dumps(found))
    return same


def _digest(source: Source) -> str:
    """A hash of all cells; those that are read, so that no sum rounds differently elsewhere."""
    found = sha256()
    for feature in source.schema.used:
        found.update(json.dumps([feature.name, feature.categories]).encode())
    for part in _PARTS:
        for array in (source.cells(part), source.true(part)):
            found.update(np.ascontiguousarray(array, dtype="<f8").tobytes())
    return found.hexdigest()


def differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> Iterator[str]:
    """Sentences that say what differs, the most telling first."""
    if there["target"] != here["target"]:
        yield f"its target is {there['target']!r}, not {here['target']!r}"
    if there["classes"] != here["classes"]:
        yield f"its target has {_count(there)}, not {_count(here)}"
    for name, kind in there["columns"].items():
        if name not in here["columns"]:
            yield f"it reads a column {name!r}, which is not read now"
        elif kind != here["columns"][name]:
            yield f"the column {name!r} is of kind {kind}, not {here['columns'][name]}"
    for name in here["columns"]:
        if name not in there["columns"]:
            yield f"it does not read the column {name!r}"
    if there["rows"] != here["rows"]:
        train, held, test = there["rows"]
        yield (
            f"it has {train:,} rows to train, {held:,} for validation and {test:,} to test, not "
            "{:,}, {:,} and {:,}".format(*here["rows"])
        )
    for name, value in there["options"].items():
        if value != here["options"].get(name):
            option = f"--{name.replace('_', '-')}"
            yield f"its {option} is {_shown(value)}, not {_shown(here['options'].get(name))}"
    if there["cells"] != here["cells"]:
        yield "its rows hold other values, or are in another order"


def _count(found: Mapping[str, Any]) -> str:
    classes = found["classes"]
    return "numbers" if classes is None else f"the classes {', '.join(classes[:5])}"


def _shown(value: Any) -> str:
    if value is None:
        return "not given"
    return " ".join(map(str, value)) if isinstance(value, list) else str(value)
