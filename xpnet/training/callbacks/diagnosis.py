"""Rules of thumb that turn recorded norms into sentences."""

from bisect import insort
from math import inf, isfinite, isnan
from typing import Any

from xpnet.arguments import number

__all__ = ["diagnose"]

_RECORDS = 3  # a rule must hold in this many of the last records, or come after this many

# One parameter's history: lists by column.
History = dict[str, list[Any]]


def diagnose(
    histories: dict[str, History],
    inactive: float,
    vanishing: float,
    exploding: float,
    fast: float,
    slow: float,
) -> list[str]:
    """The problems in the histories of these parameters; see `GradientMonitor.explain`."""
    if not histories:
        return ["Nothing was recorded yet: give this monitor to a fit."]
    last = max(history["step"][-1] for history in histories.values())
    weights = {
        name: history
        for name, history in histories.items()
        if not isnan(history["inactive"][-1]) and history["step"][-1] == last
    }
    limits = {
        "exploding": exploding,
        "inactive": inactive,
        "vanishing": vanishing,
        "fast": fast,
        "slow": slow,
    }
    for name, limit in limits.items():
        number(name, limit, 0)
    found = [
        (_exploding(histories, exploding), _EXPLODING),
        (_inactive(weights, inactive), _INACTIVE),
        (_vanishing(weights, vanishing), _VANISHING),
        (_fast(weights, fast), _FAST),
        (_slow(weights, slow), _SLOW),
    ]
    return [f"{', '.join(cases)}: {meaning}" for cases, meaning in found if cases]


_EXPLODING = (
    "gradients that jump (exploding). Try a smaller learning rate, gradient clipping, or inputs "
    "on one scale."
)
_INACTIVE = (
    "units whose gradient is exactly 0. They are dead if this persists: the ReLU after them is "
    "never positive, or all their inputs are 0. Try a smaller learning rate, He's initial weights "
    "or a leaky ReLU."
)
_VANISHING = (
    "gradients that fade on their way back (vanishing). Try ReLUs with He's initial weights, "
    "residual connections, normalization or fewer layers."
)
_FAST = "updates that are large relative to their parameters. Try a smaller learning rate."
_SLOW = (
    "updates that change almost nothing. The training has converged, its gradients vanish, or "
    "the learning rate is too small."
)


def _exploding(histories: dict[str, History], factor: float) -> list[str]:
    cases = []
    for name, history in histories.items():
        jump = _jump(history["gradient"], factor)
        if jump is not None:
            norm, step = history["gradient"][jump], history["step"][jump]
            cases.append(f"{name} (norm {norm:.2g} in step {step})")
    return cases


def _jump(norms: list[float], factor: float) -> int | None:
    """The first index that is not finite, or more than `factor` times the median before it."""
    before: list[float] = []
    for place, norm in enumerate(norms):
        median = before[len(before) // 2] if len(before) >= _RECORDS else 0.0
        if not isfinite(norm) or 0 < factor * median < norm:
            return place
        insort(before, norm)
    return None


def _inactive(weights: dict[str, History], share: float) -> list[str]:
    return [
        f"{name} ({history['inactive'][-1]:.0%})"
        for name, history in weights.items()
        if min(history["inactive"][-_RECORDS:]) > share
    ]


def _vanishing(weights: dict[str, History], least: float) -> list[str]:
    if len(weights) < 2:
        return []
    (first, low), *_, (last, high) = weights.items()
    pairs = zip(low["gradient"][-_RECORDS:], high["gradient"][-_RECORDS:], strict=False)
    ratios = [a / b if b else inf for a, b in pairs]
    return [f"{first} ({ratios[-1]:.2g} times {last})"] if max(ratios) < least else []


def _fast(weights: dict[str, History], most: float) -> list[str]:
    return [
        f"{name} ({history['ratio'][-1]:.2g})"
        for name, history in weights.items()
        if min(history["ratio"][-_RECORDS:]) > most
    ]


def _slow(weights: dict[str, History], least: float) -> list[str]:
    return [
        f"{name} ({history['ratio'][-1]:.2g})"
        for name, history in weights.items()
        if max(history["ratio"][-_RECORDS:]) < least
    ]
