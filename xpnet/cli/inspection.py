"""`xpnet inspect`: show the contents of a model's file, without building the model."""

import argparse
from typing import Any

from xpnet.cli.report import as_json
from xpnet.cli.schema_text import columns_text, target_text, two_columns
from xpnet.cli.words import clean
from xpnet.saving.model_file import SLOTS, read_model
from xpnet.tabular.schema import Schema

__all__ = ["inspect"]

_SETTINGS = ("loss", "optimizer", "metrics", "dtype", "seed", "input_shape", "frozen")


def inspect(arguments: argparse.Namespace) -> None:
    """Print the contents, including layers that are not registered here.

    Raises
    ------
    FormatError
        If the file is not a model's.
    """
    arrays, data = read_model(arguments.model)
    if arguments.json:
        shapes = {name: list(array.shape) for name, array in arrays.items()}
        print(as_json({**data, "tensors": shapes}))
        return
    model, kept = data["model"], data["preprocessing"] or {}
    parameters = {n: a for n, a in arrays.items() if not n.startswith(SLOTS)}
    size = sum(array.size for array in parameters.values())
    writer = clean(str(data.get("xpnet")))
    print(f"{arguments.model}: {data['format']}, version {data['version']}, by xpnet {writer}\n")
    if "table" in data:
        print(*_schema(data["table"]), "", sep="\n")
    rows = [("net", shown(model.get("net")))]
    rows += [(name, shown(model.get(name))) for name in _SETTINGS]
    state = "kept" if data["updates"] is not None else "not kept"
    rows += [("trained", f"{data['epoch']} epochs, {data['step']} steps")]
    rows += [("optimizer's state", state), ("parameters", f"{size:,}")]
    rows += [(f"  {name}", f"{list(array.shape)}") for name, array in parameters.items()]
    rows += [(name, shown(value)) for name, value in kept.items() if value is not None]
    width = max(len(clean(name)) for name, _ in rows)
    for name, text in rows:
        print(f"{clean(name).ljust(width)}  {text}")


def _schema(part: dict[str, Any]) -> list[str]:
    """The columns that the model reads, and what it predicts."""
    schema = Schema.from_dict(part.get("schema"))
    target = [] if schema.target is None else [("target", target_text(schema.target))]
    return two_columns([*target, *columns_text(schema)])


def shown(data: Any) -> str:
    """A part of the description as you would write it in Python."""
    match data:
        case {"kind": str(kind), "settings": dict(settings)}:
            return f"{clean(kind)}({', '.join(_settings(settings))})"
        case {"ref": name} | {"float": name}:
            return clean(str(name))
        case {"same": number}:
            return f"<layer {clean(str(number))} again>"
        case {"tuple": list(items)} | {"map": items}:
            return shown(items)
        case list():
            return f"[{', '.join(map(shown, data))}]"
        case dict():
            return f"{{{', '.join(f'{clean(str(k))}: {shown(v)}' for k, v in data.items())}}}"
    return clean(repr(data))


def _settings(settings: dict[str, Any]) -> list[str]:
    return [
        shown(value)[1:-1] if name in ("layers", "branches") else f"{clean(name)}={shown(value)}"
        for name, value in settings.items()
        if value is not None
    ]
