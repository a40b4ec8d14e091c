"""JAX on one device: arrays, and whole functions compiled by XLA.

JAX has no 64-bit types unless they are enabled. Without them, ``int64`` means ``int32`` here, too.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from functools import cache
from math import isfinite
from pathlib import Path
from traceback import extract_tb
from types import SimpleNamespace
from typing import Any

import numpy as np

from xpnet.backends.traced import Carry, TracedBackend
from xpnet.errors import DataError, DeviceMemoryError, DTypeError, GraphError
from xpnet.typing import Array, DTypeName, Shape

__all__ = ["JaxBackend", "JaxNamespace", "device_name"]


def device_name(device: Any) -> str:
    """The name of a device: ``"gpu:1"``."""
    return f"{device.platform}:{device.id}"


class JaxNamespace:
    """``jax.numpy``, but a 64-bit name means the 32-bit type unless 64-bit types are enabled."""

    __name__ = "jax.numpy"

    def __init__(self, jax: Any) -> None:
        self._jax, self._numpy = jax, jax.numpy

    def __getattr__(self, name: str) -> Any:
        return getattr(self._numpy, name)

    def _wide(self, name: str, narrow: str) -> Any:
        return getattr(self._numpy, name if self._jax.config.jax_enable_x64 else narrow)

    def matmul(self, a: Array, b: Array) -> Array:
        """The product in the operands' precision; by default, a GPU or TPU may round operands."""
        return self._numpy.matmul(a, b, precision="highest")

    def fold_rows(self, function: Callable[[Any, Any], Any], start: Any, rows: Any) -> Any:
        """``start = function(start, row)`` for each row of an array, as a loop in the program."""
        loop = self._jax.lax.fori_loop
        return loop(0, rows.shape[0], lambda i, found: function(found, rows[i]), start)

    int64 = property(lambda self: self._wide("int64", "int32"))
    uint64 = property(lambda self: self._wide("uint64", "uint32"))
    float64 = property(lambda self: self._wide("float64", "float32"))


