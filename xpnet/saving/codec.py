"""Convert layers, losses, optimizers and settings to JSON-compatible data, and back.

    {"kind": "Dense", "settings": {"units": 10, ...}}   an object of a registered kind
    {"kind": ..., "settings": ..., "id": 1}, {"same": 1}   a layer, and the same layer again
    {"ref": "ops.relu"}                                 a registered function, unchanged
    {"tuple": [...]}, {"map": {...}}, {"float": "inf"}  values that JSON lacks
    {"array": "name"}                                   an array, which is stored elsewhere

Numbers, strings, lists, true, false and null stand for themselves.
"""

from collections.abc import Callable, Mapping
from dataclasses import fields
from math import isfinite
from numbers import Integral, Real
from typing import Any

from xpnet.errors import ArgumentError, FormatError, in_brief
from xpnet.nn import Loss, get_loss
from xpnet.saving.registry import maker_named, maker_of, name_of, object_named
from xpnet.saving.settings import make, settings_of
from xpnet.typing import Array

__all__ = ["decode", "encode"]

_DEEPEST = 200  # levels of data; a layer within a layer takes three
_MOST = 10_000  # objects; a shared layer counts each time, because each call is traced


def encode(value: Any, where: str, store: Callable[[Array], str] | None = None) -> Any:
    """Turn a setting, or an object with all its settings, into data.

    Parameters
    ----------
    value : object
    where : str
        What it is, for error messages, such as ``"net"``.
    store : callable, optional
        Stores an array and returns the name by which `decode` finds it. Without it, arrays are
        refused.

    Raises
    ------
    ArgumentError
        If something in it is not registered, and is not a number, string, list or dict either.
    """
    data = _Encoder(store).encode(value, where)
    try:
        _check_size(data)
    except FormatError as error:
        raise ArgumentError(f"{where} cannot be saved: {error}") from error
    return data


def decode(data: Any, arrays: Mapping[str, Array] | None = None) -> Any:
    """Rebuild an object from the data that `encode` returned.

    Parameters
    ----------
    data : object
        Data from JSON.
    arrays : mapping of str to array, optional
        The arrays that were stored, by name.

    Raises
    ------
    FormatError
        If `encode` does not write such data, or they name something not registered or not stored.
    """
    _check_size(data)
    return _Decoder(arrays or {}).decode(data)


class _Encoder:
    """Writes objects as data; a layer that occurs again refers to its first occurrence."""

    def __init__(self, store: Callable[[Array], str] | None) -> None:
        self._store = store
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
        if self._store is not None and _is_array(thing):
            return {"array": self._store(thing)}
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
        raise ArgumentError(
            f"{where} has the key {in_brief(key)}: a file holds only dicts whose keys are strings."
        )
    return key


def _is_array(thing: Any) -> bool:
    return hasattr(thing, "shape") and hasattr(thing, "dtype")


def _plain(thing: Any) -> Any:
    """The function itself, if a loss is nothing but that function."""
    if isinstance(thing, Loss) and thing.made_by is None and name_of(thing) is None:
        usual = get_loss(thing.function)
        if all(getattr(thing, f.name) == getattr(usual, f.name) for f in fields(Loss)):
            return thing.function
    return thing


def _not_registered(thing: Any, where: str) -> str:
    """The error message for an object that a file cannot name."""
    if _is_array(thing):
        return f"{where} is an array, which cannot be saved as a setting: use a list of numbers."
    name = getattr(thing, "__name__", None)
    if name == "<lambda>":
        return (
            f"{where} is a lambda, which has no name for a file: give it one with "
            "xpnet.register('name')(lambda ...), here and in the program that loads the file."
        )
    what = f"the function {name}" if name else f"of the class {type(thing).__name__}"
    return (
        f"{where} is {what}, which is not registered, so a file cannot name it: put "
        "@xpnet.register before its definition, in a module that the program that loads the file "
        "also imports."
    )


class _Decoder:
    """Rebuilds objects from data, each shared layer once."""

    def __init__(self, arrays: Mapping[str, Array]) -> None:
        self._arrays = arrays
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
            case {"array": str(name), **rest} if not rest and name in self._arrays:
                return self._arrays[name]
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
        raise FormatError(f"it holds {str(data)[:80]!r} instead of an object or a setting.")

    def _make(self, kind: str, settings: dict[str, Any]) -> Any:
        maker = _known(maker_named(kind), kind)
        given = {name: self.decode(value) for name, value in settings.items()}
        try:
            return make(maker, given)
        except Exception as error:  # settings from a file may be anything
            why = str(error)[:300]
            raise FormatError(f"its settings do not make a {kind}: {why}") from error


def _known(found: Any, name: str) -> Any:
    if found is None:
        raise FormatError(
            f"it needs {name[:200]!r}, which is not registered here: import the module that "
            "defines it, with @xpnet.register before its definition."
        )
    return found


def _check_size(data: Any) -> None:
    """Raise unless the data are small enough for what they describe to be traced."""
    if _weigh(data, {}, 0) > _MOST:
        raise FormatError(f"it describes more than {_MOST:,} objects, such as layers.")


def _weigh(data: Any, weights: dict[Any, int], depth: int) -> int:
    """How many objects the data describe; a shared one counts each time that it occurs."""
    if depth > _DEEPEST:
        raise FormatError(f"its description is nested more than {_DEEPEST} levels deep.")
    if isinstance(data, list):
        return sum(_weigh(item, weights, depth + 1) for item in data)
    if not isinstance(data, dict):
        return 0
    if isinstance(data.get("map"), dict):  # its keys are a user's words, not the codec's
        return sum(_weigh(item, weights, depth + 1) for item in data["map"].values())
    if isinstance(data.get("same"), int):
        return weights.get(data["same"], 1)
    weight = ("kind" in data or "ref" in data) + sum(
        _weigh(item, weights, depth + 1) for item in data.values()
    )
    if isinstance(data.get("id"), int):
        weights[data["id"]] = weight
    return weight
