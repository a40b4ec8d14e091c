"""The rules by which optimizers change the parameters, on flat vectors.

Running moments are sums, m' = beta m + g, not means, m' = beta m + (1 - beta) g. The two differ by
a factor, which goes into the coefficients. That saves a pass over the vector.
"""

from typing import Any

from xpnet.ops.record import Update
from xpnet.typing import Namespace

__all__ = [
    "ADADELTA",
    "ADAGRAD",
    "ADAM",
    "AMSGRAD",
    "AVERAGE",
    "CENTERED_RMS",
    "CLIP_NORM",
    "CLIP_VALUE",
    "DECAY",
    "DECOUPLED_DECAY",
    "LION",
    "MOMENTUM",
    "NADAM",
    "RADAM",
    "RMS",
    "SGD",
]

New = tuple[Any, ...]

# --- rules that change the gradient for the next rule ---------------------------------------------


def clip_value(xp: Namespace, p: Any, g: Any, *, limit: float) -> New:
    """g' = min(max(g, -limit), limit)."""
    return p, xp.clip(g, -limit, limit)


def clip_norm(xp: Namespace, p: Any, g: Any, *, limit: float) -> New:
    """g' = g min(1, limit / (|g| + 1e-6)); where |g|**2 overflows, g' = 0."""
    share = limit / (xp.sqrt(xp.sum(g * g)) + 1e-6)
    return p, g * xp.clip(share, None, 1)


def decay(xp: Namespace, p: Any, g: Any, weight_decay: Any) -> New:
    """g' = g + weight_decay p: the gradient of weight_decay/2 |p|**2."""
    return p, g + weight_decay * p


def rms(xp: Namespace, p: Any, g: Any, v: Any, *, rho: float, epsilon: float) -> New:
    """v' = rho v + g**2;  g' = g / (sqrt(v') + epsilon)."""
    v = rho * v + g * g
    return p, g / (xp.sqrt(v) + epsilon), v


def centered_rms(
    xp: Namespace, p: Any, g: Any, a: Any, v: Any, *, rho: float, epsilon: float
) -> New:
    """a' = rho a + g;  v' = rho v + g**2;  g' = g / (sqrt(v' - (1 - rho) a'**2) + epsilon).

    The root is that of the gradient's running variance, times 1 / (1 - rho). Rounding may make
    the variance negative where the gradient hardly changes; it then counts as 0.
    """
    a = rho * a + g
    v = rho * v + g * g
    variance = xp.clip(v - (1 - rho) * (a * a), 0, None)
    return p, g / (xp.sqrt(variance) + epsilon), a, v


# --- rules that change the parameters -------------------------------------------------------------


def decoupled_decay(xp: Namespace, p: Any, g: Any, decay: Any) -> New:
    """p' = p - decay p."""
    return p - decay * p, g


def sgd(xp: Namespace, p: Any, g: Any, lr: Any) -> New:
    """p' = p - lr g."""
    return p - lr * g, g


def momentum(
    xp: Namespace, p: Any, g: Any, v: Any, lr: Any, *, momentum: float, nesterov: bool
) -> New:
    """v' = momentum v + g;  p' = p - lr v', or p - lr (g + momentum v') by Nesterov."""
    v = momentum * v + g
    return p - lr * (g + momentum * v if nesterov else v), g, v


def adagrad(xp: Namespace, p: Any, g: Any, v: Any, lr: Any, *, epsilon: float) -> New:
    """v' = v + g**2;  p' = p - lr g / (sqrt(v') + epsilon)."""
    v = v + g * g
    return p - lr * (g / (xp.sqrt(v) + epsilon)), g, v


def adadelta(
    xp: Namespace, p: Any, g: Any, v: Any, u: Any, lr: Any, *, rho: float, epsilon: float
) -> New:
    """v' = rho v + g**2;  d = g sqrt(u + epsilon) / sqrt(v' + epsilon);
    u' = rho u + d**2;  p' = p - lr d.
    """
    v = rho * v + g * g
    d = g / xp.sqrt(v + epsilon) * xp.sqrt(u + epsilon)
    return p - lr * d, g, v, rho * u + d * d


