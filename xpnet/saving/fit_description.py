"""The description of a fit: the network, settings and data that a resumed fit must share."""

from collections.abc import Iterator
from copy import copy
from itertools import zip_longest
from math import isclose, isnan
from typing import Any

from xpnet.engine.engine import Engine
from xpnet.errors import ArgumentError, DataError, ResumeWarning, XpnetError, printable
from xpnet.optim import Optimizer
from xpnet.saving.codec import decode, encode
from xpnet.training.context import Recording
from xpnet.warn import warn_user

__all__ = ["check_conditions", "check_description", "check_same", "describe"]

_CODED = {"network": "layers", "loss": "loss", "optimizer": "optimizer"}
_MEANS, _SUMS, _HELD = "means of the data", "checksums", "validation"
_OPERATIONS = "operations"
_ARRAYS = ("inputs", "targets", "weights")
_RATE = "learning_rate"  # the optimizer's first: callbacks may have changed it since
_INNER = ("settings", "map", "tuple", "float", "ref", "same", "id")  # words of the codec


def describe(engine: Engine, steps: Recording) -> dict[str, Any]:
    """What must be the same in a fit that resumes this one, as JSON-compatible data.

    Network, loss and optimizer are described by their repr, and under ``"settings"`` by the codec
    if all their parts are registered. If not, the operations of a step tell them apart.
    """
    network, optimizer = engine.network, engine.optimizer
    words = {k: _word(v) for k, v in vars(optimizer).items() if not k.startswith("_")}
    found = {
        "layers": [node.record.name for node in network.graph.nodes],
        "frozen": list(network.frozen),
        "dtype": network.dtype,
        "precision": engine.backend.precision,
        "seed": network.seed,
        "loss": repr(network.loss),
        "metrics": [name for name in network.measures if name != "loss"],
        "optimizer": f"{type(optimizer).__name__} {words}",
        **steps.description(),
    }
    factors = {n: [s.rate, s.decay] for n, s in network.table.specs.items()}
    factors = {n: pair for n, pair in factors.items() if pair not in ([1, 0], [1, 1])}
    found |= {"factors": factors} if factors else {}
    parts = {"network": network.net, "loss": network.loss, "optimizer": _constant(optimizer)}
    coded = {name: _coded(part, name) for name, part in parts.items()}
    if coded["network"] is not None and coded["loss"] is not None:
        found.pop(_OPERATIONS, None)
    coded[_RATE] = _coded(optimizer.first_learning_rate, _RATE)
    return {**encode(found, "the fit")["map"], "settings": coded}


def _word(setting: Any) -> Any:
    """A setting; a function by its name, since its repr has an address."""
    return getattr(setting, "__qualname__", setting)


def _constant(optimizer: Optimizer) -> Optimizer:
    """The optimizer with a fixed learning rate: a checkpoint holds the schedule separately."""
    same = copy(optimizer)
    same.learning_rate = 1.0
    return same


def _coded(part: Any, name: str) -> Any:
    try:
        return encode(part, name)
    except XpnetError:  # it has a part that is not registered
        return None


def check_description(there: dict[str, Any], here: dict[str, Any]) -> None:
    """Raise unless a checkpoint's description is that of this fit.

    Raises
    ------
    ArgumentError
        If the model or the settings of the fit are different.
    DataError
        If the data are different.
    """
    there, here = dict(there), dict(here)
    coded = there.pop("settings", {}), here.pop("settings")  # version 1 has only the reprs
    if _RATE in coded[0]:
        check_same(_RATE, _own_or_given(coded[0][_RATE]), _own_or_given(coded[1][_RATE]))
    for name in (*_CODED, _RATE):
        one, other = (found.get(name) for found in coded)
        if one is not None and other is not None:
            for path, was, now in _differences(_completed(one, name), other, name):
                check_same(path, was, now)
            if name in _CODED:
                there[_CODED[name]] = here[_CODED[name]]
    added = _OPERATIONS, _SUMS, _HELD, "rare"  # version 0.1 wrote none of them
    new = [{name: decode(found.pop(name, None)) for name in added} for found in (there, here)]
    for name in {**there, **here}:
        one, other = decode(there.get(name)), decode(here.get(name))
        if name == _MEANS:
            _check_means(one, other)
        elif name in ("rows", "batches"):
            check_same(name, one, other, DataError, "with the same data and batch size")
        else:
            check_same(name, one, other)
    _check_operations(new[0][_OPERATIONS], new[1][_OPERATIONS])
    if new[0][_SUMS] is not None:
        _check_sums(*new)


