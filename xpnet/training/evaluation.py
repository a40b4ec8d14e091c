"""Loss and metrics of data, and of an epoch's batches combined."""

from collections.abc import Mapping, Sequence
from math import isnan

import numpy as np

from xpnet.data.arrays import Data
from xpnet.engine.batch_graph import PENALTY, SHARED, WEIGHT
from xpnet.engine.batches import Batches
from xpnet.engine.cutting import cut
from xpnet.engine.engine import Engine
from xpnet.engine.network import Network
from xpnet.engine.programs import Program
from xpnet.engine.traced_sweep import traced_sweep
from xpnet.errors import TrainingWarning
from xpnet.parallel.member import Member
from xpnet.typing import Array
from xpnet.warn import warn_user

__all__ = ["columns", "combine", "evaluate", "evaluate_batches"]


def combine(
    network: Network,
    layout: Mapping[str, slice],
    log: Array,
    sizes: Sequence[int],
    together: int = 1,
) -> dict[str, float]:
    """Loss and metrics of all batches, from each batch's results and its size or weight.

    `layout` says where each result is. A step has `together` batches. Numbers have only the
    digits of the model's type: 0.975, not 0.9750000238418579.
    """
    kind = np.dtype(network.dtype).type
    weights = log[:, layout[WEIGHT]][:, 0] if WEIGHT in layout else sizes
    shares = np.asarray(weights, dtype="float64")
    found = {n: m.combine(log[:, layout[n]], shares) for n, m in network.measures.items()}
    if PENALTY in layout:  # once, even if the loss is a sum over the batches
        penalties = log[:, layout[PENALTY]][:, 0]
        found["loss"] += float((penalties * shares).sum() / shares.sum())
    if SHARED in layout:  # once per step, because its batches have the same parameters
        penalties = log[::together, layout[SHARED]][:, 0]
        steps = np.add.reduceat(shares, range(0, len(shares), together))
        found["loss"] += float(penalties[steps > 0].sum() / shares.sum())
    return {name: float(str(kind(value))) for name, value in found.items()}


def columns(network: Network, validated: bool) -> tuple[str, ...]:
    """Names of the numbers recorded for each epoch, except the learning rate."""
    measured = list(network.measures)
    validation = [f"val_{name}" for name in measured] if validated else []
    return ("epoch", *measured, *validation, "seconds")


def evaluate(engine: Engine, data: Data, batch_size: int) -> dict[str, float]:
    """Loss and metrics of these data with the current parameters.

    Warns if the loss is NaN because outputs are not finite.
    """
    found = evaluate_batches(engine, cut(engine, "evaluate", data, batch_size))
    if isnan(found["loss"]):
        count = _without_output(engine, data, batch_size)
        if count:
            warn_user(
                f"{count:,} of {data.rows:,} rows have outputs that are NaN or infinite. They make "
                "the loss NaN. Look for inputs that are far from the "
                "training data; if there are none, train again with a lower learning rate.",
                TrainingWarning,
            )
    return found


def _without_output(engine: Engine, data: Data, batch_size: int) -> int:
    """How many rows have an output that is not finite."""

    def count(program: Program) -> int:
        outputs = engine.backend.to_numpy(program.output())
        finite = np.isfinite(outputs.reshape(len(outputs), -1)).all(axis=1)
        return int((~finite).sum())

    inputs = Data(data.backend, data.x)
    return sum(cut(engine, "predict", inputs, batch_size).each(count))


def evaluate_batches(
    engine: Engine, batches: Batches, member: Member | None = None
) -> dict[str, float]:
    """Loss and metrics of data that are already cut into batches.

    The members of a fit deal out whole batches, so their results have the bits of one process.
    """
    backend, layout = engine.backend, batches.programs[0].batch_graph.layout
    if member is not None:
        log, sizes = _dealt_out(engine, batches, member)
        return combine(engine.network, layout, log, sizes)
    with engine.programs.lock:  # all batches see the same parameters
        found = traced_sweep(engine, batches)
        if found is None:
            found = backend.xp.stack(batches.each(lambda program: backend.copy(program.results)))
    log = backend.to_numpy(found).astype("float64")
    return combine(engine.network, layout, log, batches.sizes)


def _dealt_out(engine: Engine, batches: Batches, member: Member) -> tuple[Array, Sequence[int]]:
    """The results of all processes' batches in order, and the sizes of these."""
    group, count = member.group, len(batches)
    own = range(count) if member.sharded else range(group.rank, count, group.size)
    rows = batches.each(lambda program: engine.backend.to_numpy(program.results).copy(), own)
    found = group.gather(([batches.sizes[i] for i in own], rows))
    if member.sharded:
        sizes = [size for part, _ in found for size in part]
        log = [row for _, part in found for row in part]
    else:
        sizes = batches.sizes
        log = [found[i % group.size][1][i // group.size] for i in range(count)]
    return np.stack(log).astype("float64"), sizes
