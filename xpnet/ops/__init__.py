"""The mathematics: every op once, written against the Python Array API.

Each name here is an `Op`. Called on symbolic values it appends a node to their graph; called
on arrays it computes. Use `Op` to define your own.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any
from warnings import warn

from xpnet.ops import (
    activations,
    arithmetic,
    constraints,
    gates,
    gather,
    losses,
    metrics,
    missing,
    processes,
    reduce,
    residuals,
    shape,
    special,
    standardize,
    stochastic,
)
from xpnet.ops.linear import AFFINE, MATMUL, TRANSPOSE
from xpnet.ops.op_registry import REGISTRY as _REGISTRY
from xpnet.ops.record import Op

identity = arithmetic.IDENTITY
negative = arithmetic.NEGATIVE
add = arithmetic.ADD
subtract = arithmetic.SUBTRACT
multiply = arithmetic.MULTIPLY
divide = arithmetic.DIVIDE
power = arithmetic.POWER
exp = arithmetic.EXP
log = arithmetic.LOG
abs = arithmetic.ABS
sqrt = arithmetic.SQRT
log1p = arithmetic.LOG1P
expm1 = arithmetic.EXPM1
sin = arithmetic.SIN
cos = arithmetic.COS
maximum = arithmetic.MAXIMUM
minimum = arithmetic.MINIMUM
flush_to_zero = arithmetic.FLUSH_TO_ZERO
is_nan = missing.IS_NAN
fill_nan = missing.FILL_NAN
floor = missing.FLOOR
linear = activations.LINEAR
step = activations.STEP
relu = activations.RELU
leaky_relu = activations.LEAKY_RELU
prelu = activations.PRELU
elu = activations.ELU
selu = activations.SELU
sigmoid = activations.SIGMOID
log_sigmoid = activations.LOG_SIGMOID
hard_sigmoid = activations.HARD_SIGMOID
tanh = activations.TANH
hard_tanh = activations.HARD_TANH
softplus = activations.SOFTPLUS
softsign = activations.SOFTSIGN
softmax = activations.SOFTMAX
log_softmax = activations.LOG_SOFTMAX
silu = gates.SILU
gelu = gates.GELU
gelu_tanh = gates.GELU_TANH
mish = gates.MISH
erf = special.ERF
matmul = MATMUL
affine = AFFINE
transpose = TRANSPOSE
sum = reduce.SUM
mean = reduce.MEAN
max = reduce.MAX
sum_squares = reduce.SUM_SQUARES
sum_to = reduce.SUM_TO
weighted_mean = reduce.WEIGHTED_MEAN
sum_over_processes = processes.SUM_OVER_PROCESSES
reshape = shape.RESHAPE
concat = shape.CONCAT
slice = shape.SLICE
one_hot = gather.ONE_HOT
as_index = gather.AS_INDEX
embedding = gather.EMBEDDING
standardize_features = standardize.STANDARDIZE_FEATURES
standardize_batch = standardize.STANDARDIZE_BATCH
dropout = stochastic.DROPOUT
gaussian_noise = stochastic.GAUSSIAN_NOISE
scheduled_dropout = stochastic.SCHEDULED_DROPOUT
scheduled_gaussian_noise = stochastic.SCHEDULED_GAUSSIAN_NOISE
max_norm = constraints.MAX_NORM
unit_norm = constraints.UNIT_NORM
softmax_cross_entropy = losses.SOFTMAX_CROSS_ENTROPY
soft_cross_entropy = losses.SOFT_CROSS_ENTROPY
binary_cross_entropy_with_logits = losses.BINARY_CROSS_ENTROPY_WITH_LOGITS
binary_cross_entropy = losses.BINARY_CROSS_ENTROPY
cross_entropy = losses.CROSS_ENTROPY
mean_squared_error = losses.MEAN_SQUARED_ERROR
huber = residuals.HUBER
log_cosh = residuals.LOG_COSH
pinball = residuals.PINBALL
focal = residuals.FOCAL
accuracy = metrics.ACCURACY
soft_accuracy = metrics.SOFT_ACCURACY
binary_accuracy = metrics.BINARY_ACCURACY
top_k_accuracy = metrics.TOP_K_ACCURACY
soft_top_k_accuracy = metrics.SOFT_TOP_K_ACCURACY

__all__ = ["Op", *sorted(_REGISTRY)]

if not TYPE_CHECKING:  # with __getattr__, a type checker would accept every name
    _MOVED = {
        "PASS": "record",
        "REGISTRY": "op_registry",
        "UPDATES": "op_registry",
        "Update": "record",
        "Vjp": "record",
    }

    def __getattr__(name: str) -> Any:
        """Names that were public here in version 0.1."""
        if name not in _MOVED:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        home = f"{__name__}.{_MOVED[name]}"
        warn(f"xpnet.ops.{name} is now {home}.{name}.", DeprecationWarning, stacklevel=2)
        return getattr(import_module(home), name)
