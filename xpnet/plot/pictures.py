"""Arrays as pictures: the weights of units, samples, mistakes."""

from __future__ import annotations

from collections.abc import Sequence
from math import ceil, sqrt
from typing import TYPE_CHECKING, Any

import numpy as np

from xpnet.arguments import choice, count, elements
from xpnet.errors import ArgumentError, ShapeError, in_brief
from xpnet.model import Model
from xpnet.plot.canvas import axes, canvas, numbers
from xpnet.typing import ArrayLike, Shape, size_of

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

__all__ = ["images", "weights"]


def weights(
    source: Model | ArrayLike,
    name: str | None = None,
    shape: Shape = (28, 28),
    *,
    columns: int | None = None,
    ax: Axes | None = None,
) -> Axes:
    """Draw each unit's incoming weights as a picture, which shows what the unit looks for.

    Blue is positive, red is negative, and white is 0. All units share one scale.

    Parameters
    ----------
    source : Model or array of shape (in, out)
        The weights, or a model that has them.
    name : str, optional
        A parameter of the model, such as ``"layers.0.weight"``; by default the first whose fan-in
        equals the number of pixels.
    shape : (int, int), default (28, 28)
        Height and width of the network's input pictures.
    columns : int, optional
        Pictures in a row; by default the grid is about square.
    ax : Axes, optional
        Where to draw.

    Returns
    -------
    Axes

    Raises
    ------
    ShapeError
        If the number of inputs is not the number of pixels in `shape`.
    UnknownNameError
        If the model has no parameter of this name.
    DataError
        If weights are NaN or infinite.
    """
    height, width = _picture_shape(shape)
    found = numbers("weights", _weight(source, name, (height, width)))
    if found.ndim != 2 or found.shape[0] != height * width:
        raise ShapeError(
            f"weights must have shape ({height * width}, units) to be pictures of {height} x "
            f"{width}, got {found.shape}. Pass shape=(height, width)."
        )
    units = found.shape[1]
    wide = min(_columns(columns, units), units)
    high = ceil(units / wide)
    ax = axes(ax, *_size(wide * width, high * height))
    limit = float(np.max(np.abs(found))) or 1.0
    mosaic = _mosaic(found.T.reshape(units, height, width), wide)
    shown = ax.imshow(mosaic, cmap="RdBu", vmin=-limit, vmax=limit, interpolation="nearest")
    ax.set_axis_off()
    ax.figure.colorbar(shown, ax=ax, shrink=0.8, label="weight")
    return ax


def _picture_shape(shape: Any) -> tuple[int, int]:
    lengths = tuple(shape) if isinstance(shape, Sequence) else ()
    if len(lengths) != 2:
        raise ArgumentError(f"shape must be (height, width), got {in_brief(shape)}.")
    return count("height", lengths[0]), count("width", lengths[1])


def _weight(source: Any, name: str | None, shape: Shape) -> Any:
    """The matrix itself, or the model's matrix with this name."""
    if not isinstance(source, Model):
        if name is not None:
            raise ArgumentError(
                f"name={in_brief(name)} works only with a model, not with an array. Leave it out."
            )
        return source
    parameters = source.parameters
    if name is None:
        fitting = [n for n, p in parameters.items() if p.ndim == 2 and p.shape[0] == size_of(shape)]
        if not fitting:
            known = ", ".join(f"{n} {tuple(p.shape)}" for n, p in parameters.items())
            raise ShapeError(
                f"no weight has {size_of(shape)} inputs, a picture of {shape[0]} x {shape[1]}; "
                f"the model has {known}. Pass shape=(height, width), or a name."
            )
        return parameters[fitting[0]]
    return parameters[choice("parameter", name, parameters)]


