"""Data on entry: converted, checked against a model, and put where it computes.

A model whose shape is not yet known gets its engine here. The caller gives it to the model only
after all arguments have been checked.
"""

from collections.abc import Sequence
from typing import Any

from xpnet.backends import Backend, resolve
from xpnet.backends.precision import in_precision
from xpnet.data.arrays import Data
from xpnet.data.batch_stream import BatchStream
from xpnet.data.conversion import backend_for_data, check_features
from xpnet.data.row_source import Source, found_source
from xpnet.data.sparse_rows import is_sparse
from xpnet.data.targets import TargetCheck
from xpnet.engine.config import ModelConfig
from xpnet.engine.engine import Engine
from xpnet.engine.network import Network
from xpnet.engine.sparse_product import check_begins_with_product
from xpnet.engine.stored_entry import stored_inputs, stored_targets
from xpnet.engine.stream_batches import StreamData
from xpnet.errors import ArgumentError, DataError, ShapeError
from xpnet.typing import Shape

__all__ = [
    "accept",
    "accept_inputs",
    "accept_validation",
    "backend_for",
    "engine_for",
    "target_check",
]


def engine_for(
    config: ModelConfig, engine: Engine | None, backend: Backend, features: Shape
) -> Engine:
    """The engine for samples of this shape: the model's, or a new one."""
    known = config.input_shape if engine is None else engine.network.features
    if known not in (None, features):
        raise ShapeError(f"the model is for samples of shape {known}, got {features}.")
    return engine or Engine(Network.of(config, features), backend, config.optimizer)


def backend_for(config: ModelConfig, engine: Engine | None, *arrays: Any) -> Backend:
    """The backend for these arrays; raises `DataError` if it is not the model's."""
    if engine is not None and _owned(engine.backend, arrays):
        return engine.backend
    if engine is not None:  # JAX's 64-bit types can be switched off
        engine.backend.check(config.dtype)
    found = resolve(config.backend, *arrays)
    own = config.backend if engine is None else engine.backend
    if own is not None and found.name == own.name:
        return own
    if own is None or (engine is None and _leaves_the_device_open(own, found)):
        found.check(config.dtype)
        return in_precision(found, config.precision)
    if all(a is None or isinstance(a, list | tuple) for a in arrays):
        return own
    raise DataError(
        f"this model's parameters live in {own.name}, the data in {found.name}: convert the "
        f"data, or make the model with backend={own.name!r}, which converts them."
    )


def _leaves_the_device_open(own: Backend, found: Backend) -> bool:
    """Whether a model's backend names a library alone, whose arrays these are."""
    return own.index is None and not own.placed and own.library == found.library


def _owned(backend: Backend, arrays: Sequence[Any]) -> bool:
    """Whether all are this backend's arrays, as they are step after step."""
    return all(array is None or backend.plain(array) for array in arrays)


def accept_inputs(
    config: ModelConfig, engine: Engine | None, X: Any, *others: Any, wait: bool = True
) -> tuple[Engine, Data]:
    """Checked inputs, and the engine for them. Without `wait`, no value on a GPU is read."""
    if isinstance(X, BatchStream):
        return _accept_stream(config, engine, X, targets=False)
    source = found_source(X, config.dtype)
    if source is not None:
        return _accept_source(config, engine, source, *others)
    backend = backend_for(config, engine, X, *others)
    where = backend_for_data(backend, config.dtype, X, *others)
    read = wait or where.synchronous
    features = config.input_shape if engine is None else engine.network.features
    x = check_features("X", X, where, config.dtype, features, config.check_finite and read)
    engine = engine_for(config, engine, backend, tuple(x.shape[1:]))
    _check_values(engine, "X", x, where, read)
    return engine, Data(where, x)


def accept(
    config: ModelConfig, engine: Engine | None, X: Any, y: Any, w: Any = None, wait: bool = True
) -> tuple[Engine, Data]:
    """Checked inputs, targets and weights, and the engine for them."""
    if isinstance(X, BatchStream):
        if y is not None or w is not None:
            raise ArgumentError(
                "the batches hold the targets and weights: leave out y and weights."
            )
        return _accept_stream(config, engine, X, targets=True)
    y, w = _in_memory(X, y, config), _in_memory(None, w, config)
    engine, inputs = accept_inputs(config, engine, X, y, w, wait=wait)
    read = wait or inputs.backend.synchronous
    check = target_check(config, engine, inputs.backend, "", read)
    return engine, _with_targets(engine, check, inputs, y, w)


