"""Whether a module of PyTorch computes what its class says."""

from copy import deepcopy
from typing import Any

import numpy as np

from xpnet.errors import ArgumentError
from xpnet.graph import lookups
from xpnet.model import Model
from xpnet.optional import require

__all__ = ["as_computed", "check_computed", "check_unchanged", "class_of"]

_TOLERANCE = 0.03  # of the largest output: types of 16 bits, and networks that amplify rounding

_REMEDIES = {
    "WeightNorm": "torch.nn.utils.remove_weight_norm(module)",
    "SpectralNorm": "torch.nn.utils.remove_spectral_norm(module)",
}


def class_of(module: Any) -> type:
    """The module's class, without the one that torch makes for parametrizations."""
    parametrize = require("torch.nn.utils.parametrize", None, "xpnet.exchange.from_torch")
    found: type = parametrize.type_before_parametrizations(module)
    return found


def as_computed(module: Any) -> Any:
    """A module whose parameters are those that it predicts with.

    Parametrized ones are computed when they are read. In training mode, this may change them.
    """
    return module if class_of(module) is type(module) else deepcopy(module).eval()


def check_unchanged(name: str, module: Any) -> None:
    """Raise if something other than its class decides what a module computes.

    Raises
    ------
    ArgumentError
        If it has hooks, or a function of its own in place of ``forward`` or of the class's.
    """
    torch = require("torch.nn", None, "xpnet.exchange.from_torch")
    called = f"module {name!r}" if name else "the module"
    start = f"from_torch: {called}, {type(module).__name__}, has"
    hooks = [*module._forward_pre_hooks.values(), *module._forward_hooks.values()]
    if hooks:
        hook = hooks[0]
        kind = getattr(hook, "__name__", type(hook).__name__)
        raise ArgumentError(
            f"{start} the hook {kind}, which may change what it computes. Remove it first: "
            f"{_remedy(hook, kind)}."
        )
    own = {"forward", "_call_impl", "_slow_forward"} & vars(module).keys()
    base, call = torch.Module, type(module).__call__
    if own or call is not base.__call__ or type(module)._call_impl is not base._call_impl:
        raise ArgumentError(
            f"{start} its own forward or __call__, which xpnet cannot read. Write the model "
            "in xpnet and fill it with from_torch(module.state_dict(), model)."
        )


def check_computed(source: Any, model: Model) -> None:
    """Raise unless the module computes what the model that was made of it predicts.

    Hooks for all modules and replaced functions of torch are not seen in a module.

    Raises
    ------
    ArgumentError
        If a few random samples have other outputs.
    """
    if any(getattr(part, "_compiled_call_impl", None) for part in source.modules()):
        return  # torch.compile may take minutes
    x = _samples(model)
    try:
        wanted = _outputs(source, x)
    except Exception:  # a module that cannot run, such as one of mixed types, has no outputs
        return
    got = np.asarray(model.engine.backend.to_numpy(model.predict(x.tolist())))
    if wanted.shape == got.shape:
        known = np.isfinite(wanted) & np.isfinite(got)
        size = np.abs(wanted[known]).max(initial=0)
        if (np.abs(wanted - got)[known] <= _TOLERANCE * size).all():
            return
    raise ArgumentError(
        f"from_torch: the module, {type(source).__name__}, computes something else than its layers "
        "say: perhaps because of a hook for all modules, or of a function or method of torch that "
        "was replaced. Undo that first, or write the model in xpnet and fill it with "
        "from_torch(module.state_dict(), model)."
    )


def _samples(model: Model) -> Any:
    """A few random samples; whole numbers if an Embedding looks them up."""
    rng, shape = np.random.default_rng(0), (3, *model.network.features)
    sizes = [found.size for found in lookups(model.network.graph) if found.op == "embedding"]
    if sizes:
        return rng.integers(0, min(sizes), shape)
    return rng.normal(size=shape).astype(model.dtype)


def _outputs(module: Any, x: Any) -> Any:
    """What a module of torch predicts; it stays as it is."""
    torch = require("torch", None, "xpnet.exchange.from_torch")
    some = next(iter(module.parameters()))
    given = torch.from_numpy(x).to(some.device)
    given = given if x.dtype.kind == "i" else given.to(some.dtype)
    training = [(part, part.training) for part in module.modules()]
    try:
        with torch.no_grad():
            found = module.eval()(given)
    finally:
        for part, value in training:
            part.training = value
    return found.double().cpu().numpy()


def _remedy(hook: Any, kind: str) -> str:
    if hasattr(hook, "apply_mask"):
        return f"torch.nn.utils.prune.remove(module, {hook._tensor_name!r})"
    return _REMEDIES.get(kind, "call remove() of the handle that its registration returned")
