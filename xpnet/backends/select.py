"""Select a backend by name, by namespace, or by the arrays given.

A name is that of a library, optionally followed by a colon and a device: ``"cupy:1"`` is the second
GPU, ``"torch:mps"`` an Apple GPU, ``"jax:tpu:0"`` a TPU. Nothing is decided at import. A library
is imported when it is first used.
``XPNET_BACKEND`` names the backend of objects without one. ``XPNET_FALLBACK=numpy`` lets
``backend="cupy"`` run on NumPy if CuPy cannot run, with one warning, so that a test suite passes on
a machine without a GPU.
"""

import os
from collections.abc import Callable
from contextlib import nullcontext
from copy import copy
from functools import cache
from importlib.util import find_spec
from types import ModuleType
from typing import Any

from xpnet.backends import cuda, jax_devices, torch_backend
from xpnet.backends.base import Backend, BackendLike, Status
from xpnet.backends.generic import GenericBackend
from xpnet.errors import (
    BackendFallbackWarning,
    BackendUnavailableError,
    DataError,
    MissingDependencyError,
    UnknownNameError,
    XpnetError,
)
from xpnet.typing import Namespace
from xpnet.warn import warn_user

__all__ = ["Status", "backend_of", "get", "namespace_of", "resolve"]

_INSTALL = "pip install 'xpnet[cuda13]' (CUDA 13 drivers) or 'xpnet[cuda12]'"


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


def device_name(index: int) -> str:
    return f"cupy:{index}" if index else "cupy"


@cache
def probed(index: int) -> tuple[Backend | None, Status]:
    """CuPy on a device if it works, and what the probe found. Probed once per process."""
    name = device_name(index)
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
    names = ", ".join(device_name(i) for i in range(devices))
    count = "1 device" if devices == 1 else f"{devices} devices"
    return f"there {'is' if devices == 1 else 'are'} {count} here: {names}"


@cache
def _warn_fallback(name: str, reason: str) -> None:
    warn_user(
        f"backend {name!r} cannot run here ({reason}); using NumPy because XPNET_FALLBACK=numpy.",
        BackendFallbackWarning,
    )


def _get_cupy(index: int = 0) -> Backend:
    backend, found = probed(index)
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
    backend, found = probed(0)
    chosen = backend or _numpy()
    from logging import getLogger

    getLogger("xpnet").info("backend 'auto' chose %s (cupy: %s)", chosen.name, found.reason)
    return chosen


_BY_NAME: dict[str, Callable[[], Backend]] = {
    "numpy": _numpy,
    "cupy": _get_cupy,
    "torch": torch_backend.find,
    "jax": jax_devices.find,
    "auto": _get_auto,
}
WITH_DEVICE: dict[str, Any] = {"torch": torch_backend, "jax": jax_devices}


def _by_name(spec: str) -> Backend:
    """The backend that ``"library"`` or ``"library:device"`` names."""
    library, _, device = spec.partition(":")
    if library == "cupy" and device.isdecimal():
        return _get_cupy(int(device))
    if library in WITH_DEVICE and device:
        return _placed(WITH_DEVICE[library].find(device))
    if spec not in _BY_NAME:
        raise UnknownNameError("backend", spec, [*_BY_NAME, "any Array API namespace"])
    return _BY_NAME[spec]()


def _by_namespace(xp: ModuleType) -> Backend:
    name = xp.__name__.removeprefix("array_api_compat.").removesuffix(".numpy")
    return _BY_NAME[name]() if name in _BY_NAME else _generic(xp)


@cache
def _generic(xp: ModuleType, device: Any = None) -> Backend:
    if not hasattr(xp, "asarray"):
        raise UnknownNameError("backend", xp.__name__, [*_BY_NAME, "any Array API namespace"])
    return GenericBackend(xp, device)


def get(spec: BackendLike) -> Backend:
    """The backend of this name, or of this Array API namespace.

    Parameters
    ----------
    spec : {"numpy", "cupy", "torch", "jax", "auto"}, module or Backend
        A name may be followed by a colon and a device: ``"cupy:1"``, ``"torch:mps"``,
        ``"torch:cuda:1"``, ``"jax:gpu:0"``. The default is the library's default device.
        ``"auto"`` is CuPy if it works, else NumPy; the choice is logged.

    Raises
    ------
    BackendUnavailableError
        If the library cannot run (the message says why), or has no such device.
    UnknownNameError
        For any other name.
    """
    if isinstance(spec, Backend):
        return spec
    if isinstance(spec, str):
        return _by_name(spec)
    if isinstance(spec, ModuleType):
        return _by_namespace(spec)
    raise UnknownNameError("backend", spec, [*_BY_NAME, "any Array API namespace"])


def backend_of(x: object) -> Backend | None:
    """The backend of the library of the array `x`; None for lists and numbers."""
    if _numpy().owns(x):
        return _numpy()
    library = type(x).__module__.partition(".")[0]
    if library == "cupy":
        return _get_cupy(x.device.id if hasattr(x, "device") else 0)
    try:
        return _of_other(x)
    except XpnetError:
        raise
    except Exception as error:  # an object may offer the protocols halfway
        raise DataError(
            f"expected an array, got {type(x).__name__}, which cannot be read: "
            f"{type(error).__name__}: {error}. Convert it to an array of NumPy first."
        ) from error


def _of_other(x: Any) -> Backend | None:
    """The backend of the library of an array that is not NumPy's or CuPy's."""
    if not hasattr(x, "dtype") or not hasattr(x, "shape"):
        return None
    from array_api_compat import array_namespace, device, is_jax_array, is_torch_array

    if is_torch_array(x):
        return torch_backend.on(x)
    if is_jax_array(x):
        return jax_devices.on(x)
    try:
        xp = array_namespace(x)
    except TypeError:
        return None
    here, usual = device(x), device(xp.zeros(1))
    found = _by_namespace(xp) if here == usual else _generic(xp, here)
    return None if found is _numpy() else found  # it only says that it is one of NumPy's arrays


def namespace_of(*arrays: object) -> tuple[Namespace, Any]:
    """The namespace and the device for new arrays beside these, which may be traced.

    JAX's functions take NumPy arrays, too, and put new arrays beside their arguments.

    Raises
    ------
    DataError
        If they are of different libraries, or are not arrays.
    """
    from array_api_compat import array_namespace, is_jax_array

    if any(map(is_jax_array, arrays)):
        return jax_devices.namespace(), None
    try:
        return array_namespace(*arrays), getattr(arrays[0], "device", None)
    except TypeError as error:
        kinds = ", ".join(sorted({type(array).__name__ for array in arrays}))
        raise DataError(f"expected arrays of one library, got {kinds}.") from error


@cache
def _placed(backend: Backend) -> Backend:
    """The backend, for a user who named its device."""
    twin = copy(backend)
    twin.placed = True
    return twin


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
        if wanted.index is None and not wanted.placed:  # a library alone: where the data are
            return next((b for b in found.values() if b.library == wanted.library), wanted)
        return wanted
    return found.popitem()[1] if found else _numpy()
