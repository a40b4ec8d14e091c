"""Handwritten kernels of functions with ``out=`` that all planned backends have, by kind of op.

Each is faster, or takes less memory, than the kernel that `xpnet.kernels.derive` makes from the
definition; a comment says why. Other ops need no handwritten kernel.
"""

from xpnet.kernels.out import (
    dropout_blocks,
    gather_kernels,
    linear_kernels,
    loss_kernels,
    process_kernels,
    reduce_kernels,
    shape_kernels,
    update_kernels,
)

__all__ = [
    "dropout_blocks",
    "gather_kernels",
    "linear_kernels",
    "loss_kernels",
    "process_kernels",
    "reduce_kernels",
    "shape_kernels",
    "update_kernels",
]
