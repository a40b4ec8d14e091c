"""Which backend: by name, by namespace, or by the arrays given.

Nothing is decided at import. ``XPNET_BACKEND`` names the backend for objects that are given
none; ``XPNET_FALLBACK=numpy`` lets ``backend="cupy"`` run on NumPy where CuPy cannot, with one
warning, so that a test suite passes on a machine without a GPU.
"""

import os
import sys
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from xpnet.backends import cuda
from xpnet.backends.base import Backend
from xpnet.backends.generic import GenericBackend
from xpnet.errors import (
    BackendFallbackWarning,
    BackendUnavailableError,
    DataError,
    MissingDependencyError,
    UnknownNameError,
)

__all__ = ["Status", "backend_of", "get", "resolve", "status"]

_INSTALL = "pip install 'xpnet[cuda13]' (CUDA 13 drivers) or 'xpnet[cuda12]'"


@dataclass(frozen=True)
class Status:
    """One line of `status`: a backend, its version, and whether it can run here."""

    name: str
    version: str | None
    usable: bool
    reason: str


@cache
def _numpy() -> Backend:
    from xpnet.backends.cpu import NumpyBackend

    return NumpyBackend(compiles=_compiles())


def _compiles() -> bool:
    """Whether NumPy's calls are compiled: where the extra is installed, unless switched off."""
    wanted = os.environ.get("XPNET_FAST", "")
    if wanted not in ("", "0", "1"):
        raise UnknownNameError("XPNET_FAST", wanted, ["0", "1"])
    found = find_spec("llvmlite") is not None
    if wanted == "1" and not found:
        raise MissingDependencyError(
            "XPNET_FAST=1 asks for compiled steps, which need 'llvmlite'. "
            "Install it with: pip install 'xpnet[fast]'"
        )
    return found and wanted != "0"


@cache
def _cupy() -> tuple[Backend | None, Status]:
    """CuPy if it really works, and what the probe found. Tried once a process."""
    try:
        cupy = cuda.load()
    except ImportError as error:
        return None, Status("cupy", None, False, f"CuPy cannot be imported ({error}): {_INSTALL}")
    except Exception as error:  # a broken CUDA installation may raise anything
        reason = f"importing CuPy failed: {type(error).__name__}: {error}: reinstall it, {_INSTALL}"
        return None, Status("cupy", None, False, reason)
    # An uninstalled CuPy may leave a folder behind, which imports as an empty package.
    version = getattr(cupy, "__version__", None)
    try:
        cuda.probe(cupy)
        return cuda.CupyBackend(cupy), Status("cupy", version, True, "works")
    except Exception as error:
        mend = "check the NVIDIA driver with nvidia-smi and that CuPy's wheel matches its CUDA"
        return None, Status("cupy", version, False, f"{error}: {mend}")


@cache
def _warn_fallback(reason: str) -> None:
    warnings.warn(
        f"backend 'cupy' cannot run here ({reason}); using NumPy because XPNET_FALLBACK=numpy.",
        BackendFallbackWarning,
        stacklevel=_outside(),
    )


def _outside() -> int:
    """How many calls up the first line outside of xpnet is, for a warning to point at."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals["__name__"].partition(".")[0] == "xpnet":
        level, frame = level + 1, frame.f_back
    return level


def _get_cupy() -> Backend:
    backend, found = _cupy()
    if backend is not None:
        return backend
    fallback = os.environ.get("XPNET_FALLBACK", "")
    if fallback == "numpy":
        _warn_fallback(found.reason)
        return _numpy()
    if fallback:
        raise UnknownNameError("XPNET_FALLBACK", fallback, ["numpy"])
    raise BackendUnavailableError(
        f"backend 'cupy' cannot run here: {found.reason}. "
        "Use backend='auto' to take the GPU only where there is one."
    )


def _get_auto() -> Backend:
    backend, found = _cupy()
    chosen = backend or _numpy()
    from logging import getLogger

    getLogger("xpnet").info("backend 'auto' chose %s (cupy: %s)", chosen.name, found.reason)
    return chosen


_BY_NAME: dict[str, Callable[[], Backend]] = {
    "numpy": _numpy,
    "cupy": _get_cupy,
    "auto": _get_auto,
}


def _by_namespace(xp: ModuleType, device: Any = None) -> Backend:
    name = xp.__name__.removeprefix("array_api_compat.")
    return _BY_NAME[name]() if name in ("numpy", "cupy") else _generic(xp, name, device)


@cache
def _generic(xp: ModuleType, name: str, device: Any) -> Backend:
    if not hasattr(xp, "asarray"):
        raise UnknownNameError("backend", name, [*_BY_NAME, "any Array API namespace"])
    if not hasattr(xp, "__array_api_version__") and name == "torch":
        xp = __import__(f"array_api_compat.{name}", fromlist=["asarray"])
    return GenericBackend(xp, device)


def get(spec: Any) -> Backend:
    """The backend of this name, or of this Array API namespace.

    Parameters
    ----------
    spec : {"numpy", "cupy", "auto"}, module or Backend
        ``"auto"`` is CuPy where it really works, else NumPy, and is logged.

    Raises
    ------
    BackendUnavailableError
        For ``"cupy"`` where it cannot run; the message gives the probe's finding.
    UnknownNameError
        For any other name.
    """
    if isinstance(spec, Backend):
        return spec
    if isinstance(spec, str):
        if spec not in _BY_NAME:
            raise UnknownNameError("backend", spec, [*_BY_NAME, "any Array API namespace"])
        return _BY_NAME[spec]()
    if isinstance(spec, ModuleType):
        return _by_namespace(spec)
    raise UnknownNameError("backend", spec, [*_BY_NAME, "any Array API namespace"])


def backend_of(x: Any) -> Backend | None:
    """The backend whose library the array `x` belongs to; None for lists and numbers."""
    if _numpy().owns(x):
        return _numpy()
    if type(x).__module__.partition(".")[0] == "cupy":
        return get("cupy")
    if not hasattr(x, "dtype") or not hasattr(x, "shape"):
        return None
    from array_api_compat import array_namespace, device

    try:
        xp = array_namespace(x)
    except TypeError:
        return None
    here, usual = device(x), device(xp.zeros(1))
    return _by_namespace(xp, None if here == usual else here)


def resolve(spec: Any, *arrays: Any) -> Backend:
    """The backend for this setting and these arrays.

    With ``spec=None`` the environment variable ``XPNET_BACKEND`` decides; where it is not set
    the backend follows the arrays, and is NumPy for lists and where there are no arrays.

    Raises
    ------
    DataError
        If the arrays are of different libraries, or on different devices.
    """
    found = {b.name: b for b in map(backend_of, arrays) if b is not None}
    if len(found) > 1:
        raise DataError(
            f"arrays of different libraries or devices were given together "
            f"({', '.join(sorted(found))}); convert them to one first."
        )
    if spec is None:
        spec = os.environ.get("XPNET_BACKEND") or None
    if spec is not None:
        wanted = get(spec)
        same = (b for b in found.values() if b.xp is wanted.xp)
        return next(same, wanted)  # on the device of the data
    return found.popitem()[1] if found else _numpy()


def status() -> list[Status]:
    """Each backend by name: its version, whether it can run here, and if not, exactly why.

    Returns
    -------
    list of Status
        ``name``, ``version`` (None if not installed), ``usable`` and ``reason``.
    """
    import numpy as np

    return [Status("numpy", np.__version__, True, "works"), _cupy()[1]]
