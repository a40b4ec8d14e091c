"""Weights that rotate vectors without stretching them."""

from typing import Any

from xpnet import random
from xpnet.arguments import positive
from xpnet.nn.init.initializer import Initializer, fans
from xpnet.typing import Namespace, Shape

__all__ = ["orthogonal"]


def _orthogonal(xp: Namespace, key: random.Key, shape: Shape, gain: float) -> Any:
    rows, columns = fans("orthogonal", shape)
    tall = (*shape[:-2], max(rows, columns), min(rows, columns))
    q, r = xp.linalg.qr(random.normal(xp, key, tall))
    # QR does not fix the signs of R's diagonal; positive ones make Q uniformly distributed.
    q = q * xp.sign(xp.linalg.diagonal(r))[..., None, :]
    w = gain * (q if rows >= columns else xp.matrix_transpose(q))
    return w[..., : shape[-2], : shape[-1]]  # `fans` are at least 1, lengths may be 0


def orthogonal(gain: float = 1.0) -> Initializer:
    """A random matrix with orthonormal columns (or rows, if there are fewer), times `gain`.

    It is the Q of the QR decomposition of a matrix of normal numbers.

    Parameters
    ----------
    gain : float, default 1
        The value of all singular values of the weight.

    Raises
    ------
    ArgumentError
        If `gain` is not greater than 0.

    References
    ----------
    Saxe, McClelland and Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep
    linear neural networks", ICLR 2014.
    """
    return Initializer("orthogonal", (positive("gain", gain),), _orthogonal)
