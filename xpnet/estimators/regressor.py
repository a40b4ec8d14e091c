"""`MLPRegressor`: scikit-learn's, on xpnet's engine."""

from collections.abc import Callable, Iterable, Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np
from sklearn.base import RegressorMixin, _fit_context
from sklearn.metrics import d2_pinball_score, r2_score
from sklearn.utils.metaestimators import available_if

from xpnet.errors import ArgumentError
from xpnet.estimators.base import BaseMLP
from xpnet.estimators.data import library, moved, on_host
from xpnet.estimators.documentation import documented
from xpnet.estimators.heads import regressor_head
from xpnet.estimators.parameters import CONSTRAINTS, keep
from xpnet.nn import LayerLike, LossLike
from xpnet.optim import OptimizerLike
from xpnet.typing import Array, ArrayLike, BackendName, DTypeLike

__all__ = ["MLPRegressor"]


@documented
class MLPRegressor(RegressorMixin, BaseMLP):  # type: ignore[misc]
    """A multilayer perceptron for numbers: one or several, or quantiles of one.

    The names, meanings and defaults of ``sklearn.neural_network.MLPRegressor``, which it can
    replace by one import, and further ones behind them. The same ``random_state`` draws the same
    weights and batches, so the same settings give the same loss curve.

    Parameters
    ----------
    loss : str, Loss or callable, default "squared_error"
        ``"squared_error"``, ``"poisson"`` (targets of at least 0), any of `xpnet.losses`, or a
        function of output and target.
    <parameters>
    quantiles : float or sequence of float, optional
        Predict these quantiles, each in (0, 1), in place of the mean: a column for each.
    scale_target : bool, default False
        Train on targets of mean 0 and standard deviation 1; predictions are in their own unit.
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
    score = BaseMLP.score  # not the mixin's, which knows no CuPy arrays
    _numeric = True

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
    ) -> None:
        keep(self, locals())

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(
        self,
        X: ArrayLike,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: ArrayLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Train on the samples.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
            Sparse ones are made dense.
        y : array-like of shape (n_samples,) or (n_samples, n_outputs)
        sample_weight : array-like of shape (n_samples,), optional
            Numbers of at least 0.
        X_val, y_val, sample_weight_val : optional
            Samples that are not trained on, whose loss and score are followed.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            For data or parameters that cannot be used.
        """
        validation = (X_val, y_val, sample_weight_val)
        return self._fit(X, y, sample_weight, validation)  # type: ignore[no-any-return]

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
        """Train for one epoch, going on from what there is.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`. A target's scale is learned in the first call.
        X_val, y_val, sample_weight_val : optional
            As in `fit`. With `early_stopping`, `converged_` tells when to end, and the best weights
            are then put back.

        Returns
        -------
        self
        """
        validation = (X_val, y_val, sample_weight_val)
        return self._fit(X, y, sample_weight, validation, partial=True)  # type: ignore[no-any-return]

    def initialize(self, X: ArrayLike, y: ArrayLike) -> Self:
        """Make the weights without training, to be looked at or set before `partial_fit`.

        Parameters
        ----------
        X, y
            As in `fit`.

        Returns
        -------
        self
        """
        self._validate_params()
        return self._fit(X, y, None, (None, None, None), initialize=True)  # type: ignore[no-any-return]

    def _learn_targets(self, y: Any, *, first: bool, partial: bool) -> None:
        """The number of values, their scale, and the head that they need."""
        columns = 1 if y.ndim == 1 else int(y.shape[1])
        if self._goes_on(partial):
            self._check_targets(y, "y")
        else:
            self._head = regressor_head(self.loss, columns, self.quantiles)
            self.n_outputs_, self._columns = self._head.units, columns
            self._levels = None if self.quantiles is None else np.atleast_1d(self.quantiles)
        if first or not hasattr(self, "_scale"):
            self._scale = self._learn_scale(y) if self.scale_target else None

    def _learn_scale(self, y: Any) -> tuple[Any, Any]:
        """Mean and standard deviation of each column, on the host; 1 for a constant one."""
        if self._head.out == "exp":
            raise ArgumentError(f"scale_target does not go with counts: loss={self.loss!r}.")
        columns = on_host(y).reshape(y.shape[0], -1).astype("float64")
        deviation = columns.std(axis=0)
        return columns.mean(axis=0), np.where(deviation > 0, deviation, 1.0)

    def _check_targets(self, y: Any, name: str = "y_val") -> None:
        columns = 1 if y.ndim == 1 else int(y.shape[1])
        if columns != self._columns:
            raise ArgumentError(f"{name} has {columns} columns, the fit has {self._columns}.")

    def _target(self, y: Any, X: Any) -> Any:
        """The values as columns, in the library of X and in its type."""
        like = library(X)
        target = like.xp.astype(like.xp.reshape(moved(y, X), (y.shape[0], -1)), X.dtype)
        if self._scale is None:
            return target
        mean, deviation = (like.xp.astype(like.asarray(a), X.dtype) for a in self._scale)
        return (target - mean) / deviation

    def _read(self, output: Any) -> Any:
        """Values in their own unit; a vector if there is one for each sample."""
        values, like = self._head.activate(output), library(output)
        if self._scale is not None:
            mean, deviation = (like.xp.astype(like.asarray(a), values.dtype) for a in self._scale)
            values = values * deviation + mean
        return values[:, 0] if values.shape[1] == 1 else values

    def _metric(self, y: Any, predicted: Any, sample_weight: Any) -> float:
        """R**2; for quantiles the mean of their D**2, which is R**2 for the pinball loss."""
        if self._levels is None:
            return float(r2_score(y, predicted, sample_weight=sample_weight))
        columns = np.reshape(predicted, (len(predicted), -1)).T
        scores = [
            d2_pinball_score(y, column, sample_weight=sample_weight, alpha=level)
            for column, level in zip(columns, self._levels, strict=True)
        ]
        return float(np.mean(scores))

    def predict(self, X: ArrayLike) -> Array:
        """The values for each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples,) or (n_samples, n_outputs)
            In the library of X.
        """
        return self._read(self._output(X, "predict"))