def _mosaic(pictures: Any, wide: int) -> Any:
    """All pictures in one array; the gaps around them are NaN, which is not drawn."""
    units, height, width = pictures.shape
    gap = max(1, min(height, width) // 14)
    step_y, step_x = height + gap, width + gap
    mosaic = np.full((ceil(units / wide) * step_y + gap, wide * step_x + gap), np.nan)
    for unit, picture in enumerate(pictures):
        y, x = (unit // wide) * step_y + gap, (unit % wide) * step_x + gap
        mosaic[y : y + height, x : x + width] = picture
    return mosaic


def _columns(asked: int | None, pictures: int) -> int:
    return ceil(sqrt(pictures)) if asked is None else count("columns", asked)


def _size(width: float, height: float) -> tuple[float, float]:
    """The size in inches of a picture with these proportions and its color bar."""
    scale = 6.0 / max(width, height)
    return max(scale * width, 1.0) + 1.0, max(scale * height, 1.6)


def images(
    pictures: ArrayLike,
    titles: Sequence[object] | None = None,
    *,
    shape: Shape | None = None,
    columns: int | None = None,
    figure: Figure | None = None,
) -> Figure:
    """Draw pictures in a grid, each with a title such as "7 for 2".

    Parameters
    ----------
    pictures : array of shape (n, height, width) or (n, height, width, 3)
        Gray values, drawn from white (the smallest of all) to black, or colors in [0, 1] or
        0 .. 255.
    titles : sequence, optional
        One title per picture.
    shape : tuple of int, optional
        Shape of one picture, if the pictures are rows of an (n, d) array.
    columns : int, optional
        Pictures in a row; by default up to 8.
    figure : Figure or SubFigure, optional
        Where to draw.

    Returns
    -------
    Figure

    Raises
    ------
    ShapeError
        If the array has another shape, or the number of titles differs.
    DataError
        If there are no pictures, or they hold NaN or infinite numbers.
    """
    found = numbers("pictures", pictures)
    if shape is not None:
        shape = tuple(count("shape", n) for n in elements("shape", shape, "(28, 28)"))
        if not found.ndim or size_of(shape) * len(found) != found.size:
            raise ShapeError(
                f"pictures of shape {tuple(shape)} have {size_of(shape)} numbers each; got an "
                f"array of shape {found.shape}."
            )
        found = found.reshape(len(found), *shape)
    if found.ndim != 3 and (found.ndim != 4 or found.shape[3] not in (3, 4)):
        raise ShapeError(
            f"pictures must have shape (n, height, width) or (n, height, width, 3), got "
            f"{found.shape}. For rows, pass shape=(height, width)."
        )
    if found.ndim == 4 and found.max() > 1:
        found = found / 255
    names = None
    if titles is not None:
        given = elements("titles", titles, "['7 for 2']")
        names = [title if isinstance(title, str) else in_brief(title) for title in given]
    if names is not None and len(names) != len(found):
        raise ShapeError(f"there are {len(found)} pictures and {len(names)} titles.")
    wide = min(8 if columns is None else count("columns", columns), len(found))
    high = ceil(len(found) / wide)
    made = _canvas(figure, wide, high, found.shape[1] / found.shape[2], names)
    low, top = float(found.min()), float(found.max())
    for position, picture in enumerate(found):
        ax = made.add_subplot(high, wide, position + 1)
        ax.imshow(picture, cmap="gray_r", vmin=low, vmax=top, interpolation="nearest")
        ax.set(xticks=[], yticks=[])
        ax.spines[:].set_color("#b0b0b0")
        if names is not None:
            ax.set_title(names[position], fontsize=10, pad=3)
    return made


def _canvas(
    given: Figure | None, wide: int, high: int, ratio: float, titles: Sequence[str] | None
) -> Figure:
    """A figure for pictures of this height-to-width ratio, each as wide as the longest title."""
    lines = [title.splitlines() for title in titles or ()]
    cell = max(1.0, 0.085 * max((len(line) for title in lines for line in title), default=0))
    above = 0.2 * max(map(len, lines), default=0)
    return canvas(given, cell * wide + 0.2, (cell * ratio + above) * high + 0.2)
