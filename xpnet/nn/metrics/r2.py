"""The coefficient of determination, which is no mean over the samples."""

from typing import Any

from xpnet import ops
from xpnet.errors import ArgumentError, ShapeError
from xpnet.graph import Value
from xpnet.nn.losses import Loss
from xpnet.nn.metrics.metric import Metric, mean_over_samples
from xpnet.typing import size_of

__all__ = ["r2"]


def r2(loss: Loss) -> Metric:
    """1 - sum (t - z)**2 / sum (t - mean t)**2, averaged over the columns.

    A constant column counts 1 if it is predicted exactly, else 0, as in scikit-learn.
    """
    if loss.target in ("classes", "binary"):
        raise ArgumentError(f"r2 needs a regression loss, not {loss.name!r}.")

    def parts(output: Value, target: Value, samples: int, weights: Value | None) -> list[Value]:
        z = output if loss.prediction is None else loss.prediction(output)
        if z.shape != target.shape:
            raise ShapeError(
                f"r2 compares a prediction with a target of its shape, got {z.shape} and "
                f"{target.shape}."
            )
        pairs = zip(_columns(z), _columns(target), strict=True)
        return [value for pair in pairs for value in _moments(*pair, samples, weights)]

    return Metric("r2", parts, _combine_r2)


def _columns(x: Value) -> list[Value]:
    """One vector for each number that there is of a sample."""
    rows = x.shape[0]
    flat = ops.reshape(x, shape=(rows, size_of(x.shape[1:])))
    return [ops.reshape(flat[:, j : j + 1], shape=(rows,)) for j in range(flat.shape[1])]


def _moments(z: Value, t: Value, samples: int, weights: Value | None) -> list[Value]:
    """Of one column: the mean squared residual, the mean of t, and the variance of t.

    Measured from the first target, so that a constant column has variance 0 exactly.
    """

    def mean(values: Value) -> Value:
        return mean_over_samples("r2", values, samples, weights)

    start = ops.reshape(t[:1], shape=())
    shifted, residual = t - start, z - t
    middle = mean(shifted)
    deviation = shifted - middle
    return [mean(residual * residual), start + middle, mean(deviation * deviation)]


def _combine_r2(rows: Any, shares: Any) -> float:
    """The mean over the columns of `_r2_of_column`."""
    share = shares / shares.sum()
    starts = range(0, rows.shape[1], 3)
    scores = [_r2_of_column(rows[:, j], rows[:, j + 1], rows[:, j + 2], share) for j in starts]
    return sum(scores) / len(scores)


def _r2_of_column(residuals: Any, means: Any, variances: Any, shares: Any) -> float:
    """The variance of all is the mean variance of the batches and the variance of their means.

    Source: Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing
    sample variances", COMPSTAT 1982.
    """
    shifted = means - means[0]
    between = (shares * (shifted - (shares * shifted).sum()) ** 2).sum()
    residual, total = float((shares * residuals).sum()), float((shares * variances).sum() + between)
    if total == 0:
        return 1.0 if residual == 0 else 0.0 * residual  # NaN stays NaN
    return 1.0 - residual / total
