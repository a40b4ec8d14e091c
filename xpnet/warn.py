"""Warnings that point at the user's line, however deep the code that issues them."""

import sys
import warnings
from types import FrameType

__all__ = ["warn_user"]

_INSIDE = {"xpnet", "sklearn", "contextlib"}


def warn_user(text: str, category: type[Warning] = UserWarning) -> None:
    """Warn at the first line outside this library and scikit-learn."""
    level, frame = 1, sys._getframe()
    while frame.f_back is not None and _package(frame) in _INSIDE:
        level, frame = level + 1, frame.f_back
    warnings.warn(text, category, stacklevel=level)


def _package(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "")).partition(".")[0]
