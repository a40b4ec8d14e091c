"""Small pictures as SVG. Their colors are the page's, so they follow a dark screen."""

from collections.abc import Sequence
from math import ceil, floor, isfinite, log10

from xpnet.cli.explain_text import aligned
from xpnet.cli.page.markup import Html, element

__all__ = ["Chart", "ticks"]

WIDTH, HEIGHT = 340, 220
_TOP, _RIGHT, _BOTTOM = 8, 12, 34
_LETTER = 5.9  # width of a digit in the font of the labels
_STEPS = (1, 2, 2.5, 5, 10)


def ticks(low: float, high: float, most: int = 5) -> list[float]:
    """Round numbers between two, at most so many."""
    if not (isfinite(low) and isfinite(high) and low < high):
        return [low]
    rough = (high - low) / most
    power = 10.0 ** floor(log10(rough))
    step = next(power * s for s in _STEPS if power * s >= rough * (1 - 1e-9))
    first, last = ceil(low / step - 1e-9), floor(high / step + 1e-9)
    return [round(i * step, 12) for i in range(first, last + 1)]


class Chart:
    """A picture with two axes.

    Parameters
    ----------
    x, y : (float, float)
        What the axes show, from the left and from the bottom.
    x_ticks, y_ticks : sequence of (float, str), optional
        Marked places and their texts; by default round numbers.
    x_label : str, default ""
    height : int, optional
    """

    def __init__(
        self,
        x: tuple[float, float],
        y: tuple[float, float],
        *,
        x_ticks: Sequence[tuple[float, str]] | None = None,
        y_ticks: Sequence[tuple[float, str]] | None = None,
        x_label: str = "",
        height: int = HEIGHT,
    ) -> None:
        self._x, self._y = _opened(*x), _opened(*y)
        across = _named(self._x, 5) if x_ticks is None else list(x_ticks)
        upward = _named(self._y, 5) if y_ticks is None else list(y_ticks)
        self._left = 10 + _LETTER * max((len(text) for _, text in upward), default=0)
        self._bottom = height - _BOTTOM + (0 if x_label else 14)
        self._height = height
        self._parts = [*self._axes(across, upward)]
        if x_label:
            middle = (self._left + WIDTH - _RIGHT) / 2
            self.text(middle, height - 4, x_label, "middle")

    def px(self, value: float) -> float:
        """Where a number is, from the left."""
        low, high = self._x
        return self._left + (WIDTH - _RIGHT - self._left) * (value - low) / (high - low)

    def py(self, value: float) -> float:
        """Where a number is, from the top."""
        low, high = self._y
        return self._bottom - (self._bottom - _TOP) * (value - low) / (high - low)

    def line(self, xs: Sequence[float], ys: Sequence[float], kind: str) -> None:
        """A line through points; numbers that are not finite interrupt it."""
        path, pen = "", "M"
        for x, y in zip(xs, ys, strict=True):
            if isfinite(x) and isfinite(y):
                path += f"{pen}{self.px(x):.1f} {self.py(y):.1f}"
                pen = "L"
            else:
                pen = "M"
        self._parts.append(element("path", d=path, class_=f"line {kind}"))

    def dots(self, xs: Sequence[float], ys: Sequence[float], kind: str) -> None:
        """A round dot at each point: lines of length 0 with round ends."""
        points = zip(xs, ys, strict=True)
        path = "".join(f"M{self.px(x):.1f} {self.py(y):.1f}h0" for x, y in points)
        self._parts.append(element("path", d=path, class_=f"dots {kind}"))

    def bar(self, x: tuple[float, float], y: tuple[float, float], kind: str) -> None:
        """A rectangle between two numbers on each axis."""
        left, right = sorted(map(self.px, x))
        top, bottom = sorted(map(self.py, y))
        size = {"width": f"{max(right - left, 0):.1f}", "height": f"{max(bottom - top, 0):.1f}"}
        self._parts.append(
            element("rect", x=f"{left:.1f}", y=f"{top:.1f}", **size, class_=f"bar {kind}")
        )

    def text(self, x: float, y: float, text: str, anchor: str) -> None:
        """Text at a place in the picture."""
        self._parts.append(element("text", text, x=f"{x:.1f}", y=f"{y:.1f}", text_anchor=anchor))

    def svg(self, description: str) -> Html:
        """The picture, with a text for those who cannot see it."""
        box = f"0 0 {WIDTH} {self._height}"
        return element("svg", *self._parts, viewBox=box, role="img", aria_label=description)

    def _axes(
        self, across: Sequence[tuple[float, str]], upward: Sequence[tuple[float, str]]
    ) -> list[Html]:
        self._parts = []
        for value, text in upward:
            y = self.py(value)
            self._rule(self._left, y, WIDTH - _RIGHT, y)
            self.text(self._left - 5, y + 3.5, text, "end")
        for value, text in across:
            x = self.px(value)
            self._rule(x, self._bottom, x, self._bottom + 3)
            self.text(x, self._bottom + 14, text, "middle")
        return self._parts

    def _rule(self, x1: float, y1: float, x2: float, y2: float) -> None:
        path = f"M{x1:.1f} {y1:.1f}L{x2:.1f} {y2:.1f}"
        self._parts.append(element("path", d=path, class_="rule"))


def _named(ends: tuple[float, float], most: int) -> list[tuple[float, str]]:
    found = ticks(*ends, most)
    return [*zip(found, _texts(found), strict=True)]


def _texts(found: Sequence[float]) -> list[str]:
    """Round numbers with as many decimals as their distance has."""
    for decimals in range(6):
        if all(abs(v - round(v, decimals)) < 1e-9 * abs(found[-1] - found[0] or 1) for v in found):
            return [f"{v:,.{decimals}f}" for v in found]
    return aligned(found)


def _opened(low: float, high: float) -> tuple[float, float]:
    """Two ends that differ."""
    return (low, high) if low < high else (low - 0.5, high + 0.5)
