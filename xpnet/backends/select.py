"""Select a backend by name, by namespace, or by the arrays given.

``"cupy"`` is the first GPU, ``"cupy:1"`` the second. Nothing is decided at import.
``XPNET_BACKEND`` names the backend of objects without one. ``XPNET_FALLBACK=numpy`` lets
``backend="cupy"`` run on NumPy if CuPy cannot run, with one warning, so that a test suite passes on
a machine without a GPU.
"""

import os
import sys
import warnings
from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from xpnet.backends import cuda
from xpnet.backends.base import Backend, BackendLike
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

    backend = NumpyBackend(compiles=_compiles())
    if not (backend.compiles or _fast()):
        backend.faster_with = "fast"
    return backend


def _fast() -> str:
    """The setting XPNET_FAST: "0" never compiles, "1" always, "" where possible."""
    wanted = os.environ.get("XPNET_FAST", "")
    if wanted not in ("", "0", "1"):
        raise UnknownNameError("XPNET_FAST", wanted, ["0", "1"])
    return wanted


def _compiles() -> bool:
    """Whether NumPy's calls are compiled: if the extra is installed and not switched off."""
    wanted = _fast()
    found = find_spec("llvmlite") is not None
    if wanted == "1" and not found:
        raise MissingDependencyError(
            "XPNET_FAST=1 requires compiled steps, which need 'llvmlite'. "
            "Install it with: pip install 'xpnet[fast]'"
        )
    return found and wanted != "0"


def _device_name(index: int) -> str:
    return f"cupy:{index}" if index else "cupy"


@cache
def _cupy(index: int) -> tuple[Backend | None, Status]:
    """CuPy on a device if it works, and what the probe found. Probed once per process."""
    name = _device_name(index)
    try:
        cupy = cuda.load()
    except ImportError as error:
        return None, Status(name, None, False, f"CuPy cannot be imported ({error}): {_INSTALL}")
    except Exception as error:  # a broken CUDA installation may raise anything
        reason = f"importing CuPy failed: {type(error).__name__}: {error}: reinstall it, {_INSTALL}"
        return None, Status(name, None, False, reason)
    # An uninstalled CuPy may leave a folder behind, which imports as an empty package.
    version = getattr(cupy, "__version__", None)
    devices = cuda.count_devices(cupy)
    if 0 < devices <= index:
        return None, Status(name, version, False, _no_such_device(devices))
    try:
        with cupy.cuda.Device(index) if index else nullcontext():
            cuda.probe(cupy)
        return cuda.CupyBackend(cupy, index, _fast() != "0"), Status(name, version, True, "works")
    except Exception as error:
        remedy = "check the NVIDIA driver with nvidia-smi and that CuPy's wheel matches its CUDA"
        return None, Status(name, version, False, f"{error}: {remedy}")


def _no_such_device(devices: int) -> str:
    names = ", ".join(_device_name(i) for i in range(devices))
    count = "1 device" if devices == 1 else f"{devices} devices"
    return f"there {'is' if devices == 1 else 'are'} {count} here: {names}"


@cache
def _warn_fallback(name: str, reason: str) -> None:
    warnings.warn(
        f"backend {name!r} cannot run here ({reason}); using NumPy because XPNET_FALLBACK=numpy.",
        BackendFallbackWarning,
        stacklevel=_outside(),
    )


def _outside() -> int:
    """How many calls up the first line outside xpnet is, for the location of a warning."""
    level, frame = 1, sys._getframe(1)
    while frame.f_back is not None and frame.f_globals["__name__"].partition(".")[0] == "xpnet":
        level, frame = level + 1, frame.f_back
    return level


def _get_cupy(index: int = 0) -> Backend:
    backend, found = _cupy(index)
    if backend is not None:
        return backend
    fallback = os.environ.get("XPNET_FALLBACK", "")
    if fallback == "numpy":
        _warn_fallback(found.name, found.reason)
        return _numpy()
    if fallback:
        raise UnknownNameError("XPNET_FALLBACK", fallback, ["numpy"])
    raise BackendUnavailableError(
        f"backend {found.name!r} cannot run here: {found.reason}. "
        "Use backend='auto' to use a GPU only if there is one."
    )


