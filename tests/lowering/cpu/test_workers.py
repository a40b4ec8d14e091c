"""The threads that share programs: every part runs once, in order, whoever is there."""

import faulthandler
import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import product
from threading import Event, Thread
from time import sleep
from typing import Any

import numpy as np
import pytest
from support.each import Each

pytest.importorskip("llvmlite", reason="the extra 'fast' is not installed")

from support.noting import HEAD, Noting, dawdling, meeting, stopping

from xpnet.lowering.cpu.thread_count import available
from xpnet.lowering.cpu.worker_code import ASLEEP, MOST_PARTS
from xpnet.lowering.cpu.workers import Workers, workers

pytestmark = pytest.mark.skipif(not available(), reason="threads cannot wait for each other here")


@pytest.fixture(autouse=True)
def _watchdog() -> Iterator[None]:
    """A test that hangs ends the process, and says where."""
    faulthandler.dump_traceback_later(120, exit=True)
    yield
    faulthandler.cancel_dump_traceback_later()


@pytest.fixture
def own() -> Iterator[Workers]:
    """Workers of the test's own, without threads yet."""
    found = Workers()
    yield found
    found.close()


def run(own: Workers, made: Noting, width: int, steps: int = 1) -> None:
    own.run(made.program._program, made.parts, width, steps)


def test_every_part_runs_once_in_every_stage(own: Workers, each: Each) -> None:
    """With fewer threads than parts, with as many, and with more."""
    for parts, stages, width in product((1, 2, 3, 5, 40), (1, 2, 3), (1, 2, 3, 5)):
        made = Noting(parts, stages)
        for steps in (1, 2, 30, 1):
            with each(parts=parts, stages=stages, width=width, steps=steps):
                run(own, made, width, steps)
                made.check(steps)


def test_the_most_parts(own: Workers) -> None:
    made = Noting(MOST_PARTS, 2)
    run(own, made, 3, 5)
    made.check(5)


def test_programs_of_other_sizes_in_turn(own: Workers, each: Each) -> None:
    """What one leaves does not disturb the next, with more parts or with fewer."""
    programs = [Noting(parts, stages) for parts, stages in ((2, 3), (5, 1), (1, 2), (3, 1))]
    rng = np.random.default_rng(0)
    for i in range(300):
        made, width = programs[rng.integers(4)], int(rng.integers(1, 5))
        steps = int(rng.integers(1, 4))
        with each(i, parts=made.parts, width=width, steps=steps):
            run(own, made, width, steps)
            made.check(steps)


def test_threads_do_run_at_the_same_time(own: Workers, each: Each) -> None:
    """Each part of a stage waits for the others."""
    for parts, stage in product((2, 3, 5), (0, 1)):
        words = np.zeros(2, np.int64)
        meet = {(stage, p): [meeting(words, parts)] for p in range(parts)}
        made = Noting(parts, 2, more=meet)
        for i in range(3):
            with each(parts=parts, stage=stage, run=i):
                words[:] = 0
                run(own, made, parts)
                made.check(1)
                assert words.tolist() == [parts, 0]


def test_threads_that_have_fallen_asleep_are_woken(own: Workers, each: Each) -> None:
    """Between two programs, and while one thread does something that takes long."""
    words = np.zeros(2, np.int64)
    first = Noting(3, 1, more={(0, p): [meeting(words, 3)] for p in range(3)})
    meet = {(1, p): [meeting(words, 3)] for p in range(3)}
    second = Noting(3, 2, more={(0, 1): [dawdling()], **meet})
    for i in range(3):
        for name, made in (("between", first), ("within", second)):
            with each(name, run=i):
                sleep(0.02)
                words[:] = 0
                run(own, made, 3)
                made.check(1)
                assert words.tolist() == [3, 0]


def test_threads_are_started_when_they_are_needed(own: Workers) -> None:
    made = Noting(5, 1)
    found = []
    for width in (1, 3, 2, 5):
        run(own, made, width)
        found.append(len(own._threads))
    assert found == [0, 2, 2, 4]
    assert all(thread.daemon and thread.is_alive() for thread in own._threads)
    made.check(4)


