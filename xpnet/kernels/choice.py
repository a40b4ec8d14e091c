"""Which kernel a record gets: a registered one, one derived from its definition, or neither."""

from collections.abc import Callable
from typing import Any

from xpnet.kernels.derive import emit, emit_in_blocks, results_of
from xpnet.kernels.loops import AS_LOOPS
from xpnet.kernels.recorder import KERNELS, Kernel, Recorder
from xpnet.kernels.terms import Given, Term, Underivable
from xpnet.ops.record import Op, Update, Vjp

__all__ = ["derived", "find"]

Record = Op | Vjp | Update


def find(record: Record, families: tuple[str, ...]) -> Kernel:
    """The best registered kernel of these families, or else one made of the definition.

    ``"loops"`` among the families says that runs of calls are made loops, see `AS_LOOPS`.
    It is `derived` where the family ``"out"`` is allowed, that is, where the library's functions
    take ``out=``. Otherwise its family is ``"definition"``: the definition is computed, which
    allocates, and the results are copied into place.
    """
    looped = "loops" in families
    if looped and record.name in AS_LOOPS:
        return derived(record)
    for family in families:
        if (family, record.name) in KERNELS:
            return KERNELS[family, record.name]
    if "out" not in families:
        return Kernel("definition", _definition(record))
    return derived(record, in_blocks=isinstance(record, Update) and not looped)


def derived(record: Record, in_blocks: bool = False) -> Kernel:
    """The steps of the definition as calls; the definition itself where it has no such steps.

    Which of the two depends on the arrays: until it is bound, the kernel calls itself derived.
    Its output may be written over any input, since nothing is written that is still to be read;
    a product would have to be copied there, and its output goes elsewhere.

    In blocks, an update makes its calls on one piece of the vectors after the other. Loops do
    without: what an element needs stays in registers.
    """
    return _Derived(record, in_blocks)


class _Derived(Kernel):
    """See `derived`."""

    def __init__(self, record: Record, in_blocks: bool) -> None:
        super().__init__("derived", self._bind, _inplace(record))
        self._of, self._in_blocks = record, in_blocks

    def _bind(self, k: Recorder, *arrays: Any, **static: Any) -> None:
        places, inputs = _split(self._of, arrays)
        try:
            results = results_of(k, self._of.fn, inputs, static)
        except Underivable:
            self.family = "definition"
            _definition(self._of)(k, *arrays, **static)
        else:
            self.family = "derived"
            if self._in_blocks:
                emit_in_blocks(k, results, places, _spent(self._of, results))
            else:
                emit(k, results, places)


def _inplace(record: Record) -> tuple[int, ...]:
    """The inputs over which the output may be written: all, or none where there is a product."""
    if isinstance(record, Update) or "matmul" in record.fn.__code__.co_names:
        return ()
    return tuple(range(len(record.inputs) if isinstance(record, Op) else 1 + len(record.reads)))


def _spent(record: Record, results: list[Term]) -> list[Given]:
    """The gradient of an update after which nobody reads it."""
    last = isinstance(record, Update) and record.last
    return [t for t in results[1:2] if last and isinstance(t, Given)]


def _split(record: Record, arrays: tuple[Any, ...]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """A kernel's arrays: those to write and those to read, which in an update are the same."""
    if isinstance(record, Update):
        return arrays[: len(record.vectors)], arrays
    count = 1 + (isinstance(record, Op) and record.saves)
    return arrays[:count], arrays[count:]


def _definition(record: Record) -> Callable[..., None]:
    """A kernel that computes by the definition and copies the results."""

    def function(k: Recorder, *arrays: Any, **static: Any) -> None:
        places, inputs = _split(record, arrays)

        def compute() -> None:
            results = record.fn(k.backend.xp, *inputs, **static)
            if not isinstance(results, tuple):
                results = (results,)
            # Copied first, since a result may be, or be a part of, what another is written over.
            kept = [k.backend.copy(result) for result in results[1:]]
            for place, result in zip(places, [results[0], *kept], strict=True):
                k.raw.copyto(place, result)

        k(compute)

    return function
