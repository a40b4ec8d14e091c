"""Data that are not in memory, on entry: their first rows are checked, the others as they come."""

from dataclasses import replace

from xpnet.backends import get
from xpnet.backends.data_types import dtype_name
from xpnet.backends.readable import foreign_errors
from xpnet.data.arrays import Data
from xpnet.data.conversion import check_features, check_finite
from xpnet.data.row_source import Source
from xpnet.data.stored_column import StoredColumn
from xpnet.data.targets import TargetCheck
from xpnet.engine.config import ModelConfig
from xpnet.engine.engine import Engine
from xpnet.errors import DataError
from xpnet.typing import Array

__all__ = ["stored_inputs", "stored_targets"]

_FIRST = 256  # rows that are checked at once


def stored_inputs(config: ModelConfig, engine: Engine, source: Source, prefix: str = "") -> Data:
    """Inputs from a source, of which the first rows are checked; `prefix` begins their name."""
    host, name, finite = get("numpy"), f"{prefix}X", config.check_finite

    def check(part: str, rows: Array) -> None:
        # A sum is not finite if a number is not. Unlike `finite`, it leaves the BLAS's threads
        # alone: this runs beside a training step.
        if finite and not host.xp.isfinite(rows.sum()):
            check_finite(part, rows, host)
        engine.checks.check_inputs(part, rows, host)

    first = slice(0, min(_FIRST, source.shape[0]))
    part = f"{name}[0:{first.stop}]"
    with foreign_errors(part):
        rows = source[first]
    check_features(part, rows, host, config.dtype, engine.network.features, finite)
    column = StoredColumn(name, source, tuple(source.shape), config.dtype, check=check)
    column[first]
    return Data(host, column)


def stored_targets(check: TargetCheck, source: Source, rows: int) -> StoredColumn:
    """Targets from a source, of which the first rows are checked."""
    name = f"{check.where}y"
    if not source.shape or source.shape[0] != rows:
        raise DataError(
            f"{check.where}X has {rows} samples, but {name} has "
            f"{source.shape[0] if source.shape else 'one number'}: they must agree."
        )

    def convert(part: str, numbers: Array) -> Array:
        where = f"{check.where}rows {part[len(name) + 1 : -1].replace(':', ' to ')} of "
        return replace(check, where=where).target(numbers, len(numbers))

    first = slice(0, min(_FIRST, rows))
    with foreign_errors(name):
        found = convert(f"{name}[0:{first.stop}]", source[first])
    shape = rows, *found.shape[1:]
    return StoredColumn(name, source, shape, dtype_name(found.dtype), convert=convert)
