"""How kernels are compiled, with which arguments they are launched, and what happens if not."""

import logging
from typing import Any

import numpy as np
import pytest

from xpnet.lowering import Reader, fuse
from xpnet.lowering.cuda import compile as compiling
from xpnet.lowering.cuda import launch
from xpnet.lowering.cuda.functions import PRELUDE
from xpnet.lowering.cuda.source import printed
from xpnet.lowering.memory import EVERYTHING, Intervals


class RawKernels:
    """In place of ``cupy.RawKernel``: makes kernels that write down what is asked of them."""

    def __init__(self) -> None:
        self.made: list[Any] = []
        self.launches: list[tuple[Any, ...]] = []
        self.refuse = ""

    def __call__(self, code: str, name: str, options: tuple[str, ...]) -> "RawKernels._Kernel":
        self.made.append((code, name, options))
        return RawKernels._Kernel(self, name)

    class _Kernel:
        def __init__(self, log: "RawKernels", name: str) -> None:
            self.log, self.name = log, name

        def compile(self) -> None:
            if self.log.refuse == "compile":
                raise RuntimeError("no such option\nand more")

        def __call__(self, grid: Any, block: Any, args: Any) -> None:
            if self.log.refuse == "launch":
                raise RuntimeError("too many resources requested for launch")
            self.log.launches.append((self.name, grid, block, args))


@pytest.fixture
def kernels(cupy: Any, monkeypatch: pytest.MonkeyPatch) -> RawKernels:
    """CuPy's stand-in makes kernels that only take notes; nothing is compiled or said yet."""
    made = RawKernels()
    monkeypatch.setattr(cupy, "RawKernel", made)
    launch.compiled.cache_clear()
    launch._warn.cache_clear()
    return made


@pytest.fixture
def backend(cupy: Any) -> Any:
    from xpnet.backends.cuda import CupyBackend

    return CupyBackend(cupy, compiles=True)


class Calls:
    """``y = max(x, 0)``, ``b = sum of y's rows``, ``total = sum of y``, recorded."""

    def __init__(self, backend: Any, rows: int = 40, columns: int = 5) -> None:
        from xpnet.kernels import Recorder

        cupy = backend.cupy
        self.x = cupy.asarray(np.arange(rows * columns, dtype="float32").reshape(rows, columns))
        self.y, self.b = cupy.zeros((rows, columns), "float32"), cupy.zeros(columns, "float32")
        self.total = cupy.zeros((), "float32")
        recorder = Recorder(backend)
        recorder(backend.raw.maximum, self.x, 0, out=self.y)
        recorder(backend.raw.sum, self.y, axis=0, out=self.b)
        recorder(backend.raw.sum, self.y, axis=None, out=self.total)
        self.calls = recorder.calls

    def compiled(self, backend: Any) -> list[Any]:
        return compiling.compile_calls(backend, self.calls, Intervals([EVERYTHING]))

    def check(self) -> None:
        wanted = np.maximum(self.x.get(), 0)
        np.testing.assert_array_equal(self.y.get(), wanted)
        np.testing.assert_array_equal(self.b.get(), wanted.sum(0))
        np.testing.assert_array_equal(self.total.get(), wanted.sum())


@pytest.mark.smoke
def test_a_kernel_is_given_sizes_addresses_and_memory(backend: Any, kernels: Any) -> None:
    recorded = Calls(backend)
    runs = recorded.compiled(backend)
    assert len(runs) == len(kernels.made) == 2
    for run in runs:
        run()
    code, name, options = kernels.made[0]
    assert code.startswith(PRELUDE)
    assert f" {name}(" in code
    assert options == ("-std=c++17", "--fmad=false")
    (_, grid, block, args), (_, grid_2, _, args_2) = kernels.launches
    x, y, b = (int(a.data.ptr) for a in (recorded.x, recorded.y, recorded.b))
    assert [int(n) for n in args[:5]] == [40, 5, x, y, b]
    assert all(isinstance(n, np.int64) for n in args[:5])
    assert (grid, block) == ((1, 1), (256,))
    assert [(a.dtype.name, a.size) for a in args[5:]] == [("float64", 5), ("int32", 1)]
    assert args[5:] == args_2[-2:]  # one workspace for all kernels
    assert grid_2 == (1, 1)


