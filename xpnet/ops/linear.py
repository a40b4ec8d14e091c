"""Matrix products, which take most of the time.

Leading dimensions broadcast, so that a stack of networks is one batched product.
"""

from typing import Any

from xpnet.ops.record import Op
from xpnet.typing import Namespace

__all__ = ["AFFINE", "MATMUL", "TRANSPOSE"]


def matmul(xp: Namespace, a: Any, b: Any) -> Any:
    """y_no = sum_i a_ni b_io."""
    return xp.matmul(a, b)


def matmul_vjp_a(xp: Namespace, gy: Any, b: Any) -> Any:
    """ga = gy b^T."""
    return xp.matmul(gy, xp.matrix_transpose(b))


def matmul_vjp_b(xp: Namespace, gy: Any, a: Any) -> Any:
    """gb = a^T gy."""
    return xp.matmul(xp.matrix_transpose(a), gy)


def transpose(xp: Namespace, x: Any) -> Any:
    """y_mn = x_nm."""
    return xp.matrix_transpose(x)


def transpose_vjp(xp: Namespace, gy: Any) -> Any:
    """gx_nm = gy_mn."""
    return xp.matrix_transpose(gy)


def affine(xp: Namespace, x: Any, w: Any, b: Any) -> Any:
    """y_no = sum_i x_ni w_io + b_o."""
    return xp.matmul(x, w) + xp.expand_dims(b, axis=-2)


def affine_vjp_x(xp: Namespace, gy: Any, w: Any) -> Any:
    """gx = gy w^T."""
    return xp.matmul(gy, xp.matrix_transpose(w))


def affine_vjp_w(xp: Namespace, gy: Any, x: Any) -> Any:
    """gw = x^T gy."""
    return xp.matmul(xp.matrix_transpose(x), gy)


def affine_vjp_b(xp: Namespace, gy: Any) -> Any:
    """gb_o = sum_n gy_no."""
    return xp.sum(gy, axis=-2)


MATMUL = Op(
    "matmul",
    "(...,n,i),(...,i,o)->(...,n,o)",
    matmul,
    [matmul_vjp_a, matmul_vjp_b],
    broadcast=True,
)
TRANSPOSE = Op("transpose", "(...,n,m)->(...,m,n)", transpose, [transpose_vjp], integers=None)
AFFINE = Op(
    "affine",
    "(...,n,i),(...,i,o),(...,o)->(...,n,o)",
    affine,
    [affine_vjp_x, affine_vjp_w, affine_vjp_b],
    broadcast=True,
)
