"""Which definitions are better than handwritten kernels if calls are fused into loops.

A handwritten kernel avoids passes: it looks up an element where the definition compares with all,
or sums by a product with ones. In a loop a pass costs nothing, but a call that no loop can do ends
the loop.
"""

from xpnet.kernels.loops.dropout_loops import draw
from xpnet.ops.op_registry import UPDATES

__all__ = ["AS_LOOPS", "draw"]

AS_LOOPS = {
    "affine.vjp_b",
    "softmax_cross_entropy",
    "softmax_cross_entropy.vjp_z",
    "sum_squares",
    *UPDATES,
}
