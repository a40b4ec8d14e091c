"""One thread for small steps, and one library's threads at a time."""

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from xpnet.lowering.cpu import mkl, threads
from xpnet.lowering.cpu.pool import Pool


class World:
    """NumPy's BLAS and MKL, each with its number of threads."""

    def __init__(self) -> None:
        self.numpy, self.mkl = [2], [2]
        self.numpys = Pool(lambda: self.numpy[-1], self.numpy.append)
        pool = Pool(lambda: self.mkl[-1], self.mkl.append)
        self.library = mkl.Library(None, pool, threaded=True)

    @property
    def now(self) -> tuple[int, int]:
        return self.numpy[-1], self.mkl[-1]


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> Callable[..., World]:
    def build(installed: bool = True, shared: bool = False) -> World:
        made = World()
        monkeypatch.setattr(threads, "numpys", lambda: made.numpys)
        monkeypatch.setattr(threads.mkl, "load", lambda: made.library if installed else None)
        monkeypatch.setattr(threads.choice, "shared", lambda: shared)
        return made

    return build


def test_advice(world: Callable[..., World]) -> None:
    made = world()
    assert threads.advice(2 * 64 * 784 * 128) == 1
    assert threads.advice(2 * 128 * 784 * 512) is None
    with made.numpys.limited(1):
        assert threads.advice(2 * 64 * 784 * 128) == 1  # of those that there are, not that are left


def test_no_advice_where_there_is_one_thread(world: Callable[..., World]) -> None:
    made = world()
    made.numpy[:] = [1]
    assert threads.advice(1.0) is None


@pytest.mark.parametrize(
    ("installed", "shared", "limit", "inside"),
    [
        (True, True, 1, (1, 1)),
        (True, False, 1, (1, 1)),
        (False, False, 1, (1, 2)),
        (True, True, None, (1, 2)),
        (True, False, None, (2, 2)),
        (False, False, None, (2, 2)),
    ],
)
def test_limits(
    world: Callable[..., World],
    installed: bool,
    shared: bool,
    limit: int | None,
    inside: tuple[int, int],
) -> None:
    made = world(installed, shared)
    with threads.limited(limit):
        assert made.now == inside
    assert made.now == (2, 2)
    with pytest.raises(ZeroDivisionError), threads.limited(limit):
        raise ZeroDivisionError
    assert made.now == (2, 2)


SCRIPT = """
import numpy as np
from xpnet.lowering.cpu import choice, mkl, pool, threads

library = mkl.load()
if library is None or not library.threaded or pool.numpys().count != 2:
    raise SystemExit("there are not two libraries with two threads here")
a = np.ones((256, 512), dtype="float32")
out = np.empty((256, 256), dtype="float32")
product = mkl.entry("float32").bind(a, a.T, out)
for limit, wanted in ((None, (1, 2)), (1, (1, 1))):
    with threads.limited(limit):
        product()
        assert (pool.numpys()._ask(), library.pool._ask()) == wanted, limit
    assert (pool.numpys()._ask(), library.pool._ask()) == (2, 2)
assert (out == 512).all()
assert choice.best("float32", 256, 256, 512, (False, True)).library.startswith("Intel")
with open("/proc/self/maps") as lines:
    files = {line.split()[-1] for line in lines if "libiomp5" in line}
assert len(files) == 1, files
print("right")
"""


def test_two_libraries_with_two_threads() -> None:
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "2", "XPNET_BLAS": "mkl"}
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT], env=environment, capture_output=True, text=True, check=False
    )
    if "there are not two libraries" in done.stderr:
        pytest.skip(done.stderr.strip())
    assert done.stdout == "right\n", done.stderr
