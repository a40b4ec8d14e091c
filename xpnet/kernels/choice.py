"""Which kernel a record gets: a registered one, one derived from its definition, or neither."""

from collections.abc import Callable
from typing import Any

from xpnet.kernels.derive import emit, results_of
from xpnet.kernels.recorder import KERNELS, Kernel, Recorder
from xpnet.kernels.terms import Underivable
from xpnet.ops import Op, Update, Vjp

__all__ = ["derived", "find"]

Record = Op | Vjp | Update


def find(record: Record, families: tuple[str, ...]) -> Kernel:
    """The best registered kernel of these families, or else one made of the definition.

    It is `derived` where the family ``"out"`` is allowed, that is, where the library's functions
    take ``out=``. Otherwise its family is ``"definition"``: the definition is computed, which
    allocates, and the results are copied into place.
    """
    for family in families:
        if (family, record.name) in KERNELS:
            return KERNELS[family, record.name]
    return derived(record) if "out" in families else Kernel("definition", _definition(record))


def derived(record: Record) -> Kernel:
    """The steps of the definition as calls; the definition itself where it has no such steps.

    Its output may be written over any input, since nothing is written that is still to be read.
    """
    reads = () if isinstance(record, Update) else _reads(record)
    return Kernel("derived", _derived(record), tuple(range(len(reads))))


def _reads(record: Op | Vjp) -> tuple[str, ...]:
    return record.inputs if isinstance(record, Op) else ("gy", *record.reads)


def _split(record: Record, arrays: tuple[Any, ...]) -> tuple[tuple[Any, ...], tuple[Any, ...]]:
    """A kernel's arrays: those to write and those to read, which in an update are the same."""
    if isinstance(record, Update):
        return arrays[: 2 + len(record.slots)], arrays
    count = 1 + (isinstance(record, Op) and record.residual)
    return arrays[:count], arrays[count:]


def _derived(record: Record) -> Callable[..., None]:
    """A kernel that records the steps of the definition."""

    def function(k: Recorder, *arrays: Any, **static: Any) -> None:
        places, inputs = _split(record, arrays)
        try:
            results = results_of(k, record.fn, inputs, static)
        except (Underivable, TypeError):
            _definition(record)(k, *arrays, **static)
            return
        emit(k, results, places)

    return function


def _definition(record: Record) -> Callable[..., None]:
    """A kernel that computes by the definition and copies the results."""

    def function(k: Recorder, *arrays: Any, **static: Any) -> None:
        places, inputs = _split(record, arrays)

        def compute() -> None:
            results = record.fn(k.backend.xp, *inputs, **static)
            if not isinstance(results, tuple):
                results = (results,)
            # The output last: it may share its memory with an input, of which a residual is a part.
            for place, result in zip(places[::-1], results[::-1], strict=True):
                k.raw.copyto(place, result)

        k(compute)

    return function
