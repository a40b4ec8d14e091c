"""Kernels: in-place or fused versions of ops, bound once and then only called.

A kernel does not compute. It runs once, when a plan is made, on the plan's arrays, and *records*
the calls that compute: ``k(xp.maximum, x, 0, out=out)``. A training step then executes the recorded
list. So views, transposes, axes and decisions cost nothing in a step, and no step allocates.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, cast

from xpnet.backends.base import PlannedBackend
from xpnet.backends.data_types import dtype_name
from xpnet.errors import GraphError
from xpnet.ops.record import Op, Update
from xpnet.typing import Shape, size_of

__all__ = ["KERNELS", "Call", "Kernel", "Recorder", "Scratch", "kernel"]


class Call:
    """A recorded call: ``fn(*args, **kwargs)``, whose result is not used.

    Attributes
    ----------
    fn, args, kwargs
        As recorded, with numbers as plain numbers, so that `xpnet.lowering` can read them.
    run : callable
        The call itself, with its numbers in the form that is fastest for the library.
    """

    def __init__(
        self, backend: PlannedBackend, fn: Callable[..., Any], args: tuple[Any, ...], kwargs: Any
    ) -> None:
        self.fn, self.args, self.kwargs = fn, args, kwargs
        dtype = next((a.dtype for a in args if hasattr(a, "dtype")), None)
        if dtype is not None:
            args = tuple(
                backend.number(a, dtype) if isinstance(a, int | float) else a for a in args
            )
        self.run = backend.bound(fn, args, kwargs)

    def __call__(self) -> None:
        self.run()


class Scratch:
    """Memory that a kernel may use while its calls run.

    All kernels share it, unless `reused` is false.
    """

    def __init__(self, backend: PlannedBackend, reused: bool = True) -> None:
        self._backend, self._arena, self._size, self._used = backend, backend.arena(0), 0, 0
        self._reused = reused

    def reset(self) -> None:
        """Start the next kernel: all memory is free again."""
        if self._reused:
            self._used = 0

    def take(self, shape: Shape, dtype: str) -> Any:
        """Uninitialized memory of this shape, for the kernel's calls. Other kernels use it too."""
        size = -(-size_of(shape) * self._backend.raw.dtype(dtype).itemsize // 64) * 64
        if self._used + size > self._size:
            # Calls bound to the old memory keep it alive.
            self._size, self._used = max(size, 2 * self._size), 0
            self._arena = self._backend.arena(self._size)
        array = self._backend.view(self._arena, self._used, shape, dtype)
        self._used += size
        return array


class Recorder:
    """Collects the calls of the kernels that are bound with it.

    ``k(fn, *args, **kwargs)`` records a call, ``k.raw`` is the library's functions with
    ``out=``, ``k.scratch`` provides memory.

    Attributes
    ----------
    calls : list of Call
    borrowed : list of array
        Memory from `scratch`, whose content is not needed after the calls.
    """

    def __init__(self, backend: PlannedBackend, scratch: Scratch | None = None) -> None:
        self.backend, self.raw = backend, backend.raw
        self.calls: list[Call] = []
        self.borrowed: list[Any] = []
        self._scratch = scratch or Scratch(backend)

    def __call__(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> None:
        self.calls.append(Call(self.backend, fn, args, kwargs))

    def bind(self, function: Callable[..., Any], *args: Any, **static: Any) -> None:
        """Record one kernel's calls."""
        self._scratch.reset()
        function(self, *args, **static)

    def scratch(self, like: Any, shape: Shape | None = None, dtype: str | None = None) -> Any:
        """Memory of the shape and type of `like`, or of those given."""
        shape = like.shape if shape is None else shape
        self.borrowed.append(self._scratch.take(shape, dtype or dtype_name(like.dtype)))
        return self.borrowed[-1]

    def blocks(self, *vectors: Any) -> Iterator[tuple[Any, ...]]:
        """Cut vectors into pieces that stay in cache; yield them with a scratch piece last."""
        size = vectors[0].shape[0]
        step = min(self.backend.block or size, size)
        scratch = self.scratch(vectors[0], (step,))
        for start in range(0, size, max(step, 1)):
            part = slice(start, min(start + step, size))
            yield *(v[part] for v in vectors), scratch[: part.stop - start]


@dataclass(eq=False)
class Kernel:
    """How an op, a vjp or an update is computed into given memory.

    Attributes
    ----------
    family : str
        ``"out"`` (functions with ``out=``), ``"torch"`` (PyTorch's own), ``"cuda"`` (written in
        CUDA); ``"derived"`` or ``"definition"`` if none is registered, see `xpnet.kernels.find`.
        Which of the two is known when the kernel is bound.
    function : callable
        ``f(k, out, *inputs, **static)``; with a saved tensor ``f(k, out, saved, *inputs)``; for
        an update ``f(k, p, g, *slots, *coefficients)``, which changes ``p`` and the slots and
        may overwrite ``g``.
    inplace : tuple of int
        Inputs that `out` may overwrite.
    """

    family: str
    function: Callable[..., None]
    inplace: tuple[int, ...] = ()


KERNELS: dict[tuple[str, str], Kernel] = {}


def kernel(
    record: Op | Update,
    *,
    vjp: int | None = None,
    family: str = "out",
    inplace: tuple[int, ...] = (),
) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Register the decorated function as a kernel of an op, of an update, or of an op's vjp.

    Parameters
    ----------
    vjp : int, optional
        The input whose gradient the kernel computes; None for the op itself.
    family, inplace
        See `Kernel`.
    """
    target = record if vjp is None else cast(Op, record).vjp_of(vjp)
    if target is None:
        raise GraphError(f"{record.name} has no gradient with respect to its input {vjp}.")

    def register(function: Callable[..., None]) -> Callable[..., None]:
        KERNELS[family, target.name] = Kernel(family, function, inplace)
        return function

    return register
