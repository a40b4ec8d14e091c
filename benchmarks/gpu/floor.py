"""The least work of a training step: counted operations and bytes, and the time they take.

Operations are those of the matrix products. Bytes are counted in two ways. ``least`` cannot be
avoided: the batch is read once, parameters and the optimizer's slots are read and written once.
``calls`` is the traffic of separate calls that share nothing in the chip's caches, with all
elementwise work fused into the products.
"""

from __future__ import annotations

from dataclasses import dataclass

from common import Size

# Vectors that an update reads and writes, including the gradient.
PASSES = {"SGD": 3, "momentum": 5, "Adam": 7}
OPERAND = {"float32": 4, "tf32": 4, "bfloat16": 2, "float16": 2}
LABEL = 8


@dataclass(frozen=True)
class Work:
    """A step's floating-point operations, its bytes, and (operations, bytes) of each call."""

    flops: int
    least: int
    calls: tuple[tuple[int, int], ...]

    def floor(self, bandwidth: float, rate: float) -> float:
        """A lower bound in seconds for any version: the longer of moving and multiplying."""
        return max(self.least / bandwidth, self.flops / rate)

    def call_by_call(self, bandwidth: float, rate: float) -> float:
        """The seconds of all calls, each at the device's measured bandwidth or rate."""
        return sum(max(flops / rate, moved / bandwidth) for flops, moved in self.calls)


def parameters(size: Size) -> int:
    """The number of the network's parameters."""
    return sum((i + 1) * o for i, o in zip(size.units, size.units[1:], strict=False))


def step_work(size: Size, precision: str) -> Work:
    """The work of one step of this size: gather, products, update."""
    b, element = size.batch, OPERAND[precision]
    calls = [(0, b * (2 * 4 * size.units[0] + 2 * LABEL))]
    for layer, (i, o) in enumerate(zip(size.units, size.units[1:], strict=False)):
        flops = 2 * b * i * o
        shapes = [(b * i + i * o, b * o), (b * i + b * o, i * o)]
        if layer:
            shapes.append((b * o + i * o, b * i))
        calls += [(flops, element * read + 4 * written) for read, written in shapes]
    count, passes = parameters(size), PASSES[size.optimizer]
    calls.append((0, 4 * passes * count))
    least = b * (4 * size.units[0] + LABEL) + 4 * (passes - 1) * count
    return Work(sum(flops for flops, _ in calls), least, tuple(calls))
