"""Whether a module of PyTorch computes what its class says."""

from copy import deepcopy
from typing import Any

from xpnet.errors import ArgumentError
from xpnet.optional import require

__all__ = ["as_computed", "check_unchanged", "class_of"]

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
        If it has hooks, or a function of its own in place of ``forward``.
    """
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
    base = require("torch.nn", None, "xpnet.exchange.from_torch").Module
    if "forward" in vars(module) or type(module).__call__ is not base.__call__:
        raise ArgumentError(
            f"{start} its own forward or __call__, which xpnet cannot read. Write the model "
            "in xpnet and fill it with from_torch(module.state_dict(), model)."
        )


def _remedy(hook: Any, kind: str) -> str:
    if hasattr(hook, "apply_mask"):
        return f"torch.nn.utils.prune.remove(module, {hook._tensor_name!r})"
    return _REMEDIES.get(kind, "call remove() of the handle that its registration returned")