def test_a_kernel_is_compiled_once(backend: Any, kernels: Any) -> None:
    Calls(backend).compiled(backend)
    Calls(backend, rows=7).compiled(backend)
    assert len(kernels.made) == 2


def test_nothing_is_compiled_where_that_is_switched_off(cupy: Any, kernels: Any) -> None:
    from xpnet.backends.cuda import CupyBackend

    backend = CupyBackend(cupy)
    recorded = Calls(backend)
    for run in recorded.compiled(backend):
        run()
    assert not kernels.made
    recorded.check()


@pytest.mark.parametrize("what", ["compile", "launch"])
def test_calls_are_run_in_place_of_a_refused_kernel(
    backend: Any, kernels: Any, what: str, caplog: Any
) -> None:
    kernels.refuse = what
    with caplog.at_level(logging.WARNING, "xpnet"):
        for recorded in (Calls(backend), Calls(backend, rows=3)):
            runs = recorded.compiled(backend)
            for run in (*runs, *runs):
                run()
            recorded.check()
    reason = {"compile": "no such option", "launch": "too many resources requested for launch"}
    assert [record.message for record in caplog.records] == [
        f"a CUDA kernel cannot be {what.removesuffix('e')}ed, CuPy's are used: "
        f"RuntimeError: {reason[what]}"
    ]


def test_a_kernel_that_was_launched_is_not_guarded_any_more(backend: Any, kernels: Any) -> None:
    run, _ = Calls(backend).compiled(backend)
    run()
    kernels.refuse = "launch"
    with pytest.raises(RuntimeError, match="too many resources"):
        run()


@pytest.mark.parametrize(
    ("kind", "rows", "columns", "grid"),
    [
        ("elements", 1, 1, (1, 1)),
        ("elements", 1, 257, (2, 1)),
        ("elements", 1, 1 << 20, (1024, 1)),  # four elements a thread
        ("elements", 1, 1 << 26, (2048, 1)),  # and many times four
        ("rows", 100, 10, (7, 1)),  # 16 threads a row
        ("rows", 100, 1500, (100, 1)),  # a block a row
        ("rows", 1 << 20, 32, (2048, 1)),
        ("tiles", 100, 10, (1, 1)),
        ("tiles", 65536, 16, (1, 512)),
        ("tiles", 8192, 4096, (128, 16)),
    ],
)
def test_grids(backend: Any, kind: str, rows: int, columns: int, grid: Any) -> None:
    loop = _loop(backend, kind, columns)
    loop.rows, loop.columns = rows, columns
    source = printed(loop)
    assert source.kind == kind
    assert launch.geometry(source, loop) == grid


def _loop(backend: Any, kind: str, columns: int) -> Any:
    from xpnet.kernels import Recorder

    x = backend.zeros((2, min(columns, 1500)), "float32")
    recorder = Recorder(backend)
    if kind == "elements":
        recorder(backend.raw.exp, x, out=x)
    else:
        axis = 1 if kind == "rows" else 0
        out = backend.zeros((x.shape[1 - axis],), "float32")
        recorder(backend.raw.sum, x, axis=axis, out=out)
    (loop,) = fuse(Reader(backend), recorder.calls, Intervals([EVERYTHING]), parallel=True)
    return loop


def test_memory_is_enough_for_every_block(backend: Any) -> None:
    loop = _loop(backend, "tiles", 70)
    loop.rows = 1000
    source = printed(loop)
    across, down = launch.geometry(source, loop)
    workspace = launch.Workspace(backend, [(source, loop)])
    assert (across, down) == (3, 16)
    assert workspace.parts.size == down * 70
    assert workspace.counters.size == across
    assert not workspace.counters.get().any()
