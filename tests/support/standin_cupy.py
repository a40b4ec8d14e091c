"""A stand-in for CuPy: its names, signatures and refusals, computed by NumPy.

It has only what xpnet and array-api-compat call, in the forms that CuPy 14.2 really takes
(`test_cupy_path.py` compares the signatures where the wheel is installed). Arrays refuse implicit
conversion to NumPy as CuPy's do, and what would wait for the device or allocate on it is counted
in `COUNTS`, with the bytes of the largest allocation.

What is asked of a stream is done as late as a GPU may do it: when somebody waits for it. So what
forgets to wait finds old numbers. A stream that captures does nothing; its graph does it when it
is launched.
"""

import builtins
import threading
from collections import deque
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np

__name__ = "cupy"  # where its classes say that they come from
__version__ = "14.2.0"

LOG: list[tuple[int, str]] = []  # what streams were told: captures, launches, events, waits
COUNTS = {"reads": 0, "uploads": 0, "allocations": 0, "alias_copies": 0, "largest": 0}

float32, float64, int32, int64, uint8 = np.float32, np.float64, np.int32, np.int64, np.uint8
bool_, intp, dtype = np.bool_, np.intp, np.dtype
_SCALARS = (bool, int, float, np.generic)


class _State(threading.local):
    """Which device and which streams are current."""

    def __init__(self) -> None:
        self.device = 0
        self.streams: dict[int, Any] = {}


_state = _State()
# What a test may set: devices, the bytes of one, and the allocation that is to fail.
SETTINGS: dict[str, Any] = {}
_USUAL = {"devices": 1, "free": 2**40, "total": 2**40, "fails": None, "products": False}
POOL = {"freed": 0, "pinned_freed": 0}
CAPTURED = {"bytes": 0}  # in pools that graphs were captured with
_pinned: list[Any] = []


def _reset() -> None:
    """As it is when it is imported."""
    COUNTS.update(dict.fromkeys(COUNTS, 0))
    POOL.update(dict.fromkeys(POOL, 0))
    CAPTURED["bytes"] = 0
    SETTINGS.update(_USUAL)
    _pinned.clear()
    LOG.clear()
    _state.__init__()


def _current() -> "_Stream":
    return _state.streams.setdefault(_state.device, _NULL)


def _do(what: Callable[[], None]) -> None:
    """Ask something of the current stream."""
    _current().ask(what)


def _ready() -> None:
    """Wait, since the stand-in must see values to make what is asked for; CuPy need not."""
    if _current().graph is not None:
        raise _CUDARuntimeError("cudaErrorStreamCaptureUnsupported: needs values or new memory")
    _current().drain()