class JaxBackend(TracedBackend):
    """JAX on one device.

    Parameters
    ----------
    jax : module
    device : jax.Device
    """

    def __init__(self, jax: Any, device: Any) -> None:
        self._jax, self.device = jax, device
        usual = device == jax.devices()[0]
        self.name = "jax" if usual else f"jax:{device_name(device)}"
        self.xp = JaxNamespace(jax)
        self.synchronous = device.platform == "cpu"
        self.separate = not self.synchronous
        self._jitted = _helpers(jax)

    def owns(self, x: Any) -> bool:
        return isinstance(x, self._jax.Array)

    def plain(self, x: Any) -> bool:
        return type(x) is self._jitted.array and x.device == self.device  # not a tracer

    def check(self, dtype: str) -> None:
        if dtype == "float64" and not self._jax.config.jax_enable_x64:
            raise DTypeError(
                "JAX has no float64 unless enabled: call jax.config.update('jax_enable_x64', True) "
                "or set JAX_ENABLE_X64=1 before any array is made, or use dtype='float32'."
            )

    def asarray(self, x: Any, dtype: str | None = None) -> Array:
        if self.owns(x):
            wanted = x.dtype if dtype is None else self.dtype(dtype)
            return x if x.dtype == wanted else x.astype(wanted)
        host = np.asarray(x)
        wanted = self.dtype(dtype or str(host.dtype))
        if host.dtype.kind in "iu" and host.dtype.itemsize == 8 and np.dtype(wanted).itemsize == 4:
            self._check_range(host, wanted)
        with np.errstate(over="ignore"):  # an overflow gives infinity, which is refused later
            return self._put(host.astype(wanted, copy=False))

    def _put(self, host: Any) -> Array:
        return self._jax.device_put(host, self.device)  # `asarray` takes 20 times as long

    def _check_range(self, host: Any, wanted: Any) -> None:
        limits = np.iinfo(wanted)
        if host.size and not limits.min <= host.min() <= host.max() <= limits.max:
            raise DataError(
                f"JAX has no {host.dtype} unless enabled, and some numbers are outside the range "
                f"of {np.dtype(wanted)}: call jax.config.update('jax_enable_x64', True) first."
            )

    def to_numpy(self, x: Array) -> Any:
        return np.array(x)  # a copy, which can be written to; NumPy's view of JAX's memory cannot

    @property
    def widest(self) -> DTypeName:
        return "float64" if self._jax.config.jax_enable_x64 else "float32"

    def counter(self, number: int) -> Array:
        return np.asarray([number & 0xFFFFFFFF, number >> 32], "uint32")

    def numbers(self, values: Sequence[float], dtype: str) -> Array:
        return np.asarray(values, dtype)  # a compiled function accepts arrays on the host

    def later(self, counter: Array, steps: int | Array) -> Array:
        low = counter[0] + self._jax.numpy.asarray(steps, "uint32")
        return self._jax.numpy.stack([low, counter[1] + (low < counter[0])])

    def lost(self, x: Array) -> bool:
        return bool(x.is_deleted())

    def finite(self, x: Array) -> bool:
        if not self.synchronous:
            return bool(self._jitted.finite(x))
        host = np.asarray(x)  # no copy
        return isfinite(np.vdot(host, host)) or bool(np.isfinite(host).all())

    def within(self, x: Array, count: int) -> bool:
        if not self.synchronous:
            return bool(self._jitted.within(x, count))
        host = np.asarray(x)
        return bool(host.min() >= 0 and host.max() < count)

    def copy(self, x: Array) -> Array:
        return self._jitted.copy(x)

    def element(self, x: Array, i: int) -> Array:
        return self._jitted.element(x, i)

    def zeros(self, shape: Shape, dtype: str) -> Array:
        return self._put(np.zeros(shape, self.dtype(dtype)))

    def synchronize(self) -> None:
        self._jax.effects_barrier()

    def compiled(self, function: Callable[..., Any]) -> Callable[..., Any]:
        return self._named(self._jax.jit(function))

    def stepping(self, function: Callable[..., Any]) -> Callable[..., Any]:
        # On a CPU, one program runs any number of steps. A GPU would ask the host after each step
        # whether to go on, so there the number is part of the program.
        static = () if self.synchronous else (2,)
        return self._named(self._jax.jit(function, donate_argnums=0, static_argnums=static))

    def loop(
        self,
        first: int | Array,
        count: int | Array,
        body: Callable[[Array, Carry], Carry],
        carry: Carry,
    ) -> Carry:
        found: Carry = self._jax.lax.fori_loop(0, count, lambda k, c: body(first + k, c), carry)
        return found

    def rows_from(self, source: Array, start: int | Array, size: int) -> Array:
        return self._jax.lax.dynamic_slice_in_dim(source, start, size)

    def with_rows(self, table: Array, start: int | Array, rows: Array) -> Array:
        return self._jax.lax.dynamic_update_slice_in_dim(table, rows, start, 0)

    def joined(self, arrays: Iterable[Array]) -> Array:
        # XLA fuses a concatenation with the products before it and computes it element by element.
        # That is ten times as slow as copying into one vector, which XLA does in place.
        flat = [array.reshape(-1) for array in arrays]
        size = sum(array.shape[0] for array in flat)
        whole, start = self._jax.numpy.zeros((size,), flat[0].dtype), 0
        for array in flat:
            whole = self._jax.lax.dynamic_update_slice_in_dim(whole, array, start, 0)
            start += array.shape[0]
        return whole

    def rows(self, source: Array, part: slice) -> Array:
        return self._jitted.rows(source, part.start, part.stop - part.start)

    def take(self, source: Array, index: Array) -> Array:
        return self._jitted.take(source, index)

    def _named(self, function: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, but its errors name an op that cannot be traced."""
        errors = self._jax.errors
        untraceable = errors.JAXTypeError, errors.JAXIndexError, errors.UnexpectedTracerError

        def call(*args: Any) -> Any:
            try:
                return function(*args)
            except untraceable as error:
                raise GraphError(_complaint(error, self._jax)) from error

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


@cache
def _helpers(jax: Any) -> SimpleNamespace:
    """The type of arrays, and small compiled functions for use outside a backend's programs."""
    numpy, cut = jax.numpy, jax.lax.dynamic_slice_in_dim
    functions: dict[str, Callable[..., Any]] = {
        "copy": numpy.copy,
        "element": lambda x, i: x[i],
        "finite": lambda x: numpy.isfinite(x).all(),
        "take": lambda source, index: numpy.take(source, index, axis=0, mode="clip"),
        "within": lambda x, count: (x >= 0).all() & (x < count).all(),
    }
    made = {name: jax.jit(function) for name, function in functions.items()}
    rows, array = jax.jit(cut, static_argnums=2), type(numpy.zeros(()))
    return SimpleNamespace(rows=rows, array=array, **made)


def _complaint(error: Exception, jax: Any) -> str:
    """Which op cannot be traced, on which line, and why."""
    internal = Path(jax.__file__).parent, Path(__file__).parents[1]  # not the user's own lines
    notes = getattr(error, "__notes__", [])  # some may be JAX's
    what = next((note for note in notes if note.startswith("the ")), "a function")
    lines = [
        f"{frame.filename}, line {frame.lineno}"
        for frame in extract_tb(error.__traceback__)
        if not any(folder in Path(frame.filename).parents for folder in internal)
    ]
    where = f" ({lines[-1]})" if lines else ""
    why = str(error).splitlines()[0].rstrip(".")
    return (
        f"{what} cannot be compiled by JAX{where}: {why}. Branch with "
        "xp.where instead of if, and call only functions of xp, or use another backend."
    )
