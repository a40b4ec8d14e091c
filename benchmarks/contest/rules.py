"""The players, the checks before anything is timed, and the measurements."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Mapping
from functools import partial
from itertools import pairwise
from typing import Any

import numpy as np
from common import Size, products
from timing import Run, Spread, Times, by_turns, ratios

from contest import by_hand, ours, with_jax, with_onnx, with_sklearn, with_torch
from contest.task import Absent, Player, Task

FLOOR = "products"
BATCHES = 32  # the batches of single steps
CHECKED = 4  # steps whose losses are compared
EPOCH = " epoch"  # the suffix of players that make epochs
ACCURACY, PUBLIC = "xpnet with accuracy", "xpnet.train_on_batch"  # these do more than the others

Found = dict[str, dict[str, Any]]


class Wrong(AssertionError):
    """A library computes something different from the others."""


def players() -> dict[str, Callable[[Task], Player]]:
    """Factories of all players that train, by name."""
    made: dict[str, Callable[[Task], Player]] = {
        name: partial(ours.Step, variant=variant) for name, variant in ours.variants().items()
    }
    best = ours.best_variant()
    made |= {
        f"{name}, many in a call": partial(ours.Together, variant=variant)
        for name, variant in ours.variants().items()
        if variant.compiles
    }
    return {
        **made,
        ACCURACY: partial(ours.Step, variant=best, metrics=None),
        PUBLIC: ours.TrainOnBatch,
        "numpy by hand": by_hand.ByHand,
        "torch eager": with_torch.Torch,
        "torch eager, fused": partial(with_torch.Torch, fused=True),
        "torch.compile": partial(with_torch.Torch, fused=True, compile=True),
        "jax.jit": with_jax.Jax,
        f"xpnet.fit{EPOCH}": ours.Best,
        f"scikit-learn{EPOCH}": with_sklearn.Sklearn,
        f"skorch{EPOCH}": with_torch.Skorch,
    }


def predictors() -> dict[str, Callable[[Task, Any], Callable[[], Any]]]:
    """Factories of all players that predict, by name."""
    made: dict[str, Callable[[Task, Any], Callable[[], Any]]] = {
        name: partial(ours.predictor, variant=variant) for name, variant in ours.variants().items()
    }
    return {
        **made,
        "numpy by hand": by_hand.predictor,
        "torch eager": with_torch.predictor,
        "torch.compile": partial(with_torch.predictor, compile=True),
        "jax.jit": with_jax.predictor,
        "onnxruntime": with_onnx.predictor,
        "scikit-learn": with_sklearn.predictor,
    }


def task_of(size: Size, batches: int) -> Task:
    """A named size as a task, with weights that xpnet draws."""
    X, y = size.data(size.batch * batches)
    state = size.model().build().state_dict()
    layers = [
        (state[f"layers.{2 * i}.weight"], state[f"layers.{2 * i}.bias"])
        for i in range(len(size.units) - 1)
    ]
    return Task(layers, X, y, size.batch, size.optimizer)


def batches_of_epoch(size: Size) -> int:
    """The batches of an epoch: many, to spread out its fixed cost, but only seconds of work."""
    weights = sum(i * o for i, o in pairwise(size.units))
    return max(4, min(256, 2 * 10**10 // (6 * size.batch * weights)))


def chosen(names: Iterable[str], only: Iterable[str]) -> list[str]:
    """The names that start with one of `only`; all names if it is empty."""
    wanted = tuple(only)
    return [name for name in names if not wanted or name.startswith(wanted)]


def steps(
    size: Size, rounds: int, only: Iterable[str], pause: float
) -> tuple[Found, dict[str, str]]:
    """Time a step of every available player; also return the absent ones with reasons."""
    many = batches_of_epoch(size)
    longest = task_of(size, max(many, BATCHES))
    task, epoch = longest.first(BATCHES), longest.first(many)
    expected = by_hand.ByHand(task).mean_loss(CHECKED)

    def make(name: str, maker: Callable[[Task], Player]) -> Player:
        player = maker(epoch if name.endswith(EPOCH) else task)
        check_loss(player.mean_loss(CHECKED), expected)
        return player

    made, absent = _gathered(players(), only, make)
    runs = {FLOOR: Run(products(size))}
    runs |= {name: Run(p.run, p.finish, p.steps) for name, p in made.items()}
    return told(by_turns(runs, rounds, pause=pause)), absent


def predictions(
    size: Size, rows: int, rounds: int, only: Iterable[str], pause: float
) -> tuple[Found, dict[str, str]]:
    """The same for predictions of this many rows."""
    task, X = task_of(size, 1), size.data(rows)[0]
    expected = by_hand.predictor(task, X)()

    def make(_: str, maker: Callable[[Task, Any], Callable[[], Any]]) -> Callable[[], Any]:
        predict = maker(task, X)
        check_logits(np.asarray(predict()), expected)
        return predict

    made, absent = _gathered(predictors(), only, make)
    runs = {FLOOR: Run(by_hand.bare_products(task, X))}
    runs |= {name: Run(predict) for name, predict in made.items()}
    return told(by_turns(runs, rounds, pause=pause)), absent


def _gathered(
    makers: Mapping[str, Any], only: Iterable[str], make: Callable[[str, Any], Any]
) -> tuple[dict[str, Any], dict[str, str]]:
    """The players that can take part, and why the others cannot; xpnet must."""
    made, absent = {}, {}
    for name in chosen(makers, only):
        try:
            made[name] = make(name, makers[name])
        except (Absent, Wrong) as reason:
            if name.startswith("xpnet"):
                raise RuntimeError(f"{name}: {reason}") from reason
            absent[name] = str(reason)
            print(f"  {name} is left out: {reason}", file=sys.stderr)
    return made, absent


def check_loss(found: float, expected: float) -> None:
    """Check that the mean losses of the first steps agree."""
    if not abs(found / expected - 1) < 1e-3:
        raise Wrong(f"the mean loss of {CHECKED} steps is {found:.6g} instead of {expected:.6g}")


def check_logits(found: Any, expected: Any) -> None:
    """Logits must agree up to rounding; for classes, one in a thousand may be a tie."""
    if found.ndim == 1:
        wrong = float((found != expected.argmax(axis=1)).mean())
        if wrong > 1e-3:
            raise Wrong(f"{wrong:.1%} of its classes differ")
    elif not np.allclose(found, expected, rtol=1e-3, atol=1e-4):
        raise Wrong(f"its logits differ by up to {np.abs(found - expected).max():.2g}")


Rival = Callable[[str, Mapping[str, Spread]], str | None]


def told(times: Mapping[str, Times], rival_of: Rival | None = None) -> Found:
    """Medians and quartiles in microseconds, and ratios to the floor and to xpnet.

    Parameters
    ----------
    rival_of : function, optional
        Takes a name and all medians; returns the name of the xpnet run to compare with. The
        default is `opponent`.
    """
    middle = {name: Spread.of(t.seconds) for name, t in times.items()}
    result: Found = {}
    for name, spread in middle.items():
        row: dict[str, Any] = {
            "us": vars(spread.times(1e6)),
            "cores": Spread.of(times[name].cores).median,
            "floors": vars(ratios(times[name], times[FLOOR])),
        }
        rival = (rival_of or opponent)(name, middle)
        if rival is not None:
            row["xpnets"] = {"of": rival, **vars(ratios(times[name], times[rival]))}
        result[name] = row
    return result


def opponent(name: str, middle: Mapping[str, Spread]) -> str | None:
    """The fastest variant of xpnet that does the same as `name`: a step, or an epoch."""
    if name.startswith(("xpnet", FLOOR)):
        return None
    same = [
        other
        for other in middle
        if other.startswith("xpnet")
        and other.endswith(EPOCH) == name.endswith(EPOCH)
        and other not in (ACCURACY, PUBLIC)
    ]
    return min(same, key=lambda other: middle[other].median, default=None)
