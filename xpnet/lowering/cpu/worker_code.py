"""The code of the threads that share a program, as LLVM's intermediate code.

A program is a sequence of *stages*, and each stage has *parts*. Parts of one stage may run at the
same time. After the last part of a stage, the thread that finished it runs the stage's *tail* alone
and opens the next stage. Threads synchronize nowhere else::

    run the head
    for every stage:                                   position counts the stages
        claim a part that is free, and run it          until none is left
        whoever finishes the last part: run the tail, position += 1
        the others: wait until the position changes

A thread that is late finds its part claimed by another. So a thread that does not get a core delays
the others by one part at most, and one thread alone can run every program. The parts are fixed, so
results do not depend on who runs them.

Threads wait in three ways: they spin for some microseconds, then they yield their core, then they
sleep until the thread that opens the next stage, or starts the next program, wakes them.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from llvmlite import binding, ir

from xpnet.lowering.cpu.shared_words import Builder

__all__ = ["ASLEEP", "CLAIMS", "LINE", "MOST_PARTS", "WORDS", "Word", "code"]

LINE = 8  # words per cache line; words that threads write have cache lines of their own
MOST_PARTS = 64  # per stage


class Word:
    """Positions of the 64-bit words that the threads share."""

    POSITION, DONE, END, SLEEPERS = 0, LINE, 2 * LINE, 3 * LINE
    # Written when a program starts.
    PROGRAM, BASE, PARTS, WIDTH = range(4 * LINE, 4 * LINE + 4)
    # Written once: functions of the operating system, their arguments, and the flag to stop.
    MUTEX, CONDITION, LOCK, UNLOCK, WAIT, WAKE, YIELD, CLOSED = range(5 * LINE, 6 * LINE)
    IDLE = 6 * LINE  # the condition that threads without a program wait for
    # The head of a program's table; see `shared_program`.
    STAGES, STOP, HEAD, COUNT, FIRST = range(5)


CLAIMS = 7 * LINE  # a line for each part
# A word for each thread: whether it sleeps because there is no program.
ASLEEP = CLAIMS + MOST_PARTS * LINE
WORDS = ASLEEP + MOST_PARTS

_SPINS, _YIELDS = 2000, 200
_I32, _I64 = ir.IntType(32), ir.IntType(64)
_POINTER = _I64.as_pointer()
_VOID = ir.VoidType()
_TASK = ir.FunctionType(_VOID, [_POINTER])
_ORDER = "seq_cst"


@cache
def code() -> str:
    """Functions ``start(words, program, parts, width, steps)``, ``serve(words, index)``,
    ``close(words)``.
    """
    module = ir.Module(name="xpnet")
    run = _define(module, "run", [_POINTER, _I64], _run)
    wake = _define(module, "wake", [_POINTER], _wake)
    wait = _define(module, "wait", [_POINTER, _I64], _wait)
    share = _define(module, "share", [_POINTER, _I64], _share, run=run, wake=wake, wait=wait)
    start = [_POINTER, _POINTER, _I64, _I64, _I64]
    _define(module, "start", start, _start, run=run, wake=wake, share=share)
    _define(module, "serve", [_POINTER, _I64], _serve, share=share)
    _define(module, "close", [_POINTER], _close)
    return str(module)


def _define(module: ir.Module, name: str, kinds: list[Any], body: Any, **known: Any) -> Any:
    """A function whose instructions `body(b, *arguments, **known)` appends."""
    function = ir.Function(module, ir.FunctionType(_VOID, kinds), name)
    b = Builder(function.append_basic_block())
    body(b, *function.args, **known)
    b.ret_void()
    return function


def _run(b: Builder, table: Any, count: Any) -> None:
    """Call the function in each row of a table of (address, argument)."""
    with b.counted(count) as i:
        row = b.mul(i, _I64(2))
        function = b.inttoptr(b.load(b.at(table, row)), _TASK.as_pointer())
        b.call(function, [b.inttoptr(b.load(b.at(table, b.add(row, _I64(1)))), _POINTER)])


def _tasks(b: Builder, run: Any, table: Any, index: Any) -> None:
    """Run the tasks whose address and number are in two words of a table."""
    address = b.load(b.at(table, index))
    following = b.add(index, _I64(1)) if isinstance(index, ir.Value) else index + 1
    b.call(run, [b.inttoptr(address, _POINTER), b.load(b.at(table, following))])


def _wake(b: Builder, words: Any) -> None:
    """Wake the threads that sleep until the next stage."""
    with b.if_then(b.icmp_signed(">", b.get(words, Word.SLEEPERS), _I64(0))):
        _wake_all(b, words, Word.CONDITION)


def _wake_all(b: Builder, words: Any, condition: int) -> None:
    """Wake all threads that wait for a condition."""
    b.system(words, Word.LOCK, Word.MUTEX)
    b.system(words, Word.WAKE, condition)
    b.system(words, Word.UNLOCK, Word.MUTEX)


def _pause(b: Builder) -> None:
    """Tell the processor that this thread spins."""
    triple = binding.get_default_triple()
    if triple.startswith(("x86_64", "i686")):
        b.call(
            b.module.declare_intrinsic("llvm.x86.sse2.pause", fnty=ir.FunctionType(_VOID, [])), []
        )
    elif triple.startswith(("aarch64", "arm64")):
        kind = ir.FunctionType(_VOID, [_I32])
        b.call(b.module.declare_intrinsic("llvm.aarch64.hint", fnty=kind), [_I32(1)])


def _patient(b: Builder, words: Any, ready: Callable[[], Any], over: Any) -> None:
    """Spin, then yield; branch to `over` once `ready` holds."""
    with b.counted(_I64(_SPINS)):
        b.leave_if(ready(), over)
        _pause(b)
    with b.counted(_I64(_YIELDS)):
        b.leave_if(ready(), over)
        b.system(words, Word.YIELD)


def _sleep(b: Builder, words: Any, ready: Callable[[], Any], condition: int) -> None:
    """Sleep until `ready` holds; the mutex is held."""
    with b.forever() as (_, after):
        b.leave_if(ready(), after)
        b.system(words, Word.WAIT, condition, Word.MUTEX)


def _wait(b: Builder, words: Any, position: Any) -> None:
    """Wait until the position changes."""

    def changed() -> Any:
        return b.icmp_signed("!=", b.get(words, Word.POSITION), position)

    over = b.append_basic_block()
    _patient(b, words, changed, over)
    b.system(words, Word.LOCK, Word.MUTEX)
    b.increased(words, Word.SLEEPERS, 1)  # before the check: others read it after POSITION
    _sleep(b, words, changed, Word.CONDITION)
    b.increased(words, Word.SLEEPERS, -1)
    b.system(words, Word.UNLOCK, Word.MUTEX)
    b.branch(over)
    b.position_at_end(over)


def _share(b: Builder, words: Any, index: Any, run: Any, wake: Any, wait: Any) -> None:
    """Run parts of the program until it ends."""
    with b.forever() as (_, after):
        position = b.get(words, Word.POSITION)
        b.leave_if(b.icmp_signed(">=", position, b.get(words, Word.END)), after)
        parts = b.get(words, Word.PARTS)  # read after END: if the program is new, so is this
        first = b.sdiv(b.mul(index, parts), b.get(words, Word.WIDTH))
        with b.counted(parts) as i:
            part = b.srem(b.add(first, i), parts)
            claim = b.at(words, b.add(_I64(CLAIMS), b.mul(part, _I64(LINE))))
            with b.if_then(b.icmp_signed("==", b.load_atomic(claim, _ORDER, 8), position)):
                later = b.add(position, _I64(1))
                claimed = b.extract_value(b.cmpxchg(claim, position, later, _ORDER), 1)
                with b.if_then(claimed):
                    _part(b, words, position, part, parts, run, wake)
        b.call(wait, [words, position])


def _part(
    b: Builder, words: Any, position: Any, part: Any, parts: Any, run: Any, wake: Any
) -> None:
    """Run a claimed part. While it is claimed, the position cannot change."""
    program = b.inttoptr(b.load(b.at(words, Word.PROGRAM)), _POINTER)
    stages = b.load(b.at(program, Word.STAGES))
    stage = b.srem(b.sub(position, b.load(b.at(words, Word.BASE))), stages)
    width = b.mul(_I64(2), b.add(parts, _I64(1)))
    tail = b.add(_I64(Word.FIRST), b.mul(stage, width))
    _tasks(b, run, program, b.add(b.add(tail, _I64(2)), b.mul(_I64(2), part)))
    with b.if_then(b.icmp_signed("==", b.increased(words, Word.DONE, 1), parts)):
        _tasks(b, run, program, tail)
        following = b.add(position, _I64(1))
        stop = b.inttoptr(b.load(b.at(program, Word.STOP)), _POINTER)
        stopped = b.icmp_signed("!=", b.load(stop), _I64(0))
        with b.if_then(stopped):
            b.put(words, Word.END, following)
        last = b.icmp_signed("==", stage, b.sub(stages, _I64(1)))
        more = b.icmp_signed("<", following, b.get(words, Word.END))
        with b.if_then(b.and_(last, more)):
            _tasks(b, run, program, Word.HEAD)
        b.put(words, Word.DONE, _I64(0))
        b.put(words, Word.POSITION, following)
        b.call(wake, [words])


def _start(
    b: Builder,
    words: Any,
    program: Any,
    parts: Any,
    width: Any,
    steps: Any,
    run: Any,
    wake: Any,
    share: Any,
) -> None:
    """Run a program `steps` times, with all threads whose index is below `width`."""
    base = b.add(b.get(words, Word.POSITION), _I64(1))
    address = b.ptrtoint(program, _I64)
    pairs = (Word.PROGRAM, address), (Word.BASE, base), (Word.PARTS, parts), (Word.WIDTH, width)
    for word, value in pairs:
        b.put(words, word, value)
    with b.counted(parts) as i:
        claim = b.at(words, b.add(_I64(CLAIMS), b.mul(i, _I64(LINE))))
        b.store_atomic(base, claim, _ORDER, 8)
    _tasks(b, run, program, Word.HEAD)
    stages = b.mul(steps, b.load(b.at(program, Word.STAGES)))
    b.put(words, Word.END, b.add(base, stages))
    b.put(words, Word.POSITION, base)
    b.call(wake, [words])
    _wake_idle(b, words, width)
    b.call(share, [words, _I64(0)])


def _wake_idle(b: Builder, words: Any, width: Any) -> None:
    """Wake the threads that wait for a program, if one of those below `width` sleeps."""
    over = b.append_basic_block()
    with b.counted(width) as i:
        asleep = b.get(words, b.add(_I64(ASLEEP), i))
        with b.if_then(b.icmp_signed("!=", asleep, _I64(0))):
            _wake_all(b, words, Word.IDLE)
            b.branch(over)
    b.branch(over)
    b.position_at_end(over)


def _serve(b: Builder, words: Any, index: Any, share: Any) -> None:
    """Take part in the programs that are wide enough, until `close`."""
    asleep = b.add(_I64(ASLEEP), index)

    def closed() -> Any:
        return b.icmp_signed("!=", b.get(words, Word.CLOSED), _I64(0))

    def ready() -> Any:
        running = b.icmp_signed("<", b.get(words, Word.POSITION), b.get(words, Word.END))
        wanted = b.icmp_signed("<", index, b.get(words, Word.WIDTH))
        return b.or_(b.and_(running, wanted), closed())

    with b.forever() as (_, after):
        over = b.append_basic_block()
        _patient(b, words, ready, over)
        b.system(words, Word.LOCK, Word.MUTEX)
        b.put(words, asleep, _I64(1))
        _sleep(b, words, ready, Word.IDLE)
        b.put(words, asleep, _I64(0))
        b.system(words, Word.UNLOCK, Word.MUTEX)
        b.branch(over)
        b.position_at_end(over)
        b.leave_if(closed(), after)
        b.call(share, [words, index])


def _close(b: Builder, words: Any) -> None:
    """Make the threads in `serve` return."""
    b.put(words, Word.CLOSED, _I64(1))
    _wake_all(b, words, Word.IDLE)