def check_conditions(there: Any, here: dict[str, str | int]) -> None:
    """Warn if the bits may differ from those of the fit that wrote a checkpoint.

    Checkpoints of earlier versions do not say under which conditions they were written.
    """
    if not isinstance(there, dict):
        return
    found = [
        f"{name} there: {there.get(name)!s:.200}; here: {value}"
        for name, value in here.items()
        if there.get(name) != value
    ]
    if found:
        warn_user(
            "the fit resumes under other conditions, so it may end with other bits than one that "
            f"was not broken off ({printable('. '.join(found))}).",
            ResumeWarning,
        )


def _own_or_given(rate: Any) -> str:
    """What kind of learning rate the codec describes: a function of the user's own has no code."""
    return "your own function" if rate is None else "a number or a schedule of xpnet's"


def _completed(data: Any, name: str) -> Any:
    """A description, with the defaults of settings that did not exist when it was written."""
    try:
        return encode(decode(data), name)
    except XpnetError:  # it has a part that is not registered here
        return data


def check_same(
    what: str,
    there: Any,
    here: Any,
    error: type[XpnetError] = ArgumentError,
    remedy: str = "with the same model and settings",
) -> None:
    """Raise unless something is the same in the checkpoint (there) and here."""
    if there != here:
        raise error(
            f"the checkpoint is from another fit: {what} there: {there}; here: {here}. Resume "
            f"{remedy}."
        )


def _check_means(there: list[float], here: list[float]) -> None:
    """Raise unless the means agree. Backends sum in different orders, so rounding may differ."""
    near = len(there) == len(here) and all(
        isclose(a, b, rel_tol=1e-4, abs_tol=1e-6) or (isnan(a) and isnan(b))
        for a, b in zip(there, here, strict=True)
    )
    if not near:
        raise DataError(
            f"the checkpoint is from other data: inputs, targets and weights have the means "
            f"{there} there, {here} here. Resume with the same data."
        )


def _check_operations(there: list[str] | None, here: list[str] | None) -> None:
    """Raise unless a step has the same operations, if both descriptions list them."""
    if there is not None and here is not None:
        for number, (one, other) in enumerate(zip_longest(there, here)):
            check_same(f"operation {number} of a step", one, other)


def _check_sums(there: dict[str, Any], here: dict[str, Any]) -> None:
    """Raise unless the arrays have the same numbers, in the same order."""
    was, now = ("given" if sums[_HELD] is not None else "none" for sums in (there, here))
    check_same("validation data", was, now)
    for which, name in (("", _SUMS), ("validation ", _HELD)):
        pairs = zip(_ARRAYS, there[name] or [], here[name] or [], strict=False)
        other = [f"{which}{array}" for array, *sums in pairs if sums[0] != sums[1]]
        if other:
            raise DataError(
                f"the checkpoint is from other data: the {' and the '.join(other)} have other "
                "values, or their rows have another order. Resume with the same data."
            )


def _differences(one: Any, other: Any, path: str) -> Iterator[tuple[str, Any, Any]]:
    """Where two encoded objects differ: ``network.layers[1].rate``, and both values."""
    if isinstance(one, dict) and isinstance(other, dict) and one.get("kind") == other.get("kind"):
        for key in {**one, **other}:
            part = path if key in _INNER else f"{path}.{key}"
            yield from _differences(one.get(key), other.get(key), part)
    elif isinstance(one, list) and isinstance(other, list) and len(one) == len(other):
        for i, pair in enumerate(zip(one, other, strict=True)):
            yield from _differences(*pair, f"{path}[{i}]")
    elif one != other:
        yield path, _brief(one), _brief(other)


def _brief(data: Any) -> Any:
    """An encoded object, reduced to its kind."""
    if isinstance(data, list):
        return [_brief(item) for item in data]
    if not isinstance(data, dict):
        return data
    return data.get("kind", data.get("ref", data))
