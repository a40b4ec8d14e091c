"""`MLPRegressor`: scikit-learn's regressor on xpnet's engine."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from sklearn.metrics import d2_pinball_score, r2_score
from sklearn.utils.metaestimators import available_if

from xpnet.backends.readable import host_numbers
from xpnet.errors import ArgumentError
from xpnet.estimators.base_mlp import BaseMLP
from xpnet.estimators.documentation import documented
from xpnet.estimators.heads import Head, regressor_head
from xpnet.estimators.numeric_targets import Scale, Values, column_count
from xpnet.estimators.parameter_constraints import CONSTRAINTS, keep
from xpnet.estimators.samples import Given
from xpnet.nn import LayerLike, LossLike
from xpnet.optim import OptimizerLike
from xpnet.typing import Array, ArrayLike, BackendName, DTypeLike

__all__ = ["MLPRegressor"]


@documented
class MLPRegressor(RegressorMixin, BaseMLP):  # type: ignore[misc]
    """A multilayer perceptron for regression: one target or several, or quantiles of one.

    A drop-in replacement for ``sklearn.neural_network.MLPRegressor``: its parameters come first,
    with the same meanings and defaults, then xpnet's own. The same ``random_state`` draws the same
    weights and batches, so the same settings give the same loss curve.

    Parameters
    ----------
    loss : str, Loss or callable, default "squared_error"
        ``"squared_error"``, ``"poisson"`` (targets of at least 0), any of `xpnet.losses`, or a
        function of output and target.
    <parameters>
    quantiles : float or sequence of float, optional
        Predict these quantiles, each in (0, 1), instead of the mean: one column for each.
    scale_target : bool, default False
        Train on targets of mean 0 and standard deviation 1; predictions are scaled back, and are
        float64 where the library of X has it.
        Losses are then in units of the standard deviation.

    Attributes
    ----------
    <attributes>

    Examples
    --------
    >>> import numpy as np
    >>> import xpnet as xn
    >>> X = np.linspace(-1, 1, 100)[:, None]
    >>> model = xn.MLPRegressor(solver="lbfgs", random_state=0).fit(X, 1000 * X[:, 0] ** 2)
    >>> model.score(X, 1000 * X[:, 0] ** 2) > 0.99
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **CONSTRAINTS,
        "quantiles": [float, list, tuple, None],
        "scale_target": ["boolean"],
    }
    score = BaseMLP.score  # the mixin's does not accept CuPy arrays
    _numeric = True
    _targets: Values

    def __init__(
        self,
        loss: LossLike = "squared_error",
        hidden_layer_sizes: int | Iterable[int] = (100,),
        activation: str | LayerLike | Sequence[str | LayerLike] = "relu",
        *,
        solver: Literal["lbfgs", "sgd", "adam"] = "adam",
        alpha: float = 0.0001,
        batch_size: int | Literal["auto"] = "auto",
        learning_rate: Literal["constant", "invscaling", "adaptive"] = "constant",
        learning_rate_init: float = 0.001,
        power_t: float = 0.5,
        max_iter: int = 200,
        shuffle: bool = True,
        random_state: int | np.random.RandomState | None = None,
        tol: float = 1e-4,
        verbose: int = False,
        warm_start: bool = False,
        momentum: float = 0.9,
        nesterovs_momentum: bool = True,
        early_stopping: bool = False,
        validation_fraction: float = 0.1,
        beta_1: float = 0.9,
        beta_2: float = 0.999,
        epsilon: float = 1e-8,
        n_iter_no_change: float = 10,
        max_fun: int = 15000,
        quantiles: float | Sequence[float] | None = None,
        scale_target: bool = False,
        dropout: float | Sequence[float] = 0.0,
        normalization: Literal["batch", "layer"] | None = None,
        optimizer: OptimizerLike | None = None,
        clip_value: float | None = None,
        clip_norm: float | None = None,
        clip_global_norm: float | None = None,
        scoring: str | Callable[..., float] | None = None,
        restore_best: bool = False,
        callbacks: Sequence[Any] | None = None,
        initial_weights: Sequence[Sequence[ArrayLike]] | None = None,
        backend: BackendName | str | None = None,
        dtype: DTypeLike | None = None,
        threads: int | None = None,
    ) -> None:
        keep(self, locals())

    @available_if(BaseMLP._can_partial_fit)  # type: ignore[untyped-decorator]
    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def partial_fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: ArrayLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Train for one epoch, starting from the current weights.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`. The first call sets the scale of the targets.
        X_val, y_val, sample_weight_val : optional
            As in `fit`. With `early_stopping`, stop calling once `converged_` is true; the best
            weights are then restored.

        Returns
        -------
        self
        """
        validation = (X_val, y_val, sample_weight_val)
        return self._train(Given(X, y, sample_weight, *validation, partial=True))

    def _learn_targets(self, y: Any, given: Given, *, first: bool) -> Values:
        """The targets and their scale, from the first fit if this fit continues it."""
        known: Values | None = getattr(self, "_targets", None)
        if known is not None and self._goes_on(given.partial):
            known.check(y, "y")
            return known
        levels = None if self.quantiles is None else _levels(self.quantiles)
        if known is not None and not first:
            scale = known.scale
        else:
            scale = Scale.of(y) if self.scale_target else None
        return Values(column_count(y), levels, scale)

    def _make_head(self) -> Head:
        head = regressor_head(self.loss, self._targets.columns, self.quantiles)
        if self.scale_target and head.out == "exp":
            raise ArgumentError(f"scale_target does not work for counts: loss={self.loss!r}.")
        return head

    def _metric(self, y: Any, predicted: Any, sample_weight: Any) -> float:
        """R**2; for quantiles the mean of their D**2, which is R**2 for the pinball loss."""
        levels = self._targets.levels
        if levels is None:
            return float(r2_score(y, predicted, sample_weight=sample_weight))
        columns = np.reshape(predicted, (len(predicted), -1)).T
        scores = [
            d2_pinball_score(y, column, sample_weight=sample_weight, alpha=level)
            for column, level in zip(columns, levels, strict=True)
        ]
        return float(np.mean(scores))

    def predict(self, X: ArrayLike) -> Array:
        """The predicted values of each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples,) or (n_samples, n_outputs)
            In the library of X.
        """
        output = self._output(X, "predict")
        return self._targets.decode(output, self._head)


def _levels(quantiles: Any) -> Any:
    """The quantiles as a vector."""
    return np.atleast_1d(host_numbers("quantiles", quantiles))
