"""Kernels by hand, of NumPy's and CuPy's functions with ``out=``, by kinds of ops.

Here stands what is faster, or takes less memory, than the kernel that `xpnet.kernels.derive`
makes of the definition; above each kernel stands why. Every other op goes without.
"""

from xpnet.kernels.out import (
    dropout_blocks,
    gather_kernels,
    linear_kernels,
    loss_kernels,
    reduce_kernels,
    shape_kernels,
    update_kernels,
)

__all__ = [
    "dropout_blocks",
    "gather_kernels",
    "linear_kernels",
    "loss_kernels",
    "reduce_kernels",
    "shape_kernels",
    "update_kernels",
]
