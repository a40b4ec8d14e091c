"""How many threads share a program."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from support.each import Each

from xpnet.errors import ArgumentError
from xpnet.lowering import MOST_THREADS
from xpnet.lowering.cpu import thread_count
from xpnet.lowering.cpu.pool import Pool
from xpnet.lowering.cpu.thread_count import allowed, available, cores, shares


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., None]]:
    """Sets what is found: the cores of the affinity, control groups' files, the BLAS's threads."""

    def build(
        affinity: int = 8, files: dict[str, str] | None = None, blas: int = 8, posix: bool = True
    ) -> None:
        thread_count._quota.cache_clear()
        thread_count._say_more.cache_clear()
        found = {f"/sys/fs/cgroup/{name}": text for name, text in (files or {}).items()}

        def read(path: Path, *args: Any, **kwargs: Any) -> str:
            if str(path) not in found:
                raise FileNotFoundError(path)
            return found[str(path)]

        monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {*range(affinity)}, raising=False)
        monkeypatch.setattr(thread_count.Path, "read_text", read)
        monkeypatch.setattr(thread_count, "numpys", lambda: Pool(lambda: blas, lambda n: None))
        monkeypatch.setattr(thread_count, "available", lambda: posix)

    monkeypatch.delenv("XPNET_NUM_THREADS", raising=False)
    yield build
    thread_count._quota.cache_clear()
    thread_count._say_more.cache_clear()


QUOTAS = {
    "none": ({}, 8),
    "no limit": ({"cpu.max": "max 100000\n"}, 8),
    "two cores": ({"cpu.max": "200000 100000\n"}, 2),
    "one and a half": ({"cpu.max": "150000 100000\n"}, 2),
    "less than one": ({"cpu.max": "20000 100000\n"}, 1),
    "more than there are": ({"cpu.max": "9900000 100000\n"}, 8),
    "something else": ({"cpu.max": "soon"}, 8),
    "nothing": ({"cpu.max": ""}, 8),
    "zero": ({"cpu.max": "0 0"}, 8),
    "version 1": (
        {"cpu/cpu.cfs_quota_us": "300000\n", "cpu/cpu.cfs_period_us": "100000\n"},
        3,
    ),
    "version 1 without limit": (
        {"cpu/cpu.cfs_quota_us": "-1\n", "cpu/cpu.cfs_period_us": "100000\n"},
        8,
    ),
    "version 1, half of it": ({"cpu/cpu.cfs_quota_us": "300000\n"}, 8),
    "both": (
        {
            "cpu.max": "max 100000",
            "cpu/cpu.cfs_quota_us": "400000",
            "cpu/cpu.cfs_period_us": "100000",
        },
        4,
    ),
}


def test_the_quota_of_a_container(world: Callable[..., None], each: Each) -> None:
    for name, (files, wanted) in QUOTAS.items():
        with each(name):
            world(affinity=8, files=files)
            assert cores() == wanted


def test_the_affinity(world: Callable[..., None], each: Each) -> None:
    for count in (1, 2, 7):
        with each(count):
            world(affinity=count)
            assert cores() == count
            assert allowed() == count


def test_without_affinities(world: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    """As on macOS; and where the number of cores is not known."""
    world()
    monkeypatch.delattr(os, "sched_getaffinity")
    monkeypatch.setattr(os, "cpu_count", lambda: 6)
    assert cores() == 6
    thread_count._quota.cache_clear()
    monkeypatch.setattr(os, "cpu_count", lambda: None)
    assert cores() == 1


def test_a_blas_with_fewer_threads(world: Callable[..., None]) -> None:
    world(affinity=8, blas=3)
    assert allowed() == 3
    world(affinity=2, blas=3)
    assert allowed() == 2


def test_what_is_asked_for(world: Callable[..., None], monkeypatch: pytest.MonkeyPatch) -> None:
    """The argument counts more than the environment, and both more than what there is."""
    world(affinity=2, blas=1)
    assert [allowed(n) for n in (1, 2, 5, MOST_THREADS)] == [1, 2, 5, MOST_THREADS]
    monkeypatch.setenv("XPNET_NUM_THREADS", "7")
    assert allowed() == 7
    assert allowed(3) == 3
    monkeypatch.setenv("XPNET_NUM_THREADS", " ")
    assert allowed() == 1


def test_what_cannot_be_asked_for(
    world: Callable[..., None], monkeypatch: pytest.MonkeyPatch, each: Each
) -> None:
    world()
    for threads in (0, -1, MOST_THREADS + 1, 1.5, "two", True):
        with each(threads), pytest.raises(ArgumentError, match="threads must be a whole number"):
            allowed(threads)  # type: ignore[arg-type]
    for text in ("0", "-1", str(MOST_THREADS + 1), "1.5", "two", "1 2"):
        monkeypatch.setenv("XPNET_NUM_THREADS", text)
        with each(text), pytest.raises(ArgumentError, match=f"from 1 to {MOST_THREADS}, got '"):
            allowed()


def test_where_threads_cannot_wait_for_each_other(
    world: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    world(posix=False)
    assert (allowed(), allowed(4)) == (1, 1)
    monkeypatch.setenv("XPNET_NUM_THREADS", "4")
    assert allowed() == 1
    with pytest.raises(ArgumentError):
        allowed(0)


def test_where_threads_can(monkeypatch: pytest.MonkeyPatch) -> None:
    assert available() == (sys.platform != "win32")
    monkeypatch.setattr(sys, "platform", "win32")
    assert not available.__wrapped__()


def test_each_thread_has_rows_and_work(each: Each) -> None:
    """At least 16 rows, and 1e7 flops."""
    for limit, rows, flops, wanted in (
        (8, 128, 1e9, 8),
        (8, 127, 1e9, 7),
        (8, 31, 1e9, 1),
        (8, 1, 1e9, 1),
        (8, 0, 1e9, 1),
        (8, 10_000, 3e7, 3),
        (8, 10_000, 0, 1),
        (1, 10_000, 1e12, 1),
        (64, 10_000, float("inf"), 64),
    ):
        with each(limit=limit, rows=rows, flops=flops):
            assert shares(limit, rows, flops) == wanted


# --- the limits of a BLAS -------------------------------------------------------------------------


def test_threadpoolctl_limits_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    control = pytest.importorskip("threadpoolctl", reason="threadpoolctl is not installed")
    monkeypatch.delenv("XPNET_NUM_THREADS", raising=False)
    monkeypatch.setattr(thread_count, "cores", lambda: 64)
    before = allowed()
    with control.threadpool_limits(1, user_api="blas"):
        assert allowed() == 1
        assert allowed(3) == 3
    assert allowed() == before


_ASK = "from xpnet.lowering.cpu import thread_count as t; t.cores = lambda: 2; print(t.allowed())"


def test_the_environment_limits_threads(each: Each) -> None:
    """Each in a process of its own: NumPy reads it when it is imported."""
    usual = {k: v for k, v in os.environ.items() if "NUM_THREADS" not in k}
    for settings, wanted in (
        ({"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}, "1"),
        ({"OPENBLAS_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "XPNET_NUM_THREADS": "3"}, "3"),
    ):
        with each(**settings):
            done = subprocess.run(
                [sys.executable, "-c", _ASK],
                env={**usual, **settings},
                capture_output=True,
                text=True,
                check=True,
                timeout=60,
            )
            assert done.stdout.strip() == wanted
