"""Loops and products as tasks, and consecutive tasks as one call."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import partial
from typing import Any

from xpnet.kernels import Call
from xpnet.lowering.cpu.jit import Program, loop_task
from xpnet.lowering.cpu.long_rows import LONG, PIECE, Phase, phases_of
from xpnet.lowering.cpu.lookup_tasks import lookup_of
from xpnet.lowering.cpu.philox_llvm import Draw, draw_task
from xpnet.lowering.cpu.product_task import Product, product_task, task_of
from xpnet.lowering.cpu.schedule import Schedule
from xpnet.lowering.cpu.shared_loops import Pieces, Rows, Vector, loop_accesses
from xpnet.lowering.cpu.shared_program import SharedProgram
from xpnet.lowering.cpu.sharing import Access, Item, Lone
from xpnet.lowering.cpu.split_loops import split
from xpnet.lowering.cpu.stacked_product import stack_of
from xpnet.lowering.cpu.tasks import Task
from xpnet.lowering.cpu.threads import advice
from xpnet.lowering.ir import Loop
from xpnet.lowering.reading import Reader

__all__ = ["compile_calls", "items_of"]

_BRIEF = 200_000  # flops: less than 0.1 ms


def compile_calls(
    reader: Reader, items: Sequence[Loop | Call], parts: int = 1
) -> list[Callable[[], Any]]:
    """The calls to run, as few as possible, shared by this many threads."""
    flops = max((reader.flops(i) for i in items if isinstance(i, Call)), default=0)
    if parts > 1 and not all(_compiles(reader, item, 1) for item in items):
        parts = 1  # calls in between use the BLAS's threads
    threads = advice(flops) if parts == 1 else 1
    result: list[Callable[[], Any]] = []
    run: list[Loop | Call] = []
    for item in items:
        if _compiles(reader, item, threads):
            run.append(item)
            continue
        result += _program(reader, run, threads, parts)
        run = []
        assert isinstance(item, Call)
        result.append(item.run)
    return result + _program(reader, run, threads, parts)


def _compiles(reader: Reader, item: Loop | Call, threads: int | None) -> bool:
    return isinstance(item, Loop) or _call_task(reader, item, threads) is not None


def _call_task(reader: Reader, call: Call, threads: int | None) -> Task | Item | None:
    found = product_task(reader, call, threads) or draw_task(reader, call)
    return found or stack_of(reader, call) or lookup_of(reader, call)


def _program(
    reader: Reader, items: Sequence[Loop | Call], threads: int | None, parts: int
) -> list[Program]:
    if not items:
        return []
    made: Program
    if parts > 1:
        schedule = Schedule(parts)
        for item in items_of(reader, items, parts):
            schedule.add(item)
        made = SharedProgram(schedule.layout)
    else:
        found = (item.alone() for item in items_of(reader, items, 1, threads))
        brief = _flops(reader, items) < _BRIEF
        made = Program([task for tasks in found for task in tasks], brief)
    made.items, made.blas_threads = items, threads
    return [made]


def _flops(reader: Reader, items: Iterable[Loop | Call]) -> int:
    """About how much one run computes; an elementary function counts as ten."""
    return sum(
        10 * i.rows * i.columns * len(i.statements) if isinstance(i, Loop) else reader.flops(i)
        for i in items
    )


def items_of(
    reader: Reader, items: Iterable[Loop | Call], parts: int, threads: int | None = 1
) -> Iterator[Item]:
    """What threads can share, in the order of the program.

    A product that threads do not share uses `threads` BLAS threads.
    """
    for item in items:
        if isinstance(item, Loop):
            yield from _shared_loop(item, parts) if parts > 1 else _lone_loop(item)
        elif reader.name(item) == "matmul":
            stack = stack_of(reader, item)
            yield stack or Product(reader, item, partial(task_of, reader, threads=threads))
        else:
            yield lookup_of(reader, item) or Draw(reader, item)


def _lone_loop(loop: Loop) -> Iterator[Item]:
    """The loop for one thread; it adds long rows as several threads do, with the same bits."""
    long = loop.rows == 1 and loop.columns >= LONG and any(s.reduces for s in loop.statements)
    yield from _long_row(loop) if long else [_alone(loop)]


def _shared_loop(loop: Loop, parts: int) -> Iterator[Item]:
    levels = {s.level for s in loop.statements}
    stored = {s.level for s in loop.statements if s.stored}
    if loop.rows == 1:
        reduces = any(s.reduces for s in loop.statements)
        if not reduces and stored == {"full"} and "pre" not in levels:
            yield Vector(loop, 0, loop.columns, loop.unit or 1)
        else:
            yield from _long_row(loop) if loop.columns >= LONG else [_alone(loop)]
        return
    found = split(loop, parts)
    main = Rows(found.main, found.partial, parts)
    if main.shared is None:
        yield _alone(loop)
        return
    if found.before is not None:
        yield _alone(found.before)
    if found.main.statements:
        yield main
    if found.after is not None:
        yield _alone(found.after)


def _long_row(loop: Loop) -> Iterator[Item]:
    for phase in phases_of(loop) or [Phase(None, after=loop)]:
        if phase.main is not None and phase.pieces:
            yield Pieces(phase.main, phase.pieces, PIECE)
        elif phase.main is not None:
            yield Vector(phase.main, 0, loop.columns, 1)
        if phase.after is not None:
            yield _alone(phase.after)


def _alone(loop: Loop) -> Lone:
    accesses = [Access(a.low, a.high, 0, 0, a.writes) for a in loop_accesses(loop, {}, 1)]
    return Lone(partial(loop_task, loop), accesses)
