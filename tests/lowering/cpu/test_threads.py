"""One thread for small steps."""

import pytest

from xpnet.lowering.cpu import threads
from xpnet.lowering.cpu.pool import Pool


@pytest.fixture
def numbers(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of threads that NumPy's BLAS was set to, in order."""
    given = [2]
    pool = Pool(lambda: given[-1], given.append)
    monkeypatch.setattr(threads, "numpys", lambda: pool)
    return given


def test_advice(numbers: list[int]) -> None:
    assert threads.advice(2 * 64 * 784 * 128) == 1
    assert threads.advice(2 * 128 * 784 * 512) is None
    with threads.at_most(1):
        assert threads.advice(2 * 64 * 784 * 128) == 1  # of all threads, not of those that are left
        assert threads.advice(2 * 128 * 784 * 512) is None


def test_no_advice_where_there_is_one_thread(numbers: list[int]) -> None:
    numbers[:] = [1]
    assert threads.advice(1.0) is None


@pytest.mark.parametrize(("limit", "inside"), [(1, 1), (None, 2)])
def test_limits(numbers: list[int], limit: int | None, inside: int) -> None:
    with threads.at_most(limit):
        assert numbers[-1] == inside
    assert numbers[-1] == 2
    with pytest.raises(ZeroDivisionError), threads.at_most(limit):
        raise ZeroDivisionError
    assert numbers[-1] == 2


def test_turns(numbers: list[int]) -> None:
    small, large = threads.turn(1.0), threads.turn(1e9)
    assert small is not None
    assert large is not None
    with small:
        assert numbers[-1] == 1
    with threads.at_most(1), large:
        assert numbers[-1] == 2


def test_no_turns_where_there_is_one_thread(numbers: list[int]) -> None:
    numbers[:] = [1]
    assert threads.turn(1e9) is None
    assert numbers == [1]
