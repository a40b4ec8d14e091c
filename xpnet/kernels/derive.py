"""Kernels derived from definitions: a definition's steps as calls on given memory.

A definition runs once, with a `Listing` instead of the library and terms instead of its inputs. Its
steps are recorded in order. A step's output goes into a result's memory if that is free, else into
scratch memory, which is free again after the last step that reads it.

A result may share its memory with an input: an output overwrites an input that dies, and an update
overwrites what it changes. Such memory is free after the last read of that input. A result that
cannot wait for that is copied there at the end.
"""

import math
from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from xpnet.backends.data_types import dtype_name
from xpnet.kernels.blocks import Blocks, can_be_cut
from xpnet.kernels.listing import Listing
from xpnet.kernels.promotion import NUMBERS
from xpnet.kernels.recorder import Recorder
from xpnet.kernels.terms import Given, Step, Term, Underivable, View

__all__ = ["emit", "emit_in_blocks", "results_of"]


def results_of(
    k: Recorder, fn: Callable[..., Any], inputs: Sequence[Any], static: dict[str, Any]
) -> list[Term]:
    """The terms that a definition returns; raises `Underivable`."""
    xp = Listing(k.backend)
    results = fn(xp, *(Given(xp, array) for array in inputs), **static)
    results = results if isinstance(results, tuple) else (results,)
    if not all(isinstance(result, Term) for result in results):
        raise Underivable("a result that is not computed from an array")
    return [*results]


class _Spare:
    """Scratch memory of one kernel, reused when it is free."""

    def __init__(self, k: Recorder | Blocks) -> None:
        self._k = k
        self._free: dict[tuple[Any, str], list[Any]] = defaultdict(list)

    def take(self, like: Any) -> Any:
        """Memory with the shape and type of a term."""
        free = self._free[like.shape, dtype_name(like.dtype)]
        return free.pop() if free else self._k.scratch(like)

    def give(self, like: Any, array: Any) -> None:
        """Return the memory of a term."""
        self._free[like.shape, dtype_name(like.dtype)].append(array)


def emit(
    k: Recorder | Blocks,
    results: Sequence[Term],
    outs: Sequence[Any],
    spent: Sequence[Given] = (),
) -> None:
    """Record the calls that write each result to its memory.

    Terms that are `spent` may be overwritten after their last read.
    """
    claims: dict[Step, Any] = {}
    for result, out in zip(results, outs, strict=True):
        if isinstance(result, Given) and result.array is out:
            continue
        if not isinstance(result, Step) or result in claims or not _alike(result, out):
            result = result.xp.copied(result, tuple(out.shape), out.dtype)
        claims[result] = out
    if claims:
        _Emission(k, _in_order([*claims]), claims, spent).record()


def emit_in_blocks(
    k: Recorder, results: Sequence[Term], outs: Sequence[Any], spent: Sequence[Given] = ()
) -> None:
    """The same for vectors, in pieces that stay in cache if the steps allow it."""
    length, size = outs[0].shape[0], k.backend.block
    if size is None or length <= size or not can_be_cut(results[0].xp.steps, length):
        emit(k, results, outs, spent)
        return
    blocks = Blocks(k, length, size)
    emit(blocks, results, outs, spent)
    blocks.repeat()


def _alike(a: Any, b: Any) -> bool:
    return tuple(a.shape) == tuple(b.shape) and bool(a.dtype == b.dtype)


def _in_order(results: list[Step]) -> list[Step]:
    """The steps that the results depend on; the first result's step is last if possible."""
    needed: set[Term] = set(results)
    found: list[Step] = []
    for step in reversed(results[0].xp.steps):
        if step in needed:
            needed |= step.roots
            found.append(step)
    found.reverse()
    if not any(results[0] in step.roots for step in found):
        found.sort(key=lambda step: step is results[0])  # lists compare by ==, which terms record
    return found


class _Emission:
    """Records steps; tracks which memory holds what, and until when."""

    def __init__(
        self,
        k: Recorder | Blocks,
        steps: list[Step],
        claims: dict[Step, Any],
        spent: Sequence[Given],
    ) -> None:
        self._k, self._claims, self._spare = k, claims, _Spare(k)
        self._at = {step: i for i, step in enumerate(steps)}
        self._last: dict[Term, float] = {t: i for step, i in self._at.items() for t in step.roots}
        self._inputs = [t for t in self._last if isinstance(t, Given)]
        self._last |= dict.fromkeys(claims, math.inf)
        # The memory of each term that is still needed; others may use it afterwards.
        self._held: dict[Term, Any] = {t: t.array for t in spent if t in self._last}

    def record(self) -> None:
        """Record every step, then copy the results that could not wait for their memory."""
        for step, now in self._at.items():
            dying = [t for t in self._held if self._last[t] == now]
            arrays = [self._array(a) for a in step.args]
            self._release([t for t in dying if t in step.overwritable])
            target = self._target(step)
            self._call(step, arrays, target)
            self._release([t for t in dying if t not in step.overwritable])
            self._held[step] = target
        for step, out in self._claims.items():
            if self._held[step] is not out:
                self._k(self._k.raw.copyto, out, self._held[step])

    def _array(self, x: Any) -> Any:
        """The array of a term; numbers are unchanged."""
        if isinstance(x, View):
            return x.look(self._array(x.base))
        if isinstance(x, Given):
            return x.array
        return self._held[x] if isinstance(x, Term) else x

    def _release(self, terms: list[Term]) -> None:
        for term in terms:
            memory = self._held.pop(term)
            if not any(memory is out for out in self._claims.values()):
                self._spare.give(term, memory)

    def _target(self, step: Step) -> Any:
        """Memory for a step's output: its own result's, another result's, or scratch."""
        if step in self._claims:
            out = self._claims[step]
            return out if self._free(out, step) else self._spare.take(step)
        for writer, out in self._claims.items():
            if _alike(step, out) and self._gone(step, writer) and self._free(out, step):
                return out
        return self._spare.take(step)

    def _gone(self, term: Term, step: Step) -> bool:
        """Whether a step may overwrite a term."""
        last, now = self._last[term], self._at[step]
        return last < now or (last == now and term in step.overwritable)

    def _free(self, out: Any, step: Step) -> bool:
        """Whether a step may write into a result's memory: its content is not needed.

        Memory that is not dense gets a copy at the end, because a step may be reshaped.
        """
        if not self._k.backend.dense(out) or any(memory is out for memory in self._held.values()):
            return False
        return all(self._gone(t, step) for t in self._inputs if t.array is out)

    def _call(self, step: Step, arrays: list[Any], target: Any) -> None:
        """Record the calls of one step."""
        k, start = self._k, arrays[-1]
        if step.name not in ("copyto", "where"):
            k(step.xp.function(step.name), *arrays, out=target, **step.settings)
            return
        if step.name == "where" and hasattr(k.raw, "where"):
            # The first array is of booleans, so the numbers would become booleans, too.
            numbers = [
                k.backend.number(a, target.dtype) if type(a) in NUMBERS else a for a in arrays
            ]
            k(k.raw.where, *numbers, out=target)
            return
        if start is not target:
            k(k.raw.copyto, target, start, **step.settings)
        if step.name == "where":
            k(k.raw.copyto, target, arrays[1], where=arrays[0])
