"""Loops as plans and optimizers make them for a GPU, with what their calls compute on NumPy."""

import ctypes
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.testing import assert_allclose, assert_array_equal

from xpnet.backends.cpu import NumpyBackend
from xpnet.lowering import Reader, fuse
from xpnet.lowering.cuda.kernel_kinds import printed
from xpnet.lowering.cuda.kernel_source import Source
from xpnet.lowering.cuda.launch import BLOCK, Workspace, compiled, geometry
from xpnet.lowering.intervals import EVERYTHING, Intervals
from xpnet.lowering.ir import Loop, MemoryRef

# Sums are in another order, and the emulated functions are not NumPy's to the last bit.
_NEAR: dict[str, Any] = {
    "float32": {"rtol": 2e-5, "atol": 2e-6},
    "float64": {"rtol": 1e-12, "atol": 1e-14},
}


def parallel_backend() -> NumpyBackend:
    """NumPy whose plans record what they record for a GPU."""
    backend = NumpyBackend()
    backend.families = ("loops", "out")
    vars(backend)["block"] = None  # in one piece, as on a GPU
    return backend


def live_memory(reader: Reader, spare: Iterable[Any], kept: Iterable[Any] = ()) -> Intervals:
    live = Intervals([EVERYTHING])
    for array in spare:
        live.remove(reader.operand(array).range)
    for array in kept:
        live.add(reader.operand(array).range)
    return live


def view(loop: Loop, ref: MemoryRef) -> Any:
    """All elements of a reference; each row has its own memory, unlike `Loop.buffers` on a CPU."""
    size = np.dtype(ref.dtype).itemsize
    shape = (loop.rows if ref.row else 1, loop.columns if ref.column else 1)
    strides = (ref.row * size, ref.column * size)
    return np.ndarray(shape, ref.dtype, memory(loop, ref), strides=strides)


def memory(loop: Loop, ref: MemoryRef) -> Any:
    """The bytes of a reference, from the first to the last."""
    last = (loop.rows - 1) * ref.row + (loop.columns - 1) * ref.column
    size = (last + 1) * np.dtype(ref.dtype).itemsize
    return np.ctypeslib.as_array((ctypes.c_uint8 * size).from_address(ref.address))


@dataclass(eq=False)
class Case:
    """A loop, and the content of its memory before and after its calls."""

    loop: Loop
    source: Source
    before: list[Any]
    after: list[Any]

    def check(self, launch: Callable[..., None], backwards: bool = False) -> None:
        """Launch the kernel on the same numbers, and compare."""
        loop, refs = self.loop, self.loop.refs
        self._fill()
        host: Any = NumpyBackend()
        workspace = Workspace(host, [(self.source, loop)])
        workspace.parts[...] = np.nan
        addresses = [ref.address for ref in refs]
        shared = [workspace.parts.ctypes.data, workspace.counters.ctypes.data]
        numbers = [loop.rows, loop.columns, *addresses, *self.source.numbers, *shared]
        launch(self.source.name, geometry(self.source, loop), BLOCK, numbers, backwards)
        assert not workspace.counters.any(), "a counter is not 0 again"
        self._compare()

    def check_on_gpu(self, backend: Any) -> None:
        """The same on a GPU, twice: sums must be equal to the last bit."""
        cupy, loop, source = backend.cupy, self.loop, self.source
        kernel = compiled(cupy, backend.index, source.name, source.code)
        workspace = Workspace(backend, [(source, loop)])
        shared = [workspace.parts, workspace.counters]
        results = []
        for _ in range(2):
            self._fill()
            refs = [cupy.asarray(memory(loop, ref)) for ref in loop.refs]
            numbers = [loop.rows, loop.columns, *(p.data.ptr for p in refs), *source.numbers]
            kernel(geometry(source, loop), (BLOCK,), (*map(cupy.int64, numbers), *shared))
            results.append([p.get() for p in refs])
        assert not workspace.counters.get().any(), "a counter is not 0 again"
        for ref, once, again in zip(loop.refs, *results, strict=True):
            assert_array_equal(once, again)
            memory(loop, ref)[...] = once
        self._compare()

    def _fill(self) -> None:
        for ref, values in zip(self.loop.refs, self.before, strict=True):
            view(self.loop, ref)[...] = values

    def _compare(self) -> None:
        written = {s.ref for s in self.loop.statements if s.stored}
        for i, ref in enumerate(self.loop.refs):
            found = view(self.loop, ref)
            if ref not in written:
                assert_array_equal(found, self.before[i], "an input was changed")
            elif ref in self.loop.buffers:
                continue
            elif ref.dtype in _NEAR:
                assert_allclose(found, self.after[i], **_NEAR[ref.dtype], err_msg=str(self.loop))
            else:
                assert_array_equal(found, self.after[i], str(self.loop))


class _First:
    """A loop's calls, which record the arrays of their first run."""

    def __init__(self, loop: Loop, cases: dict[Any, Case]) -> None:
        self._loop, self._cases = loop, cases
        self._source = printed(loop)
        self._key = (self._source.name, loop.rows, loop.columns)

    def __call__(self) -> None:
        wanted = self._key not in self._cases
        before = self._values() if wanted else []
        for call in self._loop.calls:
            call.run()
        if wanted:
            self._cases[self._key] = Case(self._loop, self._source, before, self._values())

    def _values(self) -> list[Any]:
        return [view(self._loop, ref).copy() for ref in self._loop.refs]


def lowering(cases: dict[Any, Case]) -> Callable[..., list[Any]]:
    """In place of `xpnet.lowering.lower`: the loops of a GPU, with their calls run by NumPy."""

    def lower(backend: Any, calls: Any, spare: Any, kept: Any = (), *_: int) -> list[Any]:
        reader = Reader(backend)
        items = fuse(reader, calls, live_memory(reader, spare, kept), parallel=True)
        return [_First(i, cases) if isinstance(i, Loop) else i.run for i in items]

    return lower


def cases_of(calls: Sequence[Any], spare: Iterable[Any] = ()) -> list[Case]:
    """The loops of these calls, which must all be read."""
    cases: dict[Any, Case] = {}
    runs = lowering(cases)(parallel_backend(), calls, spare)
    assert all(isinstance(run, _First) for run in runs)
    with np.errstate(all="ignore"):
        for run in runs:
            run()
    return [*cases.values()]


def zoo_cases(entries: Iterable[Any], monkeypatch: Any) -> Iterator[Case]:
    """Every loop of training and using these models, each kind and size once."""
    cases: dict[Any, Case] = {}
    monkeypatch.setattr("xpnet.graph.plan.lower", lowering(cases))
    for i, entry in enumerate(entries):
        for dtype in ("float32", "float64")[: 2 if i % 4 == 0 else 1]:
            X, y = entry.data()
            model = entry.model(parallel_backend(), dtype)
            model.fit(X, y, epochs=1, batch_size=32)
            model.predict(X)
    yield from cases.values()