def _get_auto() -> Backend:
    backend, found = _cupy(0)
    chosen = backend or _numpy()
    from logging import getLogger

    getLogger("xpnet").info("backend 'auto' chose %s (cupy: %s)", chosen.name, found.reason)
    return chosen


_BY_NAME: dict[str, Callable[[], Backend]] = {
    "numpy": _numpy,
    "cupy": _get_cupy,
    "auto": _get_auto,
}


def _device_number(name: str) -> int | None:
    """The device that ``"cupy:1"`` names; None for other names."""
    library, _, number = name.partition(":")
    return int(number) if library == "cupy" and number.isdecimal() else None


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


def get(spec: BackendLike) -> Backend:
    """The backend of this name, or of this Array API namespace.

    Parameters
    ----------
    spec : {"numpy", "cupy", "cupy:1", ..., "auto"}, module or Backend
        ``"cupy:1"`` is the second GPU, ``"cupy"`` the first; ``"auto"`` is CuPy if it works,
        else NumPy; the choice is logged.

    Raises
    ------
    BackendUnavailableError
        If ``"cupy"`` cannot run (the message says what the probe found), or there is no such
        device.
    UnknownNameError
        For any other name.
    """
    if isinstance(spec, Backend):
        return spec
    if isinstance(spec, str):
        index = _device_number(spec)
        if index is not None:
            return _get_cupy(index)
        if spec not in _BY_NAME:
            raise UnknownNameError("backend", spec, [*_BY_NAME, "any Array API namespace"])
        return _BY_NAME[spec]()
    if isinstance(spec, ModuleType):
        return _by_namespace(spec)
    raise UnknownNameError("backend", spec, [*_BY_NAME, "any Array API namespace"])


def backend_of(x: object) -> Backend | None:
    """The backend of the library of the array `x`; None for lists and numbers."""
    if _numpy().owns(x):
        return _numpy()
    if type(x).__module__.partition(".")[0] == "cupy":
        return _get_cupy(x.device.id if hasattr(x, "device") else 0)
    if not hasattr(x, "dtype") or not hasattr(x, "shape"):
        return None
    from array_api_compat import array_namespace, device

    try:
        xp = array_namespace(x)
    except TypeError:
        return None
    here, usual = device(x), device(xp.zeros(1))
    return _by_namespace(xp, None if here == usual else here)


def resolve(spec: BackendLike | None, *arrays: object) -> Backend:
    """The backend for this setting and these arrays.

    With ``spec=None``, the environment variable ``XPNET_BACKEND`` decides. If it is not set, the
    backend follows the arrays. It is NumPy for lists, or without arrays.

    Raises
    ------
    DataError
        If the arrays are of different libraries, or on different devices.
    """
    found = {b.name: b for b in map(backend_of, arrays) if b is not None}
    if len(found) > 1:
        raise DataError(
            f"the arrays are of different libraries or devices "
            f"({', '.join(sorted(found))}): convert them to one first."
        )
    if spec is None:
        spec = os.environ.get("XPNET_BACKEND") or None
    if spec is not None:
        wanted = get(spec)
        if wanted.index is None:  # a library's name does not name a device: use the data's
            return next((b for b in found.values() if b.xp is wanted.xp), wanted)
        return wanted
    return found.popitem()[1] if found else _numpy()


def status() -> list[Status]:
    """Each backend by name: its version, whether it can run here, and if not, why.

    Of several GPUs, only the first is probed. The others have a line each; they are probed on
    first use, because a probe takes memory.

    Returns
    -------
    list of Status
        ``name``, ``version`` (None if not installed), ``usable`` and ``reason``.
    """
    import numpy as np

    first = _cupy(0)[1]
    found = [Status("numpy", np.__version__, True, "works"), first]
    if first.usable:
        others = range(1, cuda.count_devices(cuda.load()))
        found += [Status(_device_name(i), first.version, True, "not probed yet") for i in others]
    return found
