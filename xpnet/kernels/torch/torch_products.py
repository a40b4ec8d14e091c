"""Products with PyTorch's functions."""

from typing import Any

from xpnet import ops
from xpnet.kernels.recorder import Recorder, kernel
from xpnet.ops.signature import broadcast_shapes
from xpnet.typing import size_of

__all__: list[str] = []

_NARROW, _LARGE = range(2, 16), 1 << 16  # columns of a product, and its fewest multiplications


def _narrow(k: Recorder, a: Any, b: Any) -> bool:
    """Whether a product is better computed transposed.

    PyTorch's BLAS takes 3 to 8 times as long for a few columns as for the same number of rows.
    """
    flat = a.ndim == b.ndim == 2 and not k.backend.separate
    return flat and b.shape[1] in _NARROW and size_of(a.shape) * b.shape[1] >= _LARGE


def _transposed(k: Recorder, a: Any, b: Any) -> Any:
    """Record the product of a and b; a view of it, in scratch memory."""
    turned = k.scratch(a, (b.shape[1], a.shape[0]))
    k(k.raw.matmul, b.mT, a.mT, out=turned)
    return turned.mT


# One call instead of two, or a faster product.
@kernel(ops.affine, family="torch")
def affine(k: Recorder, out: Any, x: Any, w: Any, b: Any) -> None:
    if _narrow(k, x, w):
        k(k.raw.add, _transposed(k, x, w), k.raw.expand_dims(b, -2), out=out)
    elif x.ndim == w.ndim == 2 and b.ndim == 1:
        k(k.raw.addmm, b, x, w, out=out)
    else:
        stack = broadcast_shapes([tuple(x.shape[:-2]), tuple(w.shape[:-2])]) or ()
        shape = (*stack, x.shape[-2], w.shape[-1])
        product = out if tuple(out.shape) == shape else k.scratch(x, shape)  # biases may be a stack
        k(k.raw.matmul, x, w, out=product)
        k(k.raw.add, product, k.raw.expand_dims(b, -2), out=out)


# A faster product.
@kernel(ops.affine, vjp=1, family="torch")
def affine_vjp_w(k: Recorder, out: Any, gy: Any, x: Any) -> None:
    turned = k.raw.swapaxes(x, -1, -2)
    if _narrow(k, turned, gy):
        k(k.raw.copyto, out, _transposed(k, turned, gy))
    else:
        k(k.raw.matmul, turned, gy, out=out)
