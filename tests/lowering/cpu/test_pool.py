"""The threads of a BLAS, and temporary limits."""

import sys
from concurrent.futures import Future, ThreadPoolExecutor
from functools import partial
from operator import itemgetter
from threading import Barrier
from time import sleep

import numpy as np
import pytest

import xpnet as xn
from xpnet import lowering
from xpnet.lowering.cpu import pool, threads


class Recorded:
    """A library that records its numbers of threads; its calls let no other thread in."""

    def __init__(self, count: int) -> None:
        self.given = [count]
        self.pool = pool.Pool(partial(itemgetter(-1), self.given), self.given.append)


@pytest.mark.smoke
def test_what_there_was_comes_back() -> None:
    library = Recorded(8)
    with library.pool.limited(2):
        assert library.given == [8, 2]
        assert library.pool.count == 8
    assert library.given == [8, 2, 8]


def test_it_comes_back_after_an_error() -> None:
    library = Recorded(8)
    with pytest.raises(KeyboardInterrupt), library.pool.limited(1):
        raise KeyboardInterrupt
    assert library.given[-1] == 8
    assert library.pool.count == 8


def test_the_lowest_of_several_limits_counts() -> None:
    library = Recorded(8)
    with library.pool.limited(2):
        with library.pool.limited(4):
            assert library.given[-1] == 2
        with library.pool.limited(1):
            assert library.given[-1] == 1
        assert library.given[-1] == 2
    assert library.given[-1] == 8


def test_a_limit_never_adds_threads() -> None:
    library = Recorded(2)
    with library.pool.limited(16):
        assert library.given[-1] == 2


def test_limits_of_two_python_threads_may_end_in_any_order() -> None:
    library, both = Recorded(8), Barrier(2)
    first_gone = Barrier(2)

    def first() -> None:
        with library.pool.limited(1):
            both.wait(10)
        first_gone.wait(10)

    def second() -> None:
        with library.pool.limited(1):
            both.wait(10)
            first_gone.wait(10)
            assert library.given[-1] == 1

    with ThreadPoolExecutor(2) as workers:
        for done in [workers.submit(first), workers.submit(second)]:
            done.result()
    assert library.given[-1] == 8


def test_a_turn_has_its_number_whatever_the_limit() -> None:
    library = Recorded(8)
    with library.pool.limited(2):
        with library.pool.turn(None):
            assert library.given[-1] == library.pool.count == 8
        assert library.given[-1] == 2
    with library.pool.turn(1):
        assert library.given[-1] == 1
        with library.pool.limited(4):
            assert library.given[-1] == 1
    assert library.given == [8, 2, 8, 2, 8, 1, 8]


def test_turns_with_the_same_number_run_together() -> None:
    library, both = Recorded(8), Barrier(2)

    def work() -> None:
        with library.pool.turn(1):
            both.wait(10)

    with ThreadPoolExecutor(2) as workers:
        for done in [workers.submit(work), workers.submit(work)]:
            done.result()
    assert library.given == [8, 1, 8]


def test_turns_with_other_numbers_wait_and_are_not_overtaken() -> None:
    library, order = Recorded(8), []
    turns = {count: library.pool.turn(count) for count in (1, None)}

    def work(name: str, count: int | None) -> None:
        with turns[count]:
            order.append((name, library.given[-1]))

    with ThreadPoolExecutor(2) as workers:
        with turns[1]:
            done = [workers.submit(work, "all", None)]
            while library.pool._gate is None:
                sleep(0.001)
            done.append(workers.submit(work, "one", 1))  # though it could run now
            sleep(0.05)
            assert not order
        for each in done:
            each.result(10)
    assert sorted(order) == [("all", 8), ("one", 1)]
    assert library.given[-1] == 8


def test_many_turns_of_many_threads_each_have_their_number() -> None:
    library, wrong = Recorded(8), []

    def work(i: int) -> None:
        count = (1, None, 2)[i % 3]
        with library.pool.turn(count):
            sleep(0)
            wrong.extend([i] * (library.given[-1] != (count or 8)))

    with ThreadPoolExecutor(6) as workers:
        list(workers.map(work, range(600)))
    assert not wrong
    assert library.given[-1] == 8


@pytest.mark.parametrize("after", [True, False])
def test_a_turn_that_is_broken_off_keeps_nobody_waiting(after: bool) -> None:
    """Ctrl-C interrupts its start, before or after it counts."""
    library = Recorded(8)

    class Broken(type(library.pool)):  # type: ignore[misc]
        def enter(self, me: int, count: int | None) -> None:
            if after:
                super().enter(me, count)
            raise KeyboardInterrupt

    broken = Broken(lambda: library.given[-1], library.given.append)
    with pytest.raises(KeyboardInterrupt), broken.turn(1):
        pass
    assert not broken._running
    assert library.given[-1] == 8


def test_the_count_is_that_without_limits_at_any_moment() -> None:
    """A query during a change of limits must not mistake the limit for the total."""
    library, found = Recorded(8), set()
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(2) as workers:
            done = workers.submit(lambda: [_limit_once(library) for _ in range(3000)])
            while not done.done():
                found.add(library.pool.count)
    finally:
        sys.setswitchinterval(before)
    assert found == {8}


