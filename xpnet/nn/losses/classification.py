"""Losses of classification.

Class losses take integer labels, shape (n,), or a probability for each class, shape (n, k).
Binary losses take 0, 1 or a probability for each column of the output. Losses on probabilities
need a network that ends in `Softmax` or `Sigmoid`. Prefer the losses on logits, which are exact
for any logits.

Below, z is the network's output, p its probabilities, t the target and k the number of columns.
"""

from xpnet import ops
from xpnet.arguments import number
from xpnet.backends import is_float
from xpnet.graph import Value
from xpnet.nn.losses.loss import Loss, by_target, maker

__all__ = [
    "binary_cross_entropy",
    "binary_cross_entropy_with_logits",
    "binary_focal",
    "cross_entropy",
    "focal",
    "hinge",
    "multiclass_hinge",
    "softmax_cross_entropy",
]

_ACCURACY = ("accuracy",)


def _shares(output: Value, target: Value) -> Value:
    """Class targets as a probability for each class."""
    if is_float(target.dtype):
        return target
    shares: Value = ops.one_hot(target, classes=output.shape[-1], dtype=output.dtype)
    return shares


@maker
def softmax_cross_entropy(label_smoothing: float = 0.0) -> Loss:
    """-sum_k t_k ln softmax(z)_k, on logits.

    Parameters
    ----------
    label_smoothing : float, default 0.0
        In [0, 1): the target is mixed with this share of the uniform distribution,
        t' = (1 - label_smoothing) t + label_smoothing / k.

    Raises
    ------
    ArgumentError
        If `label_smoothing` is not in [0, 1).

    References
    ----------
    Szegedy et al., "Rethinking the inception architecture for computer vision", CVPR 2016.
    """
    share = number("label_smoothing", label_smoothing, 0.0, 1.0)

    def hard(output: Value, target: Value) -> Value:
        loss: Value = ops.softmax_cross_entropy(output, target, smoothing=share)
        return loss

    def soft(output: Value, target: Value) -> Value:
        mixed = (1 - share) * target + share / output.shape[-1] if share else target
        loss: Value = ops.soft_cross_entropy(output, mixed)
        return loss

    return Loss("softmax_cross_entropy", by_target(hard, soft), "classes", _ACCURACY)


@maker
def cross_entropy() -> Loss:
    """-sum_k t_k ln p_k, on probabilities: the network must end in `Softmax`.

    ln p is taken as at least -100, and the gradient is -t / max(p, 1e-12), so that p = 0 is safe.
    """
    return Loss(
        "cross_entropy",
        lambda p, t: ops.cross_entropy(p, _shares(p, t)),
        "classes",
        _ACCURACY,
        advice="It takes probabilities: end the network with Softmax, or use softmax_cross_entropy",
    )


@maker
def focal(gamma: float = 2.0) -> Loss:
    """(1 - e**-c)**gamma c, with the softmax cross-entropy c, on logits.

    e**-c is the probability given to the label, so samples that are already right count little.

    Parameters
    ----------
    gamma : float, default 2.0
        At least 0; 0 gives `softmax_cross_entropy`.

    Raises
    ------
    ArgumentError
        If `gamma` is negative.

    References
    ----------
    Lin et al., "Focal loss for dense object detection", ICCV 2017.
    """
    gamma = number("gamma", gamma, 0.0)
    entropy = by_target(ops.softmax_cross_entropy, ops.soft_cross_entropy)
    return Loss("focal", lambda z, t: ops.focal(entropy(z, t), gamma=gamma), "classes", _ACCURACY)


@maker
def binary_cross_entropy_with_logits() -> Loss:
    """mean_k of -t ln p - (1 - t) ln(1 - p), with p = sigmoid(z), on logits."""
    return Loss(
        "binary_cross_entropy_with_logits",
        ops.binary_cross_entropy_with_logits,
        "binary",
        _ACCURACY,
    )


@maker
def binary_cross_entropy() -> Loss:
    """mean_k of -t ln p - (1 - t) ln(1 - p), on probabilities: end the network in `Sigmoid`.

    Also known as ``"bce"``. The logarithms are taken as at least -100, and the gradient is
    (p - t) / max(p (1 - p), 1e-12) / k, so that p = 0 and p = 1 are safe.
    """
    return Loss(
        "binary_cross_entropy",
        ops.binary_cross_entropy,
        "binary",
        _ACCURACY,
        threshold=0.5,
        advice="It takes probabilities: end the network with Sigmoid, or use "
        "binary_cross_entropy_with_logits",
    )


@maker
def binary_focal(gamma: float = 2.0) -> Loss:
    """mean_k of (1 - e**-c)**gamma c, with each column's binary cross-entropy c, on logits.

    Parameters
    ----------
    gamma : float, default 2.0
        At least 0; 0 gives `binary_cross_entropy_with_logits`.

    Raises
    ------
    ArgumentError
        If `gamma` is negative.

    References
    ----------
    See `focal`.
    """
    gamma = number("gamma", gamma, 0.0)

    def function(output: Value, target: Value) -> Value:
        each = [ops.reshape(v, shape=(*v.shape, 1)) for v in (output, target)]
        entropy = ops.binary_cross_entropy_with_logits(*each)
        mean: Value = ops.mean(ops.focal(entropy, gamma=gamma), axis=-1)
        return mean

    return Loss("binary_focal", function, "binary", _ACCURACY)


@maker
def hinge() -> Loss:
    """mean_k max(0, 1 - s z) with s = 2 t - 1: -1 or +1 for the targets 0 and 1.

    References
    ----------
    Cortes and Vapnik, "Support-vector networks", Machine Learning 20 (1995).
    """

    def function(output: Value, target: Value) -> Value:
        mean: Value = ops.mean(ops.relu(1 - (2 * target - 1) * output), axis=-1)
        return mean

    return Loss("hinge", function, "binary", _ACCURACY, hard=True)


@maker
def multiclass_hinge() -> Loss:
    """sum_{j != y} max(0, 1 - z_y + z_j) / k, where y is the label.

    The target is labels, or 1 for the label's class and 0 for the others.

    References
    ----------
    Weston and Watkins, "Support vector machines for multi-class pattern recognition", ESANN 1999.
    """

    def function(output: Value, target: Value) -> Value:
        own = _shares(output, target)
        margin = 1 - ops.sum(own * output, axis=-1, keepdims=True) + output
        mean: Value = ops.mean((1 - own) * ops.relu(margin), axis=-1)
        return mean

    return Loss("multiclass_hinge", function, "classes", _ACCURACY, hard=True)
