"""From recorded calls to loops: runs of calls over the same rows and columns become one loop.

Calls are taken in order, and no call moves past another that it could disturb. A call joins the
current loop under three conditions: it fits the loop's rows and columns, what it reads is available
in time, and its memory either equals that of another array of the loop, element by element, or
overlaps with none. A result that is not read after the loop is not written.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from xpnet.kernels import Call
from xpnet.lowering.intervals import Intervals, Range
from xpnet.lowering.ir import Argument, Load, Loop, MemoryRef, Statement
from xpnet.lowering.reading import Reader, Work
from xpnet.lowering.rows_and_columns import Fitted, computed_in, fit, natural_shape
from xpnet.typing import size_of

__all__ = ["fuse"]

_LATE = ("column", "total", "post")  # levels that are complete after the last row
_LONG = 4096  # more columns than the threads of one row should handle


def fuse(
    reader: Reader, calls: Sequence[Call], live: Intervals, parallel: bool = False
) -> list[Loop | Call]:
    """The same work, with loops for the calls that loops can do.

    Parameters
    ----------
    reader : Reader
    calls : sequence of Call
    live : Intervals
        The bytes whose content is needed after all calls.
    parallel : bool
        Whether rows are processed at the same time, each by many threads. Then sums over rows are
        in loops without other reductions, and a long row is reduced like a matrix.
    """
    needed = _needed_after(reader, calls, live)
    result: list[Loop | Call] = []
    group = _Group(parallel)
    for i, call in enumerate(calls):
        work = reader.work(call)
        if group.add(call, work):
            continue
        _close(group, result, needed[i - 1])
        group = _Group(parallel)
        if not group.add(call, work):
            result.append(call)
            group = _Group(parallel)
    _close(group, result, live)
    return result


def _close(group: "_Group", result: list[Loop | Call], needed: Intervals) -> None:
    if group.statements:
        loop = group.finish(needed)
        if loop.statements:
            result.append(loop)


def _needed_after(reader: Reader, calls: Sequence[Call], live: Intervals) -> list[Intervals]:
    """For each call, the bytes that are read after it before they are overwritten."""
    now, result = live.copy(), []
    for call in reversed(calls):
        result.append(now.copy())
        reads, overwritten = reader.effects(call)
        if overwritten is not None:
            now.remove(overwritten)
        for found in reads:
            now.add(found)
    return result[::-1]


@dataclass(eq=False)
class _Group:
    """A loop under construction."""

    parallel: bool = False
    shape: tuple[int, int] | None = None
    statements: list[Statement] = field(default_factory=list)
    phase: int = 0
    calls: list[Call] = field(default_factory=list)
    _now: dict[MemoryRef, Statement] = field(default_factory=dict)  # the last writer of each
    _loads: dict[MemoryRef, Load] = field(default_factory=dict)
    _ranges: dict[MemoryRef, Range] = field(default_factory=dict)
    _arrays: dict[MemoryRef, Any] = field(default_factory=dict)
    _holes: set[MemoryRef] = field(default_factory=set)  # with other memory between elements

    # --- adding a call ------------------------------------------------------------------------

    def add(self, call: Call, work: Work | None) -> bool:
        """Add a call, which does this work. If it does not fit, return False and change nothing."""
        if work is None or not self._add(work):
            return False
        self.calls.append(call)
        return True

    def _add(self, work: Work) -> bool:
        shape = self.shape or natural_shape(work)
        if 0 in shape or size_of(work.out.shape) == 0:
            return False
        fitted = fit(work, shape)
        if fitted is None:
            return False
        if self.parallel and shape[0] == 1 and shape[1] > _LONG and fitted.level == "row":
            fitted.level = "total" if fitted.reduces else "pre"
        if self.shape is None and shape != (1, 1):
            self.shape = shape
            if not self._enter(work, fitted):
                self.shape = None
                return False
            return True
        return self._enter(work, fitted)

    def _enter(self, work: Work, fitted: Fitted) -> bool:
        new = self._new_ranges(fitted)
        if new is None:
            return False
        args = [a if not isinstance(a, MemoryRef) else self._value(a) for a in fitted.args]
        made = self._statements(work.name, args, fitted)
        if made is None or (self.parallel and self._mixes(made)):
            return False
        for ref, found, holes in new:
            self._ranges[ref] = found
            if holes:
                self._holes.add(ref)
        for load in (a for s in made for a in s.args if isinstance(a, Load)):
            self._loads.setdefault(load.ref, load)
        for ref, operand in fitted.refs:
            self._arrays.setdefault(ref, operand.array)
        for s in made:
            if s not in self.statements:
                self.statements.append(s)
            self.phase = max(self.phase, s.phase)
        self._now[fitted.out] = made[-1]
        return True

    def _new_ranges(self, fitted: Fitted) -> list[tuple[MemoryRef, Range, bool]] | None:
        """The bytes of each array; None if different arrays overlap."""
        found = [(p, o.range, o.dense is None) for p, o in fitted.refs]
        every = {**self._ranges, **{p: r for p, r, _ in found}}
        for p, (low, high), _ in found:
            for other, (first, end) in every.items():
                apart = end <= low or high <= first or other == p
                if not apart and any(r == fitted.out or r in self._now for r in (p, other)):
                    return None
        return found

    def _mixes(self, made: Iterable[Statement]) -> bool:
        """Whether sums over rows would share the loop with anything but their terms."""
        levels = {s.level for s in (*self.statements, *made)}
        return "column" in levels and not levels <= {"column", "full"}

    def _value(self, ref: MemoryRef) -> Argument:
        """The value that the memory holds now."""
        return self._now.get(ref) or self._loads.get(ref) or Load(ref)

    # --- the statements of a call -------------------------------------------------------------

    def _statements(
        self, name: str, args: list[Argument], fitted: Fitted
    ) -> list[Statement] | None:
        level = fitted.level
        if level == "pre":
            if any(isinstance(a, Statement) and a.level in _LATE for a in args):
                level = "post"
            elif self._touched(fitted.out):
                return None  # before the rows, it would disturb what they read
        elif any(isinstance(a, Statement) and a.level in _LATE for a in args):
            return None
        if (fitted.reduces or level) == "row" and any(
            isinstance(a, Statement) and a.level == "full" for a in args
        ):
            return None
        if level == "column" and fitted.out in (*self._now, *self._loads, *fitted.args):
            return None  # the sum accumulates in this memory
        dtype = computed_in(name, args, fitted.out.dtype)
        if dtype is None:
            return None
        phase = self._phase(level if not fitted.reduces else fitted.reduces, args)
        if name != "argmax":
            return [
                self._same(Statement(name, args, dtype, fitted.out, level, phase, fitted.reduces))
            ]
        if level != "row":
            return None
        # In two steps, which can both be vectorized.
        nowhere = MemoryRef(-1 - len(self.statements), dtype, 1, 0)
        top = self._same(Statement("max", args, dtype, nowhere, "row", phase, "full"))
        two: list[Argument] = [*args, top]
        phase = self._phase("full", two)
        return [top, Statement("first_equal", two, dtype, fitted.out, "row", phase, "full")]

    def _same(self, made: Statement) -> Statement:
        """An equal earlier reduction of a row, else the statement itself."""
        if made.reduces == "full" and made.level == "row" and not made.stored:
            for s in self.statements:
                alike = (s.name, s.level, s.reduces) == (made.name, "row", "full")
                if alike and s.args == made.args and made.ref.address < 0:
                    return s
        return made

    def _touched(self, ref: MemoryRef) -> bool:
        """Whether statements in the loop read or write this memory."""
        if ref in self._now:
            return self._now[ref].level not in ("pre", "post")
        return ref in self._loads and any(
            self._loads[ref] in s.args for s in self.statements if s.level != "pre"
        )

    def _phase(self, level: str, args: Iterable[Argument]) -> int:
        """The first phase in which a statement can run, after all earlier ones."""
        if level in ("pre", "post"):
            return 0
        return max([self.phase, *(a.ready for a in args if isinstance(a, Statement))])

    # --- closing ------------------------------------------------------------------------------

    def finish(self, needed: Intervals) -> Loop:
        """The loop, with everything needed after it or by a later phase marked as stored."""
        rows, columns = self.shape or (1, 1)
        for ref, s in self._now.items():
            s.stored = ref in self._holes or needed.meets(self._ranges[ref])
        wanted = _used(self.statements)
        reloaded = {
            a
            for s in wanted
            for a in s.args
            if isinstance(a, Statement) and a.level == "full" and a.phase < s.phase
        }
        buffers = set()
        for s in reloaded:
            # Nothing else reads it, so one row is enough.
            if not any(o.stored and o.ref == s.ref for o in wanted):
                kept = s.ref in self._loads
                buffers |= set() if kept or not s.ref.row else {s.ref}
        for s in reloaded:
            s.stored = True
        loop = Loop(rows, columns, wanted, buffers, calls=self.calls)
        loop.arrays = [self._arrays[ref] for ref in loop.refs]
        return _flat(loop) if _is_flat(loop) else loop


def _used(statements: Sequence[Statement]) -> list[Statement]:
    """The stored statements and those that they depend on."""
    wanted: set[Statement] = set()
    for s in reversed(statements):
        if s.stored or s in wanted:
            wanted.add(s)
            wanted |= {a for a in s.args if isinstance(a, Statement)}
    return [s for s in statements if s in wanted]


def _is_flat(loop: Loop) -> bool:
    """Whether the rows are contiguous in memory, so that they can be one row."""
    return (
        loop.rows > 1
        and all(s.level == "full" and not s.reduces for s in loop.statements)
        and all((p.row, p.column) in ((loop.columns, 1), (0, 0)) for p in loop.refs)
    )


def _flat(loop: Loop) -> Loop:
    """The same loop with a single row."""
    loop.unit = loop.columns
    loop.columns *= loop.rows
    loop.rows = 1
    return loop