class ndarray:
    """An array "on the device": a NumPy array that only this module may look into."""

    __module__ = "cupy"
    __array_ufunc__ = None

    def __init__(self, values: Any, device: int | None = None) -> None:
        self._values = np.asarray(values)
        self._device = _state.device if device is None else device

    shape = property(lambda self: self._values.shape)
    ndim = property(lambda self: self._values.ndim)
    size = property(lambda self: self._values.size)
    nbytes = property(lambda self: self._values.nbytes)
    itemsize = property(lambda self: self._values.itemsize)
    dtype = property(lambda self: self._values.dtype)
    strides = property(lambda self: self._values.strides)
    flags = property(lambda self: self._values.flags)
    device = property(lambda self: cuda.Device(self._device))

    @property
    def data(self) -> Any:
        return SimpleNamespace(ptr=self._values.__array_interface__["data"][0])

    def _look(self, values: Any) -> "ndarray":
        return ndarray(values, self._device)

    @property
    def T(self) -> "ndarray":
        return self._look(self._values.T)

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. "
            "Please use `.get()` to construct a NumPy array explicitly."
        )

    def get(self) -> Any:
        with _Device(self._device):
            _ready()
        COUNTS["reads"] += 1
        return self._values.copy()

    def set(self, arr: Any, stream: Any = None) -> None:
        if not isinstance(arr, np.ndarray):
            raise TypeError("Only numpy.ndarray can be set to cupy.ndarray")
        if arr.dtype != self.dtype:
            raise TypeError(f"{arr.dtype} array cannot be set to {self.dtype} array")
        if arr.shape != self.shape:
            raise ValueError(f"Shape mismatch. Old shape: {self.shape}, new shape: {arr.shape}")
        if not (self.flags.c_contiguous or self.flags.f_contiguous):
            raise RuntimeError("Cannot set to non-contiguous array")
        # From pinned memory the copy is made when its turn comes, from other memory at once.
        source = arr if builtins.any(arr.base is p or arr is p for p in _pinned) else arr.copy()
        COUNTS["uploads"] += 1
        stream = stream or _current()
        stream.ask(lambda: np.copyto(self._values, source))

    def item(self) -> Any:
        return self.get().item()

    def tolist(self) -> Any:
        return self.get().tolist()

    def __float__(self) -> float:
        return float(self.get())

    def __int__(self) -> int:
        return int(self.get())

    def __bool__(self) -> bool:
        return bool(self.get())

    def __index__(self) -> int:
        return self.get().__index__()

    def __len__(self) -> int:
        return len(self._values)

    def __iter__(self) -> Any:
        return (self._look(row) for row in self._values)

    def __getitem__(self, key: Any) -> "ndarray":
        if builtins.any(
            isinstance(k, ndarray) for k in (key if isinstance(key, tuple) else (key,))
        ):
            _ready()
        index = _key(key)
        index = index if isinstance(index, tuple) else (index,)
        whole = builtins.any(k is Ellipsis for k in index)
        return self._look(self._values[index if whole else (*index, ...)])  # never a scalar's copy

    def __setitem__(self, key: Any, value: Any) -> None:
        if not isinstance(value, (ndarray, *_SCALARS)):
            raise TypeError(f"the stand-in cannot assign {type(value)}")
        array, index, values = _need(self)._values, _key(key), _inner(value)
        np.broadcast_to(values, np.shape(array[index]))
        _do(lambda: array.__setitem__(index, values))

    def reshape(self, *shape: Any, order: str = "C") -> "ndarray":
        found = self._values.reshape(*shape, order=order)
        if found.size and not np.may_share_memory(found, self._values):  # no view has this shape
            return _made(lambda: self._values.reshape(*shape, order=order))
        return self._look(found)

    def view(self, dtype: Any = None) -> "ndarray":
        if dtype is None:
            return self._look(self._values.view())
        if self.ndim == 0 or not self._values.flags.c_contiguous:
            raise ValueError("CuPy cannot view this array as another type")
        return self._look(self._values.view(dtype))

    def astype(
        self,
        dtype: Any,
        order: str = "K",
        casting: Any = None,
        subok: Any = None,
        copy: bool = True,
    ) -> "ndarray":
        if casting is not None or subok is not None:
            raise TypeError("casting and subok are not supported yet")
        if not copy and self.dtype == np.dtype(dtype):
            return self
        return _made(lambda: _need(self)._values.astype(dtype))

    def copy(self, order: str = "C") -> "ndarray":
        return _made(lambda: _need(self)._values.copy(order))

    def sum(
        self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False
    ) -> "ndarray":
        return sum(self, axis, dtype, out, keepdims)


def _inner(x: Any) -> Any:
    """What NumPy computes with, for the argument of a device function."""
    if isinstance(x, ndarray):
        return _need(x)._values
    if isinstance(x, _SCALARS):
        return x
    raise TypeError(f"Unsupported type {type(x)}")


def _key(key: Any) -> Any:
    parts = key if isinstance(key, tuple) else (key,)
    plain = tuple(_inner(k) if isinstance(k, ndarray) else k for k in parts)
    return plain if isinstance(key, tuple) else plain[0]


