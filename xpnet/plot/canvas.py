"""Shared parts of all pictures: figures and axes, colors, and conversion of arrays to NumPy."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from xpnet.backends.readable import host_array
from xpnet.errors import ArgumentError, DataError, in_brief
from xpnet.optional import require

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["COLORS", "axes", "canvas", "color", "inches", "new_figure", "numbers"]

COLORS = ("#0072b2", "#e69f00", "#009e73", "#cc79a7", "#56b4e9", "#d55e00", "#555555")
"""Colors that color-blind people can tell apart: Okabe and Ito, "Color universal design" (2008),
without yellow, which is hard to see on white."""


def color(index: int, count: int) -> Any:
    """A color for class `index` of `count`; more classes than `COLORS` share a rainbow."""
    if count <= len(COLORS):
        return COLORS[index]
    return require("matplotlib", "plot", "xpnet.plot").colormaps["turbo"]((index + 0.5) / count)


def new_figure(width: float, height: float, layout: str = "constrained") -> Figure:
    """An empty figure of this size in inches."""
    figure: Figure = require("matplotlib.figure", "plot", "xpnet.plot").Figure(
        figsize=(width, height), layout=layout
    )
    return figure


def axes(ax: Axes | None, width: float = 5.0, height: float = 4.0) -> Axes:
    """The Axes given, or those of a new figure of this size in inches."""
    if ax is None:
        return new_figure(width, height).add_subplot()
    if isinstance(ax, type) or not hasattr(ax, "get_window_extent"):
        raise ArgumentError(f"ax must be Axes of matplotlib, got {in_brief(ax)}.")
    return ax


def canvas(given: Figure | None, width: float, height: float) -> Figure:
    """The figure given, or a new one of this size in inches."""
    if given is None:
        return new_figure(width, height)
    if isinstance(given, type) or not hasattr(given, "add_subplot"):
        raise ArgumentError(f"figure must be a Figure of matplotlib, got {in_brief(given)}.")
    return given


def inches(ax: Axes) -> tuple[float, float]:
    """Width and height of Axes, before the layout makes room for labels."""
    extent, figure = ax.get_window_extent(), ax.get_figure(root=True)
    assert figure is not None
    return extent.width / figure.dpi, extent.height / figure.dpi


def numbers(name: str, x: Any) -> Any:
    """An array of any library as a NumPy array of finite float64 numbers.

    Raises
    ------
    DataError
        If `x` is empty, or holds anything but finite numbers.
    """
    given = host_array(name, x)
    try:
        found = given.astype(float) if given.dtype.kind in "fiubO" else None
    except (TypeError, ValueError, OverflowError):
        found = None
    if found is None:
        raise DataError(f"{name} must be an array of numbers, got {in_brief(x)}.")
    if not found.size:
        raise DataError(f"{name} is empty (shape {found.shape}); there is nothing to draw.")
    if not np.all(np.isfinite(found)):
        raise DataError(f"{name} holds NaN or infinity. Leave such samples out.")
    return found
