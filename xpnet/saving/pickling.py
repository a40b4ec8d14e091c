"""Pickle models as settings and host arrays, so that one trained on a GPU loads without one."""

from dataclasses import fields, replace
from importlib import import_module
from typing import Any

from xpnet.backends import Backend, get
from xpnet.backends.precision import in_precision, kept_precision
from xpnet.engine.config import ModelConfig
from xpnet.engine.engine import Engine
from xpnet.engine.network import Network
from xpnet.errors import BackendFallbackWarning, BackendUnavailableError
from xpnet.warn import warn_user

__all__ = ["get_state", "restored"]

_TITLES = {"numpy": "NumPy", "cupy": "cupy, the first GPU"}


def get_state(config: ModelConfig, engine: Engine | None, others: dict[str, Any]) -> dict[str, Any]:
    """The contents of a pickle: the settings, and the trained state as NumPy arrays."""
    settings = {f.name: getattr(config, f.name) for f in fields(config)}
    settings["backend"] = None if config.backend is None else _name(config.backend)
    trained = None if engine is None else _trained(engine)
    return {"settings": settings, "trained": trained, "others": others}


def _trained(engine: Engine) -> dict[str, Any]:
    with engine.programs.lock:  # between two steps
        return _copied(engine)


def _copied(engine: Engine) -> dict[str, Any]:
    state, backend, scale = engine.state, engine.backend, engine.state.loss_scale
    host = {n: backend.to_numpy(backend.copy(v)) for n, v in state.slots.items()}
    return {
        "backend": _name(backend),
        "features": engine.network.features,
        "params": backend.to_numpy(backend.copy(state.params)),
        "slots": host,
        "loss_scale": None if scale is None else backend.to_numpy(backend.copy(scale)),
        "updates": state.updates,
        "sizes": dict(state.sizes),
        "epoch": state.epoch,
        "step": state.step,
        "awaiting": state.awaiting,
    }


def restored(state: dict[str, Any]) -> tuple[ModelConfig, Engine | None]:
    """A model's configuration, and its engine if it had one, from the contents of a pickle."""
    settings = dict(state["settings"])
    if settings["backend"] is not None:
        settings["backend"] = backend = _backend(settings["backend"])
        settings["precision"] = kept_precision(backend, settings["precision"])
    net, loss, optimizer = (settings.pop(name) for name in ("net", "loss", "optimizer"))
    config, trained = ModelConfig.of(net, loss, optimizer, **settings), state["trained"]
    if trained is None:
        return config, None
    backend = _backend(trained["backend"])
    config = replace(config, precision=kept_precision(backend, config.precision))
    backend = in_precision(backend, config.precision)
    with backend.work():
        return config, _engine(config, backend, trained)


def _engine(config: ModelConfig, backend: Backend, trained: dict[str, Any]) -> Engine:
    engine = Engine(Network.of(config, trained["features"]), backend, config.optimizer)
    state, dtype = engine.state, config.dtype
    state.set_params(backend, backend.asarray(trained["params"], dtype))
    slots = {name: backend.asarray(v, dtype) for name, v in trained["slots"].items()}
    state.set_slots(backend, slots, trained["updates"])
    if trained.get("loss_scale") is not None:
        state.set_loss_scale(backend, trained["loss_scale"])
    state.epoch, state.step = trained["epoch"], trained["step"]
    state.awaiting, state.sizes = trained.get("awaiting", ()), trained.get("sizes", {})
    engine.keep("the pickle")
    return engine


def _name(backend: Backend) -> str:
    """NumPy's and CuPy's own name, or the module of another namespace."""
    name = backend.name
    return name if name.partition(":")[0] in ("numpy", "cupy") else str(backend.xp.__name__)


def _backend(name: str) -> Backend:
    """The backend of this name; if it cannot run, the first GPU or NumPy, with a warning."""
    library, _, device = name.partition(":")
    try:
        return get(name if library in ("numpy", "cupy") else import_module(name))
    except (BackendUnavailableError, ImportError) as error:
        instead = _first_gpu() if device else get("numpy")
        warn_user(
            f"the model was pickled with its parameters in {name}, which cannot run here "
            f"({error}); it is loaded into {_TITLES[instead.name]}.",
            BackendFallbackWarning,
        )
        return instead


def _first_gpu() -> Backend:
    try:
        return get("cupy")
    except BackendUnavailableError:
        return get("numpy")
