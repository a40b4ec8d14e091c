"""A stand-in for CuPy: its names, signatures and refusals, computed by NumPy.

It has only what xpnet and array-api-compat call, in the forms that CuPy 14.2 really takes
(`test_cupy_path.py` compares the signatures where the wheel is installed). Arrays refuse implicit
conversion to NumPy as CuPy's do, and what would wait for the device or allocate on it is counted
in `COUNTS`.
"""

from types import ModuleType
from typing import Any

import numpy as np

__version__ = "14.2.0"

COUNTS = {"reads": 0, "uploads": 0, "allocations": 0, "alias_copies": 0}

float32, float64, int32, int64, uint8 = np.float32, np.float64, np.int32, np.int64, np.uint8
bool_, intp, dtype = np.bool_, np.intp, np.dtype
_SCALARS = (bool, int, float, np.generic)


class ndarray:
    """An array "on the device": a NumPy array that only this module may look into."""

    __module__ = "cupy"
    __array_ufunc__ = None

    def __init__(self, values: Any) -> None:
        self._values = np.asarray(values)

    shape = property(lambda self: self._values.shape)
    ndim = property(lambda self: self._values.ndim)
    size = property(lambda self: self._values.size)
    dtype = property(lambda self: self._values.dtype)
    flags = property(lambda self: self._values.flags)
    device = property(lambda self: cuda.Device())

    @property
    def T(self) -> "ndarray":
        return ndarray(self._values.T)

    def __array__(self, *args: Any, **kwargs: Any) -> Any:
        raise TypeError(
            "Implicit conversion to a NumPy array is not allowed. "
            "Please use `.get()` to construct a NumPy array explicitly."
        )

    def get(self) -> Any:
        COUNTS["reads"] += 1
        return self._values.copy()

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
        return (ndarray(row) for row in self._values)

    def __getitem__(self, key: Any) -> "ndarray":
        return ndarray(self._values[_key(key)])

    def __setitem__(self, key: Any, value: Any) -> None:
        if not isinstance(value, (ndarray, *_SCALARS)):
            raise TypeError(f"the stand-in cannot assign {type(value)}")
        self._values[_key(key)] = _inner(value)

    def reshape(self, *shape: Any, order: str = "C") -> "ndarray":
        return ndarray(self._values.reshape(*shape, order=order))

    def view(self, dtype: Any = None) -> "ndarray":
        if dtype is None:
            return ndarray(self._values.view())
        if self.ndim == 0 or not self._values.flags.c_contiguous:
            raise ValueError("CuPy cannot view this array as another type")
        return ndarray(self._values.view(dtype))

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
        return _new(self._values.astype(dtype))

    def copy(self, order: str = "C") -> "ndarray":
        return _new(self._values.copy(order))

    def sum(
        self, axis: Any = None, dtype: Any = None, out: Any = None, keepdims: bool = False
    ) -> "ndarray":
        return sum(self, axis, dtype, out, keepdims)


def _inner(x: Any) -> Any:
    """What NumPy computes with, for the argument of a device function."""
    if isinstance(x, ndarray):
        return x._values
    if isinstance(x, _SCALARS):
        return x
    raise TypeError(f"Unsupported type {type(x)}")


def _key(key: Any) -> Any:
    parts = key if isinstance(key, tuple) else (key,)
    plain = tuple(_inner(k) if isinstance(k, ndarray) else k for k in parts)
    return plain if isinstance(key, tuple) else plain[0]


def _new(values: Any) -> ndarray:
    COUNTS["allocations"] += 1
    return ndarray(values)


def _need(x: Any) -> ndarray:
    """An argument that CuPy takes as an array only."""
    if not isinstance(x, ndarray):
        raise TypeError(f"expected cupy.ndarray, got {type(x)}")
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
            return _new(self._function(*arrays, **settings))
        target = _need(last)
        for i, x in enumerate(inputs):
            # CuPy copies an input that is another view of the output's memory, even of all of it.
            if (
                isinstance(x, ndarray)
                and x is not target
                and np.may_share_memory(*_both(x, target))
            ):
                COUNTS["alias_copies"] += 1
                arrays[i] = x._values.copy()
        self._function(*arrays, out=target._values, **settings)
        return target

    def at(self, a: ndarray, indices: Any, b: Any = None) -> None:
        self._function.at(_need(a)._values, _inner(indices), _inner(b))


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
    found = getattr(np, name)(_need(a)._values, **settings)
    if out is None:
        return _new(found)
    target = _need(out)._values
    if target.shape != np.shape(found) or not np.can_cast(found.dtype, target.dtype, "same_kind"):
        raise ValueError(f"{name}: out has shape {target.shape}, expected {np.shape(found)}")
    target[...] = found
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
    a, b = args
    values = np.matmul(_need(a)._values, _need(b)._values, casting=casting, dtype=dtype)
    if out is None:
        return _new(values)
    if _need(out).shape != values.shape:
        raise ValueError(f"Output operand 0 has invalid shape {out.shape} expected {values.shape}")
    np.matmul(a._values, b._values, out=out._values, casting=casting)
    return out


