"""From recorded calls to loops: runs of calls over the same rows and columns become one loop.

Calls are taken in their order, and none is moved past another that it could disturb. A call joins
the loop that is being made if it fits its rows and columns, if what it reads is there at the time,
and if its memory is either that of another array of the loop, element by element, or apart from
all of them. What nobody reads when the loop is over is not written.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from xpnet.kernels import Call
from xpnet.lowering.intervals import Intervals, Range
from xpnet.lowering.ir import Load, Loop, Place, Statement, Value
from xpnet.lowering.reading import Reader, Work
from xpnet.lowering.rows_and_columns import Fitted, computed_in, fit, natural_shape
from xpnet.typing import size_of

__all__ = ["fuse"]

_LATE = ("column", "total", "post")  # levels that are there when the last row is done
_LONG = 4096  # columns that are too many for the threads of one row


def fuse(
    reader: Reader, calls: Sequence[Call], live: Intervals, parallel: bool = False
) -> list[Loop | Call]:
    """The same work with loops in place of the calls that loops can do.

    Parameters
    ----------
    reader : Reader
    calls : sequence of Call
    live : Intervals
        The bytes whose content is needed when all calls have run.
    parallel : bool
        Whether rows are worked on at the same time, each by many threads. Sums over rows then
        stand in loops without other reductions, and a long row is reduced as a matrix is.
    """
    needed = _needed_after(reader, calls, live)
    result: list[Loop | Call] = []
    group = _Group(parallel)
    for i, call in enumerate(calls):
        if group.add(reader, call):
            continue
        _close(group, result, needed[i - 1])
        group = _Group(parallel)
        if not group.add(reader, call):
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
    """For each call, the bytes that are read behind it before they are overwritten."""
    now, result = Intervals(live), []
    for call in reversed(calls):
        result.append(Intervals(now))
        reads, overwritten = reader.effects(call)
        if overwritten is not None:
            now.remove(overwritten)
        for found in reads:
            now.add(found)
    return result[::-1]


@dataclass(eq=False)
class _Group:
    """A loop in the making."""

    parallel: bool = False
    shape: tuple[int, int] | None = None
    statements: list[Statement] = field(default_factory=list)
    phase: int = 0
    calls: list[Call] = field(default_factory=list)
    _now: dict[Place, Statement] = field(default_factory=dict)  # who wrote a place last
    _loads: dict[Place, Load] = field(default_factory=dict)
    _ranges: dict[Place, Range] = field(default_factory=dict)
    _arrays: dict[Place, Any] = field(default_factory=dict)
    _holes: set[Place] = field(default_factory=set)  # with memory of others between elements

    # --- taking a call in ---------------------------------------------------------------------

    def add(self, reader: Reader, call: Call) -> bool:
        """Take a call in; False, and nothing changed, if it does not fit."""
        work = reader.work(call)
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
        args = [a if not isinstance(a, Place) else self._value(a) for a in fitted.args]
        made = self._statements(work.name, args, fitted)
        if made is None or (self.parallel and self._mixes(made)):
            return False
        for place, found, holes in new:
            self._ranges[place] = found
            if holes:
                self._holes.add(place)
        for load in (a for s in made for a in s.args if isinstance(a, Load)):
            self._loads.setdefault(load.place, load)
        for place, operand in fitted.places:
            self._arrays.setdefault(place, operand.array)
        for s in made:
            if s not in self.statements:
                self.statements.append(s)
            self.phase = max(self.phase, s.phase)
        self._now[fitted.out] = made[-1]
        return True

    def _new_ranges(self, fitted: Fitted) -> list[tuple[Place, Range, bool]] | None:
        """The bytes of each place; None where arrays overlap that are not the same."""
        found = [(p, o.range, o.dense is None) for p, o in fitted.places]
        written = {*self._now, fitted.out}
        every = {**self._ranges, **{p: r for p, r, _ in found}}
        for p, r, _ in found:
            for other, bytes_ in every.items():
                apart = r[1] <= bytes_[0] or bytes_[1] <= r[0]
                if other != p and not apart and (p in written or other in written):
                    return None
        return found

    def _mixes(self, made: Iterable[Statement]) -> bool:
        """Whether sums over rows would stand beside anything but what they sum up."""
        levels = {s.level for s in (*self.statements, *made)}
        return "column" in levels and not levels <= {"column", "full"}

    def _value(self, place: Place) -> Value:
        """What a place holds now."""
        return self._now.get(place) or self._loads.get(place) or Load(place)

    # --- the statements of a call -------------------------------------------------------------

    def _statements(self, name: str, args: list[Value], fitted: Fitted) -> list[Statement] | None:
        level = fitted.level
        if level == "pre":
            if any(isinstance(a, Statement) and a.level in _LATE for a in args):
                level = "post"
            elif self._touched(fitted.out):
                return None  # moved before the rows, it would disturb what they read
        elif any(isinstance(a, Statement) and a.level in _LATE for a in args):
            return None
        if (fitted.reduces or level) == "row" and any(
            isinstance(a, Statement) and a.level == "full" for a in args
        ):
            return None
        if level == "column" and fitted.out in (*self._now, *self._loads, *fitted.args):
            return None  # it is summed up in its place
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
        # In two steps, each of which a processor does many elements at a time.
        nowhere = Place(-1 - len(self.statements), dtype, 1, 0)
        top = self._same(Statement("max", args, dtype, nowhere, "row", phase, "full"))
        two: list[Value] = [*args, top]
        phase = self._phase("full", two)
        return [top, Statement("first_equal", two, dtype, fitted.out, "row", phase, "full")]

    def _same(self, made: Statement) -> Statement:
        """An earlier reduction of a row that is the same, else the statement itself."""
        if made.reduces == "full" and made.level == "row" and not made.stored:
            for s in self.statements:
                alike = (s.name, s.level, s.reduces) == (made.name, "row", "full")
                if alike and s.args == made.args and made.place.address < 0:
                    return s
        return made

    def _touched(self, place: Place) -> bool:
        """Whether statements in the loop read or write a place."""
        if place in self._now:
            return self._now[place].level not in ("pre", "post")
        return place in self._loads and any(
            self._loads[place] in s.args for s in self.statements if s.level != "pre"
        )

    def _phase(self, level: str, args: Iterable[Value]) -> int:
        """The first phase in which a statement can be executed, behind all before it."""
        if level in ("pre", "post"):
            return 0
        return max([self.phase, *(a.ready for a in args if isinstance(a, Statement))])

    # --- closing ------------------------------------------------------------------------------

    def finish(self, needed: Intervals) -> Loop:
        """The loop, with what is needed behind it, or by a later phase, marked as stored."""
        rows, columns = self.shape or (1, 1)
        for place, s in self._now.items():
            s.stored = place in self._holes or needed.meets(self._ranges[place])
        wanted = _used(self.statements)
        reloaded = {
            a
            for s in wanted
            for a in s.args
            if isinstance(a, Statement) and a.level == "full" and a.phase < s.phase
        }
        buffers = set()
        for s in reloaded:
            # Nobody else reads it: one row is enough.
            if not any(o.stored and o.place == s.place for o in wanted):
                kept = s.place in self._loads
                buffers |= set() if kept or not s.place.row else {s.place}
        for s in reloaded:
            s.stored = True
        loop = Loop(rows, columns, wanted, buffers, calls=self.calls)
        loop.arrays = [self._arrays[place] for place in loop.places]
        return _flat(loop) if _is_flat(loop) else loop


def _used(statements: Sequence[Statement]) -> list[Statement]:
    """Those that are stored, and those on which they depend."""
    wanted: set[Statement] = set()
    for s in reversed(statements):
        if s.stored or s in wanted:
            wanted.add(s)
            wanted |= {a for a in s.args if isinstance(a, Statement)}
    return [s for s in statements if s in wanted]


def _is_flat(loop: Loop) -> bool:
    """Whether rows follow one another in memory, so that there may as well be one."""
    return (
        loop.rows > 1
        and all(s.level == "full" and not s.reduces for s in loop.statements)
        and all((p.row, p.column) in ((loop.columns, 1), (0, 0)) for p in loop.places)
    )


def _flat(loop: Loop) -> Loop:
    """The same as one row."""
    loop.columns *= loop.rows
    loop.rows = 1
    return loop
