"""Whether a rule treats every element of its vectors alike and separately."""

from typing import Any

from xpnet.backends import get
from xpnet.kernels.blocks import can_be_cut
from xpnet.kernels.derive import results_of
from xpnet.kernels.recorder import Recorder
from xpnet.kernels.terms import Underivable
from xpnet.ops.record import Update

__all__ = ["is_elementwise"]

_LENGTH = 3


def is_elementwise(rule: Update, static: dict[str, Any]) -> bool:
    """Whether a rule may be applied to any part of its vectors alone; read off its definition.

    False if the definition has steps that cannot be listed.
    """
    backend: Any = get("numpy")
    vectors = [backend.zeros((_LENGTH,), "float32") for _ in rule.vectors]
    numbers = [backend.zeros((), "float32") for _ in rule.coefficients]
    try:
        results = results_of(Recorder(backend), rule.fn, [*vectors, *numbers], static)
    except Underivable:
        return False
    return can_be_cut(results[0].xp.steps, _LENGTH)