def take(a, indices, axis=None, out=None):
    found = _need(a)._values.take(_need(indices)._values, axis=axis, mode="wrap")
    if out is None:
        return _new(found)
    if _need(out).dtype != a.dtype:
        raise TypeError("Output dtype mismatch")
    if out.shape != found.shape:
        raise ValueError("Output shape mismatch")
    out._values[...] = found
    return out


def put(a, ind, v, mode="wrap"):
    if mode not in ("raise", "wrap", "clip"):
        raise ValueError("clipmode not understood")
    _need(a)._values.put(_need(ind)._values, _need(v)._values, mode=mode)


def copyto(dst, src, casting="same_kind", where=None):
    mask = True if where is None else _need(where)._values
    np.copyto(_need(dst)._values, _inner(src), casting=casting, where=mask)


def where(condition, x=None, y=None):
    return _new(np.where(_need(condition)._values, _inner(x), _inner(y)))


def sort(a, axis=-1, kind=None):
    if kind not in (None, "stable"):
        raise ValueError("kind can only be None or 'stable'")
    return _new(np.sort(_need(a)._values, axis=axis, kind="stable"))


def unique(
    ar,
    return_index=False,
    return_inverse=False,
    return_counts=False,
    axis=None,
    *,
    equal_nan=True,
):
    return _new(np.unique(_need(ar)._values))


def searchsorted(a, v, side="left", sorter=None):
    return _new(np.searchsorted(_need(a)._values, _need(v)._values, side=side))


def concatenate(tup, axis=0, out=None, *, dtype=None, casting="same_kind"):
    values = [_need(x)._values for x in tup]
    if out is None:
        return _new(np.concatenate(values, axis, dtype=dtype, casting=casting))
    np.concatenate(values, axis, out=_need(out)._values, casting=casting)
    return out


def stack(tup, axis=0, out=None, *, dtype=None, casting="same_kind"):
    tup = [expand_dims(x, axis) for x in tup]
    return concatenate(tup, axis, out, dtype=dtype, casting=casting)


def expand_dims(a, axis):
    return ndarray(np.expand_dims(_need(a)._values, axis))


def swapaxes(a, axis1, axis2):
    return ndarray(np.swapaxes(_need(a)._values, axis1, axis2))


def reshape(a, newshape, order="C", *, copy=None):
    return _need(a).reshape(newshape, order=order)


def broadcast_to(array, shape):
    return ndarray(np.broadcast_to(_need(array)._values, shape))


def array(obj, dtype=None, copy=True, order="K", subok=False, ndmin=0, *, blocking=False):
    if isinstance(obj, ndarray):
        same = np.asarray(obj._values, dtype=dtype, order=order)
        if copy is True or same is not obj._values:
            return _new(np.array(same, order=order))
        return obj
    values = np.array(obj, dtype=dtype, order=order)
    if values.dtype.kind not in "biuf":
        raise ValueError(f"Unsupported dtype {values.dtype}")
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
    return _new(np.zeros_like(_need(a)._values, dtype))


def ones_like(a, dtype=None, order="K", subok=None, shape=None):
    return _new(np.ones_like(_need(a)._values, dtype))


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
    """The one device."""

    id = 0

    def __init__(self, device: Any = None) -> None:
        if device not in (None, 0) and not isinstance(device, _Device):
            raise ValueError(f"Invalid device ID {device!r}")

    def __enter__(self) -> "_Device":
        return self

    def __exit__(self, *args: Any) -> None:
        pass


class _Stream:
    def synchronize(self) -> None:
        COUNTS["reads"] += 1


cuda = ModuleType("cupy.cuda")
cuda.Device = _Device
cuda.get_current_stream = _Stream
cuda.device = ModuleType("cupy.cuda.device")
cuda.device.Device = _Device
cuda.runtime = ModuleType("cupy.cuda.runtime")
cuda.runtime.getDeviceCount = lambda: 1
linalg, fft = _Sub("cupy.linalg"), _Sub("cupy.fft")


def modules(this: ModuleType) -> dict[str, ModuleType]:
    """What ``sys.modules`` holds once this module is imported as ``cupy``."""
    return {
        "cupy": this,
        "cupy.cuda": cuda,
        "cupy.cuda.device": cuda.device,
        "cupy.cuda.runtime": cuda.runtime,
        "cupy.linalg": linalg,
        "cupy.fft": fft,
    }
