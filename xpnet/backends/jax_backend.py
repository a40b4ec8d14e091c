"""JAX: arrays on a CPU, GPU or TPU, and whole functions compiled by XLA. Only this imports jax.

JAX has no 64-bit types unless asked. Without them ``int64`` means ``int32`` here, as in JAX.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from traceback import extract_tb
from typing import Any

import numpy as np

from xpnet.backends.base import Backend
from xpnet.errors import (
    BackendUnavailableError,
    DataError,
    DeviceMemoryError,
    DTypeError,
    GraphError,
)
from xpnet.typing import Array

__all__ = ["JaxBackend", "devices", "find", "on", "version"]

_INSTALL = "pip install 'xpnet[jax]'"
_INTERNAL = ("/jax/", "/jaxlib/", "/xpnet/")  # a user's own line is outside these folders
_PLATFORMS = {"gpu": ("gpu", "cuda", "rocm"), "cuda": ("gpu", "cuda"), "rocm": ("gpu", "rocm")}


@cache
def _load() -> Any:
    """Import JAX; raises ImportError, or whatever its own import raises."""
    import jax
    import jax.numpy

    return jax


def version() -> str:
    """The version of JAX."""
    return str(_load().__version__)


def devices() -> list[str]:
    """The names of all devices, the default one first: ``"cpu:0"``, ``"gpu:1"``."""
    jax = _load()
    default = jax.default_backend()
    found = list(jax.devices())
    for platform in ("cpu",):
        if platform != default:
            found += jax.devices(platform)
    return [_device_name(device) for device in found]


def _device_name(device: Any) -> str:
    return f"{device.platform}:{device.id}"


def find(name: str = "") -> "JaxBackend":
    """The backend for a device: ``"cpu"``, ``"gpu:1"``, ``"tpu"``; by default JAX's default device.

    Raises
    ------
    BackendUnavailableError
        If JAX cannot be imported, or has no such device.
    """
    try:
        jax = _load()
        if not name:
            return _on(jax.devices()[0])
    except Exception as error:  # a broken installation, or a broken driver, may raise anything
        raise BackendUnavailableError(
            f"backend 'jax' cannot run here: {type(error).__name__}: {error}. {_INSTALL}; for a "
            "GPU or TPU see JAX's installation page."
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


def on(array: Any) -> "JaxBackend":
    """The backend of an array's device.

    Raises
    ------
    DataError
        If it is a tracer, or on several devices.
    """
    jax = _load()
    if isinstance(array, jax.core.Tracer):
        raise DataError(
            "this array is traced by JAX (jax.jit, jax.grad, jax.vmap, ...) and has no values. "
            "Call fit and predict outside; xpnet compiles its steps itself. Inside, use "
            "model.function(), a plain function of parameters and inputs."
        )
    found = array.devices()
    if len(found) > 1:
        raise DataError(
            f"an array is spread over {len(found)} devices: put it on one with jax.device_put."
        )
    return _on(*found)


@cache
def _on(device: Any) -> "JaxBackend":
    return JaxBackend(_load(), device)


class _Namespace:
    """``jax.numpy``, where the names of 64-bit types mean those that JAX has."""

    __name__ = "jax.numpy"

    def __init__(self, jax: Any) -> None:
        self._jax, self._numpy = jax, jax.numpy

    def __getattr__(self, name: str) -> Any:
        return getattr(self._numpy, name)

    def _wide(self, name: str, narrow: str) -> Any:
        return getattr(self._numpy, name if self._jax.config.jax_enable_x64 else narrow)

    int64 = property(lambda self: self._wide("int64", "int32"))
    uint64 = property(lambda self: self._wide("uint64", "uint32"))
    float64 = property(lambda self: self._wide("float64", "float32"))


class JaxBackend(Backend):
    """JAX on one device.

    Parameters
    ----------
    jax : module
    device : jax.Device
    """

    traced = True

    def __init__(self, jax: Any, device: Any) -> None:
        self._jax, self.device = jax, device
        usual = device == jax.devices()[0]
        self.name = "jax" if usual else f"jax:{_device_name(device)}"
        self.xp = _Namespace(jax)
        self.synchronous = device.platform == "cpu"
        self.separate = not self.synchronous
        numpy = jax.numpy
        self._finite = jax.jit(lambda x: numpy.isfinite(x).all())
        self._within = jax.jit(lambda x, count: (x >= 0).all() & (x < count).all())

    def owns(self, x: Any) -> bool:
        return isinstance(x, self._jax.Array)

    def plain(self, x: Any) -> bool:
        return False  # it may be on another device, or a tracer

    def check_dtype(self, name: str) -> None:
        if name == "float64" and not self._jax.config.jax_enable_x64:
            raise DTypeError(
                "JAX has no float64 unless asked: call jax.config.update('jax_enable_x64', True) "
                "or set JAX_ENABLE_X64=1 before any array is made, or use dtype='float32'."
            )

    def asarray(self, x: Any, dtype: str | None = None) -> Array:
        numpy = self._jax.numpy
        if self.owns(x):
            wanted = x.dtype if dtype is None else self.dtype(dtype)
            return x if x.dtype == wanted else x.astype(wanted)
        host = np.asarray(x)
        wanted = self.dtype(dtype or str(host.dtype))
        if host.dtype.kind in "iu" and host.dtype.itemsize == 8 and np.dtype(wanted).itemsize == 4:
            self._check_range(host, wanted)
        return numpy.asarray(host, dtype=wanted, device=self.device)

    def _check_range(self, host: Any, wanted: Any) -> None:
        limits = np.iinfo(wanted)
        if host.size and not limits.min <= host.min() <= host.max() <= limits.max:
            raise DataError(
                f"JAX has no {host.dtype} unless asked, and some numbers are outside the range of "
                f"{np.dtype(wanted)}: call jax.config.update('jax_enable_x64', True) first."
            )

    def to_numpy(self, x: Array) -> Any:
        return np.asarray(x)

    def counter(self, number: int) -> Array:
        words = np.asarray([number & 0xFFFFFFFF, number >> 32], "uint32")
        return self._jax.numpy.asarray(words, device=self.device)

    def finite(self, x: Array) -> bool:
        return bool(self._finite(x))

    def within(self, x: Array, count: int) -> bool:
        return bool(self._within(x, count))

    def copy(self, x: Array) -> Array:
        return self._jax.numpy.array(x, copy=True)

    def synchronize(self) -> None:
        self._jax.effects_barrier()

    def compiled(
        self, function: Callable[..., Any], donated: tuple[int, ...] = ()
    ) -> Callable[..., Any]:
        return self._named(self._jax.jit(function, donate_argnums=donated))

    def repeated(self, body: Callable[..., Any]) -> Callable[..., Any]:
        """``run(carry, first, count, *fixed)``: ``carry = body(i, carry, *fixed)``, `count` times.

        The first i is `first`, and the carry is donated. On a CPU one program makes any number of
        steps. Elsewhere the number is a part of the program, so that the device need not ask the
        host after every step.
        """
        loop = self._jax.lax.fori_loop

        def run(carry: Any, first: Any, count: Any, *fixed: Any) -> Any:
            return loop(0, count, lambda k, c: body(first + k, c, *fixed), carry)

        static = () if self.synchronous else (2,)
        return self._named(self._jax.jit(run, donate_argnums=0, static_argnums=static))

    def _named(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function; an op that cannot be traced is named in the error."""
        errors = self._jax.errors
        untraceable = errors.JAXTypeError, errors.JAXIndexError, errors.UnexpectedTracerError

        def call(*args: Any) -> Any:
            try:
                return function(*args)
            except untraceable as error:
                raise GraphError(_complaint(error)) from error

        return call

    @contextmanager
    def work(self) -> Iterator[None]:
        try:
            yield
        except self._jax.errors.JaxRuntimeError as error:
            if "RESOURCE_EXHAUSTED" not in str(error):
                raise
            raise DeviceMemoryError(
                f"{self.name} is out of memory: {error} Use a smaller batch_size, smaller layers "
                "or float32."
            ) from error


def _complaint(error: Exception) -> str:
    """Which op cannot be traced, in which line, and why."""
    notes = getattr(error, "__notes__", ["a function"])
    lines = [
        f"{frame.filename}, line {frame.lineno}"
        for frame in extract_tb(error.__traceback__)
        if not any(part in frame.filename for part in _INTERNAL)
    ]
    where = f" ({lines[-1]})" if lines else ""
    return (
        f"{notes[0]} cannot be compiled by JAX{where}: {str(error).splitlines()[0]} Branch with "
        "xp.where instead of if, and call functions of xp only, or use another backend."
    )
