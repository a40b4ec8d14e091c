"""Two kernels that make a training step independent of the host.

The number of finished steps of the epoch is on the device. With it, `begin` fetches the batch's
rows, the optimizer's coefficients and scheduled numbers. `end` writes the step's results into the
epoch's log and increments the number. The calls between them are the same in every step, so one or
many steps can be captured and launched again.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from xpnet.errors import ShapeError

__all__ = ["begin", "begin_source", "end", "end_source"]

_REAL = {"float32": "float", "float64": "double"}
_UNITS = {16: "int4", 8: "long long", 4: "int"}  # units in which a row can be moved
_THREADS, _BLOCKS = 256, 1024

_BEGIN = """
extern "C" __global__ void {name}(
    const long long* counter, const long long* order, const long long batch,
    const long long rows{parameters})
{{
    const long long step = counter[0];
    const long long* chosen = order + step * batch;
    const unsigned int first = blockIdx.x * blockDim.x + threadIdx.x;
    const unsigned int stride = gridDim.x * blockDim.x;{loops}
}}
"""
_TABLE_PARAMETERS = """,
    const {real}* table{n}, {real}* numbers{n}, const long long columns{n}"""
_TABLE_LOOP = """
    for (unsigned int i = first; i < columns{n}; i += stride)
        numbers{n}[i] = table{n}[step * columns{n} + i];"""
_PARAMETERS = """,
    const {unit}* source{n}, {unit}* target{n}, const long long length{n}"""
_LOOP = """
    const unsigned int width{n} = (unsigned int)length{n};
    for (unsigned int i = first; i < rows * width{n}; i += stride)
        target{n}[i] = source{n}[chosen[i / width{n}] * width{n} + i % width{n}];"""

_END = """
extern "C" __global__ void {name}(
    long long* counter, long long* number, const {real}* results, {real}* log,
    const long long columns)
{{
    const long long step = counter[0];
    for (long long i = threadIdx.x; i < columns; i += blockDim.x)
        log[step * columns + i] = results[i];
    __syncthreads();
    if (threadIdx.x == 0) {{
        counter[0] = step + 1;
        number[0] = number[0] + 1;
    }}
}}
"""


def begin_source(dtypes: Sequence[str], units: Sequence[int]) -> tuple[str, str]:
    """Name and source of the kernel.

    Parameters
    ----------
    dtypes : sequence of str
        The types of the tables.
    units : sequence of int
        The bytes in which rows of the arrays move.
    """
    name = f"xpnet_begin_{'_'.join(map(str, (*dtypes, *units)))}"
    tables = [{"n": n, "real": _REAL[dtype]} for n, dtype in enumerate(dtypes)]
    moves = [{"n": n, "unit": _UNITS[unit]} for n, unit in enumerate(units)]
    parameters = [_TABLE_PARAMETERS.format(**kind) for kind in tables]
    parameters += [_PARAMETERS.format(**kind) for kind in moves]
    loops = [_TABLE_LOOP.format(**kind) for kind in tables] + [_LOOP.format(**k) for k in moves]
    return name, _BEGIN.format(name=name, parameters="".join(parameters), loops="".join(loops))


def end_source(dtype: str) -> tuple[str, str]:
    """Name and source of the kernel for results of this type."""
    name = f"xpnet_end_{dtype}"
    return name, _END.format(name=name, real=_REAL[dtype])


def begin(
    backend: Any,
    counter: Any,
    order: Any,
    batch: int,
    tables: Sequence[tuple[Any, Any]],
    moves: Sequence[tuple[Any, Any]],
) -> Callable[[], None]:
    """The call that fetches a step's inputs.

    Parameters
    ----------
    backend : CupyBackend
    counter : int64 array of shape (1,)
        Number of finished steps of the epoch.
    order : int64 array
        The rows in the order of their use, `batch` per step.
    tables : sequence of (array of shape (steps, n), array of shape (n,))
        The step's row of each table is copied to the vector.
    moves : sequence of (array, array)
        Source and target of the rows.

    Raises
    ------
    ShapeError
        If rows cannot be moved in whole words, or a batch has 2**31 words or more.
    """
    units = [_unit(backend, source, target) for source, target in moves]
    rows = moves[0][1].shape[0]
    words = [target.nbytes // unit for (_, target), unit in zip(moves, units, strict=True)]
    if max(words) >= 2**31:
        raise ShapeError(f"a batch of {rows} samples is too large for one kernel to gather.")
    args: list[Any] = [counter, order, batch, rows]
    for table, numbers in tables:
        args += [table, numbers, numbers.shape[0]]
    for (source, target), count in zip(moves, words, strict=True):
        args += [source, target, count // rows]
    name, source_text = begin_source([str(table.dtype) for table, _ in tables], units)
    blocks = min(-(-max(words) // _THREADS), _BLOCKS)
    return partial(backend.cupy.RawKernel(source_text, name), (blocks,), (_THREADS,), tuple(args))


def end(backend: Any, counter: Any, number: Any, results: Any, log: Any) -> Callable[[], None]:
    """The call that writes the results into the counter's row of the log and increments it.

    `number` is the network's step number, from which noise is drawn; it is incremented too.
    """
    name, source = end_source(str(results.dtype))
    args = counter, number, results, log, results.shape[0]
    return partial(backend.cupy.RawKernel(source, name), (1,), (64,), args)


def _unit(backend: Any, source: Any, target: Any) -> int:
    """The largest unit in which whole rows can be moved."""
    row = target.nbytes // target.shape[0]
    aligned = row, backend.address(source), backend.address(target)
    dense = source.flags.c_contiguous and target.flags.c_contiguous
    for unit in _UNITS:
        if dense and row and not any(n % unit for n in aligned):
            return unit
    raise ShapeError(f"rows of {row} bytes at {aligned[1:]} cannot be moved in words of 4 bytes.")
