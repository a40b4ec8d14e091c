"""`xpnet inspect`: show the contents of a model's file, without building the model."""

import argparse
from typing import Any

from xpnet.cli.report import as_json
from xpnet.saving.model_file import SLOTS, read_model

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
    writer = _clean(str(data.get("xpnet")))
    print(f"{arguments.model}: {data['format']}, version {data['version']}, by xpnet {writer}\n")
    rows = [("net", shown(model.get("net")))]
    rows += [(name, shown(model.get(name))) for name in _SETTINGS]
    state = "kept" if data["updates"] is not None else "not kept"
    rows += [("trained", f"{data['epoch']} epochs, {data['step']} steps")]
    rows += [("optimizer's state", state), ("parameters", f"{size:,}")]
    rows += [(f"  {name}", f"{list(array.shape)}") for name, array in parameters.items()]
    rows += [(name, shown(value)) for name, value in kept.items() if value is not None]
    width = max(len(_clean(name)) for name, _ in rows)
    for name, text in rows:
        print(f"{_clean(name).ljust(width)}  {text}")


def shown(data: Any) -> str:
    """A part of the description as you would write it in Python."""
    match data:
        case {"kind": str(kind), "settings": dict(settings)}:
            return f"{_clean(kind)}({', '.join(_settings(settings))})"
        case {"ref": name} | {"float": name}:
            return _clean(str(name))
        case {"same": number}:
            return f"<layer {_clean(str(number))} again>"
        case {"tuple": list(items)} | {"map": items}:
            return shown(items)
        case list():
            return f"[{', '.join(map(shown, data))}]"
        case dict():
            return f"{{{', '.join(f'{_clean(str(k))}: {shown(v)}' for k, v in data.items())}}}"
    return _clean(repr(data))


def _settings(settings: dict[str, Any]) -> list[str]:
    return [
        shown(value)[1:-1] if name in ("layers", "branches") else f"{_clean(name)}={shown(value)}"
        for name, value in settings.items()
        if value is not None
    ]


def _clean(text: str) -> str:
    """The text without control characters, which could affect a terminal."""
    return "".join(c if c.isprintable() else "?" for c in text)
