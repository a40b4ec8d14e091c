"""Models as pickles: host arrays and settings, so that one trained on a GPU loads without one."""

import warnings
from importlib import import_module
from typing import TYPE_CHECKING, Any

from xpnet.backends import Backend, get
from xpnet.backends.precision import in_precision, kept_precision
from xpnet.engine.trainer import Trainer
from xpnet.errors import BackendFallbackWarning, BackendUnavailableError

if TYPE_CHECKING:
    from xpnet.base_model import BaseModel

__all__ = ["get_state", "set_state", "settings_of"]

_TITLES = {"numpy": "NumPy", "cupy": "cupy, the first GPU"}
_OWN = ("_setup", "_optimizer", "_metrics", "_trainer", "_in_fit")  # made again from the settings


def get_state(model: "BaseModel") -> dict[str, Any]:
    """What a pickle holds: the settings, and the trained state as NumPy arrays."""
    setup, trainer = model._setup, model._trainer
    wanted = setup.wanted_backend
    settings = {
        "net": setup.net,
        "loss": setup.loss,
        "optimizer": model.optimizer,
        "metrics": model._metrics,
        "backend": None if wanted is None else _name(wanted),
        "dtype": setup.dtype,
        "seed": setup.seed,
        "input_shape": setup.input_shape,
        "check_finite": setup.check_finite,
        "frozen": setup.frozen,
        "precision": setup.precision,
    }
    return {
        "settings": settings,
        "trained": None if trainer is None else _trained(trainer),
        "others": {name: value for name, value in vars(model).items() if name not in _OWN},
    }


def _trained(trainer: Trainer) -> dict[str, Any]:
    network, updater = trainer.network, trainer.updater
    host = network.backend.to_numpy
    return {
        "backend": _name(network.backend),
        "features": network.features,
        "params": host(network.backend.copy(network.params)),
        "slots": {name: host(network.backend.copy(v)) for name, v in updater.slots.items()},
        "updates": updater.step,
        "epoch": trainer.epoch,
        "step": trainer.step,
    }


def settings_of(state: dict[str, Any]) -> dict[str, Any]:
    """What to make the model with, from what a pickle holds."""
    settings = dict(state["settings"])
    if settings["backend"] is not None:
        settings["backend"] = backend = _backend(settings["backend"])
        settings["precision"] = kept_precision(backend, settings["precision"])
    return settings


def set_state(model: "BaseModel", state: dict[str, Any]) -> None:
    """Put what was trained, and what else the model had, back into one of these settings."""
    vars(model).update(state["others"])
    trained = state["trained"]
    if trained is None:
        return
    setup, backend = model._setup, _backend(trained["backend"])
    setup.precision = kept_precision(backend, setup.precision)
    backend = in_precision(backend, setup.precision)
    with backend.work():
        network = setup.network_for(backend, trained["features"])
        trainer = model._settle(network)
        network.set_params(backend.asarray(trained["params"], network.dtype))
        slots = {name: backend.asarray(v, network.dtype) for name, v in trained["slots"].items()}
        trainer.updater.put(slots, trained["updates"])
        trainer.epoch, trainer.step = trained["epoch"], trained["step"]
        trainer.keep("the pickle")


def _name(backend: Backend) -> str:
    """NumPy's and CuPy's own name, or the module of another namespace."""
    name = backend.name
    return name if name.partition(":")[0] in ("numpy", "cupy") else str(backend.xp.__name__)


def _backend(name: str) -> Backend:
    """The backend of this name; the first GPU or else NumPy, with a warning, if it cannot run."""
    library, _, device = name.partition(":")
    try:
        return get(name if library in ("numpy", "cupy") else import_module(name))
    except (BackendUnavailableError, ImportError) as error:
        instead = _first_gpu() if device else get("numpy")
        warnings.warn(
            f"the model was pickled with its parameters in {name}, which cannot run here "
            f"({error}); it is loaded into {_TITLES[instead.name]}.",
            BackendFallbackWarning,
            stacklevel=4,
        )
        return instead


def _first_gpu() -> Backend:
    try:
        return get("cupy")
    except BackendUnavailableError:
        return get("numpy")