def test_a_system_that_starts_no_thread(own: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(self: Thread) -> None:
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(Thread, "start", refuse)
    made = Noting(3, 2)
    run(own, made, 3, 4)
    made.check(4)
    assert own._threads == []


def test_threads_that_were_ended_start_anew(own: Workers) -> None:
    made = Noting(3, 2)
    run(own, made, 3)
    threads = [*own._threads]
    own.close()
    assert len(threads) == 2
    assert not any(thread.is_alive() for thread in threads)
    run(own, made, 3, 20)
    made.check(21)
    assert [thread.is_alive() for thread in own._threads] == [True, True]
    own.close()
    own.close()
    run(own, made, 1)
    made.check(1)


def test_threads_in_use_are_not_ended(own: Workers, monkeypatch: pytest.MonkeyPatch) -> None:
    """Or a process that Ctrl-C interrupted while it took them could not end."""
    monkeypatch.setattr("xpnet.lowering.cpu.workers._PATIENCE", 0.001)
    made = Noting(2, 1)
    run(own, made, 2)
    taken, over = Event(), Event()

    def hold() -> None:
        with own._busy:
            taken.set()
            over.wait(10)

    other = Thread(target=hold)
    other.start()
    assert taken.wait(10)
    own.close()
    assert own._threads[0].is_alive()
    run(own, made, 2)
    over.set()
    other.join()
    run(own, made, 2)
    made.check(3)


def test_threads_beyond_the_width_sleep_on(own: Workers) -> None:
    """A pool that had to be wide once is no burden for narrow programs."""
    wide, narrow = Noting(5, 2), Noting(2, 2)
    run(own, wide, 5)
    for _ in range(50):
        run(own, narrow, 2)
    asleep = own._words._words[ASLEEP : ASLEEP + 6]
    for _ in range(1000):
        if asleep.sum() == 4:
            break
        sleep(0.01)
    assert asleep.tolist() == [0, 1, 1, 1, 1, 0]
    run(own, wide, 5)
    narrow.check(50)
    wide.check(2)


def test_programs_of_several_python_threads(own: Workers) -> None:
    """One of them has the workers; the others do all by themselves."""
    programs = [Noting(3, 2) for _ in range(4)]
    failures: list[BaseException] = []

    def work(made: Noting) -> None:
        try:
            for steps in (1, 7, 2) * 50:
                run(own, made, 3, steps)
                made.check(steps)
        except BaseException as error:
            failures.append(error)

    threads = [Thread(target=work, args=(made,)) for made in programs]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert failures == []


def test_a_program_of_its_own_while_the_workers_are_busy(own: Workers) -> None:
    """The second program runs while a part of the first waits for it."""
    words = np.zeros(2, np.int64)
    waiting = Noting(2, 1, more={(0, 0): [meeting(words, 2)]})
    other = Noting(2, 1, more={(0, 1): [meeting(words, 2)]})
    thread = Thread(target=run, args=(own, waiting, 2))
    thread.start()
    while not words[0]:
        sleep(1e-3)
    run(own, other, 2)
    thread.join()
    assert words.tolist() == [2, 0]
    waiting.check(1)
    other.check(1)


def test_a_task_stops_the_program(own: Workers, each: Each) -> None:
    """All parts of its stage and the tail are done, and nothing after them."""
    for parts, width, stage, at in product((1, 3, 5), (1, 3), (0, 1, 2), (1, 4)):
        with each(parts=parts, width=width, stage=stage, at=at):
            stopped, count = np.zeros(1, np.int64), np.zeros(1, np.int64)
            more = {(stage, parts - 1): [stopping(stopped, count, at)]}
            made = Noting(parts, 3, more=more, stopped=stopped)
            for _ in range(2):  # another run begins anew
                count[0] = stopped[0] = 0
                run(own, made, width, 9)
                wanted = made.step() * (at - 1) + made.step(stage + 1)
                assert made.in_order(made.notes()) == wanted
            count[0], stopped[0] = 10, 0
            run(own, made, width, 2)
            made.check(2)


def test_a_shared_program_is_run_by_the_workers_of_the_process() -> None:
    """It begins anew after it was stopped."""
    stopped, count = np.zeros(1, np.int64), np.zeros(1, np.int64)
    more = {(0, 0): [stopping(stopped, count, 3)]}
    made = Noting(3, 2, more=more, stopped=stopped)
    made.program.repeat(5)
    assert made.in_order(made.notes()) == [*made.step() * 2, *made.step(1)]
    made.program.run()
    made.program.repeat(2)
    made.check(3)
    assert made.notes() == []
    assert len(workers()._threads) >= 2
    assert workers() is workers()


# --- processes ------------------------------------------------------------------------------------

_SCRIPT = """
import os, sys, threading, time
from support.noting import Noting
from xpnet.lowering.cpu.workers import workers

def program(steps=20):
    made = Noting(3, 2)
    made.program.repeat(steps)
    made.check(steps)
    return made

def child(what):
    number = os.fork()
    if number == 0:
        code = 1
        try:
            what()
            code = 0
        finally:
            os._exit(code)
    assert os.waitpid(number, 0)[1] == 0

made = program()
"""


def script(text: str) -> str:
    """Run a script in a process of its own; what it prints."""
    paths = os.pathsep.join(p for p in sys.path if p)
    done = subprocess.run(
        [sys.executable, "-W", "ignore::DeprecationWarning", "-c", _SCRIPT + text],
        env={**os.environ, "PYTHONPATH": paths},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.mark.skipif(not hasattr(os, "fork"), reason="processes cannot be forked here")
def test_forked_processes_have_workers_of_their_own() -> None:
    """After a fork of an idle process, and of one whose workers, and compiler, are in use."""
    found = script(
        """
assert len(workers()._threads) == 2
def again():
    assert workers()._threads == []
    program()
    made.program.repeat(3)
    made.check(3)
    assert len(workers()._threads) == 2
    child(program)
child(again)
program()

ending = False
def work():
    while not ending:
        mine = Noting(3, 2)  # this compiles
        mine.program.repeat(50)
        mine.check(50)
threads = [threading.Thread(target=work) for _ in range(2)]
for thread in threads: thread.start()
for _ in range(10):
    child(again)
ending = True
for thread in threads: thread.join()
program()
print("done")
"""
    )
    assert found == "done\n"


def test_a_process_ends_while_threads_wait_or_work() -> None:
    found = script(
        """
def work():
    while True:
        made.program.repeat(50)
        made.check(50)
threading.Thread(target=work, daemon=True).start()
time.sleep(0.05)
print("done")
"""
    )
    assert found == "done\n"


def test_a_head_runs_before_every_step(own: Workers) -> None:
    made = Noting(2, 1)
    run(own, made, 2, 3)
    notes = made.notes()
    assert [notes[i] for i in (0, 4, 8)] == [HEAD] * 3


def test_words_of_threads_are_apart() -> None:
    """Those that threads write to are in cache lines of their own."""
    address: Any = Workers()._words.address
    assert address % 64 == 0
