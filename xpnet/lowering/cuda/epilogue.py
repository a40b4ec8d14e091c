"""Products with an epilogue, the calls that follow in the same pass, bound to memory.

================  =================================================================
``bias``          out = a b + bias
``relu_bias``     out = max(a b + bias, 0)
``relu_aux_bias`` the same, and a bit for each number: whether it is positive
``drelu``         out = (a b) [the bit of relu_aux_bias]
``drelu_bgrad``   the same, and bias = sum over rows of out
================  =================================================================

The last two need an inner dimension above 1: cuBLAS has none for a column and a row.

A bias and a matrix of bits must lie at multiples of 16 bytes. cuBLASLt is told how its matrices
are aligned, but not how these are. It may choose a kernel that assumes 16 bytes; the kernel then
ends the process's use of the GPU with "misaligned address", after which nothing can be tried
again. Biases are parts of the flat vector of parameters. There, weights come first, so their
addresses are such multiples if every weight has a side that is a multiple of 4. Gaps in the
vector would align the others too, but they would change the length of every vector in the files.
"""

from collections.abc import Callable
from typing import Any

from xpnet.backends.cuda import load
from xpnet.lowering.cuda.cublaslt import Lt, Pointers, Problem
from xpnet.lowering.cuda.matrices import Stored, product_of
from xpnet.lowering.cuda.sixteen_bit import Casts
from xpnet.lowering.reading import Operand

__all__ = ["EPILOGUES", "auxiliary", "bind"]

EPILOGUES = {
    "": "DEFAULT",
    **{name: name.upper() for name in "bias relu_bias relu_aux_bias drelu drelu_bgrad".split()},
}
_COMPUTE = {"float64": "COMPUTE_64F", "tf32": "COMPUTE_32F_FAST_TF32"}
_UNIT = 128  # bits, of the leading dimension of the matrix of bits
_ALIGNED = 16  # bytes, see above


def _leading(epilogue: str, result: Stored) -> int:
    """Leading dimension in bits of an epilogue's matrix of bits; 0 where it has none."""
    if "aux" not in epilogue and not epilogue.startswith("d"):
        return 0
    return -(-result.rows // _UNIT) * _UNIT


def auxiliary(a: Operand, b: Operand, out: Operand) -> Any:
    """Memory for the bits that ``relu_aux_bias`` saves for the backward epilogues."""
    found = product_of(a, b, out)
    assert found is not None
    result = found[2]
    bits = _leading("relu_aux_bias", result) * result.columns * result.batch
    return load().zeros(bits // 8, "uint8")


def bind(
    lt: Lt,
    a: Operand,
    b: Operand,
    out: Operand,
    precision: str = "float32",
    epilogue: str = "",
    bias: Operand | None = None,
    aux: Any = None,
    casts: Casts | None = None,
) -> Callable[[], None] | None:
    """The product as a call that keeps its arrays; None if cuBLASLt has no such product.

    It has none with an epilogue whose `bias` or `aux` is not aligned to 16 bytes, and no ``drelu``
    with an inner dimension of 1.

    Parameters
    ----------
    lt : Lt
    a, b, out : Operand
        `a` and `b` of one type; `out` is float32 or float64.
    precision : str
        How float32 operands are rounded.
    epilogue : str
        A name of `EPILOGUES`.
    bias : Operand, optional
        The vector to add, or the output of a sum.
    aux : array, optional
        From `auxiliary`.
    casts : Casts, optional
        The 16-bit copies that a list of calls shares.
    """
    if not a.dtype == b.dtype == out.dtype or out.dtype not in ("float32", "float64"):
        return None
    if casts is None or out.dtype == "float64":
        return _bind(lt, a, b, out, precision, epilogue, bias, aux)
    (left, first), (right, second) = casts.operand(a), casts.operand(b)
    product = _bind(lt, left, right, out, precision, epilogue, bias, aux)
    if product is None:
        casts.wrote([a.range, b.range])  # then no copies are made
        return None
    return _Several([*first, *second, product])


def _bind(
    lt: Lt,
    a: Operand,
    b: Operand,
    out: Operand,
    precision: str,
    epilogue: str,
    bias: Operand | None,
    aux: Any,
) -> Callable[[], None] | None:
    """The product of the rounded operands."""
    found = product_of(a, b, out)
    step = bias.strides[0] // bias.itemsize if bias and bias.shape[:-2] > (1,) else 0
    if found is None or (bias and step and bias.shape[0] != found[2].batch):
        return None
    if not _aligned(bias, step, aux) or (epilogue.startswith("d") and a.shape[-1] == 1):
        return None
    compute = _COMPUTE.get("float64" if out.dtype == "float64" else precision, "COMPUTE_32F")
    where = Pointers(
        b.address,
        a.address,
        out.address,
        bias.address if bias else 0,
        int(aux.data.ptr) if aux is not None else 0,
    )
    leading = _leading(epilogue, found[2])
    problem = Problem(*found, compute, EPILOGUES[epilogue], where.alignments, step, leading)
    return lt.bind(problem, where, (a.array, b.array, out.array, bias and bias.array, aux))


def _aligned(bias: Operand | None, step: int, aux: Any) -> bool:
    """Whether the bias, also that of each matrix of a batch, and the bits are aligned."""
    places = [0 if aux is None else int(aux.data.ptr)]
    if bias is not None:
        places += [bias.address, step * bias.itemsize]
    return not any(place % _ALIGNED for place in places)


class _Several:
    """Run launches in order."""

    def __init__(self, launches: list[Callable[[], None]]) -> None:
        self._launches = launches

    def __call__(self) -> None:
        for launch in self._launches:
            launch()
