"""Matrix products on a GPU by cuBLASLt.

`usable` tests whether that works here. If not, CuPy computes the products.
"""

from collections.abc import Callable
from functools import cache
from typing import Any

from xpnet.backends.base import PlannedBackend
from xpnet.backends.cuda import load
from xpnet.errors import UnknownNameError
from xpnet.lowering.cuda.check import check
from xpnet.lowering.cuda.cublaslt import Lt
from xpnet.lowering.cuda.epilogue import EPILOGUES, bind
from xpnet.lowering.cuda.sixteen_bit import Casts
from xpnet.lowering.reading import Reader

__all__ = ["handle", "plan_matmul", "usable"]


def usable(cupy: Any, precision: str = "float32") -> tuple[bool, str]:
    """Whether cuBLASLt computes correct products on the current device, also captured, and why.

    The first call for a device and a precision tests it; see `check`.

    Returns
    -------
    bool
    str
        The reason if it cannot be used, else which epilogues are not used.
    """
    lt, reason = _tried(cupy, int(cupy.cuda.Device().id), precision)
    return lt is not None, reason


def handle(precision: str = "float32") -> Lt | None:
    """The handle of the current device, or None if cuBLASLt cannot be used."""
    cupy = load()
    return _tried(cupy, int(cupy.cuda.Device().id), precision)[0]


@cache
def _tried(cupy: Any, device: int, precision: str) -> tuple[Lt | None, str]:
    try:
        lt = Lt(cupy)
    except ImportError as error:
        return None, (
            f"nvmath-python cannot be imported ({error}): pip install 'xpnet[cuda13]' (CUDA 13 "
            "drivers) or 'xpnet[cuda12]'"
        )
    except Exception as error:  # a missing library, a driver that does not respond
        return None, f"cuBLASLt cannot be used: {type(error).__name__}: {error}"
    try:
        wrong = check(cupy, lt, precision)
    except Exception as error:
        return None, f"the test of cuBLASLt failed: {type(error).__name__}: {error}"
    return lt, "works" + "".join(f"; without {text}" for text in wrong)


def plan_matmul(
    backend: PlannedBackend,
    a: Any,
    b: Any,
    out: Any,
    *,
    epilogue: str = "",
    bias: Any = None,
    aux: Any = None,
) -> Callable[[], None] | None:
    """``out = a @ b`` with an epilogue, as a call without arguments.

    Parameters
    ----------
    backend : PlannedBackend
        CuPy; its ``precision`` says how float32 operands are rounded.
    a, b, out : array
        As for ``matmul``: vectors, matrices or batches of them; views with exchanged axes too.
    epilogue : str
        See `xpnet.lowering.cuda.epilogue`.
    bias : array of shape (o,), optional
        The vector to add, or the output of a sum.
    aux : array, optional
        Memory from `xpnet.lowering.cuda.epilogue.auxiliary`.

    Returns
    -------
    callable or None
        It keeps its arrays and runs on CuPy's current stream. None if cuBLASLt cannot be used
        or has no such product.

    Raises
    ------
    UnknownNameError
        If there is no such epilogue.
    """
    if epilogue not in EPILOGUES:
        raise UnknownNameError("epilogue", epilogue, EPILOGUES)
    lt = handle(backend.precision)
    if lt is None:
        return None
    read = Reader(backend).operand
    half = backend.precision in ("bfloat16", "float16")
    return bind(
        lt,
        read(a),
        read(b),
        read(out),
        backend.precision,
        epilogue,
        None if bias is None else read(bias),
        aux,
        Casts(backend.precision) if half else None,
    )
