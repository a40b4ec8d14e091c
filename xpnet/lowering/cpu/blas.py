"""NumPy's matrix product by its address, which a compiled step calls without Python.

NumPy does not say which BLAS it was linked with, but its extension module knows: a symbol that is
looked up in that module is searched in the libraries it was linked with, and no others. So the
result is the function that ``numpy.matmul`` calls, and no second BLAS is ever loaded.
"""

import ctypes
import logging
import sys
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any

import numpy as np

__all__ = [
    "AS_IT_LIES",
    "ROWS",
    "TRANSPOSED",
    "Gemm",
    "entry",
    "find",
    "libraries",
    "lies",
    "openblas",
    "right",
    "version",
]

ROWS, AS_IT_LIES, TRANSPOSED = 101, 111, 112  # CblasRowMajor, CblasNoTrans, CblasTrans

_LETTERS = {"float32": "s", "float64": "d"}
_REALS = {"float32": ctypes.c_float, "float64": ctypes.c_double}
_INTEGERS = {32: ctypes.c_int32, 64: ctypes.c_int64}

# How builders rename BLAS functions, and the integer size that each name implies.
_NAMES = [
    ("scipy_cblas_{}gemm64_", 64),  # the wheels of NumPy
    ("cblas_{}gemm64_", 64),
    ("cblas_{}gemm_64", 64),  # MKL
    ("scipy_cblas_{}gemm", 32),
    ("cblas_{}gemm", 32),
]
_UNKNOWN = "unknown BLAS"
_OPENBLAS = ["scipy_openblas_{}64_", "openblas_{}64_", "scipy_openblas_{}", "openblas_{}"]


@dataclass(frozen=True)
class Gemm:
    """A ``cblas_?gemm`` that computes C = alpha A B + beta C.

    Attributes
    ----------
    dtype : str
        ``"float32"`` or ``"float64"``.
    address : int
        Address of the function. Its arguments are those of CBLAS: ``(order, trans_a, trans_b, m, n,
        k, alpha, A, lda, B, ldb, beta, C, ldc)``.
    bits : int
        Size of the integers m, n, k, lda, ldb and ldc: 32 or 64. ``order`` and
        ``trans`` are C's ``int`` (32 bits).
    library : str
        The library's name for itself.
    vector : int
        Address of ``cblas_?gemv``, a matrix times a vector: ``(order, trans, rows, columns, alpha,
        A, lda, x, step, beta, y, step)``.
    """

    dtype: str
    address: int
    bits: int
    library: str
    vector: int

    def bind(self, a: Any, b: Any, out: Any, beta: float = 0.0) -> Callable[[], None]:
        """The product ``out = a @ b + beta out`` of these matrices, as a call without arguments.

        ``out`` must be contiguous in its rows, ``a`` and ``b`` in their rows or columns. All three
        must outlive the call.
        """
        enum, integer, real = ctypes.c_int, _INTEGERS[self.bits], _REALS[self.dtype]
        (ta, lda), (tb, ldb), (tc, ldc) = lies(a), lies(b), lies(out)
        assert tc == AS_IT_LIES
        pa, pb, pc = (ctypes.c_void_p(x.ctypes.data) for x in (a, b, out))
        sizes = map(integer, (*out.shape, a.shape[1]))
        arguments = [*map(enum, (ROWS, ta, tb)), *sizes, real(1.0)]
        arguments += [pa, integer(lda), pb, integer(ldb), real(beta), pc, integer(ldc)]
        kind = ctypes.CFUNCTYPE(None, *map(type, arguments))
        return partial(kind(self.address), *arguments)

    def bind_vector(self, a: Any, x: Any, out: Any) -> Callable[[], None]:
        """The product ``out = a @ x`` of a matrix and a contiguous vector, as a call likewise."""
        enum, integer, real = ctypes.c_int, _INTEGERS[self.bits], _REALS[self.dtype]
        array = ctypes.c_void_p
        kind = ctypes.CFUNCTYPE(
            *(None, enum, enum, integer, integer, real, array, integer, array, integer),
            *(real, array, integer),
        )
        (way, stride), call = lies(a), kind(self.vector)
        stored = a.shape if way == AS_IT_LIES else a.shape[::-1]
        pointers = [v.ctypes.data for v in (a, x, out)]

        def run() -> None:
            call(ROWS, way, *stored, 1.0, pointers[0], stride, pointers[1], 1, 0.0, pointers[2], 1)

        return run


