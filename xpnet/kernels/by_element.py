"""Whether a rule treats every element of its vectors alike and separately."""

from typing import Any

from xpnet.backends import get
from xpnet.kernels.blocks import can_be_cut
from xpnet.kernels.derive import results_of
from xpnet.kernels.recorder import Recorder
from xpnet.ops.record import Update

__all__ = ["is_elementwise"]

_LENGTHS = (3, 5)


def is_elementwise(rule: Update, static: dict[str, Any]) -> bool:
    """Whether a rule may be applied to any part of its vectors alone; read off its definition.

    False if the definition has steps that cannot be listed, or that depend on the vectors' length.
    """
    found = [_listed(rule, static, length) for length in _LENGTHS]
    return None not in found and found[0] == found[1]


def _listed(rule: Update, static: dict[str, Any], length: int) -> list[Any] | None:
    """The steps, with the numbers that they read, for vectors of this length."""
    backend: Any = get("numpy")
    vectors = [backend.zeros((length,), "float32") for _ in rule.vectors]
    numbers = [backend.zeros((), "float32") for _ in rule.coefficients]
    try:
        results = results_of(Recorder(backend), rule.fn, [*vectors, *numbers], static)
    except Exception:  # underivable, or a user's rule that does not take vectors this short
        return None
    steps = results[0].xp.steps
    if not can_be_cut(steps, length):
        return None
    return [(s.name, [a for a in s.args if isinstance(a, int | float)], s.settings) for s in steps]