def _new(values: Any) -> ndarray:
    """New memory with these values."""
    if _current().graph is not None:
        if _current().private is None:
            raise _CUDARuntimeError("cudaErrorStreamCaptureUnsupported: allocates in a capture")
        _current().private.keep(np.asarray(values).nbytes)
    COUNTS["allocations"] += 1
    COUNTS["largest"] = builtins.max(COUNTS["largest"], np.asarray(values).nbytes)
    if COUNTS["allocations"] == SETTINGS["fails"]:
        raise cuda.memory.OutOfMemoryError(np.asarray(values).nbytes, 12345)
    return ndarray(values)


def _made(compute: Callable[[], Any]) -> ndarray:
    """New memory with what is computed of arrays."""
    stream = _current()
    if stream.graph is None:
        stream.drain()
        with np.errstate(all="ignore"):
            return _new(compute())
    with np.errstate(all="ignore"):
        found = _new(compute())
    stream.ask(lambda: np.copyto(found._values, compute()))
    return found


def _need(x: Any) -> ndarray:
    """An argument that CuPy takes as an array only, on the current device."""
    if not isinstance(x, ndarray):
        raise TypeError(f"expected cupy.ndarray, got {type(x)}")
    if x._device != _state.device:
        raise ValueError(
            f"Array device must be same as the current device: array device = {x._device} while "
            f"current = {_state.device}"
        )
    return x


class ufunc:
    """An elementwise function: inputs, then ``out``, ``dtype`` and ``casting`` alone."""

    def __init__(self, name: str) -> None:
        self._function, self.__name__ = getattr(np, name), name
        self.nin = self._function.nin

    def __call__(
        self, *args: Any, out: Any = None, dtype: Any = None, casting: str = "same_kind"
    ) -> ndarray:
        if len(args) not in (self.nin, self.nin + 1):
            raise TypeError(f"Wrong number of arguments for {self.__name__!r}.")
        *inputs, last = [*args, out] if len(args) == self.nin else args
        arrays = [_inner(x) for x in inputs]
        settings: dict[str, Any] = {"casting": casting}
        if dtype is not None:
            settings["dtype"] = dtype
        if last is None:
            return _made(lambda: self._function(*arrays, **settings))
        target = _need(last)
        copied = []
        for i, x in enumerate(inputs):
            # CuPy copies an input that is another view of the output's memory, even of all of it.
            if (
                isinstance(x, ndarray)
                and x is not target
                and np.may_share_memory(*_both(x, target))
            ):
                COUNTS["alias_copies"] += 1
                copied.append(i)

        def compute() -> None:
            given = [x.copy() if i in copied else x for i, x in enumerate(arrays)]
            self._function(*given, out=target._values, **settings)

        _do(compute)
        return target

    def at(self, a: ndarray, indices: Any, b: Any = None) -> None:
        """Atomic additions, which exist in few types; out of range, an index wraps."""
        target, places, values = _need(a)._values, _need(indices)._values, _need(b)._values
        if self.__name__ != "add" or target.dtype.name not in _ATOMIC:
            raise TypeError(f"scatter_add only supports {', '.join(_ATOMIC)} as data type")
        if places.dtype.kind not in "iu":
            raise IndexError("arrays used as indices must be of integer or boolean type")
        if values.dtype != target.dtype:
            values = b.astype(target.dtype)._values  # new memory
        values = np.broadcast_to(values, places.shape + target.shape[1:])
        _do(lambda: np.add.at(target, places % len(target), values))


_ATOMIC = "int32 float16 float32 float64 uint32 uint64".split()


def _both(a: ndarray, b: ndarray) -> tuple[Any, Any]:
    return a._values, b._values


_UFUNCS = """abs absolute add arccos arccosh arcsin arcsinh arctan arctan2 arctanh bitwise_and
    bitwise_or bitwise_xor ceil cos cosh divide equal exp expm1 floor greater greater_equal invert
    isfinite isinf isnan left_shift less less_equal log log1p logical_and logical_not logical_or
    maximum minimum multiply negative not_equal power remainder right_shift sign sin sinh sqrt
    square subtract tan tanh trunc""".split()