def accept_validation(config: ModelConfig, engine: Engine, given: Any) -> Data | None:
    """Validation data, checked against the engine in training."""
    if given is None:
        return None
    if isinstance(given, BatchStream):
        return _accept_stream(config, engine, given, targets=True)[1]
    if not isinstance(given, tuple | list) or len(given) not in (2, 3):
        raise ArgumentError(
            "validation_data must be (X, y) or (X, y, sample_weight), or xpnet.data.batches(...)."
        )
    X, y, w = (*given, None)[:3]
    source = found_source(X, config.dtype)
    y, w = _in_memory(X, y, config), _in_memory(None, w, config)
    if source is not None:
        prefix = "validation_data's "
        data = stored_inputs(config, engine, source, prefix)
        check = target_check(config, engine, data.backend, prefix, True)
        return _with_targets(engine, check, data, y, w)
    own = engine.backend.name
    backend, prefix = resolve(config.backend, X, y, w), "validation_data's "
    if backend.name == own or all(a is None or isinstance(a, list | tuple) for a in (X, y, w)):
        backend = engine.backend
    else:
        raise DataError(
            f"validation_data are {backend.name} arrays, X and y are {own} arrays: convert one to "
            "the other's library."
        )
    where = backend_for_data(backend, config.dtype, X, y, w)
    return _accept_for(config, engine, where, prefix, (X, y, w))


def _accept_for(
    config: ModelConfig,
    engine: Engine,
    where: Backend,
    prefix: str,
    arrays: Sequence[Any],
    targets: bool = True,
) -> Data:
    """Inputs, targets and weights, checked against an engine; `prefix` begins their names."""
    (X, y, w), name, finite = arrays, f"{prefix}X", config.check_finite
    x = check_features(name, X, where, config.dtype, engine.network.features, finite)
    _check_values(engine, name, x, where, True)
    if not targets:
        return Data(where, x)
    check = target_check(config, engine, where, prefix, True)
    return _with_targets(engine, check, Data(where, x), y, w)


def _check_values(engine: Engine, name: str, x: Any, where: Backend, read: bool) -> None:
    """Raise `DataError` for inputs that the network does not take."""
    if is_sparse(x):
        check_begins_with_product(name, engine.network.graph)
    elif read:
        engine.checks.check_inputs(name, x, where)


def _in_memory(X: Any, given: Any, config: ModelConfig) -> Any:
    """Targets or weights, read at once unless they and the inputs `X` are sources."""
    if not isinstance(given, Source) or found_source(X, config.dtype) is not None:
        return given
    return given[slice(0, given.shape[0])]


def _accept_source(
    config: ModelConfig, engine: Engine | None, source: Source, *others: Any
) -> tuple[Engine, Data]:
    """Inputs that are not in memory, and the engine for them."""
    arrays = [None if isinstance(a, Source) else a for a in others]
    backend = backend_for(config, engine, None, *arrays)
    if not source.shape or 0 in source.shape:
        raise DataError(f"X is empty: its source has shape {tuple(source.shape)}.")
    engine = engine_for(config, engine, backend, tuple(source.shape[1:]))
    return engine, stored_inputs(config, engine, source)


def _accept_stream(
    config: ModelConfig, engine: Engine | None, stream: BatchStream, targets: bool
) -> tuple[Engine, Data]:
    """The first batch of a stream, for all of them, and the engine for them."""
    count = 1

    def parts(i: int, batch: Any) -> tuple[Any, ...]:
        """X, y and weights of batch `i`."""
        if not isinstance(batch, tuple | list):
            batch = (batch,)
        if targets and len(batch) not in (2, 3):
            raise DataError(f"batch {i + 1} must be (X, y) or (X, y, weight), got {batch!r:.80}.")
        if targets and i and len(batch) != count:
            raise DataError(f"batch {i + 1} has {len(batch)} arrays, the first has {count}.")
        return (*batch, None, None)[:3] if targets else (batch[0], None, None)

    first = stream.first()
    X, y, w = parts(0, first)
    count = len(first) if isinstance(first, tuple | list) else 1
    backend = backend_for(config, engine, X, y, w)
    known = config.input_shape if engine is None else engine.network.features
    x = check_features("batch 1's X", X, backend, config.dtype, known, config.check_finite)
    own = engine_for(config, engine, backend, tuple(x.shape[1:]))

    def convert(i: int, batch: Any) -> Data:
        given = parts(i, batch)
        return _accept_for(config, own, own.backend, f"batch {i + 1}'s ", given, targets)

    data = convert(0, first)
    return own, StreamData(own.backend, data.x, data.y, data.w, stream, convert)


def target_check(
    config: ModelConfig, engine: Engine, backend: Backend, where: str = "", read: bool = True
) -> TargetCheck:
    """The check of targets and weights for a model; see `TargetCheck`."""
    network, finite = engine.network, config.check_finite
    return TargetCheck(
        network.loss, network.output_shape, network.dtype, backend, where, read, finite
    )


def _with_targets(engine: Engine, check: TargetCheck, data: Data, y: Any, w: Any) -> Data:
    weights = check.weights(w, data.rows)
    if isinstance(y, Source):
        return Data(data.backend, data.x, stored_targets(check, y, data.rows), weights)
    target = check.target(y, data.rows)
    if check.values and not data.stored:
        engine.checks.check_targets(f"{check.where}y", data.x, target, data.backend)
    return Data(data.backend, data.x, target, weights)
