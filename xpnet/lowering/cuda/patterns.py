"""The calls around a product in a list of recorded calls, and the writes of each call."""

from collections.abc import Sequence
from typing import Any

from xpnet.backends.base import PlannedBackend
from xpnet.kernels import Call
from xpnet.lowering.intervals import EVERYTHING, Intervals, Range
from xpnet.lowering.reading import Operand, Reader

__all__ = ["Patterns", "overlap"]


def overlap(a: Range, b: Range) -> bool:
    """Whether two pieces of memory share bytes."""
    return a[0] < b[1] and b[0] < a[1]


class Patterns:
    """Questions about the calls of one list; `i` is a call's index.

    Parameters
    ----------
    backend : PlannedBackend
    calls : sequence of Call
    live : Intervals
        The bytes whose content is needed after all calls.
    """

    def __init__(self, backend: PlannedBackend, calls: Sequence[Call], live: Intervals) -> None:
        self._raw, self._calls, self._live = backend.raw, calls, live
        self.reader = Reader(backend)

    def is_product(self, i: int) -> bool:
        """Whether it is ``matmul(a, b, out=y)``."""
        call = self._calls[i]
        plain = len(call.args) == 2 and call.kwargs.keys() == {"out"}
        return plain and self.reader.name(call) == "matmul"

    def bias(self, i: int, y: Operand) -> Operand | None:
        """The row that is added to y in place."""
        args = self._over(i, "add", y)
        if args is None or not hasattr(args[1], "shape") or len(y.shape) < 2:
            return None
        row = self.reader.operand(args[1])
        lead = row.shape[:-1]
        alike = row.shape[-1:] == y.shape[-1:] and row.dtype == y.dtype
        packed = row.strides[-1:] == (row.itemsize,) or y.shape[-1] == 1
        one = all(n == 1 for n in lead)
        each = len(lead) == 2 == len(y.shape) - 1 and lead == (y.shape[0], 1)
        return row if alike and packed and (one or each) else None

    def relu(self, i: int, y: Operand) -> bool:
        """Whether it is ``maximum(y, 0, out=y)``."""
        args = self._over(i, "maximum", y)
        return args is not None and self._zero(args[1])

    def row_sums(self, i: int, y: Operand) -> Operand | None:
        """The output of the sum over the rows of the matrix y."""
        call = self._named(i, "sum")
        if call is None or len(y.shape) != 2 or not self._same(call.args[0], y):
            return None
        settings = dict(call.kwargs)
        out, axis = settings.pop("out", None), settings.pop("axis", None)
        settings.pop("keepdims", None)
        if out is None or settings or axis not in (0, -2, (0,), (-2,)):
            return None
        found = self.reader.operand(out)
        good = found.shape == y.shape[1:] and found.dtype == y.dtype
        return found if good and found.dense is not None else None

    def gated(self, i: int) -> Operand | None:
        """The y whose positive numbers gate the output of the i-th call, a product.

        cuBLASLt has no gated product of a column and a row, as of a network's single output.
        """
        a, out = self._calls[i].args[0], self._calls[i].kwargs["out"]
        inner = self.reader.operand(a).shape[-1]
        return self._gate(i + 1, self.reader.operand(out)) if inner > 1 else None

    def gated_later(self, i: int, y: Operand) -> bool:
        """Whether the content of y gates a product from the i-th call on."""
        for j in range(i, len(self._calls)):
            if self.is_product(j):
                found = self.gated(j)
                if found is not None and found.range == y.range:
                    return True
            if any(overlap(w, y.range) for w in self.written(self._calls[j])):
                return False
        return False

    def written(self, call: Call) -> list[Range]:
        """The bytes that a call may write."""
        if call.kwargs.get("out") is not None:
            target = call.kwargs["out"]
        elif call.fn in (self._raw.copyto, self._raw.put):
            target = call.args[0]
        else:
            return [EVERYTHING]
        return [self.reader.operand(target).range]

    # --- parts of these -----------------------------------------------------------------------

    def _gate(self, i: int, h: Operand) -> Operand | None:
        """The y of ``greater(y, 0, out=m)``, ``multiply(h, m, out=h)``, if m is dead later."""
        call = self._named(i, "greater")
        if call is None or not self._zero(call.args[1]) or not hasattr(call.args[0], "shape"):
            return None
        y, m = self.reader.operand(call.args[0]), self.reader.operand(call.kwargs["out"])
        args = self._over(i + 1, "multiply", h)
        fits = y.shape == h.shape == m.shape and y.dense is not None and y.dtype == h.dtype
        if args is None or not self._same(args[1], m) or not fits or not self._dead(m, i + 2):
            return None
        return y

    def _named(self, i: int, name: str) -> Call | None:
        """The call, if it is one of this function."""
        if i >= len(self._calls) or self.reader.name(self._calls[i]) != name:
            return None
        return self._calls[i]

    def _over(self, i: int, name: str, y: Operand) -> tuple[Any, ...] | None:
        """The arguments of ``name(y, ..., out=y)``."""
        call = self._named(i, name)
        if call is None or call.kwargs.keys() != {"out"}:
            return None
        over = self._same(call.args[0], y) and self._same(call.kwargs["out"], y)
        return call.args if over else None

    def _same(self, array: Any, x: Operand) -> bool:
        """Whether an argument is exactly this array."""
        if not hasattr(array, "shape"):
            return False
        found = self.reader.operand(array)
        return (found.address, found.shape, found.strides, found.dtype) == (
            x.address,
            x.shape,
            x.strides,
            x.dtype,
        )

    def _zero(self, x: Any) -> bool:
        return isinstance(x, int | float) and x == 0

    def _dead(self, x: Operand, start: int) -> bool:
        """Whether the content of x is not read from a call on."""
        low, high = x.range
        for call in self._calls[start:]:
            reads, overwritten = self.reader.effects(call)
            if any(overlap(found, x.range) for found in reads):
                return False
            if overwritten is not None and overwritten[0] <= low and high <= overwritten[1]:
                return True
        return not self._live.meets(x.range)