for _name in _UFUNCS:
    globals()[_name] = ufunc(_name)


def _operator(name: str, swapped: bool) -> Any:
    def method(self: ndarray, other: Any) -> Any:
        if not isinstance(other, (ndarray, *_SCALARS)):
            return NotImplemented
        function = globals()[name]
        return function(other, self) if swapped else function(self, other)

    return method


for _method, _name in {
    "add": "add",
    "sub": "subtract",
    "mul": "multiply",
    "truediv": "divide",
    "pow": "power",
    "and": "bitwise_and",
    "or": "bitwise_or",
    "xor": "bitwise_xor",
    "lshift": "left_shift",
    "rshift": "right_shift",
    "matmul": "matmul",
}.items():
    setattr(ndarray, f"__{_method}__", _operator(_name, False))
    setattr(ndarray, f"__r{_method}__", _operator(_name, True))
for _method, _name in {
    "lt": "less",
    "le": "less_equal",
    "gt": "greater",
    "ge": "greater_equal",
    "eq": "equal",
    "ne": "not_equal",
}.items():
    setattr(ndarray, f"__{_method}__", _operator(_name, False))
ndarray.__neg__ = lambda self: globals()["negative"](self)
ndarray.__invert__ = lambda self: globals()["invert"](self)
ndarray.__abs__ = lambda self: globals()["absolute"](self)
ndarray.__hash__ = None


def _reduce(name: str, a: Any, out: Any, **settings: Any) -> ndarray:
    values = _need(a)._values
    if out is None:
        return _made(lambda: getattr(np, name)(values, **settings))
    target = _need(out)._values
    with np.errstate(all="ignore"):
        like = getattr(np, name)(np.ones_like(values), **settings)
    if target.shape != np.shape(like) or not np.can_cast(like.dtype, target.dtype, "same_kind"):
        raise ValueError(f"{name}: out has shape {target.shape}, expected {np.shape(like)}")
    _do(lambda: np.copyto(target, getattr(np, name)(values, **settings), casting="same_kind"))
    return out


def sum(a, axis=None, dtype=None, out=None, keepdims=False):
    return _reduce("sum", a, out, axis=axis, dtype=dtype, keepdims=keepdims)


def max(a, axis=None, out=None, keepdims=False):
    return _reduce("max", a, out, axis=axis, keepdims=keepdims)


def min(a, axis=None, out=None, keepdims=False):
    return _reduce("min", a, out, axis=axis, keepdims=keepdims)


def mean(a, axis=None, dtype=None, out=None, keepdims=False):
    return _reduce("mean", a, out, axis=axis, dtype=dtype, keepdims=keepdims)


def all(a, axis=None, out=None, keepdims=False):
    return _reduce("all", a, out, axis=axis, keepdims=keepdims)


def any(a, axis=None, out=None, keepdims=False):
    return _reduce("any", a, out, axis=axis, keepdims=keepdims)


def argmax(a, axis=None, dtype=None, out=None, keepdims=False):
    return _reduce("argmax", a, out, axis=axis, keepdims=keepdims)


def matmul(
    *args,
    axes=None,
    axis=None,
    keepdims=False,
    casting="same_kind",
    dtype=None,
    signature=None,
    order="K",
    out=None,
):
    if _current().graph is not None and not SETTINGS["products"]:
        raise NotImplementedError(
            "calling cuBLAS API during stream capture is currently unsupported"
        )
    a, b = (_need(x)._values for x in args)
    if a.ndim == b.ndim == 1:
        _new(np.empty_like(a))  # the products, which CUB then adds up
    if out is None:
        return _made(lambda: np.matmul(a, b, casting=casting, dtype=dtype))
    like = np.matmul(np.zeros_like(a), np.zeros_like(b))
    if _need(out).shape != like.shape:
        raise ValueError(f"Output operand 0 has invalid shape {out.shape} expected {like.shape}")
    _do(lambda: np.matmul(a, b, out=out._values, casting=casting))
    return out