def lies(x: Any) -> tuple[int, int]:
    """A matrix's layout in BLAS's terms, `AS_IT_LIES` or `TRANSPOSED`, and its stride.

    The stride is the distance between rows (columns if transposed), in elements. Raises
    `ValueError` if BLAS cannot read the matrix: gaps in both directions, or no elements.
    """
    (rows, columns), (down, along) = x.shape, (s // x.itemsize for s in x.strides)
    if x.size and (columns == 1 or along == 1):
        stride = columns if rows == 1 else down
        if stride >= columns:
            return AS_IT_LIES, max(stride, 1)
    if x.size and (rows == 1 or down == 1):
        stride = rows if columns == 1 else along
        if stride >= rows:
            return TRANSPOSED, max(stride, 1)
    raise ValueError(f"BLAS cannot read a matrix of shape {x.shape} with strides {x.strides}")


def right(gemm: Gemm) -> bool:
    """Whether small products equal NumPy's, in all layouts and inside larger arrays."""
    big = np.arange(1.0, 81.0, dtype=gemm.dtype).reshape(8, 10) % 7  # exact in any order
    for a in (big[:5, :4], big[:4, :5].T):
        for b in (big[1:5, :3], big[:3, 2:6].T):
            out = np.ones((6, 7), dtype=gemm.dtype)
            wanted = out.copy()
            wanted[:5, 1:4] += a @ b
            gemm.bind(a, b, out[:5, 1:4], beta=1.0)()
            if not np.array_equal(out, wanted):
                return False
        vector, found = big[7, : a.shape[1]], np.empty(a.shape[0], dtype=gemm.dtype)
        gemm.bind_vector(a, vector, found)()
        if not np.array_equal(found, a @ vector):
            return False
    return True


@cache
def entry(dtype: str) -> Gemm | None:
    """NumPy's own ``cblas_sgemm`` or ``cblas_dgemm``; None if it cannot be found or used.

    It is returned only if a few small products equal NumPy's. The reason for None is logged
    (logger ``xpnet``, level INFO).

    Parameters
    ----------
    dtype : {"float32", "float64"}
    """
    gemm = next(filter(None, (find(library, dtype) for library in libraries())), None)
    if gemm is None:
        reason = "the library that NumPy was linked with has no cblas_gemm for it"
    elif sys.platform == "darwin" and gemm.library == _UNKNOWN:
        reason = "Apple's Accelerate is not supported"
    elif not right(gemm):
        reason = f"products by direct calls of {gemm.library} are not NumPy's"
    else:
        return gemm
    logging.getLogger("xpnet").info("%s: NumPy's BLAS is not called directly: %s", dtype, reason)
    return None


@cache
def libraries() -> list[Any]:
    """The libraries with the functions that NumPy calls, all of them loaded already."""
    paths = []
    core = sys.modules.get("numpy._core._multiarray_umath")
    if file := getattr(core, "__file__", None):
        paths.append(Path(file))
    if sys.platform == "win32":  # a module does not expose its libraries' symbols
        paths += sorted(Path(np.__file__).parents[1].glob("numpy.libs/*openblas*.dll"))
    return [ctypes.CDLL(str(path)) for path in paths]


def find(library: Any, dtype: str) -> Gemm | None:
    """A library's function, not yet tested; None if there is none."""
    for name, bits in _NAMES if dtype in _LETTERS else []:
        if function := getattr(library, name.format(_LETTERS[dtype]), None):
            text = version(library)
            bits = 64 if "USE64BITINT" in text else bits
            vector = getattr(library, name.format(_LETTERS[dtype]).replace("gemm", "gemv"))
            return Gemm(dtype, _address(function), bits, text, _address(vector))
    return None


def _address(function: Any) -> int:
    found = ctypes.cast(function, ctypes.c_void_p).value
    assert found is not None
    return found


def openblas(library: Any, name: str) -> Any:
    """A function of OpenBLAS under its builder's name, or None."""
    return next((f for n in _OPENBLAS if (f := getattr(library, n.format(name), None))), None)


def version(library: Any) -> str:
    """The name and version that a BLAS reports."""
    if function := openblas(library, "get_config"):
        function.restype = ctypes.c_char_p
        return str(function().decode()).strip()
    if function := getattr(library, "bli_info_get_version_str", None):
        function.restype = ctypes.c_char_p
        return f"BLIS {function().decode()}"
    if function := getattr(library, "mkl_get_version_string", None):
        text = ctypes.create_string_buffer(200)
        function(text, len(text))
        return text.value.decode().strip()
    return _UNKNOWN
