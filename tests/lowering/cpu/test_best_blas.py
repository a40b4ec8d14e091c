"""Which library computes a product."""

from collections.abc import Callable
from itertools import permutations
from pathlib import Path
from typing import Any

import pytest

from xpnet.errors import MissingDependencyError, UnknownNameError
from xpnet.lowering.cpu import best_blas
from xpnet.lowering.cpu.blas import Gemm
from xpnet.lowering.cpu.pool import Pool

OWN, OTHER = Gemm("float32", 1, 64, "own", 0), Gemm("float32", 2, 64, "other", 0)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Callable[..., None]:
    """Sets which libraries exist, and who made the processor."""

    def build(own: Any = OWN, other: Any = OTHER, intel: bool = True, count: int = 1) -> None:
        pool = Pool(lambda: count, lambda count: None)
        monkeypatch.delenv("XPNET_BLAS", raising=False)
        monkeypatch.setattr(best_blas.blas, "entry", lambda dtype: own)
        monkeypatch.setattr(best_blas.mkl, "entry", lambda dtype: other)
        monkeypatch.setattr(best_blas.mkl, "numpys_own", lambda: False)
        monkeypatch.setattr(best_blas, "numpys", lambda: pool)
        monkeypatch.setattr(best_blas, "intel", lambda: intel)

    return build


@pytest.mark.parametrize("threads", [1, None])
@pytest.mark.parametrize("intel", [True, False])
def test_the_rule_for_wide_products(
    world: Callable[..., None], intel: bool, threads: int | None
) -> None:
    world(intel=intel)
    for sides in [(16, 16, 16), (32, 64, 20), (4096, 512, 784)]:
        wanted = OTHER if intel else OWN
        assert best_blas.best("float32", *sides, threads=threads) is wanted


@pytest.mark.parametrize("sides", [*permutations((15, 64, 784)), (1, 1, 1), (1, 128, 784)])
def test_narrow_products_are_numpys(world: Callable[..., None], sides: Any) -> None:
    world()
    assert best_blas.best("float32", *sides, threads=1) is OWN


@pytest.mark.parametrize(
    ("text", "intel"),
    [
        ("vendor_id\t: GenuineIntel\nmodel name\t: Intel(R) Xeon(R)", True),
        ("vendor_id\t: AuthenticAMD\nmodel name\t: AMD EPYC", False),
        ("CPU implementer\t: 0x41", False),
    ],
)
def test_who_made_the_processor(monkeypatch: pytest.MonkeyPatch, text: str, intel: bool) -> None:
    monkeypatch.setattr(Path, "read_text", lambda *_, **__: text)
    assert best_blas.intel.__wrapped__() is intel


@pytest.mark.parametrize(("text", "intel"), [("Intel64 Family 6, GenuineIntel", True), ("", False)])
def test_who_made_the_processor_on_windows(
    monkeypatch: pytest.MonkeyPatch, text: str, intel: bool
) -> None:
    def missing(*_: object, **__: object) -> str:
        raise FileNotFoundError

    monkeypatch.setattr(Path, "read_text", missing)
    monkeypatch.setattr(best_blas.platform, "processor", lambda: text)
    assert best_blas.intel.__wrapped__() is intel


def test_products_of_several_threads_are_numpys(world: Callable[..., None]) -> None:
    world(count=2)
    assert best_blas.best("float32", 32, 32, 32, threads=1) is OTHER
    assert best_blas.best("float32", 32, 32, 32, threads=2) is OWN
    assert best_blas.best("float32", 32, 32, 32) is OWN


def test_the_only_one(world: Callable[..., None]) -> None:
    world(other=None)
    assert best_blas.best("float32", 32, 32, 32) is OWN
    world(own=None)
    assert best_blas.best("float32", 32, 32, 32) is OTHER
    world(own=None, other=None)
    assert best_blas.best("float32", 32, 32, 32) is None


@pytest.mark.parametrize(("said", "wanted"), [("numpy", OWN), ("mkl", OTHER)])
def test_the_environment_settles_it(
    world: Callable[..., None], monkeypatch: pytest.MonkeyPatch, said: str, wanted: Gemm
) -> None:
    world(intel=wanted is OWN)
    monkeypatch.setenv("XPNET_BLAS", said)
    assert best_blas.best("float32", 32, 32, 32) is wanted


def test_mkl_asked_for_and_not_there(
    world: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    world(other=None)
    monkeypatch.setenv("XPNET_BLAS", "mkl")
    with pytest.raises(MissingDependencyError, match=r"xpnet\[mkl\]"):
        best_blas.best("float32", 32, 32, 32)
    monkeypatch.setattr(best_blas.mkl, "numpys_own", lambda: True)
    assert best_blas.best("float32", 32, 32, 32) is OWN


def test_a_blas_that_is_not_known(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XPNET_BLAS", "atlas")
    with pytest.raises(UnknownNameError, match="XPNET_BLAS 'atlas'"):
        best_blas.best("float32", 32, 32, 32)
