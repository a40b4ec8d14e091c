"""Which kernel an op gets: a registered one, one derived from its definition, or neither."""

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
    """The best registered kernel of these families, else one made from the definition.

    ``"loops"`` among the families means that calls are fused into loops; see `AS_LOOPS`. The
    kernel is `derived` if the family ``"out"`` is allowed, that is, if the library's functions
    take ``out=``. Otherwise its family is ``"definition"``: it runs the definition, which
    allocates, and copies the results.
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
    """The steps of the definition as calls, or the definition itself if it has no such steps.

    Which of the two depends on the arrays. Until it is bound, the kernel's family is
    ``"derived"``. The output may overwrite any input, because memory that is still to be read is
    never written. A product's output goes elsewhere, since it would have to be copied.

    In blocks, an update makes its calls on the vectors piece by piece. Loops need no blocks: an
    element stays in registers.
    """
    return _Derived(record, in_blocks)


class _Derived(Kernel):
    """See `derived`."""

    def __init__(self, record: Record, in_blocks: bool) -> None:
        super().__init__("derived", self._bind, _inplace(record))
        self._of, self._in_blocks = record, in_blocks

    def _bind(self, k: Recorder, *arrays: Any, **static: Any) -> None:
        outs, inputs = _split(self._of, arrays)
        try:
            results = results_of(k, self._of.fn, inputs, static)
        except Underivable:
            self.family = "definition"
            _definition(self._of)(k, *arrays, **static)
        else:
            self.family = "derived"
            if self._in_blocks:
                emit_in_blocks(k, results, outs, _spent(self._of, results))
            else:
                emit(k, results, outs)


def _inplace(record: Record) -> tuple[int, ...]:
    """The inputs that the output may overwrite: all, or none if there is a product."""
    if isinstance(record, Update) or "matmul" in record.fn.__code__.co_names:
        return ()
    return tuple(range(len(record.inputs) if isinstance(record, Op) else 1 + len(record.reads)))


def _spent(record: Record, results: list[Term]) -> list[Given]:
    """The gradient, if it is not read after this update."""
    last = isinstance(record, Update) and record.last
    return [t for t in results[1:2] if last and isinstance(t, Given)]


def _split(record: Record, arrays: tuple[Any, ...]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """A kernel's arrays to write and to read. An update reads what it writes."""
    if isinstance(record, Update):
        return arrays[: len(record.vectors)], arrays
    count = 1 + (isinstance(record, Op) and record.saves)
    return arrays[:count], arrays[count:]


def _definition(record: Record) -> Callable[..., None]:
    """A kernel that runs the definition and copies the results."""

    def function(k: Recorder, *arrays: Any, **static: Any) -> None:
        outs, inputs = _split(record, arrays)

        def compute() -> None:
            results = record.fn(k.backend.xp, *inputs, **static)
            if not isinstance(results, tuple):
                results = (results,)
            # Copy first: writing one result may overwrite another, or a part of it.
            kept = [k.backend.copy(result) for result in results[1:]]
            for out, result in zip(outs, [results[0], *kept], strict=True):
                k.raw.copyto(out, result)

        k(compute)

    return function
