"""The state of a fit from a checkpoint, decoded and checked before anything is restored."""

from dataclasses import dataclass
from typing import Any

from xpnet.arguments import count, number
from xpnet.backends import dtype_name, get
from xpnet.data.conversion import check_finite
from xpnet.engine.engine import Engine
from xpnet.errors import FormatError, XpnetError
from xpnet.saving.codec import decode
from xpnet.saving.file_values import sizes_of
from xpnet.training.snapshot import Snapshot
from xpnet.typing import Array

__all__ = ["CheckedState", "checked_state"]

_MOST = 2**62  # a count in a file


@dataclass(frozen=True, eq=False)
class CheckedState:
    """What is restored: arrays on the host, numbers, and objects made from data."""

    arrays: dict[str, Array]
    counts: dict[str, int]  # updates, epoch, step, batch, begin
    sizes: dict[int, int]
    seconds: float
    stopping: bool
    rate: float
    schedule: Any
    history: list[dict[str, float]]
    callbacks: list[dict[str, Any]]


def checked_state(engine: Engine, names: set[str], snapshot: Snapshot) -> CheckedState:
    """The state in a snapshot that belongs to this fit; `names` are those of its arrays.

    Raises
    ------
    FormatError
        If a part is missing, or is not what a checkpoint holds.
    """
    try:
        return _checked(engine, names, snapshot)
    except Exception as error:  # data from a file may be anything
        why = str(error) if isinstance(error, XpnetError) else f"{type(error).__name__}: {error}"
        raise FormatError(
            f"the checkpoint is damaged ({why[:300]}). Resume from an older one."
        ) from error


def _checked(engine: Engine, names: set[str], snapshot: Snapshot) -> CheckedState:
    state, arrays = snapshot.state, {name: snapshot.arrays[name] for name in names}
    for name in names - {"loss_scale", "results"}:
        if dtype_name(arrays[name].dtype) != engine.network.dtype:
            raise FormatError(f"{name!r} has the type {arrays[name].dtype}")
    check_finite("params", arrays["params"], get("numpy"))
    counts = {
        name: count(name, state[name], 0, _MOST)
        for name in ("updates", "epoch", "step", "batch", "begin")
    }
    if counts["begin"] > counts["epoch"] or not isinstance(state["stopping"], bool):
        raise FormatError("its counters contradict each other")
    return CheckedState(
        arrays,
        counts,
        sizes_of(state.get("sizes", [])),
        number("seconds", state["seconds"], 0),
        state["stopping"],
        number("rate", state["rate"], 0),
        _schedule(state["schedule"], counts["epoch"]),
        _history(state["history"], counts["epoch"] - counts["begin"]),
        [_of_callback(entry, snapshot) for entry in state["callbacks"]],
    )


def _schedule(data: Any, epoch: int) -> Any:
    """The learning rate, tried out; None if the fit's own is used."""
    found = decode(data)
    if found is not None:
        number("learning_rate", found(epoch) if callable(found) else found, 0)
    return found


def _history(data: Any, epochs: int) -> list[dict[str, float]]:
    found = decode(data)
    if not isinstance(found, list) or len(found) != epochs:
        raise FormatError(f"its history does not have {epochs} epochs")
    return [_row(row) for row in found]


def _row(row: Any) -> dict[str, float]:
    good = isinstance(row, dict) and {"epoch", "loss"} <= row.keys()
    if not good or not all(type(value) in (int, float) for value in row.values()):
        raise FormatError("its history has a row without numbers")
    return dict(row)


def _of_callback(entry: dict[str, Any], snapshot: Snapshot) -> dict[str, Any]:
    found = decode(entry["state"], snapshot.arrays)
    if not isinstance(found, dict):
        raise FormatError(f"its state of {entry['class']!r:.80} is no dict")
    return found