def take(a, indices, axis=None, out=None):
    values, places = _need(a)._values, _need(indices)._values
    if places.dtype.kind not in "iu":
        raise TypeError("the stand-in takes no indices that are not whole numbers")
    if out is None:
        return _made(lambda: values.take(places, axis=axis, mode="wrap"))
    if _need(out).dtype != a.dtype:
        raise TypeError("Output dtype mismatch")
    if out.shape != (
        places.shape + values.shape[1:] if axis == 0 else values.take(places * 0, axis).shape
    ):
        raise ValueError("Output shape mismatch")
    _do(lambda: np.copyto(out._values, values.take(places, axis=axis, mode="wrap")))
    return out


def put(a, ind, v, mode="wrap"):
    if mode not in ("raise", "wrap", "clip"):
        raise ValueError("clipmode not understood")
    values, places, new = (_need(x)._values for x in (a, ind, v))
    _do(lambda: values.put(places, new, mode=mode))


def copyto(dst, src, casting="same_kind", where=None):
    mask = True if where is None else _need(where)._values
    target, source = _need(dst)._values, _inner(src)
    if isinstance(src, ndarray) and not np.can_cast(src.dtype, target.dtype, casting):
        raise TypeError(f"Cannot cast {src.dtype} to {target.dtype} with {casting} casting rule")
    if where is not None and where.dtype != np.bool_:
        raise TypeError("the stand-in takes a mask of booleans only")
    np.broadcast_to(source, target.shape)
    _do(lambda: np.copyto(target, source, casting=casting, where=mask))


def where(condition, x=None, y=None):
    arrays = _need(condition)._values, _inner(x), _inner(y)
    return _made(lambda: np.where(*arrays))


def sort(a, axis=-1, kind=None):
    if kind not in (None, "stable"):
        raise ValueError("kind can only be None or 'stable'")
    return _made(lambda: np.sort(_need(a)._values, axis=axis, kind="stable"))


def unique(
    ar,
    return_index=False,
    return_inverse=False,
    return_counts=False,
    axis=None,
    *,
    equal_nan=True,
):
    return _made(lambda: np.unique(_need(ar)._values))


def searchsorted(a, v, side="left", sorter=None):
    return _made(lambda: np.searchsorted(_need(a)._values, _need(v)._values, side=side))


def concatenate(tup, axis=0, out=None, *, dtype=None, casting="same_kind"):
    values = [_need(x)._values for x in tup]
    _allocate_pinned(8 * len(values))  # CuPy sends the addresses there
    if out is None:
        return _made(lambda: np.concatenate(values, axis, dtype=dtype, casting=casting))
    target = _need(out)._values
    _do(lambda: np.concatenate(values, axis, out=target, casting=casting))
    return out


def stack(tup, axis=0, out=None, *, dtype=None, casting="same_kind"):
    tup = [expand_dims(x, axis) for x in tup]
    return concatenate(tup, axis, out, dtype=dtype, casting=casting)


def expand_dims(a, axis):
    return a._look(np.expand_dims(a._values, axis))


def swapaxes(a, axis1, axis2):
    return a._look(np.swapaxes(a._values, axis1, axis2))


def reshape(a, newshape, order="C", *, copy=None):
    return a.reshape(newshape, order=order)


def broadcast_to(array, shape):
    return array._look(np.broadcast_to(array._values, shape))


