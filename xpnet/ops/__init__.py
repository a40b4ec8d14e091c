"""The mathematics: every op once, written against the Python Array API.

Each name here is an `Op`. Called on symbolic values it appends a node to their graph; called
on arrays it computes. ``xpnet.ops.REGISTRY`` maps names to ops, ``xpnet.ops.UPDATES`` maps
names to the optimisers' update rules.
"""

from xpnet.ops import activations, arithmetic, linear, losses, metrics, reduce, shape, updates
from xpnet.ops.record import PASS, Op, Update, Vjp

identity = arithmetic.IDENTITY
negative = arithmetic.NEGATIVE
add = arithmetic.ADD
subtract = arithmetic.SUBTRACT
multiply = arithmetic.MULTIPLY
divide = arithmetic.DIVIDE
power = arithmetic.POWER
exp = arithmetic.EXP
log = arithmetic.LOG
flush_to_zero = arithmetic.FLUSH_TO_ZERO
relu = activations.RELU
sigmoid = activations.SIGMOID
tanh = activations.TANH
softmax = activations.SOFTMAX
log_softmax = activations.LOG_SOFTMAX
matmul = linear.MATMUL
affine = linear.AFFINE
sum = reduce.SUM
mean = reduce.MEAN
sum_to = reduce.SUM_TO
weighted_mean = reduce.WEIGHTED_MEAN
reshape = shape.RESHAPE
concat = shape.CONCAT
softmax_cross_entropy = losses.SOFTMAX_CROSS_ENTROPY
soft_cross_entropy = losses.SOFT_CROSS_ENTROPY
binary_cross_entropy_with_logits = losses.BINARY_CROSS_ENTROPY_WITH_LOGITS
mean_squared_error = losses.MEAN_SQUARED_ERROR
accuracy = metrics.ACCURACY
soft_accuracy = metrics.SOFT_ACCURACY
binary_accuracy = metrics.BINARY_ACCURACY

REGISTRY: dict[str, Op] = {op.name: op for op in list(globals().values()) if isinstance(op, Op)}
UPDATES: dict[str, Update] = {
    rule.name: rule for rule in (updates.DECAY, updates.SGD, updates.MOMENTUM, updates.ADAM)
}

__all__ = ["PASS", "REGISTRY", "UPDATES", "Op", "Update", "Vjp", *sorted(REGISTRY)]
