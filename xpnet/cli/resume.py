"""Whether a checkpoint is of a training on the same columns, classes and scales."""

from collections.abc import Iterator, Mapping
from math import isclose
from typing import Any

from xpnet.cli.words import clean
from xpnet.errors import DataError
from xpnet.saving.codec import decode
from xpnet.saving.snapshots import read_snapshot
from xpnet.tabular.prepared import Prepared
from xpnet.tabular.schema import Schema

__all__ = ["check_resumed", "kept_of"]

_SAME = 1e-6  # relative: sums may be made in another order


def kept_of(schema: Schema, prepared: Prepared) -> dict[str, Any]:
    """What a checkpoint holds of a table's columns."""
    state = {name: array.tolist() for name, array in prepared.state.items()}
    return {"schema": schema.to_dict(), "prepared": state}


def check_resumed(folder: str, kept: dict[str, Any]) -> None:
    """Compare the newest checkpoint of a folder, if there is one, with these columns.

    Raises
    ------
    DataError
        If it was made with other columns, classes or scales; the message names the first.
    FormatError
        If the checkpoint cannot be read.
    """
    snapshot = read_snapshot(folder)
    if snapshot is None:
        return
    states = [decode(entry["state"], snapshot.arrays) for entry in snapshot.state["callbacks"]]
    for state in states:
        if isinstance(state, dict) and "schema" in state:  # version 0.1 did not store it
            difference = next(_differences(state, kept), None)
            if difference is not None:
                raise DataError(
                    f"{folder} holds checkpoints of another training: {difference}. Resume with "
                    "the same data and options, or name another folder."
                )


def _differences(there: Mapping[str, Any], here: Mapping[str, Any]) -> Iterator[str]:
    """Sentences that say what differs."""
    one, other = there["schema"]["target"], here["schema"]["target"]
    if one["name"] != other["name"]:
        yield f"its target is {one['name']!r}, not {other['name']!r}"
    if one.get("classes") != other.get("classes"):
        yield f"its classes are {_brief(one)}, not {_brief(other)}"
    yield from _columns(_by_name(there), _by_name(here))
    for name in ("center", "scale"):
        if one.get(name) != other.get(name):
            yield f"the target has the {name} {one.get(name)!r} there, {other.get(name)!r} here"
    yield from _scales(there["prepared"], here["prepared"])


def _columns(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[str]:
    for name in (name for name in one if name not in other):
        yield f"it reads a column {name!r}, which is not read now"
    for name in (name for name in other if name not in one):
        yield f"it does not read the column {name!r}"
    for name, feature in one.items():
        if feature["kind"] != other[name]["kind"]:
            yield f"the column {name!r} is of kind {feature['kind']}, not {other[name]['kind']}"
        if feature["categories"] != other[name]["categories"]:
            yield f"the column {name!r} has other categories"
    if list(one) != list(other):
        yield "its columns have another order"


def _scales(one: Mapping[str, Any], other: Mapping[str, Any]) -> Iterator[str]:
    if one.keys() != other.keys():
        yield f"it scales columns by {', '.join(one)}, not by {', '.join(other)}"
    for name, numbers in one.items():
        pairs = zip(_flat(numbers), _flat(other[name]), strict=False)
        if any(not isclose(a, b, rel_tol=_SAME) for a, b in pairs):
            yield "its columns have other medians or scales, because it learned from other rows"


def _by_name(found: Mapping[str, Any]) -> dict[str, Any]:
    """The columns that are read, by their names."""
    return {f["name"]: f for f in found["schema"]["features"] if f["kind"] != "ignored"}


def _flat(numbers: Any) -> list[float]:
    return [n for part in numbers for n in _flat(part)] if isinstance(numbers, list) else [numbers]


def _brief(target: Mapping[str, Any]) -> str:
    classes = target.get("classes")
    if classes is None:
        return "numbers"
    return clean(", ".join(map(str, classes[:5]))) + (", ..." if len(classes) > 5 else "")
