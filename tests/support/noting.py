"""Programs for threads whose tasks note that they were run, and in which order."""

from collections.abc import Mapping, Sequence
from functools import cache
from typing import Any

import numpy as np
from llvmlite import ir

from xpnet.lowering.cpu.jit import compiled
from xpnet.lowering.cpu.shared_program import SharedProgram
from xpnet.lowering.cpu.tasks import Layout, Stage, Task

__all__ = ["HEAD", "Noting", "dawdling", "meeting", "stopping"]

HEAD, _TAIL = 1_000_000, 1000
_I32, _I64 = ir.IntType(32), ir.IntType(64)
_POINTER = _I64.as_pointer()
_ENOUGH = 2**31  # looks of a task that waits for others: half a minute at least


class Noting:
    """A program of some stages, and the numbers that its tasks noted.

    Part p of stage s notes ``1000 s + p``, its tail ``-1000 s - 1000``, the head `HEAD`.

    Parameters
    ----------
    parts, stages : int
    room : int
        The most numbers.
    more : dict of (stage, part) to tasks
        What else parts do, after they have noted their number.
    """

    def __init__(
        self,
        parts: int,
        stages: int,
        room: int = 20_000,
        more: Mapping[tuple[int, int], Sequence[Task]] | None = None,
        stopped: Any = None,
    ) -> None:
        self.parts, self.stages, more = parts, stages, more or {}
        self._count, self._notes = np.zeros(1, np.int64), np.zeros(room, np.int64)
        made = [
            Stage(
                [[self._note(_TAIL * s + p), *more.get((s, p), ())] for p in range(parts)],
                [self._note(-_TAIL * (s + 1))],
            )
            for s in range(stages)
        ]
        self.program = SharedProgram(Layout(parts, [self._note(HEAD)], made), stopped)

    def _note(self, number: int) -> Task:
        arrays = [self._count, self._notes]
        pointers = [x.ctypes.data for x in arrays]
        return Task.of(compiled(_code(), "note"), [number], pointers, arrays)

    def notes(self) -> list[int]:
        """What was noted since the last call."""
        found = self._notes[: self._count[0]].tolist()
        self._count[0] = 0
        return found

    def step(self, stages: int | None = None) -> list[int]:
        """What one step notes, if the parts of each stage do so in order."""
        found = [HEAD]
        for s in range(self.stages if stages is None else stages):
            found += [*(_TAIL * s + p for p in range(self.parts)), -_TAIL * (s + 1)]
        return found

    def check(self, steps: int) -> None:
        """Check that so many steps were made: all parts once, stage after stage."""
        assert self.in_order(self.notes()) == self.step() * steps

    def in_order(self, notes: list[int]) -> list[int]:
        """The same with each run of numbers of parts sorted."""
        found, run = list[int](), list[int]()
        for number in notes:
            if 0 <= number < HEAD:
                run.append(number)
            else:
                found += [*sorted(run), number]
                run = []
        return found + sorted(run)


def stopping(stopped: Any, count: Any, at: int) -> Task:
    """A task that stops its program when it is run for the time of this number, from 1 on."""
    pointers = [stopped.ctypes.data, count.ctypes.data]
    return Task.of(compiled(_code(), "stop"), [at], pointers, [stopped, count])


def meeting(words: Any, count: int) -> Task:
    """A task that waits until `count` of its kind run at the same time.

    `words` are two numbers: how many have come, and how many have waited in vain.
    """
    return Task.of(compiled(_code(), "meet"), [count, _ENOUGH], [words.ctypes.data], [words])


def dawdling() -> Task:
    """A task that takes so long that threads that wait for it fall asleep."""
    words = np.zeros(2, np.int64)
    return Task.of(compiled(_code(), "meet"), [2, 2**24], [words.ctypes.data], [words])


@cache
def _code() -> str:
    """The tasks as LLVM's intermediate code."""
    module = ir.Module(name="noting")
    kind = ir.FunctionType(ir.VoidType(), [_POINTER])

    def define(name: str, count: int, body: Any) -> None:
        function = ir.Function(module, kind, name)
        b = ir.IRBuilder(function.append_basic_block())
        body(b, *(b.load(b.gep(function.args[0], [_I64(i)])) for i in range(count)))
        b.ret_void()

    define("note", 3, _note)
    define("stop", 3, _stop)
    define("meet", 3, _meet)
    return str(module)


def _note(b: ir.IRBuilder, number: Any, count: Any, notes: Any) -> None:
    index = b.atomic_rmw("add", b.inttoptr(count, _POINTER), _I64(1), "seq_cst")
    b.store(number, b.gep(b.inttoptr(notes, _POINTER), [index]))


def _stop(b: ir.IRBuilder, at: Any, stopped: Any, count: Any) -> None:
    before = b.atomic_rmw("add", b.inttoptr(count, _POINTER), _I64(1), "seq_cst")
    with b.if_then(b.icmp_signed("==", b.add(before, _I64(1)), at)):
        b.store(_I64(1), b.inttoptr(stopped, _POINTER))


def _meet(b: ir.IRBuilder, count: Any, enough: Any, words: Any) -> None:
    words = b.inttoptr(words, _POINTER)
    b.atomic_rmw("add", words, _I64(1), "seq_cst")
    before, body = b.block, b.append_basic_block()
    again, missed, after = (b.append_basic_block() for _ in range(3))
    b.branch(body)
    b.position_at_end(body)
    i = b.phi(_I64)
    i.add_incoming(_I64(0), before)
    came = b.load_atomic(words, "seq_cst", 8)
    b.cbranch(b.icmp_signed("<", came, count), again, after)
    b.position_at_end(again)
    following = b.add(i, _I64(1))
    i.add_incoming(following, again)
    b.cbranch(b.icmp_signed("<", following, enough), body, missed)
    b.position_at_end(missed)
    b.atomic_rmw("add", b.gep(words, [_I64(1)]), _I64(1), "seq_cst")
    b.branch(after)
    b.position_at_end(after)
