"""JAX's devices, and the backend of each. Only this module imports jax."""

from contextlib import AbstractContextManager
from functools import cache
from typing import Any

from xpnet.backends.jax_backend import JaxBackend, JaxNamespace, device_name
from xpnet.errors import BackendUnavailableError, DataError

__all__ = ["devices", "find", "namespace", "on", "version", "wide"]

_INSTALL = "pip install 'xpnet[jax]'"
_PLATFORMS = {"gpu": ("gpu", "cuda", "rocm"), "cuda": ("gpu", "cuda"), "rocm": ("gpu", "rocm")}


@cache
def _load() -> Any:
    """Import JAX; raise ImportError, or whatever JAX's own import raises."""
    import jax
    import jax.numpy

    return jax


def version() -> str:
    """The version of JAX."""
    return str(_load().__version__)


def devices() -> list[str]:
    """The names of all devices, the default one first: ``"cpu:0"``, ``"gpu:1"``."""
    jax = _load()
    found = [*jax.devices()]
    if jax.default_backend() != "cpu":
        found += jax.devices("cpu")
    return [device_name(device) for device in found]


def find(name: str = "") -> JaxBackend:
    """The backend for a device: ``"cpu"``, ``"gpu:1"``, ``"tpu"``; by default JAX's default device.

    Raises
    ------
    BackendUnavailableError
        If JAX cannot be imported, or has no such device.
    """
    try:
        jax = _load()
        if not name:
            return _on(*jax.numpy.zeros(()).devices())  # `jax_default_device` may have set it
    except Exception as error:  # a broken installation, or a broken driver, may raise anything
        raise BackendUnavailableError(
            f"backend 'jax' cannot run here: {type(error).__name__}: {error}. {_INSTALL}; for a "
            "GPU or TPU, see JAX's installation page."
        ) from error
    platform, _, number = name.partition(":")
    for known in _PLATFORMS.get(platform, (platform,)):
        try:
            found = jax.devices(known)
        except RuntimeError:  # no such platform here
            continue
        if not number:
            return _on(found[0])
        chosen = [device for device in found if str(device.id) == number]
        if chosen:
            return _on(chosen[0])
    raise BackendUnavailableError(
        f"backend 'jax:{name}' cannot run here: JAX has the devices {', '.join(devices())}."
    )


def on(array: Any) -> JaxBackend:
    """The backend of an array's device.

    Raises
    ------
    DataError
        If it is a tracer, or is on several devices.
    """
    jax = _load()
    if isinstance(array, jax.core.Tracer):
        raise DataError(
            "this array is traced by JAX (jax.jit, jax.grad, jax.vmap, ...) and has no values. "
            "Call fit and predict outside the transformation; xpnet compiles its own steps. Inside "
            "it, use model.function(), a plain function of parameters and inputs."
        )
    found = array.devices()
    if len(found) > 1:
        raise DataError(
            f"an array is spread over {len(found)} devices: put it on one with jax.device_put."
        )
    return _on(*found)


def wide() -> AbstractContextManager[Any]:
    """Enable JAX's 64-bit types within the body, in this thread."""
    jax: Any = _load()
    if not hasattr(jax, "enable_x64"):  # before JAX 0.8
        import jax.experimental

        jax = jax.experimental
    found: AbstractContextManager[Any] = jax.enable_x64(True)
    return found


@cache
def _on(device: Any) -> JaxBackend:
    return JaxBackend(_load(), device)


@cache
def namespace() -> JaxNamespace:
    """The namespace on which ops run."""
    return JaxNamespace(_load())
