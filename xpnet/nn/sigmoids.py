"""Activation layers that squash numbers into an interval or turn them into probabilities."""

from xpnet import ops
from xpnet.nn.activation_layer import Activation

__all__ = [
    "HardSigmoid",
    "HardTanh",
    "LogSigmoid",
    "LogSoftmax",
    "Sigmoid",
    "Softmax",
    "Softsign",
    "Tanh",
]


class Softsign(Activation):
    """y = x / (1 + |x|).

    Source: Turian, Bergstra and Bengio, "Quadratic features and deep architectures for
    chunking", NAACL 2009.
    """

    op = ops.softsign


class Sigmoid(Activation):
    """y = 1 / (1 + e**-x)."""

    op = ops.sigmoid


class LogSigmoid(Activation):
    """y = -ln(1 + e**-x)."""

    op = ops.log_sigmoid


class HardSigmoid(Activation):
    """y = min(max(x / 6 + 1/2, 0), 1)."""

    op = ops.hard_sigmoid


class Tanh(Activation):
    """y = tanh x."""

    op = ops.tanh


class HardTanh(Activation):
    """y = min(max(x, -1), 1)."""

    op = ops.hard_tanh


class Softmax(Activation):
    """y_k = e**x_k / sum_j e**x_j over the last axis.

    Train on logits with ``loss="softmax_cross_entropy"``. Add this layer after the network only to
    read probabilities.
    """

    op = ops.softmax


class LogSoftmax(Activation):
    """y_k = x_k - ln sum_j e**x_j over the last axis."""

    op = ops.log_softmax
