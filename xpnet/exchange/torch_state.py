"""PyTorch's state dicts: match their parameters with a model's."""

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np

from xpnet.errors import ArgumentError, GraphError, ShapeError, in_brief
from xpnet.exchange.torch_modules import BY_LAYER, Pair
from xpnet.exchange.tree import Branch, Piece, joined, tree
from xpnet.model import Model

__all__ = ["COUNTER", "fill", "names", "on_host", "pair_of"]

Target: TypeAlias = tuple[Pair, str, str]  # a pair, the path of its layer, the parameter's name

COUNTER = "num_batches_tracked"  # of a BatchNorm1d: unused if momentum is given
_BY_KIND = {pair.layer.__name__: pair for pair in BY_LAYER.values()}


def pair_of(piece: Piece) -> Pair:
    """The pair of a layer and its module in torch.nn."""
    pair = BY_LAYER.get(type(piece.layer))
    if pair is None:
        raise GraphError(
            f"torch.nn has no module for {piece.layer!r} (at {piece.path or 'the top'}). Supported "
            f"layers: Sequential, {', '.join(sorted(_BY_KIND))}. "
            "xpnet.exchange.to_torch(model) makes a module of any network."
        )
    return pair


def names(branch: Branch, state: Mapping[str, Any], prefix: str = "") -> dict[str, Target]:
    """Map torch's name of each parameter to the parameter in xpnet."""
    found: dict[str, Target] = {}
    for i, item in enumerate(branch):
        at = f"{prefix}{i}."
        if not isinstance(item, Piece):
            found |= names(item, state, at)
            continue
        pair = pair_of(item)
        for own, theirs in pair.parameters.items():
            if joined(item.path, own) in state:
                found[at + theirs] = (pair, item.path, own)
    return found


def fill(model: Model, given: Mapping[str, Any]) -> Model:
    """Load torch's arrays into a model, by name or in order."""
    for name in given:
        if not isinstance(name, str):
            raise ArgumentError(
                f"the names in a state dict must be strings, got the key {in_brief(name)}."
            )
    arrays = {k: on_host(v) for k, v in given.items() if not k.endswith(COUNTER)}
    targets = _by_name(model, arrays) or _by_order(model, arrays)
    model.load_state_dict(
        {
            joined(path, own): pair.ours(own, arrays[theirs])
            for theirs, (pair, path, own) in targets.items()
        }
    )
    return model


def on_host(value: Any) -> Any:
    """A tensor or an array on the host.

    Raises
    ------
    ArgumentError
        If it is a tensor without data, or does not hold each of its elements.
    """
    if hasattr(value, "detach"):
        layout = str(value.layout).removeprefix("torch.")
        if value.is_complex():
            raise ArgumentError(
                f"expected a tensor of real numbers, got one of shape {tuple(value.shape)} and "
                f"type {value.dtype}."
            )
        if value.is_meta or layout != "strided" or value.is_quantized:
            what = "on the device 'meta', without data" if value.is_meta else f"of layout {layout}"
            raise ArgumentError(
                f"expected a dense tensor, got one of shape {tuple(value.shape)} "
                f"{'that is quantized' if value.is_quantized else what}. Convert it first."
            )
        if value.is_complex():
            raise ArgumentError(
                f"expected a tensor of real numbers, got one of shape {tuple(value.shape)} of type "
                f"{value.dtype}. xpnet has no complex layers."
            )
        value = value.detach().cpu()
        value = value if str(value.dtype) in ("torch.float32", "torch.float64") else value.float()
    return np.asarray(value)


def _by_name(model: Model, arrays: Mapping[str, Any]) -> dict[str, Target]:
    """Match by the names that `to_torch_state_dict` gives; empty if the names differ."""
    try:
        found = names(tree(model), model.parameters)
    except GraphError:
        return {}
    return found if set(found) == set(arrays) else {}


def _by_order(model: Model, arrays: Mapping[str, Any]) -> dict[str, Target]:
    """Match layer by layer, in order, whatever the names are."""
    ours, theirs = _groups(model.parameters), _groups(arrays)
    if len(ours) != len(theirs):
        raise ShapeError(
            f"the state dict has {len(theirs)} modules with parameters ({', '.join(theirs)}), but "
            f"the model has {len(ours)} layers ({', '.join(ours)})."
        )
    kinds = {call.path: call.kind for call in model.network.graph.scope.calls}
    found: dict[str, Target] = {}
    for (path, own), (prefix, given) in zip(ours.items(), theirs.items(), strict=True):
        kind = kinds.get(path, "function")
        pair = _BY_KIND.get(kind)
        wanted = {} if pair is None else {pair.parameters.get(name, name): name for name in own}
        if pair is None or set(wanted) != set(given):
            raise ShapeError(
                f"{prefix!r} of the state dict has {', '.join(given)}, which does not fit "
                f"{path!r}, a {kind} with {', '.join(own)}."
            )
        for name, mine in wanted.items():
            found[joined(prefix, name)] = (pair, path, mine)
    return found


def _groups(names: Mapping[str, Any]) -> dict[str, list[str]]:
    """Names of parameters, grouped by layer."""
    groups: dict[str, list[str]] = {}
    for name in names:
        path, _, own = name.rpartition(".")
        groups.setdefault(path, []).append(own)
    return groups
