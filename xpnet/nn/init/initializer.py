"""The type of initializers, and the fans that several of them need."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias

from xpnet.errors import ShapeError
from xpnet.random import Key
from xpnet.typing import Array, Namespace, Shape

__all__ = ["InitLike", "Initializer", "fans"]

InitLike: TypeAlias = str | Callable[[Namespace, Key, Shape], Array]
"""The name of an initializer, one of `xpnet.init`, or a function with the same arguments."""


@dataclass(frozen=True)
class Initializer:
    """Initial values of a parameter: ``init(xp, key, shape)`` returns float64 numbers.

    Attributes
    ----------
    name : str
        The function of `xpnet.init` that makes it.
    settings : tuple of float
        The arguments of that function.
    draw : callable
        ``draw(xp, key, shape, *settings)``; a module-level function, so that pickle can find it.
    """

    name: str
    settings: tuple[float, ...]
    draw: Callable[..., Any]

    def __call__(self, xp: Namespace, key: Key, shape: Shape) -> Array:
        return self.draw(xp, key, shape, *self.settings)

    def __repr__(self) -> str:
        return f"{self.name}({', '.join(map(str, self.settings))})"


def fans(name: str, shape: Shape) -> tuple[int, int]:
    """Fan-in and fan-out of a weight of shape (..., in, out), at least 1.

    Raises
    ------
    ShapeError
        If the shape is not that of a matrix, or of a stack of them.
    """
    if len(shape) < 2:
        raise ShapeError(
            f"{name} needs a weight of shape (in, out), got {shape}: use normal, uniform or a "
            "constant for vectors."
        )
    return max(shape[-2], 1), max(shape[-1], 1)
