"""The threads of a BLAS, and limits for a while."""

from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest

from xpnet.lowering.cpu import pool


class Recorded:
    """A library that notes how many threads it was given."""

    def __init__(self, count: int) -> None:
        self.given = [count]
        self.pool = pool.Pool(lambda: self.given[-1], self.given.append)


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
