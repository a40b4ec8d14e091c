"""Data on entry: converted, checked against a model, and put where it computes.

A model whose shape is not yet known gets its engine here. The caller gives it to the model only
after all arguments have been checked.
"""

from collections.abc import Sequence
from typing import Any

from xpnet.backends import Backend, resolve
from xpnet.backends.precision import in_precision
from xpnet.data.arrays import Data
from xpnet.data.conversion import backend_for_data, check_features
from xpnet.data.sparse_rows import is_sparse
from xpnet.data.targets import TargetCheck
from xpnet.engine.config import ModelConfig
from xpnet.engine.engine import Engine
from xpnet.engine.network import Network
from xpnet.engine.sparse_product import check_begins_with_product
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
    engine, inputs = accept_inputs(config, engine, X, y, w, wait=wait)
    read = wait or inputs.backend.synchronous
    check = target_check(config, engine, inputs.backend, "", read)
    return engine, _with_targets(engine, check, inputs, y, w)


def accept_validation(config: ModelConfig, engine: Engine, given: Any) -> Data | None:
    """Validation data, checked against the engine in training."""
    if given is None:
        return None
    if not isinstance(given, tuple | list) or len(given) not in (2, 3):
        raise ArgumentError("validation_data must be (X, y) or (X, y, sample_weight).")
    X, y, w = (*given, None)[:3]
    own = engine.backend.name
    backend, prefix = resolve(config.backend, X, y, w), "validation_data's "
    if backend.name == own or all(a is None or isinstance(a, list | tuple) for a in (X, y, w)):
        backend = engine.backend
    else:
        raise DataError(
            f"validation_data are {backend.name} arrays, X and y are {own} arrays: convert one to "
            "the other's library."
        )
    network = engine.network
    where = backend_for_data(backend, config.dtype, X, y, w)
    name, finite = f"{prefix}X", config.check_finite
    x = check_features(name, X, where, config.dtype, network.features, finite)
    _check_values(engine, name, x, where, True)
    check = target_check(config, engine, where, prefix, True)
    return _with_targets(engine, check, Data(where, x), y, w)


def _check_values(engine: Engine, name: str, x: Any, where: Backend, read: bool) -> None:
    """Raise `DataError` for inputs that the network does not take."""
    if is_sparse(x):
        check_begins_with_product(name, engine.network.graph)
    elif read:
        engine.checks.check_inputs(name, x, where)


def target_check(
    config: ModelConfig, engine: Engine, backend: Backend, where: str = "", read: bool = True
) -> TargetCheck:
    """The check of targets and weights for a model; see `TargetCheck`."""
    network, finite = engine.network, config.check_finite
    return TargetCheck(
        network.loss, network.output_shape, network.dtype, backend, where, read, finite
    )


def _with_targets(engine: Engine, check: TargetCheck, data: Data, y: Any, w: Any) -> Data:
    target, weights = check.target(y, data.rows), check.weights(w, data.rows)
    if check.values:
        engine.checks.check_targets(f"{check.where}y", data.x, target, data.backend)
    return Data(data.backend, data.x, target, weights)
