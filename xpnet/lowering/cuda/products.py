"""Recorded products as cuBLASLt products that include the calls after them.

These patterns of consecutive calls are recognized:

- ``matmul(a, b, out=y)``, ``add(y, row, out=y)``: one product with a bias
- the same and ``maximum(y, 0, out=y)``: one product with a bias and ReLU
- ``matmul(g, w^T, out=h)``, ``greater(y, 0, out=m)``, ``multiply(h, m, out=h)``, where `y` still
  holds the output of a product with ReLU: the first product saves a bit for each positive number,
  and the second product reads them
- the same and ``sum(h, axis=-2, out=b)``, the gradient of the bias

All other calls stay unchanged, and so do calls for which cuBLASLt has no product.
"""

from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

from xpnet.backends.base import PlannedBackend
from xpnet.backends.cuda import load
from xpnet.errors import BackendUnavailableError
from xpnet.kernels import Call
from xpnet.lowering.cuda.cublaslt import Lt
from xpnet.lowering.cuda.epilogue import auxiliary, bind
from xpnet.lowering.cuda.gemm import handle, usable
from xpnet.lowering.cuda.patterns import Patterns, overlap
from xpnet.lowering.cuda.sixteen_bit import Casts
from xpnet.lowering.intervals import EVERYTHING, Intervals, Range
from xpnet.lowering.reading import Operand

__all__ = ["lower_products"]


def lower_products(
    backend: PlannedBackend, calls: Sequence[Call], live: Intervals | None = None
) -> list[Call]:
    """The calls, with products replaced by cuBLASLt's where possible.

    To a reader, a product is still a call of ``matmul``, with its bias as a third argument.

    Parameters
    ----------
    backend : PlannedBackend
    calls : sequence of Call
    live : Intervals, optional
        The bytes whose content is needed after all calls; by default all.

    Raises
    ------
    BackendUnavailableError
        If the backend's precision is not float32 and cuBLASLt cannot be used.
    """
    lt = handle(backend.precision)
    if lt is not None:
        return _Lowering(backend, lt, calls, live or Intervals([EVERYTHING])).run()
    if backend.precision != "float32":
        reason = usable(load(), backend.precision)[1]
        raise BackendUnavailableError(
            f"precision={backend.precision!r} needs cuBLASLt: {reason}. precision='float32' works "
            "without it."
        )
    return list(calls)


_Candidate = tuple[
    str, int, Operand | None, Any
]  # epilogue, calls that it replaces, bias, auxiliary


class _Lowering:
    """One pass over a list of calls."""

    def __init__(
        self, backend: PlannedBackend, lt: Lt, calls: Sequence[Call], live: Intervals
    ) -> None:
        self._backend, self._lt, self._calls = backend, lt, calls
        self._patterns = Patterns(backend, calls, live)
        half = backend.precision in ("bfloat16", "float16")
        self._casts = Casts(backend.precision) if half else None
        self._bits: dict[Range, Any] = {}  # which numbers in this memory are > 0

    def run(self) -> list[Call]:
        result: list[Call] = []
        i = 0
        while i < len(self._calls):
            call, count = self._calls[i], 1
            if self._patterns.is_product(i):
                call, count = self._product(i)
            else:
                self._note([call])
            result.append(call)
            i += count
        return result

    def _product(self, i: int) -> tuple[Call, int]:
        """The call that replaces a product and the calls after it, and how many calls these are."""
        recorded = self._calls[i]
        read, out = self._patterns.reader.operand, recorded.kwargs["out"]
        a, b, y = read(recorded.args[0]), read(recorded.args[1]), read(out)
        for epilogue, count, bias, aux in self._candidates(i, a, b, y):
            precision = self._backend.precision
            run = bind(self._lt, a, b, y, precision, epilogue, bias, aux, self._casts)
            if run is None:
                continue
            self._note(self._calls[i : i + count])
            if epilogue == "relu_aux_bias":
                self._bits[y.range] = aux
            added = () if bias is None or epilogue == "drelu_bgrad" else (bias.array,)
            call = Call(self._backend, recorded.fn, (*recorded.args, *added), {"out": out})
            call.run = partial(run)
            return call, count
        self._note([recorded])
        return recorded, 1

    def _candidates(self, i: int, a: Operand, b: Operand, y: Operand) -> Iterator[_Candidate]:
        """The candidates that may replace a product, the best first."""
        known, patterns = self._lt.epilogues, self._patterns
        row = patterns.bias(i + 1, y)
        if row is not None and _apart(row, y) and "bias" in known:
            if patterns.relu(i + 2, y):
                if "relu_aux_bias" in known and y.dense and patterns.gated_later(i + 3, y):
                    yield "relu_aux_bias", 3, row, auxiliary(a, b, y)
                if "relu_bias" in known:
                    yield "relu_bias", 3, row, None
            yield "bias", 2, row, None
        gating = patterns.gated(i)
        if gating is not None and gating.range in self._bits and "drelu" in known:
            bits, sums = self._bits[gating.range], patterns.row_sums(i + 3, y)
            if sums is not None and _apart(sums, a, b, y) and "drelu_bgrad" in known:
                yield "drelu_bgrad", 4, sums, bits
            yield "drelu", 3, None, bits
        yield "", 1, None, None

    def _note(self, calls: Sequence[Call]) -> None:
        """Forget the bits of memory that these calls write."""
        for call in calls:
            for written in self._patterns.written(call):
                self._bits = {r: k for r, k in self._bits.items() if not overlap(r, written)}
                if self._casts is not None:
                    self._casts.wrote([written])


def _apart(x: Operand, *others: Operand) -> bool:
    """Whether x shares no byte with the others."""
    return not any(overlap(x.range, other.range) for other in others)