def array(obj, dtype=None, copy=True, order="K", subok=False, ndmin=0, *, blocking=False):
    if isinstance(obj, ndarray):
        same = np.asarray(obj._values, dtype=dtype, order=order)
        if copy is True or same is not obj._values or obj._device != _state.device:
            with _Device(obj._device):
                _ready()
            return _made(lambda: np.array(obj._values, dtype=dtype, order=order))
        return obj
    values = np.array(obj, dtype=dtype, order=order)
    if values.dtype.kind not in "biuf":
        raise ValueError(f"Unsupported dtype {values.dtype}")
    _allocate_pinned(values.nbytes)
    COUNTS["uploads"] += 1
    return _new(values)


def asarray(a, dtype=None, order=None, *, copy=None, blocking=False):
    return array(a, dtype, copy, order or "K", blocking=blocking)


def asnumpy(a, stream=None, order="C", out=None, *, blocking=True):
    return a.get() if isinstance(a, ndarray) else np.asarray(a)


def empty(shape, dtype=float, order="C"):
    values = np.empty(shape, dtype, order)
    values.view(np.uint8).fill(255) if values.ndim and values.size else None  # never lucky zeros
    return _new(values)


def zeros(shape, dtype=float, order="C"):
    return _new(np.zeros(shape, dtype, order))


def ones(shape, dtype=float, order="C"):
    return _new(np.ones(shape, dtype, order))


def full(shape, fill_value, dtype=None, order="C"):
    return _new(np.full(shape, _inner(fill_value), dtype, order))


def zeros_like(a, dtype=None, order="K", subok=None, shape=None):
    return _new(np.zeros_like(a._values, dtype))


def ones_like(a, dtype=None, order="K", subok=None, shape=None):
    return _new(np.ones_like(a._values, dtype))


def arange(start, stop=None, step=1, dtype=None):
    return _new(np.arange(start, stop, step, dtype) if stop is not None else np.arange(start))


issubdtype, integer, inexact = np.issubdtype, np.integer, np.inexact


class _Absent:
    """A function of CuPy that the stand-in does not have: it can be named, not called."""

    def __init__(self, name: str) -> None:
        self.__name__ = name

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        raise NotImplementedError(f"the stand-in has no cupy.{self.__name__}: add it if CuPy does")


class _Sub(ModuleType):
    """A submodule whose names array-api-compat imports without calling them."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return _Absent(name)


def __getattr__(name: str) -> Any:
    if name.startswith("_") or not hasattr(np, name) or name in ("vecdot", "isdtype", "unstack"):
        raise AttributeError(f"module 'cupy' has no attribute {name!r}")
    return _Absent(name)


class _Device:
    """One of the devices."""

    def __init__(self, device: Any = None) -> None:
        self.id = _state.device if device is None else int(getattr(device, "id", device))
        if not 0 <= self.id < SETTINGS["devices"]:
            raise _CUDARuntimeError("cudaErrorInvalidDevice: invalid device ordinal")
        self._before: list[int] = []

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, _Device) and self.id == other.id

    __hash__ = None

    def __enter__(self) -> "_Device":
        self._before.append(_state.device)
        _state.device = self.id
        return self

    def __exit__(self, *args: Any) -> None:
        _state.device = self._before.pop()

    @property
    def mem_info(self) -> tuple[int, int]:
        return SETTINGS["free"], SETTINGS["total"]


class _CUDARuntimeError(RuntimeError):
    """What CuPy raises when CUDA refuses."""


class _Event:
    """A place in a stream's order."""

    def __init__(
        self, block: bool = False, disable_timing: bool = False, interprocess: bool = False
    ) -> None:
        self._stream: Any = None
        self._count = 0

    def record(self, stream: Any = None) -> None:
        self._stream = stream or _current()
        self._count = self._stream.asked

    def synchronize(self) -> None:
        self.reach()

    def reach(self) -> None:
        """Let its stream do what was asked of it before."""
        if self._stream is not None:
            self._stream.drain(self._count)


