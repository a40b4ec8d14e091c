"""The kernels around a captured step, compiled as C and run by a grid of one thread at a time."""

import ctypes
import shutil
import subprocess
from functools import cache
from itertools import product
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from xpnet.errors import ShapeError
from xpnet.lowering.cuda.steps import begin, begin_source, end, end_source

_PRELUDE = """
#define __global__
#define __syncthreads()
typedef struct { int x, y, z, w; } int4;
static struct { int x; } threadIdx, blockIdx, blockDim, gridDim;
void place(int thread, int block, int threads, int blocks) {
    threadIdx.x = thread; blockIdx.x = block; blockDim.x = threads; gridDim.x = blocks;
}
"""


class _Kernel:
    """A kernel by its source, in the way of CuPy's."""

    def __init__(self, folder: Path, source: str, name: str) -> None:
        compiler = shutil.which("gcc") or shutil.which("cc")
        if compiler is None:
            pytest.skip("no C compiler")
        code, library = folder / f"{name}.c", folder / f"{name}.so"
        code.write_text(_PRELUDE + source.replace('extern "C" ', ""))
        command = [compiler, "-O1", "-Wall", "-Werror", "-shared", "-fPIC", "-o", library, code]
        subprocess.run([*map(str, command)], check=True)
        self._library, self._name = ctypes.CDLL(str(library)), name

    def __call__(self, grid: Any, block: Any, args: Any) -> None:
        values = [
            ctypes.c_longlong(a) if isinstance(a, int) else ctypes.c_void_p(a.ctypes.data)
            for a in args
        ]
        threads = 1 if "end" in self._name else 7  # threads that wait for others cannot take turns
        for b in range(grid[0]):
            for t in range(threads):
                self._library.place(t, b, threads, grid[0])
                self._library[self._name](*values)


@pytest.fixture(scope="module")
def backend(tmp_path_factory: pytest.TempPathFactory) -> Any:
    """NumPy's memory, with kernels compiled as C, each once."""
    kernel = cache(lambda source, name: _Kernel(tmp_path_factory.mktemp(name), source, name))
    return SimpleNamespace(
        cupy=SimpleNamespace(RawKernel=kernel),
        address=lambda x: x.ctypes.data,
    )


def _aligned(shape: Any, dtype: str, offset: int = 0) -> Any:
    """Zeros in memory that begins at a multiple of 16 bytes, or so many behind one."""
    count = int(np.prod(shape)) * np.dtype(dtype).itemsize
    memory = np.zeros(count + 32, "uint8")
    start = -memory.ctypes.data % 16 + offset
    return memory[start : start + count].view(dtype).reshape(shape)


ROWS, BATCH = 23, 5


def test_begin_takes_the_rows_and_the_numbers_of_the_step(backend: Any, each: Any) -> None:
    dtypes, widths = ("float32", "float64"), (1, 3, 4, 18, 700)
    for dtype, width, offset, rows in product(dtypes, widths, (0, 8), (BATCH, 3)):
        with each(dtype, width=width, offset=offset, rows=rows):
            _check_begin(backend, dtype, width, offset, rows)


def _check_begin(backend: Any, dtype: str, width: int, offset: int, rows: int) -> None:
    rng = np.random.default_rng(0)
    x, y = _aligned((ROWS, width), dtype, offset), rng.integers(0, 9, ROWS)
    x[...] = rng.normal(size=x.shape)
    order, table = rng.permutation(ROWS), rng.normal(size=(5, 4)).astype(dtype)
    numbers, step = np.zeros(4, dtype), 3
    scheduled, rates = rng.normal(size=(5, 2)), np.zeros(2)
    tables = [(table, numbers), (scheduled, rates)]
    into = _aligned((rows, width), dtype), np.zeros(rows, "int64")
    counter = np.array([step])
    begin(backend, counter, order, BATCH, tables, [(x, into[0]), (y, into[1])])()
    chosen = order[step * BATCH :][:rows]
    np.testing.assert_array_equal(into[0], x[chosen])
    np.testing.assert_array_equal(into[1], y[chosen])
    np.testing.assert_array_equal(numbers, table[step])
    np.testing.assert_array_equal(rates, scheduled[step])
    assert counter[0] == step


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_end_writes_the_log_and_counts(backend: Any, dtype: str) -> None:
    counter, number = np.array([2]), np.array(41)
    results, log = np.arange(3, dtype=dtype), np.zeros((4, 3), dtype)
    end(backend, counter, number, results, log)()
    assert log[2].tolist() == [0, 1, 2]
    assert not log[[0, 1, 3]].any()
    assert (int(counter[0]), int(number)) == (3, 42)


def test_rows_are_moved_in_the_largest_pieces_that_fit(backend: Any) -> None:
    names = []
    backend.cupy.RawKernel = lambda source, name: names.append(name) or (lambda *a: None)
    given = np.zeros(1, "int64"), np.arange(8), 2, [(np.zeros((4, 1), "f4"), np.zeros(1, "f4"))]
    for width, offset in ((4, 0), (4, 8), (2, 0), (3, 0)):
        x, out = _aligned((8, width), "float32", offset), _aligned((2, width), "float32")
        begin(backend, *given, [(x, out)])
    assert [name.rpartition("_")[2] for name in names] == ["16", "8", "8", "4"]


def test_rows_that_are_not_whole_words_are_refused(backend: Any) -> None:
    given = np.zeros(1, "int64"), np.arange(8), 2, [(np.zeros((4, 1), "f4"), np.zeros(1, "f4"))]
    with pytest.raises(ShapeError, match="words of 4 bytes"):
        begin(backend, *given, [(_aligned((8, 3), "uint8"), _aligned((2, 3), "uint8"))])
    x = _aligned((8, 4), "float32")
    with pytest.raises(ShapeError, match="words of 4 bytes"):
        begin(backend, *given, [(x.T, x[:2])])


def test_a_source_has_one_kernel_of_its_name() -> None:
    for name, source in (begin_source(["float32", "float64"], [16, 8, 4]), end_source("float64")):
        assert source.count("__global__") == source.count(f" {name}(") == 1
