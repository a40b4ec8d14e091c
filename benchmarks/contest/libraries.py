"""Each array library with its players: xpnet on it, code written in it by hand, and Keras on it.

A player's name, without what follows a colon, ends with the name of its library. All players of a
library run in one process. Keras has other processes, because it chooses its library on import.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import partial
from typing import Any

from timing import Spread

from contest import by_hand, on_library, ours, with_jax, with_keras, with_torch
from contest.rules import FLOOR
from contest.task import Player, Task

EPOCHS = 3  # per timed fit
FIT, BATCH = ": fit", ": train_on_batch"


@dataclass(frozen=True)
class Library:
    """The players of one process.

    Attributes
    ----------
    trains : dict of str to callable
        Factories of players that train, by name.
    predicts : dict of str to callable
        Factories of functions that predict, by name.
    settings : dict of str to str
        Environment variables of the process.
    """

    trains: Mapping[str, Callable[[Task], Player]]
    predicts: Mapping[str, Callable[[Task, Any], Callable[[], Any]]]
    settings: Mapping[str, str] = field(default_factory=dict)


def _xpnet(backends: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
    """xpnet's players on these backends."""
    trains: dict[str, Any] = {}
    for name, backend in backends.items():
        trains[name + FIT] = partial(on_library.Fit, wanted=backend, epochs=EPOCHS)
    for name, backend in backends.items():
        trains[name + BATCH] = partial(on_library.TrainOnBatch, wanted=backend)
    predicts = {n: partial(on_library.predictor, wanted=b) for n, b in backends.items()}
    return trains, predicts


def _keras(library: str) -> Library:
    name = f"keras {library}"
    trains: dict[str, Any] = {name + FIT: partial(with_keras.Keras, epochs=EPOCHS)}
    return Library(trains, {name: with_keras.predictor}, {"KERAS_BACKEND": library})


def libraries() -> dict[str, Library]:
    """All processes and their players."""
    plain = {
        f"{name} numpy": variant.backend()
        for name, variant in ours.variants().items()
        if variant.blas == "numpy"
    }
    numpy, torch, jax = (_xpnet(b) for b in (plain, {"xpnet torch": "torch"}, {"xpnet jax": "jax"}))
    eager = partial(with_torch.Torch, fused=True)
    return {
        "numpy": Library(
            {**numpy[0], "by hand in numpy": by_hand.ByHand},
            {**numpy[1], "by hand in numpy": by_hand.predictor},
            {"XPNET_BLAS": "numpy"},
        ),
        "torch": Library(
            {**torch[0], "by hand in torch": eager},
            {**torch[1], "by hand in torch": with_torch.predictor},
        ),
        "jax": Library(
            {**jax[0], "by hand in jax": with_jax.Jax},
            {**jax[1], "by hand in jax": with_jax.predictor},
        ),
        "keras jax": _keras("jax"),
        "keras torch": _keras("torch"),
    }


def names() -> list[str]:
    """The names of all players."""
    found = [name for library in libraries().values() for name in library.trains]
    return [*found, *(n for lib in libraries().values() for n in lib.predicts if n not in found)]


def rival(name: str, middle: Mapping[str, Spread]) -> str | None:
    """The fastest fit or prediction of xpnet on the same library."""
    if name.startswith(("xpnet", FLOOR)):
        return None
    library = name.partition(":")[0].rpartition(" ")[2]
    same = [
        other
        for other in middle
        if other.startswith("xpnet")
        and other.partition(":")[0].endswith(f" {library}")
        and not other.endswith(BATCH)
    ]
    return min(same, key=lambda other: middle[other].median, default=None)