class _Stream:
    """What is asked of it is done in order, when somebody waits."""

    made = 0

    def __init__(
        self,
        null: bool = False,
        non_blocking: bool = False,
        ptds: bool = False,
        priority: Any = None,
    ) -> None:
        if not null:
            _Stream.made += 1
        self.ptr = 0 if null else 1000 + _Stream.made
        self.device_id = -1 if null else _state.device
        self._queue: deque[Callable[[], None]] = deque()
        self.asked = self._done = 0
        self.graph: list[Callable[[], None]] | None = None  # what it captures
        self.private: Any = None  # the pool of what it allocates
        self._outer: list[Any] = []

    def __eq__(self, other: Any) -> bool:
        return isinstance(other, _Stream) and self.ptr == other.ptr

    __hash__ = None

    def ask(self, what: Callable[[], None]) -> None:
        if self.graph is not None:
            self.graph.append(what)
            return
        self.asked += 1
        self._queue.append(what)
        if self.ptr == 0:
            self.drain()

    def drain(self, count: int | None = None) -> None:
        """Do what was asked of it first, by default everything."""
        while self._queue and (count is None or self._done < count):
            self._done += 1
            with np.errstate(all="ignore"):
                self._queue.popleft()()

    def __enter__(self) -> "_Stream":
        if self.device_id not in (-1, _state.device):
            raise RuntimeError(
                f"The device that the stream is created on ({self.device_id}) does not match with "
                f"the current device ({_state.device})"
            )
        self._outer.append((_state.device, _current()))
        _state.streams[_state.device] = self
        return self

    def __exit__(self, *args: Any) -> None:
        device, stream = self._outer.pop()
        _state.streams[device] = stream

    def synchronize(self) -> None:
        if self.graph is not None:
            raise _CUDARuntimeError("cudaErrorStreamCaptureUnsupported: synchronizes")
        COUNTS["reads"] += 1
        self.drain()

    def record(self, event: Any = None) -> Any:
        event = event or _Event()
        event.record(self)
        LOG.append((self.ptr, "record"))
        return event

    def wait_event(self, event: Any) -> None:
        LOG.append((self.ptr, "wait"))
        stream, count = event._stream, event._count
        if stream is not self and stream is not None:
            self.ask(lambda: stream.drain(count))

    def begin_capture(self, mode: Any = None) -> None:
        if self.ptr in (0, 1):
            raise RuntimeError("cannot capture on the default (legacy) stream")
        LOG.append((self.ptr, "begin capture"))
        self.graph = []

    def end_capture(self) -> Any:
        LOG.append((self.ptr, "end capture"))
        graph, self.graph = self.graph, None
        return _Graph(graph)

    def is_capturing(self) -> bool:
        return self.graph is not None


class _Graph:
    """What a stream captured."""

    def __init__(self, calls: Any) -> None:
        self.calls = calls

    def launch(self, stream: Any = None) -> None:
        stream = stream or _current()
        LOG.append((stream.ptr, "launch"))
        for call in self.calls:
            stream.ask(call)


_NULL = _Stream(null=True)


class _Pool:
    """CuPy's pool of memory: what arrays return to it stays, until all is freed."""

    def __init__(self) -> None:
        self._kept: dict[int, int] = {}  # bytes by device

    def keep(self, size: int) -> None:
        self._kept[_state.device] = self._kept.get(_state.device, 0) + size
        CAPTURED["bytes"] += size

    def malloc(self, size: int) -> Any:
        raise NotImplementedError("arrays of the stand-in have memory of their own")

    def free_bytes(self) -> int:
        return 0

    def used_bytes(self) -> int:
        return 0

    def get_limit(self) -> int:
        return 0

    def free_all_blocks(self, stream: Any = None) -> None:
        """Of the current device."""
        CAPTURED["bytes"] -= self._kept.pop(_state.device, 0)


class _DefaultPool(_Pool):
    def free_all_blocks(self, stream: Any = None) -> None:
        POOL["freed"] += 1


def get_default_memory_pool():
    return _DefaultPool()


