"""Layers, losses, optimisers and settings as data that JSON can hold, and back.

    {"kind": "Dense", "settings": {"units": 10, ...}}   an object, made by its kind
    {"kind": ..., "settings": ..., "id": 1}, {"same": 1}   a layer, and the same layer again
    {"ref": "ops.relu"}                                 a registered function, as it is
    {"tuple": [...]}, {"map": {...}}, {"float": "inf"}  what JSON has no word for

Numbers, strings, lists, true, false and null stand for themselves.
"""

from dataclasses import fields
from math import isfinite
from numbers import Integral, Real
from typing import Any

from xpnet.errors import ArgumentError, FormatError
from xpnet.nn import Loss, get_loss
from xpnet.saving.registry import maker_named, maker_of, name_of, object_named
from xpnet.saving.settings import make, settings_of

__all__ = ["decode", "encode"]

_DEEPEST = 200  # levels of data; a layer within a layer takes three
_MOST = 10_000  # objects, a shared layer counted at each place: so many calls are traced


def encode(value: Any, where: str) -> Any:
    """A setting, or an object with all its settings, as data.

    Parameters
    ----------
    value : object
    where : str
        What it is, for errors: ``"net"``.

    Raises
    ------
    ArgumentError
        If something in it is not registered, or no number, text, list or dict.
    """
    data = _Encoder().encode(value, where)
    try:
        _check_size(data)
    except FormatError as error:
        raise ArgumentError(f"{where} cannot be saved: {error}") from error
    return data


def decode(data: Any) -> Any:
    """What `encode` made the data of.

    Raises
    ------
    FormatError
        If the data are no such thing, or need what is not registered.
    """
    _check_size(data)
    return _Decoder().decode(data)


class _Encoder:
    """Writes objects down; a layer that comes again is the one that was written before."""

    def __init__(self) -> None:
        self._seen: dict[int, dict[str, Any]] = {}
        self._ids = 0

    def encode(self, value: Any, where: str) -> Any:
        match value:
            case None | bool() | str():
                return value
            case Integral():
                return int(value)
            case Real():
                return float(value) if isfinite(value) else {"float": str(float(value))}
            case list():
                return self._several(value, where)
            case tuple():
                return {"tuple": self._several(value, where)}
            case dict():
                return {"map": {_key(k, where): self._part(value, k, where) for k in value}}
        return self._object(value, where)

    def _several(self, values: Any, where: str) -> list[Any]:
        return [self.encode(value, f"{where}[{i}]") for i, value in enumerate(values)]

    def _part(self, values: dict[str, Any], name: str, where: str) -> Any:
        return self.encode(values[name], f"{where}.{name}")

    def _object(self, thing: Any, where: str) -> dict[str, Any]:
        thing = _plain(thing)
        if name := name_of(thing):
            return {"ref": name}
        if id(thing) in self._seen:
            return self._again(self._seen[id(thing)])
        kind = maker_of(thing)
        maker = None if kind is None else maker_named(kind)
        if maker is None:
            raise ArgumentError(_not_registered(thing, where))
        if where.count(".") > _DEEPEST:
            raise ArgumentError(f"{where[:60]}... is nested too deep to be saved.")
        settings = settings_of(thing, maker)
        data = {
            "kind": kind,
            "settings": {name: self._part(settings, name, where) for name in settings},
        }
        if hasattr(thing, "forward"):
            self._seen[id(thing)] = data
        return data

    def _again(self, first: dict[str, Any]) -> dict[str, Any]:
        if "id" not in first:
            self._ids += 1
            first["id"] = self._ids
        return {"same": first["id"]}


def _key(key: Any, where: str) -> str:
    if not isinstance(key, str):
        raise ArgumentError(f"{where} has the key {key!r}: a file keeps dicts with text as keys.")
    return key


def _plain(thing: Any) -> Any:
    """The function alone, where a loss is nothing but that function."""
    if isinstance(thing, Loss) and thing.made_by is None and name_of(thing) is None:
        usual = get_loss(thing.function)
        if all(getattr(thing, f.name) == getattr(usual, f.name) for f in fields(Loss)):
            return thing.function
    return thing


def _not_registered(thing: Any, where: str) -> str:
    """What to do so that a file can name this."""
    if hasattr(thing, "shape") and hasattr(thing, "dtype"):
        return f"{where} is an array, which a file cannot keep as a setting: use a list of numbers."
    name = getattr(thing, "__name__", None)
    if name == "<lambda>":
        return (
            f"{where} is a lambda, for which a file has no name: give it one, "
            "xpnet.register('name')(lambda ...), here and where the file is loaded."
        )
    what = f"the function {name}" if name else f"of the class {type(thing).__name__}"
    return (
        f"{where} is {what}, which is not registered, so that a file cannot name it: put "
        "@xpnet.register in front of its definition, in a module that the program that loads the "
        "file imports too."
    )


class _Decoder:
    """Makes what the data say, each shared layer once."""

    def __init__(self) -> None:
        self._known: dict[int, Any] = {}

    def decode(self, data: Any) -> Any:
        match data:
            case None | bool() | int() | float() | str():
                return data
            case list():
                return [self.decode(item) for item in data]
            case {"tuple": list(items), **rest} if not rest:
                return tuple(self.decode(item) for item in items)
            case {"map": dict(items), **rest} if not rest:
                return {name: self.decode(item) for name, item in items.items()}
            case {"float": "nan" | "inf" | "-inf" as text, **rest} if not rest:
                return float(text)
            case {"ref": str(name), **rest} if not rest:
                return _known(object_named(name), name)
            case {"same": int(number), **rest} if not rest and number in self._known:
                return self._known[number]
            case {"kind": str(kind), "settings": dict(settings), "id": int(number), **rest}:
                if not rest:
                    made = self._known[number] = self._make(kind, settings)
                    return made
            case {"kind": str(kind), "settings": dict(settings), **rest} if not rest:
                return self._make(kind, settings)
        raise FormatError(f"it holds {str(data)[:80]!r} where an object or a setting should be.")

    def _make(self, kind: str, settings: dict[str, Any]) -> Any:
        maker = _known(maker_named(kind), kind)
        given = {name: self.decode(value) for name, value in settings.items()}
        try:
            return make(maker, given)
        except Exception as error:  # settings from a file may be anything
            why = str(error)[:300]
            raise FormatError(f"no {kind} can be made of what it says: {why}") from error


def _known(found: Any, name: str) -> Any:
    if found is None:
        raise FormatError(
            f"it needs {name[:200]!r}, which is not registered here: import the module that "
            "defines it, with @xpnet.register in front of its definition."
        )
    return found


def _check_size(data: Any) -> None:
    """Raise unless the data are so small that what they describe can be traced."""
    if _weigh(data, {}, 0) > _MOST:
        raise FormatError(f"it describes more than {_MOST:,} objects, such as layers.")


def _weigh(data: Any, weights: dict[Any, int], depth: int) -> int:
    """How many objects the data stand for, where each shared one counts at every place."""
    if depth > _DEEPEST:
        raise FormatError(f"what it describes is nested deeper than {_DEEPEST} levels.")
    if isinstance(data, list):
        return sum(_weigh(item, weights, depth + 1) for item in data)
    if not isinstance(data, dict):
        return 0
    if isinstance(data.get("same"), int):
        return weights.get(data["same"], 1)
    weight = ("kind" in data or "ref" in data) + sum(
        _weigh(item, weights, depth + 1) for item in data.values()
    )
    if isinstance(data.get("id"), int):
        weights[data["id"]] = weight
    return weight
