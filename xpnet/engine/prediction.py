"""Predictions: in batches, with a shortcut for one that is like the last."""

from contextlib import AbstractContextManager
from threading import RLock
from typing import Any, TypeAlias

from xpnet.backends import Backend
from xpnet.data.arrays import Data
from xpnet.data.conversion import result_like
from xpnet.engine.batches import Batches
from xpnet.engine.cutting import cut
from xpnet.engine.engine import Engine
from xpnet.engine.fair_turns import FairTurns
from xpnet.engine.programs import PlannedProgram, Program
from xpnet.engine.traced_sweep import traced_sweep
from xpnet.lowering import turn
from xpnet.typing import Array

__all__ = ["CachedPrediction", "predict"]

_ALL = slice(None)
_FLOPS = int(2.5e8)  # per call of compiled code: about 5 ms
_INPUT, _WORKSPACE = 1 << 16, 1 << 20  # bytes of a small prediction; its input is copied
_BRIEF = 200_000  # flops of one that takes less time than passing Python's lock on
_TURNS = FairTurns()

_Own: TypeAlias = tuple[Program, AbstractContextManager[Any]]


def predict(engine: Engine, data: Data, batch_size: int, X: Any, check: bool) -> Array:
    """The network's output for each sample, in the library of `X`, from which `data` were made."""
    where, batches = data.backend, cut(engine, "predict", data, batch_size)
    with engine.programs.lock:  # all batches see the same parameters
        found = _output(engine, batches, where)
        if len(batches) == 1:
            engine.programs.cached_prediction = _cached(engine, batches, where, X, check)
    return result_like(found, where, X)


def _output(engine: Engine, batches: Batches, where: Backend) -> Array:
    """The outputs of all batches."""
    backend = engine.backend
    keep = backend.copy if where.name == backend.name else backend.to_numpy
    swept = _swept(engine, batches)
    if swept is None and len(batches) > 1:
        swept = traced_sweep(engine, batches)
    if swept is not None:
        return swept
    found = batches.each(lambda program: keep(program.output()))
    return found[0] if len(found) == 1 else where.xp.concat(found)


def _swept(engine: Engine, batches: Batches) -> Array | None:
    """The outputs of many batches, with few calls from Python; None if that is not possible."""
    first, whole = batches.programs[0], len(batches) - (batches.sizes[-1] != batches.sizes[0])
    source, size, backend = batches.data.x, batches.sizes[0], engine.backend
    here = batches.whole and batches.data.backend.name == "numpy"
    if not here or whole < 2 or not isinstance(first, PlannedProgram):
        return None
    if batches.data.sparse:
        return None
    flags = source.flags
    if not (flags.c_contiguous and flags.aligned) or backend.lowering != "cpu":
        return None
    flops = 2 * size * engine.network.table.size
    together, done = max(1, _FLOPS // flops), 0
    out: Array = None
    while done < whole:  # in between, signals are handled
        with backend.quiet(), batches.threads:
            first.release()
            if first.sweep is None:
                return None
            if out is None:
                out = backend.zeros((batches.data.rows, *first.output().shape[1:]), _type(first))
            count = min(together, whole - done)
            rows = slice(done * size, (done + count) * size)
            first.sweep.run([source[rows], out[rows]], count)
        done += count
    if whole < len(batches):
        _rest(engine, batches, out[whole * size :])
    return out


def _type(program: PlannedProgram) -> str:
    return str(program.output().dtype)


def _rest(engine: Engine, batches: Batches, out: Array) -> None:
    """Write the output of the last, smaller batch."""
    with engine.backend.quiet(), batches.threads:
        program = batches.load(len(batches) - 1)
        try:
            program.run()
            engine.backend.assign(out, program.output())
        finally:
            program.release()


class CachedPrediction:
    """A prediction that re-uses an earlier one's checks and choices, except those of values.

    It makes predicting single samples fast: finding the backend, the type, the shape and the
    program takes longer than a small network's products.

    A small one is computed in memory of its own, without the engine's lock, so that threads do not
    wait for one another. If the parameters change meanwhile, it is computed again, with the lock.
    """

    def __init__(self, engine: Engine, batches: Batches, X: Array, check: bool) -> None:
        self._engine, self._backend, self._state = engine, engine.backend, engine.state
        self._program, self._check = batches.programs[0], check
        self._spec = engine.batch_spec("predict", len(X), batches.data)
        self._like = X.shape, X.dtype
        self._threads = turn(engine.backend, self._program.flops) or engine.programs.lock
        self._free: list[_Own] | None = [] if _small(engine.backend, self._program, X) else None
        self._brief = 2 * len(X) * engine.network.table.size < _BRIEF

    def takes(self, X: Any) -> bool:
        """Whether these inputs are like the earlier ones; NaN and infinity are left to others."""
        shape, dtype = self._like
        if not self._backend.plain(X) or X.shape != shape or X.dtype != dtype:
            return False
        return not self._check or self._backend.finite(X)

    def __call__(self, X: Array) -> Array:
        """The network's output."""
        begun = self._state.begun
        if self._free is None or begun != self._state.done:
            return self._locked(X)
        if self._brief:
            with _TURNS:
                found = self._alone(X, self._free)
        else:
            found = self._alone(X, self._free)
        return found if self._state.begun == begun else self._locked(X)

    def _alone(self, X: Array, free: list[_Own]) -> Array:
        """The network's output, computed in memory that no other thread uses."""
        try:
            own = free.pop()
        except IndexError:  # other threads use all
            own = self._more()
        program, threads = own
        with self._backend.quiet(), threads:
            program.load([X], _ALL)
            program.run()
            found = self._backend.copy(program.output())
        free.append(own)  # after an exception of a signal's handler, it is gone
        return found

    def _more(self) -> "_Own":
        """A program with memory of its own, and what limits the BLAS's threads."""
        engine, program = self._engine, self._engine.programs.own(self._spec)
        return program, turn(engine.backend, program.flops) or RLock()

    def _locked(self, X: Array) -> Array:
        """The network's output, computed in the memory that all programs share."""
        program, backend = self._program, self._backend
        with self._engine.programs.lock, backend.quiet(), self._threads:
            program.load([X], _ALL)
            try:
                program.run()
                return backend.copy(program.output())
            finally:
                program.release()


def _small(backend: Backend, program: Program, X: Array) -> bool:
    """Whether to predict in memory of its own."""
    if backend.name != "numpy" or not isinstance(program, PlannedProgram):
        return False
    return bool(X.nbytes <= _INPUT and program.plan.nbytes <= _WORKSPACE)


def _cached(
    engine: Engine, batches: Batches, where: Backend, X: Any, check: bool
) -> CachedPrediction | None:
    """A shortcut for predictions like this one; None if more than the values must be checked.

    `X` is the user's input.
    """
    direct = (where.planned or where.traced) and where.synchronous and where.plain(X)
    if batches.data.x is not X or not direct or engine.checks.of_inputs:
        return None
    return CachedPrediction(engine, batches, X, check)