class _PinnedPool:
    def malloc(self, size: int) -> None:
        """Memory from which CuPy copies to the device; the stand-in needs none."""

    def free_all_blocks(self) -> None:
        POOL["pinned_freed"] += 1


def get_default_pinned_memory_pool():
    return _PinnedPool()


class _using_allocator:
    """Memory that is made while a stream captures belongs to its graph."""

    def __init__(self, allocator: Any = None) -> None:
        self._stream, self._pool = _current(), allocator.__self__

    def __enter__(self) -> None:
        self._stream.private = self._pool

    def __exit__(self, *args: Any) -> None:
        self._stream.private = None


class _OutOfMemoryError(MemoryError):
    def __init__(self, size: int, total: int, limit: int = 0) -> None:
        self._size = size
        super().__init__(
            f"Out of memory allocating {size:,} bytes (allocated so far: {total:,} bytes)."
        )


class RawKernel:
    """A kernel by its source; what it computes is told by `EMULATED`."""

    def __init__(self, code: str, name: str, options: Any = (), backend: str = "nvrtc") -> None:
        self.code, self.name = code, name

    def compile(self, log_stream: Any = None) -> None:
        if not builtins.any(self.name.startswith(name) for name in EMULATED):
            raise RuntimeError("the stand-in has no compiler")

    def __call__(self, grid: Any, block: Any, args: Any, *, shared_mem: int = 0) -> None:
        values = [_inner(a) for a in args]
        compute = next(f for name, f in EMULATED.items() if self.name.startswith(name))
        _do(lambda: compute(*values))


def _begin(counter, order, batch, rows, *arrays):
    step = int(counter[0])
    chosen = order[step * batch : step * batch + rows]
    for i in range(0, len(arrays), 3):
        source, target, _ = arrays[i : i + 3]
        target[...] = source[step] if target.ndim < source.ndim else source[chosen]


def _end(counter, number, results, log, columns):
    log[int(counter[0])] = results
    counter += 1
    number += 1


def _use_pinned(allocator: Callable[[int], Any]) -> None:
    global _allocate_pinned
    _allocate_pinned = allocator


_allocate_pinned = _PinnedPool().malloc

# What kernels compute, by how their names begin; their sources are tested by themselves.
EMULATED: dict[str, Callable[..., None]] = {"xpnet_begin": _begin, "xpnet_end": _end}

cuda = ModuleType("cupy.cuda")
cuda.Device, cuda.Stream, cuda.Event, cuda.Graph = _Device, _Stream, _Event, _Graph
cuda.MemoryPool, cuda.using_allocator = _Pool, _using_allocator
cuda.set_pinned_memory_allocator = _use_pinned
cuda.get_current_stream = lambda device_id=-1: _current()
cuda.memory = ModuleType("cupy.cuda.memory")
cuda.memory.OutOfMemoryError = _OutOfMemoryError
cuda.device = ModuleType("cupy.cuda.device")
cuda.device.Device = _Device
cuda.runtime = ModuleType("cupy.cuda.runtime")
cuda.runtime.getDeviceCount = lambda: SETTINGS["devices"]
cupyx = ModuleType("cupyx")


def _empty_pinned(shape: Any, dtype: Any = float, order: str = "C") -> Any:
    _pinned.append(np.empty(shape, dtype, order))
    return _pinned[-1]


cupyx.empty_pinned = _empty_pinned
SETTINGS.update(_USUAL)
linalg, fft = _Sub("cupy.linalg"), _Sub("cupy.fft")


def modules(this: ModuleType) -> dict[str, ModuleType]:
    """What ``sys.modules`` holds once this module is imported as ``cupy``."""
    return {
        "cupy": this,
        "cupy.cuda": cuda,
        "cupy.cuda.memory": cuda.memory,
        "cupyx": cupyx,
        "cupy.cuda.device": cuda.device,
        "cupy.cuda.runtime": cuda.runtime,
        "cupy.linalg": linalg,
        "cupy.fft": fft,
    }
