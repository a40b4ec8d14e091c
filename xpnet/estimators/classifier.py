"""`MLPClassifier`: scikit-learn's classifier on xpnet's engine."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, ClassVar, Literal, Self

import numpy as np
from sklearn.base import ClassifierMixin, _fit_context
from sklearn.metrics import accuracy_score
from sklearn.utils.metaestimators import available_if
from sklearn.utils.multiclass import _check_partial_fit_first_call

from xpnet import ops
from xpnet.errors import ArgumentError
from xpnet.estimators.array_library import on_host
from xpnet.estimators.base_mlp import BaseMLP
from xpnet.estimators.class_labels import Labels, check_classes
from xpnet.estimators.documentation import documented
from xpnet.estimators.heads import Head, classifier_head
from xpnet.estimators.parameter_constraints import CONSTRAINTS, keep
from xpnet.estimators.samples import Given
from xpnet.nn import LayerLike, LossLike
from xpnet.optim import OptimizerLike
from xpnet.typing import Array, ArrayLike, BackendName, DTypeLike

__all__ = ["MLPClassifier"]


def _has_probabilities(estimator: Any) -> bool:
    """Whether the outputs can be read as probabilities."""
    head = getattr(estimator, "_head", None) or classifier_head(estimator.loss, "binary", 2)
    if not head.probabilistic:
        raise AttributeError(f"there are no probabilities with loss={estimator.loss!r}.")
    return True


@documented
class MLPClassifier(ClassifierMixin, BaseMLP):  # type: ignore[misc]
    """A multilayer perceptron for binary, multiclass and multilabel classification.

    A drop-in replacement for ``sklearn.neural_network.MLPClassifier``: its parameters come first,
    with the same meanings and defaults, then xpnet's own. The same ``random_state`` draws the same
    weights and batches, so the same settings give the same loss curve.

    Parameters
    ----------
    <parameters>
    loss : str, Loss or callable, default "log_loss"
        The cross-entropy, of the softmax for several classes, of the logistic function for two or
        for several labels per sample; any of `xpnet.losses`; or a function of output and target.
    class_weight : "balanced", dict or None, default None
        A factor per class for the weights of its samples, in training only.

    Attributes
    ----------
    classes_ : array
        The labels, in ascending order.
    <attributes>

    Examples
    --------
    >>> import xpnet as xn
    >>> X, y, X_test, y_test = xn.datasets.digits()
    >>> model = xn.MLPClassifier((64,), max_iter=30, tol=0.01, random_state=0).fit(X, y)
    >>> model.score(X_test, y_test) > 0.9
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **CONSTRAINTS,
        "class_weight": [str, dict, None],
    }
    score = BaseMLP.score  # the mixin's does not accept CuPy arrays
    _numeric = False
    classes_: Any
    _targets: Labels

    def __init__(
        self,
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
        loss: LossLike = "log_loss",
        class_weight: Literal["balanced"] | Mapping[Any, float] | None = None,
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
        classes: ArrayLike | None = None,
        *,
        X_val: ArrayLike | None = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Train for one epoch, starting from the current weights.

        Parameters
        ----------
        X, y, sample_weight
            As in `fit`.
        classes : array-like of shape (n_classes,)
            All labels that any call will contain; required in the first call.
        X_val, y_val, sample_weight_val : optional
            As in `fit`. With `early_stopping`, stop calling once `converged_` is true; the best
            weights are then restored.

        Returns
        -------
        self
        """
        if self.class_weight == "balanced":
            raise ArgumentError(
                "class_weight='balanced' needs all samples: give partial_fit a dict, computed "
                "for example with sklearn.utils.class_weight.compute_class_weight."
            )
        if classes is not None:
            check_classes(classes)
        validation = (X_val, y_val, sample_weight_val)
        return self._train(Given(X, y, sample_weight, *validation, classes, partial=True))

    def _learn_targets(self, y: Any, given: Given, *, first: bool) -> Labels:
        """The classes, from an earlier call if this call continues it."""
        known: Labels | None = getattr(self, "_targets", None)
        if given.partial and _check_partial_fit_first_call(self, given.classes):
            known = None
        if known is not None and (self.warm_start or given.partial):
            known.check(y, all_of_them=self.warm_start and not first)
            return known
        labels = Labels.of(y, self.classes_ if given.partial else None)
        if given.partial:
            labels.check(y)
        else:
            self.classes_ = labels.classes
        return labels

    def _make_head(self) -> Head:
        return classifier_head(self.loss, self._targets.kind, self._targets.number)

    def _class_weights(self) -> Any:
        """The weights by class number, for `Model.fit`."""
        given = self.class_weight
        if given is None or isinstance(given, str):
            return given
        assert isinstance(given, Mapping)
        names = on_host(self.classes_).tolist()
        unknown = [label for label in given if label not in names]
        if unknown:
            raise ArgumentError(f"class_weight names {unknown}, but the classes are {names}.")
        return {names.index(label): weight for label, weight in given.items()}

    def _metric(self, y: Any, predicted: Any, sample_weight: Any) -> float:
        return float(accuracy_score(y, predicted, sample_weight=sample_weight))

    def predict(self, X: ArrayLike) -> Array:
        """The label of each sample.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples,) or (n_samples, n_labels)
            In the library of X, unless the labels are names.
        """
        output = self._output(X, "predict")
        return self._targets.decode(output, self._head)

    @available_if(_has_probabilities)  # type: ignore[untyped-decorator]
    def predict_proba(self, X: ArrayLike) -> Array:
        """The probability of each class.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples, n_classes)
            Columns in the order of `classes_`.
        """
        output = self._output(X, "predict_proba")  # raises unless fitted
        return self._targets.probabilities(output, self._head)

    @available_if(_has_probabilities)  # type: ignore[untyped-decorator]
    def predict_log_proba(self, X: ArrayLike) -> Array:
        """The logarithm of `predict_proba`.

        Parameters
        ----------
        X : {array-like, sparse matrix} of shape (n_samples, n_features)

        Returns
        -------
        array of shape (n_samples, n_classes)
        """
        output = self._output(X, "predict_log_proba")
        with np.errstate(divide="ignore"):
            return ops.log(self._targets.probabilities(output, self._head))

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.classifier_tags.multi_label = True
        return tags
