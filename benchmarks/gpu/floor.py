"""What a training step must do at the least: counted operations and bytes, and the time they take.

Operations are those of the matrix products. Bytes are counted in two ways: ``least`` is what
cannot be avoided (the batch read once, parameters and the optimizer's slots read and written
once), ``calls`` is what separate calls move that share nothing in the chip's caches but in which
everything elementwise is part of a product.
"""

from __future__ import annotations

from dataclasses import dataclass

from common import Size

# Vectors that an update reads and writes, the gradient among them.
PASSES = {"SGD": 3, "momentum": 5, "Adam": 7}
OPERAND = {"float32": 4, "tf32": 4, "bfloat16": 2, "float16": 2}
LABEL = 8


@dataclass(frozen=True)
class Work:
    """A step's floating-point operations, bytes, and (operations, bytes) call by call."""

    flops: int
    least: int
    calls: tuple[tuple[int, int], ...]

    def floor(self, bandwidth: float, rate: float) -> float:
        """Seconds in which no version can do it: the larger of moving and multiplying."""
        return max(self.least / bandwidth, self.flops / rate)

    def call_by_call(self, bandwidth: float, rate: float) -> float:
        """Seconds of the calls, each at the device's measured bandwidth or rate."""
        return sum(max(flops / rate, moved / bandwidth) for flops, moved in self.calls)


def parameters(size: Size) -> int:
    """How many parameters the network has."""
    return sum((i + 1) * o for i, o in zip(size.units, size.units[1:], strict=False))


def step_work(size: Size, precision: str) -> Work:
    """What one step of this size has to do: gather, products, update."""
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