def test_the_count_is_that_without_limits_while_the_last_one_ends() -> None:
    library, found = Recorded(8), []

    class Slow(type(library.pool)):  # type: ignore[misc]
        def _follow(self) -> None:
            found.append(self.count)  # as another thread may, before the number is restored
            super()._follow()

    slow = Slow(lambda: library.given[-1], library.given.append)
    for limit in (slow.limited(1), slow.turn(1)):
        with limit:
            assert library.given[-1] == 1
        assert library.given[-1] == 8
    assert set(found) == {8}


def _limit_once(library: Recorded) -> None:
    with library.pool.limited(1):
        pass


def test_numpys_threads_are_those_that_threadpoolctl_sees() -> None:
    control = pytest.importorskip("threadpoolctl")
    numpys = pool.numpys()

    def seen() -> set[int]:
        info = control.threadpool_info()
        return {x["num_threads"] for x in info if "numpy.libs" in x["filepath"]}

    if not seen():
        pytest.skip("NumPy was not installed from a wheel")
    assert {numpys.count} == seen()
    with numpys.limited(1):
        assert seen() == {1}
    assert {numpys.count} == seen()


def test_a_blas_that_cannot_be_told_keeps_one_thread(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pool.blas, "libraries", list)
    numpys = pool.numpys.__wrapped__()
    with numpys.limited(1):
        assert numpys.count == 1


# --- signals --------------------------------------------------------------------------------------


def test_a_turn_that_a_signal_kept_from_ending() -> None:
    library = Recorded(8)
    turn = library.pool.turn(1)
    library.pool.run(type(turn).__enter__, turn)
    assert library.given == [8, 1, 8]
    assert not library.pool._running


def test_a_limit_that_a_signal_kept_from_ending() -> None:
    library = Recorded(8)

    def left(_: object) -> None:
        library.pool.limited(1).__enter__()
        library.pool.turn(None).__enter__()
        assert library.given[-1] == 8

    with library.pool.limited(2):
        library.pool.run(left, None)
        assert [*library.pool.limits.values()] == [2]
        with library.pool.turn(2):
            assert library.given[-1] == 2
        assert library.given[-1] == 2
    assert library.given[-1] == 8
    assert not library.pool.limits


def test_a_change_that_a_signal_interrupted() -> None:
    """The handler runs when the number is set; the same once more when it is restored."""
    given = [8]

    def give(count: int) -> None:
        given.append(count)
        raise KeyboardInterrupt

    broken = pool.Pool(lambda: given[-1], give)
    with pytest.raises(KeyboardInterrupt):
        broken.run(pool._Turn.__enter__, broken.turn(1))
    assert given == [8, 1, 8]
    assert not broken.limits
    assert not broken._running


def test_those_who_wait_go_on_though_a_signal_interrupted_the_turn() -> None:
    library = Recorded(8)

    def work() -> int:
        with library.pool.turn(None):
            return library.given[-1]

    def interrupted(_: object) -> None:
        library.pool.turn(1).__enter__()
        waiting.append(other.submit(work))
        while library.pool._gate is None:
            sleep(0.001)
        raise KeyboardInterrupt

    waiting: list[Future[int]] = []
    with ThreadPoolExecutor(1) as other:
        with pytest.raises(KeyboardInterrupt):
            library.pool.run(interrupted, None)
        assert waiting[0].result(10) == 8


def test_floating_point_errors_that_a_signal_left_ignored() -> None:
    before = np.geterr()

    def left(_: object) -> None:
        np.errstate(all="ignore", divide="raise").__enter__()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Recorded(8).pool.run(left, None)
    assert np.geterr() == before


def test_limits_of_other_python_threads_stay() -> None:
    library = Recorded(8)

    def begin() -> None:
        library.pool.limited(2).__enter__()

    with ThreadPoolExecutor(1) as other:
        other.submit(begin).result()
        library.pool.run(lambda _: None, None)
        assert library.given[-1] == 2


def test_a_forked_process_has_no_limits() -> None:
    library = Recorded(8)
    library.pool.limited(2).__enter__()
    library.pool.turn(1).__enter__()
    library.pool.reset()
    assert library.given[-1] == library.pool.count == 8
    with library.pool.turn(1):
        assert library.given[-1] == 1
    assert library.given[-1] == 8


def test_a_model_restores_the_number_whatever_is_interrupted(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    library = Recorded(4)
    monkeypatch.setattr(pool, "numpys", lambda: library.pool)
    monkeypatch.setattr(threads, "numpys", lambda: library.pool)
    monkeypatch.setattr(lowering, "_numpys", lambda: library.pool)
    model, X = xn.MLP([4, 8, 3], backend="numpy"), np.zeros((6, 4), dtype="float32")
    model.predict(X)
    assert library.given == [4, 1, 4]

    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(pool._Turn, "__exit__", interrupted)
    with pytest.raises(KeyboardInterrupt):
        model.predict(X)
    assert library.given == [4, 1, 4, 1, 4]
