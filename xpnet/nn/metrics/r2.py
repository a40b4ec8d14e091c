"""The coefficient of determination, which is not a mean over the samples."""

from typing import Any

from xpnet import ops
from xpnet.errors import ArgumentError, ShapeError
from xpnet.graph import Value
from xpnet.nn.losses import Loss
from xpnet.nn.metrics.metric import Metric
from xpnet.typing import size_of

__all__ = ["r2"]


def r2(loss: Loss) -> Metric:
    """1 - sum (t - z)**2 / sum (t - mean t)**2, averaged over the columns.

    A constant column scores 1 if it is predicted exactly, else 0, as in scikit-learn.
    """
    if loss.target in ("classes", "binary"):
        raise ArgumentError(f"r2 needs a regression loss, not {loss.name!r}.")

    def parts(output: Value, target: Value, samples: int, weights: Value | None) -> list[Value]:
        z = output if loss.prediction is None else loss.prediction(output)
        if z.shape != target.shape:
            raise ShapeError(
                f"r2 expects a prediction and a target of the same shape, got {z.shape} and "
                f"{target.shape}."
            )
        return _moments(_rows(z), _rows(target), weights)

    return Metric("r2", parts, _combine_r2, own=False, merge=_merge_r2)


def _rows(x: Value) -> Value:
    """Each sample as one row."""
    rows: Value = ops.reshape(x, shape=(x.shape[0], size_of(x.shape[1:])))
    return rows


def _moments(z: Value, t: Value, weights: Value | None) -> list[Value]:
    """For each column: the mean squared residual, the mean of t, and the variance of t.

    They are measured from the first target, so that a constant column has variance 0 exactly.
    """

    def mean(values: Value) -> Value:
        found: Value = ops.mean(values, axis=0) if share is None else share @ values
        return found if share is None else ops.reshape(found, shape=found.shape[1:])

    share = None if weights is None else _share(weights)
    start = ops.reshape(t[:1], shape=t.shape[1:])
    shifted, residual = t - start, z - t
    middle = mean(shifted)
    deviation = shifted - middle
    return [mean(residual * residual), start + middle, mean(deviation * deviation)]


def _share(weights: Value) -> Value:
    """Each sample's share of the total weight, as a row; 0 if the total is 0."""
    total = ops.maximum(ops.sum(weights), 1e-30)
    share: Value = ops.reshape(weights / total, shape=(1, weights.shape[0]))
    return share


def _combine_r2(rows: Any, shares: Any) -> float:
    """The mean over the columns of `_r2_of_column`."""
    share, columns = shares / shares.sum(), rows.shape[1] // 3
    a, b, c = (rows[:, i * columns : (i + 1) * columns] for i in range(3))
    scores = [_r2_of_column(a[:, j], b[:, j], c[:, j], share) for j in range(columns)]
    return sum(scores) / len(scores)


def _merge_r2(rows: Any, shares: Any) -> Any:
    """The moments of a batch from those of its pieces, as in `_r2_of_column`."""
    if not shares.sum():
        return rows[0]
    share, columns = shares / shares.sum(), rows.shape[1] // 3
    found, start = share @ rows, rows[0, columns : 2 * columns]
    shifted = rows[:, columns : 2 * columns] - start
    middle = share @ shifted
    found[columns : 2 * columns] = start + middle
    found[2 * columns :] += share @ (shifted - middle) ** 2
    return found


def _r2_of_column(residuals: Any, means: Any, variances: Any, shares: Any) -> float:
    """The total variance is the batches' mean variance plus the variance of their means.

    Source: Chan, Golub and LeVeque, "Updating formulae and a pairwise algorithm for computing
    sample variances", COMPSTAT 1982.
    """
    shifted = means - means[0]
    between = (shares * (shifted - (shares * shifted).sum()) ** 2).sum()
    residual, total = float((shares * residuals).sum()), float((shares * variances).sum() + between)
    if total == 0:
        return 1.0 if residual == 0 else 0.0 * residual  # NaN stays NaN
    return 1.0 - residual / total
