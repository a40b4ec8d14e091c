"""Loss and metrics of some data, and of the batches of an epoch put together."""

from typing import Any

import numpy as np

from xpnet.lowering import turn
from xpnet.train.computation import PENALTY, WEIGHT, Computation
from xpnet.train.door import Data
from xpnet.train.feeding import feed
from xpnet.train.network import Network
from xpnet.train.programs import Program

__all__ = ["batches", "columns", "combine", "measure", "measure_programs"]


def batches(rows: int, batch_size: int) -> list[slice]:
    """The rows as slices of so many; the last may be smaller."""
    return [slice(i, min(i + batch_size, rows)) for i in range(0, rows, batch_size)]


def combine(
    network: Network, computation: Computation, log: Any, sizes: list[int]
) -> dict[str, float]:
    """Loss and metrics of all batches, from each one's results and its samples or their weight.

    Given with the digits that the model's type has: 0.975, not 0.9750000238418579.
    """
    layout, kind = computation.layout, np.dtype(network.dtype).type
    weights = log[:, layout[WEIGHT]][:, 0] if WEIGHT in layout else sizes
    shares = np.asarray(weights, dtype="float64")
    found = {n: m.combine(log[:, layout[n]], shares) for n, m in network.measures.items()}
    if PENALTY in layout:  # once, also where the loss is a sum over the batches
        penalties = log[:, layout[PENALTY]][:, 0]
        found["loss"] += float((penalties * shares).sum() / shares.sum())
    return {name: float(str(kind(value))) for name, value in found.items()}


def columns(network: Network, validated: bool) -> tuple[str, ...]:
    """Names of what is recorded of each epoch, but for the learning rate."""
    measured = list(network.measures)
    validation = [f"val_{name}" for name in measured] if validated else []
    return ("epoch", *measured, *validation, "seconds")


def measure_programs(network: Network, data: Data, batch_size: int) -> list[Program]:
    """The program for each batch of `measure`, compiled."""
    parts = batches(data.rows, batch_size)
    return [network.program(data.spec("evaluate", p.stop - p.start)) for p in parts]


def measure(network: Network, data: Data, batch_size: int) -> dict[str, float]:
    """Loss and metrics of these data, with the parameters as they are."""
    parts, rows = batches(data.rows, batch_size), []
    programs = measure_programs(network, data, batch_size)
    source = feed(network, data.place, data.arrays, parts)
    source.begin()
    threads = turn(network.backend, programs[0].operations)
    for i, program in enumerate(programs):
        with network.lock, network.backend.quiet(), threads:
            source.load(program, i)
            program.run()
            rows.append(network.backend.copy(program.results))
    results = network.backend.to_numpy(network.backend.xp.stack(rows)).astype("float64")
    sizes = [part.stop - part.start for part in parts]
    return combine(network, programs[0].computation, results, sizes)
