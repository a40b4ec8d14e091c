"""Predictions: in batches, with a shortcut for one that is like the last."""

from typing import Any

from xpnet.backends import Backend
from xpnet.data.arrays import Data
from xpnet.data.conversion import result_like
from xpnet.engine.batches import Batches, cut
from xpnet.engine.engine import Engine
from xpnet.engine.programs import PlannedProgram, Program
from xpnet.engine.traced_sweep import traced_sweep
from xpnet.lowering import turn
from xpnet.typing import Array

__all__ = ["CachedPrediction", "predict"]

_ALL = slice(None)
_FLOPS = int(2.5e8)  # per call of compiled code: about 5 ms


def predict(engine: Engine, data: Data, batch_size: int, X: Any, check: bool) -> Array:
    """The network's output for each sample, in the library of `X`, from which `data` were made."""
    backend, where = engine.backend, data.backend
    keep = backend.copy if where.name == backend.name else backend.to_numpy
    batches = cut(engine, "predict", data, batch_size)
    swept = _swept(engine, batches)
    if swept is None and len(batches) > 1:
        swept = traced_sweep(engine, batches)
    if swept is not None:
        return result_like(swept, where, X)
    found = batches.each(lambda program: keep(program.output()))
    if len(found) > 1:
        return result_like(where.xp.concat(found), where, X)
    engine.programs.cached_prediction = _cached(
        engine, batches.programs[0], where, X, data.x, check
    )
    return result_like(found[0], where, X)


def _swept(engine: Engine, batches: Batches) -> Array | None:
    """The outputs of many batches, with few calls from Python; None if that is not possible."""
    first, whole = batches.programs[0], len(batches) - (batches.sizes[-1] != batches.sizes[0])
    source, size, backend = batches.data.x, batches.sizes[0], engine.backend
    if whole < 2 or not isinstance(first, PlannedProgram) or batches.data.backend.name != "numpy":
        return None
    flags = source.flags
    if not (flags.c_contiguous and flags.aligned) or backend.lowering != "cpu":
        return None
    flops = 2 * size * engine.network.table.size
    together, done = max(1, _FLOPS // flops), 0
    out: Array = None
    while done < whole:  # in between, signals are handled and other threads predict
        with engine.programs.lock, backend.quiet(), batches.threads:
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
    with engine.programs.lock, engine.backend.quiet(), batches.threads:
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
    """

    def __init__(self, engine: Engine, program: Program, X: Array, check: bool) -> None:
        self._backend, self._lock = engine.backend, engine.programs.lock
        self._program, self._check = program, check
        self._like = X.shape, X.dtype
        self._threads = turn(engine.backend, program.flops) or self._lock

    def takes(self, X: Any) -> bool:
        """Whether these inputs are like the earlier ones; NaN and infinity are left to others."""
        shape, dtype = self._like
        if not self._backend.plain(X) or X.shape != shape or X.dtype != dtype:
            return False
        return not self._check or self._backend.finite(X)

    def __call__(self, X: Array) -> Array:
        """The network's output."""
        program, backend = self._program, self._backend
        with self._lock, backend.quiet(), self._threads:
            program.load([X], _ALL)
            if not program.borrowed:
                program.run()
                return backend.copy(program.output())
            try:
                program.run()
                return backend.copy(program.output())
            finally:
                program.release()


def _cached(
    engine: Engine, program: Program, where: Backend, X: Any, x: Array, check: bool
) -> CachedPrediction | None:
    """A shortcut for predictions like this one; None if more than the values must be checked.

    `X` is the user's input, `x` the same on the backend `where`.
    """
    direct = (where.planned or where.traced) and where.synchronous and where.plain(X)
    if x is not X or not direct or engine.checks.of_inputs:
        return None
    return CachedPrediction(engine, program, X, check)
