"""Losses of regression. The target has the output's shape unless stated otherwise.

Below, z is the network's output, t the target, d = z - t, and k the number of columns.
"""

from collections.abc import Iterable
from typing import Any

from xpnet import ops
from xpnet.arguments import elements, number, positive
from xpnet.errors import ArgumentError, ShapeError
from xpnet.graph import Value
from xpnet.nn.losses.loss import Loss, maker

__all__ = [
    "gaussian_nll",
    "half_mean_squared_error",
    "huber",
    "log_cosh",
    "mean_absolute_error",
    "mean_squared_error",
    "poisson",
    "quantile",
    "residual_sum_of_squares",
]


@maker
def mean_squared_error() -> Loss:
    """mean_k d**2: the negative log-likelihood of a normal distribution of fixed variance.

    Also known as ``"mse"``.
    """
    return Loss("mean_squared_error", ops.mean_squared_error, "real")


@maker
def half_mean_squared_error() -> Loss:
    """mean_k d**2 / 2, whose gradient with respect to z is d / k, without a factor 2."""
    return Loss("half_mean_squared_error", lambda z, t: 0.5 * ops.mean_squared_error(z, t), "real")


@maker
def residual_sum_of_squares() -> Loss:
    """sum_k d**2, summed over the samples of a batch, not averaged.

    Also known as ``"rss"``. The gradient grows with the batch, so the learning rate must shrink
    with it. With sample weights w it is sum(w d**2).
    """
    return Loss(
        "residual_sum_of_squares",
        lambda z, t: ops.mean_squared_error(z, t) * z.shape[-1],
        "real",
        reduction="sum",
    )


@maker
def mean_absolute_error() -> Loss:
    """mean_k |d|: its best constant is the median, so outliers count little.

    Also known as ``"mae"``. The gradient at d = 0 is 0.
    """
    return Loss("mean_absolute_error", lambda z, t: ops.mean(ops.abs(z - t), axis=-1), "real")


@maker
def huber(delta: float = 1.0) -> Loss:
    """mean_k of d**2 / 2 where |d| <= delta, and of delta (|d| - delta / 2) elsewhere.

    Parameters
    ----------
    delta : float, default 1.0
        Where the parabola becomes a line; greater than 0, in the target's unit.

    Raises
    ------
    ArgumentError
        If `delta` is not greater than 0.

    References
    ----------
    Huber, "Robust estimation of a location parameter", Annals of Mathematical Statistics 35
    (1964).
    """
    delta = positive("delta", delta)
    return Loss("huber", lambda z, t: ops.mean(ops.huber(z - t, delta=delta), axis=-1), "real")


@maker
def log_cosh() -> Loss:
    """mean_k ln cosh d: d**2 / 2 for small d, |d| - ln 2 for large d, smooth in between.

    Its gradient with respect to z is tanh(d) / k.
    """
    return Loss("log_cosh", lambda z, t: ops.mean(ops.log_cosh(z - t), axis=-1), "real")


@maker
def quantile(q: float | Iterable[float] = 0.5) -> Loss:
    """Mean of the pinball loss: q e where e >= 0 and (q - 1) e elsewhere, with e = t - z.

    Its best constant is the q-quantile of the targets.

    Parameters
    ----------
    q : float or sequence of float, default 0.5
        The quantile of each column, in (0, 1). With several, the network has one output for each,
        and the target has one column.

    Raises
    ------
    ArgumentError
        If a quantile is not in (0, 1), or the sequence is empty.

    References
    ----------
    Koenker and Bassett, "Regression quantiles", Econometrica 46 (1978).
    """
    if not isinstance(q, Iterable) or getattr(q, "ndim", 1) == 0:
        level = _level(q)
        return Loss(
            "quantile", lambda z, t: ops.mean(ops.pinball(t - z, quantile=level), axis=-1), "real"
        )
    levels = tuple(map(_level, elements("q", q, "[0.1, 0.5, 0.9]")))
    if not levels:
        raise ArgumentError("q is empty: give a number in (0, 1), or several.")

    def function(output: Value, target: Value) -> Value:
        columns = [
            ops.pinball(target - output[:, j : j + 1], quantile=level)
            for j, level in enumerate(levels)
        ]
        mean: Value = ops.mean(ops.concat(*columns), axis=-1)
        return mean

    def columns(outputs: int) -> int:
        if outputs != len(levels):
            raise ShapeError(
                f"quantile with q={levels} needs a network with {len(levels)} outputs, one for "
                f"each quantile; this one has {outputs}."
            )
        return 1

    return Loss("quantile", function, "real", columns=columns)


def _level(q: Any) -> float:
    return positive("q", number("q", q, 0.0, 1.0))


@maker
def poisson() -> Loss:
    """mean_k of e**z - t z: counts t >= 0 with a Poisson distribution of rate e**z.

    The term ln t! of the negative log-likelihood, which does not depend on z, is left out.
    Metrics such as ``"r2"`` compare the targets with the rate e**z.
    """
    return Loss(
        "poisson",
        lambda z, t: ops.mean(ops.exp(z) - t * z, axis=-1),
        "counts",
        prediction=ops.exp,
    )


@maker
def gaussian_nll() -> Loss:
    """mean_k of (s + (t - m)**2 e**-s) / 2: a normal distribution with mean m and variance e**s.

    The network has 2 k outputs: k means, then k log variances. The target has k
    columns. The term ln(2 pi) / 2 of the negative log-likelihood is left out. Metrics such as
    ``"r2"`` compare the targets with the means.

    References
    ----------
    Nix and Weigend, "Estimating the mean and variance of the target probability distribution",
    ICNN 1994.
    """

    def means(output: Value) -> Value:
        return output[:, : output.shape[-1] // 2]

    def function(output: Value, target: Value) -> Value:
        d, s = target - means(output), output[:, output.shape[-1] // 2 :]
        mean: Value = ops.mean(0.5 * (s + d * d * ops.exp(-s)), axis=-1)
        return mean

    return Loss("gaussian_nll", function, "real", columns=_half, prediction=means)


def _half(outputs: int) -> int:
    if outputs % 2:
        raise ShapeError(
            "gaussian_nll needs a network with 2 k outputs, k means and then k log "
            f"variances for the target's k columns; this one has {outputs}."
        )
    return outputs // 2
