"""Checks for your own op, layer, kernel or backend, which the library's tests use too.

Each ``check_...`` function returns nothing if all is well and raises `AssertionError` otherwise;
the message says what differs and by how much. They need no test framework.
"""

from xpnet.testing.backend_checks import check_backend
from xpnet.testing.differences import finite_differences, sum_to_shape
from xpnet.testing.kernel_checks import Application, check_kernel
from xpnet.testing.layer_checks import check_layer
from xpnet.testing.op_checks import append_vjp, check_op, differentiable, trace_op
from xpnet.testing.poison import Guarded, PoisonedBackend, guarded
from xpnet.testing.variants import VARIANTS, Variant, usable_variants, variant

__all__ = [
    "VARIANTS",
    "Application",
    "Guarded",
    "PoisonedBackend",
    "Variant",
    "append_vjp",
    "check_backend",
    "check_kernel",
    "check_layer",
    "check_op",
    "differentiable",
    "finite_differences",
    "guarded",
    "sum_to_shape",
    "trace_op",
    "usable_variants",
    "variant",
]
