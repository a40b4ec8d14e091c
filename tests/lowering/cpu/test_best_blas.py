"""Which library computes a product."""

from collections.abc import Callable
from time import sleep
from typing import Any

import pytest

from xpnet.errors import MissingDependencyError, UnknownNameError
from xpnet.lowering.cpu import best_blas, mkl
from xpnet.lowering.cpu.blas import Gemm
from xpnet.lowering.cpu.pool import Pool

OWN, OTHER = Gemm("float32", 1, 64, "own", 0), Gemm("float32", 2, 64, "other", 0)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets which libraries exist, and whether MKL is faster."""

    def build(own: Any = OWN, other: Any = OTHER, faster: bool = True, count: int = 1) -> None:
        pool = Pool(lambda: count, lambda count: None)
        monkeypatch.delenv("XPNET_BLAS", raising=False)
        monkeypatch.setattr(best_blas.blas, "entry", lambda dtype: own)
        monkeypatch.setattr(best_blas.mkl, "entry", lambda dtype: other)
        monkeypatch.setattr(best_blas.mkl, "numpys_own", lambda: False)
        monkeypatch.setattr(best_blas, "numpys", lambda: pool)
        monkeypatch.setattr(best_blas, "_faster", lambda *product: faster)

    return build


@pytest.mark.parametrize("threads", [1, None])
@pytest.mark.parametrize("faster", [True, False])
def test_the_faster_one(world: Callable[..., None], faster: bool, threads: int | None) -> None:
    world(faster=faster)
    assert best_blas.best("float32", 8, 8, 8, threads=threads) is (OTHER if faster else OWN)


def test_products_of_several_threads_are_numpys(world: Callable[..., None]) -> None:
    world(count=2)
    assert best_blas.best("float32", 8, 8, 8, threads=1) is OTHER
    assert best_blas.best("float32", 8, 8, 8, threads=2) is OWN
    assert best_blas.best("float32", 8, 8, 8) is OWN


def test_the_only_one(world: Callable[..., None]) -> None:
    world(other=None)
    assert best_blas.best("float32", 8, 8, 8) is OWN
    world(own=None)
    assert best_blas.best("float32", 8, 8, 8) is OTHER
    world(own=None, other=None)
    assert best_blas.best("float32", 8, 8, 8) is None


@pytest.mark.parametrize(("said", "wanted"), [("numpy", OWN), ("mkl", OTHER)])
def test_the_environment_settles_it(
    world: Callable[..., None], monkeypatch: pytest.MonkeyPatch, said: str, wanted: Gemm
) -> None:
    world(faster=wanted is OWN)
    monkeypatch.setenv("XPNET_BLAS", said)
    assert best_blas.best("float32", 8, 8, 8) is wanted


def test_mkl_asked_for_and_not_there(
    world: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    world(other=None)
    monkeypatch.setenv("XPNET_BLAS", "mkl")
    with pytest.raises(MissingDependencyError, match=r"xpnet\[mkl\]"):
        best_blas.best("float32", 8, 8, 8)
    monkeypatch.setattr(best_blas.mkl, "numpys_own", lambda: True)
    assert best_blas.best("float32", 8, 8, 8) is OWN


def test_a_blas_that_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XPNET_BLAS", "atlas")
    with pytest.raises(UnknownNameError, match="XPNET_BLAS 'atlas'"):
        best_blas.best("float32", 8, 8, 8)


def test_the_shortest_times_of_calls_in_turn() -> None:
    order: list[str] = []

    def call(name: str, seconds: float) -> Callable[[], None]:
        return lambda: (order.append(name), sleep(seconds))[-1]

    slow, fast = best_blas._best_times(call("a", 0.004), call("b", 0.002))
    assert order == ["a", "b"] * 4  # the budget is spent by the first
    assert slow >= 0.004
    assert 0.002 <= fast < slow


def test_a_measurement() -> None:
    if mkl.entry("float32") is None or best_blas.blas.entry("float32") is None:
        pytest.skip("there are not two libraries to choose from")
    before = best_blas.numpys().count
    first = best_blas._faster("float32", 16, 32, 24, (False, True))
    assert best_blas._faster("float32", 16, 32, 24, (False, True)) is first
    assert best_blas.numpys().count == before
