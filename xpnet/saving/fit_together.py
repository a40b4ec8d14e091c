"""What the processes of a fit must have alike before it begins."""

from typing import Any
from zlib import crc32

from xpnet.backends import get
from xpnet.data.arrays import Data
from xpnet.engine.data_initialization import sample_of
from xpnet.engine.engine import Engine
from xpnet.errors import ArgumentError
from xpnet.parallel.member import Member
from xpnet.saving.fit_description import describe
from xpnet.training.context import FitContext
from xpnet.typing import ClassWeight

__all__ = ["check_shards", "described", "first_data"]


def check_shards(member: Member, class_weight: ClassWeight | None) -> None:
    """Raise `ArgumentError` for settings that need all rows where each process has its own."""
    if member.sharded and isinstance(class_weight, str):
        raise ArgumentError(
            f"class_weight={class_weight!r} needs the targets of all processes: give a dict of "
            "weights with data='sharded'."
        )


def described(engine: Engine, context: FitContext) -> dict[str, Any]:
    """The model, its state and the data, as one process has them."""
    state = engine.state
    vectors = {name: v for name, v in state.vectors.items() if name != "gradient"}
    return {
        "columns of X": list(engine.network.features),
        "fit": describe(engine, context.steps),
        "epoch": state.epoch,
        "checksum of the parameters": {name: crc32(v.data) for name, v in vectors.items()},
    }


def first_data(member: Member, engine: Engine, data: Data) -> Data:
    """The data from which initial values are made: the same in all processes."""
    if not (member.sharded and engine.state.awaiting):
        return data
    rows = member.exchange(sample_of(data, engine.network.seed))[0]
    return Data(get("numpy"), rows)
