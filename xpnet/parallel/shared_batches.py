"""The batches of a fit, of which each process takes a part."""

from dataclasses import dataclass

from xpnet.data.arrays import Data
from xpnet.engine.batches import Batches
from xpnet.engine.engine import Engine
from xpnet.engine.staged_batches import StagedBatches
from xpnet.engine.stream_batches import StreamData
from xpnet.errors import ArgumentError
from xpnet.graph import Share
from xpnet.nn import Metric
from xpnet.parallel.group import Group
from xpnet.parallel.member import Member
from xpnet.parallel.shares import Piece, of_all_rows, of_own_rows
from xpnet.typing import Array

__all__ = ["SharedBatches", "shared_batches"]


@dataclass(frozen=True)
class Across:
    """The sum of arrays over processes, for ops; see `Share`."""

    group: Group

    def __call__(self, x: Array) -> Array:
        total = x.copy()
        self.group.sum(total)
        return total

    def __repr__(self) -> str:
        return f"over {self.group.size} processes"


@dataclass(frozen=True)
class SharedBatches:
    """This process's parts of the batches.

    Attributes
    ----------
    own : Batches
    totals : list of int
        The rows of each whole batch.
    member : Member
    """

    own: Batches
    totals: list[int]
    member: Member


def shared_batches(
    engine: Engine, data: Data, batch_size: int | None, threads: int | None, member: Member
) -> SharedBatches:
    """The parts of this process; without a batch size, all samples are one batch.

    Raises
    ------
    ArgumentError
        If a process would have no rows of the first batch, a metric cannot be merged, or the data
        cannot be divided.
    """
    _check_data(data, member)
    _check_metrics(engine.network.measures)
    group = member.group
    if member.sharded:
        rows: list[int] = member.exchange(data.rows)
        pieces = of_own_rows(rows, batch_size or sum(rows), group.rank)
    else:
        pieces = of_all_rows(data.rows, batch_size or data.rows, group.rank, group.size)
    parts, shares = [piece.rows for piece in pieces], _shares(engine, pieces, member)
    kind = StagedBatches if data.stored else Batches
    batches = kind(engine, "accumulate", data, parts, threads, shares=shares)
    return SharedBatches(batches, [piece.total for piece in pieces], member)


def _shares(engine: Engine, pieces: list[Piece], member: Member) -> list[Share]:
    """What the programs must know of the batches; equal shares have one program."""
    graph, _ = engine.network.trace(2, training=True)
    across = Across(member.group) if member.settings.batch_norm == "sync" else None
    noisy, shares = graph.step_values.drawn > 0, []
    for piece in pieces:
        rows = piece.rows.stop - piece.rows.start
        total = piece.total if noisy or across is not None else rows
        shares.append(Share(piece.first if noisy else 0, rows, total, across))
    return shares


def _check_data(data: Data, member: Member) -> None:
    if isinstance(data, StreamData):
        raise ArgumentError(
            "several processes cannot share batches from a function, whose rows are not known in "
            "advance: give each process a source of rows (xpnet.data.open) and "
            "distributed=xpnet.Distributed(data='sharded')."
        )
    if data.stored and not member.sharded:
        raise ArgumentError(
            "data that are not in memory are read in windows, of which processes cannot take parts "
            "of batches: give each process rows of its own, and "
            "distributed=xpnet.Distributed(data='sharded')."
        )


def _check_metrics(measures: dict[str, Metric]) -> None:
    for name, metric in measures.items():
        if metric.merge is None:
            raise ArgumentError(
                f"the metric {name!r} does not say how to merge the results of several processes: "
                "give it merge=, a function of their rows and shares."
            )
