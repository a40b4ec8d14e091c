"""A fitted network as an estimator: its weights, its pickle, its predictions."""

from collections.abc import Callable
from inspect import signature
from numbers import Integral
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.callback import CallbackSupportMixin
from sklearn.metrics import check_scoring
from sklearn.utils.validation import check_is_fitted

from xpnet.backends.readable import check_given
from xpnet.errors import ArgumentError, in_brief
from xpnet.estimators.architecture import dense_names
from xpnet.estimators.array_library import check_library, library, on_host
from xpnet.estimators.class_labels import Labels
from xpnet.estimators.numeric_targets import Values
from xpnet.estimators.samples import Samples, validate_inputs
from xpnet.estimators.stored_samples import in_memory
from xpnet.estimators.weights import Weights
from xpnet.model import Model
from xpnet.nn import Sequential
from xpnet.typing import Array, ArrayLike

__all__ = ["FittedMLP"]


def _takes_weights(scorer: Callable[..., float]) -> bool:
    """Whether a scorer, or the metric that scikit-learn's scorer calls, accepts `sample_weight`."""
    found = signature(getattr(scorer, "_score_func", scorer)).parameters
    return "sample_weight" in found or any(p.kind is p.VAR_KEYWORD for p in found.values())


class FittedMLP(
    CallbackSupportMixin,  # type: ignore[misc]
    ClassNamePrefixFeaturesOutMixin,  # type: ignore[misc]
    TransformerMixin,  # type: ignore[misc]
    BaseEstimator,  # type: ignore[misc]
):
    """An estimator with a trained model; `BaseMLP` trains it."""

    _metric: Callable[..., float]
    _targets: Labels | Values

    def __sklearn_is_fitted__(self) -> bool:
        return "_model" in vars(self)

    def _goes_on(self, partial: bool) -> bool:
        """Whether training continues with the current network."""
        return partial and "_model" in vars(self)

    # --- weights ------------------------------------------------------------------------------

    @property
    def model_(self) -> Model:
        """The trained model."""
        check_is_fitted(self)
        self._sync()
        model: Model = self._model
        return model

    def _weights(self) -> Weights:
        return Weights(dense_names(self._network))

    def _link(self) -> None:
        """Set `coefs_` and `intercepts_` to the model's weights: live views on NumPy and CuPy."""
        self.coefs_, self.intercepts_ = self._weights().of(self._model)
        self._linked = [*self.coefs_, *self.intercepts_]

    def _sync(self) -> None:
        """Copy arrays that the user has put into the lists into the model."""
        linked = getattr(self, "_linked", None)
        if linked is None:
            return
        shown = [*self.coefs_, *self.intercepts_]
        if len(shown) != len(linked) or any(a is not b for a, b in zip(shown, linked, strict=True)):
            self._weights().put(self._model, self.coefs_, self.intercepts_)
            self._link()

    def __getstate__(self) -> dict[str, Any]:
        """The state, on the host. The model holds the weights; loading makes the lists anew."""
        if getattr(self, "_model", None) is None:
            return dict(super().__getstate__())
        self._sync()
        state = dict(super().__getstate__())
        for name in ("coefs_", "intercepts_", "_linked"):
            state.pop(name, None)
        state.pop("_checked", None)
        state["_targets"] = self._targets.on_host()
        if "classes_" in state:
            state["classes_"] = on_host(self.classes_)
        if state.get("_best_state") is not None:
            state["_best_state"] = {n: on_host(a) for n, a in self._best_state.items()}
        return state

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        if getattr(self, "_model", None) is not None:
            self._link()

    # --- predicting ---------------------------------------------------------------------------

    def _output(self, X: Any, method: str) -> Any:
        """The network's output for the user's samples, in the library of X."""
        if "_model" not in vars(self):
            check_is_fitted(self)
        if X is not None and X is vars(self).get("_checked"):
            return self._model.predict(X)
        plain = type(X) is np.ndarray and X.ndim == 2 and not hasattr(self, "feature_names_in_")
        if not plain or not self._is_plain(X):
            check_library(self, X, self._linked[0], method)
            X = validate_inputs(self, X)
        self._sync()
        return self._model.predict(X)

    def _is_plain(self, X: Any) -> bool:
        """Whether a NumPy array needs none of scikit-learn's slow checks."""
        dtype = X.dtype
        return (
            self.backend is None
            and type(self._linked[0]) is np.ndarray
            and (dtype == np.float64 or dtype == np.float32)
            and X.shape[1] == self.n_features_in_
            and len(X) > 0
            and bool(np.isfinite(X).all())
        )

    def transform(self, X: ArrayLike, layer: int = -1) -> Array:
        """The activations of a hidden layer.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        layer : int, default -1
            Index of the hidden layer, from 0; by default the last.

        Returns
        -------
        array of shape (n_samples, units)

        Raises
        ------
        ArgumentError
            If there is no such hidden layer.

        Notes
        -----
        With ``set_output(transform="pandas")`` the columns are named after the last hidden layer.
        """
        check_is_fitted(self)
        check_library(self, X, self._linked[0], "transform")
        X = validate_inputs(self, X)
        self._sync()
        return self._hidden(layer).predict(X)

    @property
    def _n_features_out(self) -> int:
        """Number of units in the last hidden layer, for `get_feature_names_out`."""
        return int(self.coefs_[-1].shape[0])

    def _hidden(self, layer: Any) -> Model:
        """A model of the layers up to this hidden layer and its activation."""
        dense = [int(name.partition(".")[2]) for name in dense_names(self._network)]
        hidden = len(dense) - 1
        if not isinstance(layer, Integral):
            raise ArgumentError(f"layer must be a whole number, got {in_brief(layer)}.")
        if not hidden:
            raise ArgumentError("there is no hidden layer: hidden_layer_sizes is empty.")
        number = int(layer)
        if not -hidden <= number < hidden:
            raise ArgumentError(
                f"layer must be from {-hidden} (the first) to {hidden - 1} (the last), since there "
                f"{'is 1 hidden layer' if hidden == 1 else f'are {hidden} hidden layers'}; got "
                f"{layer}."
            )
        front = Sequential(*self._network.layers[: dense[number % hidden + 1]])
        found = self._model
        model = Model(
            front, "mse", backend=found.backend, dtype=found.dtype, metrics=(),
            input_shape=self.n_features_in_, check_finite=False,
        ).build()  # fmt: skip
        state = found.state_dict()
        model.load_state_dict({name: state[name] for name in model.parameters})
        return model

    def _validation_score(self, held: Samples) -> float:
        """The score by `scoring`, else the estimator's own; NaN if an output is not finite."""
        if self.scoring is not None:
            return self._scored_by(check_scoring(self, self.scoring), held)
        output = on_host(self._model.predict(held.X))
        if not np.isfinite(output).all():
            return float("nan")
        weight = None if held.weight is None else on_host(held.weight)
        predicted = self._targets.decode(output, self._head)
        return float(self._metric(on_host(held.y), predicted, sample_weight=weight))

    def _scored_by(self, scorer: Callable[..., float], held: Samples) -> float:
        """A scorer's score, weighted if the scorer accepts weights."""
        weighted = held.weight is not None and _takes_weights(scorer)
        kwargs = {"sample_weight": held.weight} if weighted else {}
        self._checked = held.X  # an array: column names are not needed
        try:
            return float(scorer(self, held.X, held.y, **kwargs))
        finally:
            del self._checked

    def score(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> float:
        """Accuracy for a classifier, R**2 for a regressor, mean D**2 for quantiles.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)
        y : array-like
            True labels or values.
        sample_weight : array-like of shape (n_samples,), optional

        Returns
        -------
        float
        """
        y = in_memory(y)
        check_given("y", y)
        predicted = self.predict(X)
        if library(X).name == "numpy" and library(y).name == "numpy":
            return float(self._metric(y, predicted, sample_weight=sample_weight))
        weight = None if sample_weight is None else on_host(sample_weight)
        return float(self._metric(on_host(y), on_host(predicted), sample_weight=weight))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        tags.array_api_support = True
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags
