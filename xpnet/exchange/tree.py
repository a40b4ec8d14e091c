"""Read a chain of layers, layer by layer, with the names of their parameters."""

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np

from xpnet.model import Model
from xpnet.nn import Dense, Sequential

__all__ = ["Branch", "Piece", "flat", "host", "joined", "tree"]


@dataclass(frozen=True, eq=False)
class Piece:
    """One layer without its activation, and the dotted path of its parameters."""

    layer: Any
    path: str


Branch: TypeAlias = list[Any]  # of pieces and branches


def tree(model: Model) -> Branch:
    """The layers in order: a list for each `Sequential`; an activation follows its dense layer.

    Any other layer or function is one piece.
    """
    net = model.network.net
    known: dict[int, str] = {}
    if type(net) is Sequential:
        return _chain(net, "", known)
    return _pieces(net, "", known)


def host(model: Model) -> dict[str, Any]:
    """The model's parameters as NumPy arrays."""
    to_numpy = model.engine.backend.to_numpy
    return {name: np.asarray(to_numpy(view)) for name, view in model.parameters.items()}


def flat(branch: Branch) -> list[Piece]:
    """All pieces in one flat list."""
    found: list[Piece] = []
    for item in branch:
        found += [item] if isinstance(item, Piece) else flat(item)
    return found


def joined(path: str, name: str) -> str:
    """The dotted path of this name at a path."""
    return f"{path}.{name}" if path else name


def _chain(net: Sequential, path: str, known: dict[int, str]) -> Branch:
    branch: Branch = []
    for i, layer in enumerate(net.layers):
        # A shared layer keeps the path of its first call.
        at = known.setdefault(id(layer), joined(path, f"layers.{i}"))
        if type(layer) is Sequential:
            branch.append(_chain(layer, at, known))
        else:
            branch += _pieces(layer, at, known)
    return branch


def _pieces(layer: Any, path: str, known: dict[int, str]) -> Branch:
    """A layer, and the activation of a dense layer."""
    activation = layer.activation if type(layer) is Dense else None
    if activation is None:
        return [Piece(layer, path)]
    inner = joined(path, type(activation).__name__.lower())
    return [Piece(layer, path), Piece(activation, known.setdefault(id(activation), inner))]