def adam(
    xp: Namespace,
    p: Any,
    g: Any,
    m: Any,
    v: Any,
    step_size: Any,
    eps: Any,
    *,
    beta1: float,
    beta2: float,
) -> New:
    """m' = beta1 m + g;  v' = beta2 v + g**2;  p' = p - step_size m' / (sqrt(v') + eps).

    Divided by the sums of their weights, s1 = 1 + beta1 + ... + beta1**(t-1) and s2 likewise,
    m and v are Adam's bias-corrected means. The coefficients contain the division:
    step_size = lr sqrt(s2) / s1 and eps = epsilon sqrt(s2).
    """
    m = beta1 * m + g
    v = beta2 * v + g * g
    return p - step_size * m / (xp.sqrt(v) + eps), g, m, v


def amsgrad(
    xp: Namespace,
    p: Any,
    g: Any,
    m: Any,
    v: Any,
    w: Any,
    step_size: Any,
    eps: Any,
    *,
    beta1: float,
    beta2: float,
) -> New:
    """m', v' as in adam;  w' = max(w, v');  p' = p - step_size m' / (sqrt(w') + eps)."""
    m = beta1 * m + g
    v = beta2 * v + g * g
    w = xp.maximum(w, v)
    return p - step_size * m / (xp.sqrt(w) + eps), g, m, v, w


def nadam(
    xp: Namespace,
    p: Any,
    g: Any,
    m: Any,
    v: Any,
    now: Any,
    step_size: Any,
    eps: Any,
    *,
    beta1: float,
    beta2: float,
) -> New:
    """m', v' as in adam;  p' = p - (now g + step_size m') / (sqrt(v') + eps)."""
    m = beta1 * m + g
    v = beta2 * v + g * g
    return p - (now * g + step_size * m) / (xp.sqrt(v) + eps), g, m, v


def radam(
    xp: Namespace,
    p: Any,
    g: Any,
    m: Any,
    v: Any,
    flat: Any,
    step_size: Any,
    eps: Any,
    *,
    beta1: float,
    beta2: float,
) -> New:
    """m', v' as in adam;  p' = p - (flat + step_size / (sqrt(v') + eps)) m'. Either flat or
    step_size is 0.
    """
    m = beta1 * m + g
    v = beta2 * v + g * g
    return p - (flat + step_size / (xp.sqrt(v) + eps)) * m, g, m, v


def lion(xp: Namespace, p: Any, g: Any, m: Any, lr: Any, *, beta2: float, share: float) -> New:
    """p' = p - lr sign(share m + g);  m' = beta2 m + g."""
    return p - lr * xp.sign(share * m + g), g, beta2 * m + g


# --- rules that watch the parameters --------------------------------------------------------------


def average(xp: Namespace, p: Any, g: Any, a: Any, *, decay: float) -> New:
    """a' = decay a + (1 - decay) p."""
    return p, g, decay * a + (1 - decay) * p


CLIP_VALUE = Update("clip_value", clip_value, skips_zeros=True)
CLIP_NORM = Update("clip_norm", clip_norm)
DECAY = Update("decay", decay, coefficients=("weight_decay",))
RMS = Update("rms", rms, slots=("square_sum",))
CENTERED_RMS = Update("centered_rms", centered_rms, slots=("gradient_sum", "square_sum"))
DECOUPLED_DECAY = Update("decoupled_decay", decoupled_decay, coefficients=("decay",))
SGD = Update("sgd", sgd, coefficients=("lr",), last=True, skips_zeros=True)
MOMENTUM = Update("momentum", momentum, slots=("velocity",), coefficients=("lr",), last=True)
ADAGRAD = Update(
    "adagrad",
    adagrad,
    slots=("square_sum",),
    coefficients=("lr",),
    last=True,
    skips_zeros=True,
)
ADADELTA = Update(
    "adadelta", adadelta, slots=("square_sum", "step_square_sum"), coefficients=("lr",), last=True
)
ADAM = Update(
    "adam", adam, slots=("gradient_sum", "square_sum"), coefficients=("step_size", "eps"), last=True
)
AMSGRAD = Update(
    "amsgrad",
    amsgrad,
    slots=("gradient_sum", "square_sum", "largest_square_sum"),
    coefficients=("step_size", "eps"),
    last=True,
)
NADAM = Update(
    "nadam",
    nadam,
    slots=("gradient_sum", "square_sum"),
    coefficients=("now", "step_size", "eps"),
    last=True,
)
RADAM = Update(
    "radam",
    radam,
    slots=("gradient_sum", "square_sum"),
    coefficients=("flat", "step_size", "eps"),
    last=True,
)
LION = Update("lion", lion, slots=("gradient_sum",), coefficients=("lr",), last=True)
AVERAGE = Update("average", average, slots=("average",))
