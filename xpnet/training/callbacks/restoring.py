"""Restore the attributes of a callback from a checkpoint, checked before anything changes."""

from collections.abc import Mapping
from types import UnionType
from typing import Any

from xpnet.errors import FormatError
from xpnet.training.callbacks.callback import Callback
from xpnet.training.context import FittedModel

__all__ = ["restore"]

_Kinds = Mapping[str, type | UnionType]


def restore(
    callback: Callback,
    model: FittedModel,
    state: dict[str, Any],
    kinds: _Kinds,
    parameters: str | None = None,
) -> None:
    """Set attributes to the values that a checkpoint has for them.

    Parameters
    ----------
    callback : Callback
    model : FittedModel
    state : dict of str to object
        The values.
    kinds : mapping of str to type
        The attributes, all of which must be there, and the type of each.
    parameters : str, optional
        The attribute that holds None or the parameters of the model.

    Raises
    ------
    FormatError
        If the state is of another kind.
    """
    good = state.keys() == kinds.keys()
    if not good or not all(isinstance(state[name], kind) for name, kind in kinds.items()):
        raise _damaged(callback)
    kept = None if parameters is None else state[parameters]
    if kept is not None:
        own = {name: tuple(array.shape) for name, array in model.state_dict().items()}
        if own != {name: tuple(getattr(array, "shape", ())) for name, array in kept.items()}:
            raise _damaged(callback)
    vars(callback).update(state)


def _damaged(callback: Callback) -> FormatError:
    return FormatError(
        f"the checkpoint is damaged: what it holds of {type(callback).__name__} is not what such a "
        "callback writes. Resume from an older checkpoint."
    )
