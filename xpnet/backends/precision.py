"""How products' operands are rounded: a setting of a model, stored on its backend."""

import os
from functools import cache
from typing import Any, get_args

from xpnet.arguments import choice
from xpnet.backends.base import Backend
from xpnet.backends.cuda import CupyBackend
from xpnet.errors import ArgumentError, BackendFallbackWarning, in_brief
from xpnet.typing import Precision
from xpnet.warn import warn_user

__all__ = ["PRECISIONS", "check_precision", "in_precision", "kept_precision"]

PRECISIONS: tuple[Precision, ...] = get_args(Precision)


def check_precision(name: Any, dtype: str) -> Precision:
    """Return the name of a precision, checked for parameters of this type.

    Raises
    ------
    UnknownNameError, ArgumentError
        If there is no such precision, or it does not apply to float64.
    """
    choice("precision", name, PRECISIONS)
    if dtype != "float32" and name != "float32":
        raise ArgumentError(
            f"precision={in_brief(name)} rounds float32 numbers, but dtype is {dtype!r}: omit one "
            "of the "
            "two."
        )
    found: Precision = name
    return found


def in_precision(backend: Backend, precision: Precision, asked: Any = None) -> Backend:
    """The backend, with products in this precision.

    Parameters
    ----------
    backend : Backend
    precision : str
    asked : str, module or Backend, optional
        The setting that the backend was resolved from; by default ``XPNET_BACKEND``.

    Raises
    ------
    ArgumentError
        If the backend is not CuPy and the precision is not float32. If ``XPNET_FALLBACK``
        replaced CuPy by NumPy, there is one warning instead, and products are float32.
    """
    if precision == backend.precision:
        return backend
    if isinstance(backend, CupyBackend):
        return _rounded(backend, precision)
    if asked is None:
        asked = os.environ.get("XPNET_BACKEND", "")
    if backend.name == "numpy" and isinstance(asked, str) and asked.startswith("cupy"):
        _warn(precision)
        return backend
    raise ArgumentError(
        f"precision={in_brief(precision)} is for products on an NVIDIA GPU, but the backend is "
        f"{backend.name!r}: use backend='cupy', or leave precision='float32'."
    )


def kept_precision(backend: Backend, precision: Precision) -> Precision:
    """The precision of a model from another machine; float32 if the backend has no other."""
    return precision if isinstance(backend, CupyBackend) else "float32"


@cache
def _rounded(backend: CupyBackend, precision: Precision) -> Backend:
    return backend.rounded(precision)


@cache
def _warn(precision: str) -> None:
    warn_user(
        f"precision={in_brief(precision)} needs a GPU; NumPy computes in float32 because "
        "XPNET_FALLBACK=numpy.",
        BackendFallbackWarning,
    )
