"""Shape signatures: documentation, shape inference and check in one string."""

import re
from collections.abc import Sequence

from xpnet.errors import ShapeError
from xpnet.typing import Shape

__all__ = ["Signature", "broadcast_shapes"]

Core = tuple[str, ...]


def broadcast_shapes(shapes: Sequence[Shape]) -> Shape | None:
    """The shape that all broadcast to, or None if they do not broadcast."""
    result: list[int] = []
    for axis in range(1, max(map(len, shapes), default=0) + 1):
        lengths = {s[-axis] for s in shapes if len(s) >= axis} - {1}
        if len(lengths) > 1:
            return None
        result.append(lengths.pop() if lengths else 1)
    return tuple(reversed(result))


class Signature:
    """A parsed signature such as ``"(...,k),(...)->(...);(...,k)"``.

    Each operand has leading *loop* dimensions (``...``) and named *core* dimensions. A name
    means the same length everywhere.
    """

    def __init__(self, name: str, text: str, broadcast: bool) -> None:
        self.name, self.text, self.broadcast = name, text, broadcast
        left, _, right = text.partition("->")
        output, _, saved = right.partition(";")
        parts = re.findall(r"\(([^)]*)\)", left)
        self.inputs = [self._core(part) for part in parts]
        self._loops = [part.startswith("...") for part in parts]
        self.output = self._core(output)
        self.saved = self._core(saved) if saved else None

    @staticmethod
    def _core(part: str) -> Core:
        return tuple(n for n in part.strip("()").split(",") if n and n != "...")

    def _fail(self, shapes: Sequence[Shape], why: str) -> ShapeError:
        got = ", ".join(map(str, shapes))
        return ShapeError(f"{self.name} expects shapes {self.text}, got {got}: {why}.")

    def match(self, shapes: Sequence[Shape]) -> tuple[Shape, dict[str, int]]:
        """Loop dimensions of the output, and the length of each named dimension."""
        if len(shapes) != len(self.inputs):
            raise self._fail(shapes, f"{len(self.inputs)} inputs expected")
        lengths: dict[str, int] = {}
        loops: list[Shape] = []
        for position, (core, shape) in enumerate(zip(self.inputs, shapes, strict=True)):
            if len(shape) < len(core):
                rank = f"needs at least {len(core)} dimensions, has {len(shape)}"
                raise self._fail(shapes, f"input {position} {rank}")
            cut = len(shape) - len(core)
            if cut and not self._loops[position]:
                rank = f"must have {len(core)} dimensions, has {len(shape)}"
                raise self._fail(shapes, f"input {position} {rank}")
            loops.append(shape[:cut])
            for name, length in zip(core, shape[cut:], strict=True):
                if lengths.setdefault(name, length) != length:
                    raise self._fail(shapes, f"dimension {name} is {lengths[name]} and {length}")
        loop = broadcast_shapes(loops) if self.broadcast else loops[0]
        if loop is None or (not self.broadcast and any(other != loop for other in loops)):
            verb = "broadcast" if self.broadcast else "agree"
            raise self._fail(shapes, f"the leading dimensions do not {verb}")
        return loop, lengths

    def output_shape(self, shapes: Sequence[Shape]) -> Shape:
        """Shape of the output for inputs of these shapes."""
        loop, lengths = self.match(shapes)
        return loop + tuple(lengths[n] for n in self.output)

    def saved_shape(self, shapes: Sequence[Shape]) -> Shape:
        """Shape of the saved tensor for inputs of these shapes."""
        loop, lengths = self.match(shapes)
        return loop + tuple(lengths[n] for n in self.saved or ())

    def gradient_shape(self, shapes: Sequence[Shape], index: int) -> Shape:
        """Shape of one input's vjp, before the sum over broadcast dimensions."""
        loop, lengths = self.match(shapes)
        return loop + tuple(lengths[n] for n in self.inputs[index])
