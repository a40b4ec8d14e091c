"""Convert fitted multilayer perceptrons to and from scikit-learn."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Unpack

import numpy as np

from xpnet import nn
from xpnet.backends.readable import host_array
from xpnet.errors import ArgumentError, GraphError, in_brief
from xpnet.exchange.own_estimators import as_model, built
from xpnet.exchange.sources import fitted, kind_of, wrong_source
from xpnet.exchange.tree import flat, host, joined, tree
from xpnet.model import Model
from xpnet.model_settings import ModelSettings
from xpnet.nn import Dense, Loss, Sequential
from xpnet.optional import require
from xpnet.tabular.table_model import TableModel
from xpnet.typing import DTypeName

if TYPE_CHECKING:
    from xpnet.estimators import MLPClassifier as OwnClassifier
    from xpnet.estimators import MLPRegressor as OwnRegressor

__all__ = ["from_sklearn", "to_sklearn"]

_ACTIVATIONS = {
    "identity": nn.Identity,
    "logistic": nn.Sigmoid,
    "tanh": nn.Tanh,
    "relu": nn.ReLU,
}
_NAMES = {layer: name for name, layer in _ACTIVATIONS.items()}
# scikit-learn's output activation is a part of xpnet's loss.
_LOSSES = {
    "softmax": "softmax_cross_entropy",
    "logistic": "binary_cross_entropy_with_logits",
    "identity": "half_mean_squared_error",
    "exp": "poisson",
}
_OUT = {
    "softmax_cross_entropy": "softmax",
    "cross_entropy": "softmax",
    "binary_cross_entropy_with_logits": "logistic",
    "binary_cross_entropy": "logistic",
    "half_mean_squared_error": "identity",
    "mean_squared_error": "identity",
    "residual_sum_of_squares": "identity",
    "poisson": "exp",
}
_ENDS = {"cross_entropy": nn.Softmax, "binary_cross_entropy": nn.Sigmoid}


def from_sklearn(estimator: object, **settings: Unpack[ModelSettings]) -> Model:
    """Make a model that computes the same as an MLPClassifier or MLPRegressor.

    Its output is the last layer's output before the estimator's ``out_activation_``. For a
    classifier these are logits: column k belongs to ``estimator.classes_[k]``. For two classes
    there is one column, which is positive for ``classes_[1]``. For ``loss="poisson"`` the output is
    the logarithm of the prediction.

    Parameters
    ----------
    estimator : MLPClassifier or MLPRegressor of sklearn.neural_network or of xpnet
        A fitted estimator.
    **settings
        Arguments of `Model`. By default ``loss`` is the one whose gradient the estimator descends,
        and ``dtype`` is that of the weights. The solver is not copied, nor is the penalty ``alpha``
        of scikit-learn's; the layers of xpnet's estimators have their penalty.

    Raises
    ------
    ArgumentError
        If the estimator is something else, or not fitted.
    MissingDependencyError
        If scikit-learn cannot be imported.

    Examples
    --------
    >>> import xpnet as xn
    >>> from sklearn.neural_network import MLPRegressor
    >>> fitted = MLPRegressor(max_iter=300).fit([[0.0], [1.0]], [0, 1])
    >>> xn.exchange.from_sklearn(fitted).predict([[1.0]]).shape
    (1, 1)
    """
    sklearn = require("sklearn.neural_network", "sklearn", "xpnet.exchange.from_sklearn")
    own = fitted(estimator, "from_sklearn")
    if hasattr(own, "table_model_"):
        raise ArgumentError(
            f"a {type(own).__name__} prepares a table's columns, which a Model does not. Its model "
            "is estimator.table_model_, and the network of that estimator.table_model_.model."
        )
    if own is not None:
        return as_model(own, settings)
    if not isinstance(estimator, sklearn.MLPClassifier | sklearn.MLPRegressor):
        raise ArgumentError(
            "from_sklearn expects an MLPClassifier or MLPRegressor of sklearn.neural_network or of "
            f"xpnet, got {kind_of(estimator)}."
        )
    if not hasattr(estimator, "coefs_"):
        raise ArgumentError("from_sklearn expects a fitted estimator. Call its fit first.")
    weights, biases = estimator.coefs_, estimator.intercepts_
    layers: list[Any] = []
    for w in weights:
        layers += [Dense(w.shape[1]), _ACTIVATIONS[estimator.activation]()]
    dtype: DTypeName = "float32" if weights[0].dtype == np.float32 else "float64"
    given: ModelSettings = {"loss": _LOSSES[estimator.out_activation_], "dtype": dtype, **settings}
    model = built("from_sklearn", Sequential(*layers[:-1]), given, weights[0].shape[0])
    names = [f"layers.{2 * i}" for i in range(len(weights))]
    state = {f"{n}.weight": w for n, w in zip(names, weights, strict=True)}
    model.load_state_dict(state | {f"{n}.bias": b for n, b in zip(names, biases, strict=True)})
    return model


def to_sklearn(
    model: "Model | OwnClassifier | OwnRegressor", classes: Sequence[Any] | None = None
) -> Any:
    """Make a fitted MLPClassifier or MLPRegressor of scikit-learn with the model's predictions.

    The two columns of a softmax become scikit-learn's single logistic output, their difference.
    Dropout and Identity, which do not change a prediction, are left out.

    Parameters
    ----------
    model : Model, or MLPClassifier or MLPRegressor of xpnet
        A built model or a fitted estimator: dense layers with the same activation between all of
        them (identity, sigmoid, tanh or relu). The loss is softmax_cross_entropy,
        binary_cross_entropy_with_logits, one of their forms on probabilities, a squared error, or
        poisson.
    classes : sequence, optional
        For a model that is a classifier, the labels of the columns in ascending order; by default
        0, 1, ... An estimator has its own.

    Returns
    -------
    sklearn.neural_network.MLPClassifier or MLPRegressor
        Ready for ``predict``, ``predict_proba``, ``score`` and pickling. To continue training, set
        its ``warm_start`` and call ``fit``.

    Raises
    ------
    GraphError
        For a network that scikit-learn does not support.
    ArgumentError
        For a loss that it does not support, if `classes` do not fit, or if `model` is something
        else or not fitted.
    MissingDependencyError
        If scikit-learn cannot be imported.
    """
    sklearn = require("sklearn.neural_network", "sklearn", "xpnet.exchange.to_sklearn")
    own = fitted(model, "to_sklearn")
    if isinstance(getattr(own, "table_model_", model), TableModel):
        raise ArgumentError(
            "scikit-learn's MLPs do not prepare a table's columns. to_sklearn(model.model) makes "
            "one of the network alone, for what model.inputs(table) returns. The model of a "
            "TabularClassifier or TabularRegressor is its table_model_."
        )
    if own is not None:
        return _twin(own, classes)
    if not isinstance(model, Model):
        raise wrong_source("to_sklearn", model)
    loss: Loss = model.network.loss
    if loss.name not in _OUT:
        raise ArgumentError(
            f"scikit-learn's MLPs do not have the loss {loss.name!r}; they have {', '.join(_OUT)}."
        )
    out = _OUT[loss.name]
    weights, biases, activation = _layers(model)
    if out == "softmax" and weights[-1].shape[1] == 2:
        out = "logistic"
        weights[-1], biases[-1] = np.diff(weights[-1], axis=1), np.diff(biases[-1])
    made = {"hidden_layer_sizes": tuple(len(b) for b in biases[:-1]), "activation": activation}
    if out in ("softmax", "logistic"):
        estimator = sklearn.MLPClassifier(**made)
        _set_labels(estimator, classes, out, len(biases[-1]))
    elif classes is not None:
        raise ArgumentError(f"classes are given, but {loss.name} is a regression loss.")
    else:
        kind = {"loss": "poisson"} if out == "exp" else {}
        estimator = sklearn.MLPRegressor(**made, **kind)
    _set_fitted(estimator, weights, biases, out)
    return estimator


def _twin(own: Any, classes: Sequence[Any] | None) -> Any:
    """scikit-learn's form of an estimator of xpnet."""
    if classes is not None:
        raise ArgumentError("an estimator has its own classes_. Leave out classes.")
    labels, model = getattr(own, "classes_", None), as_model(own, {})
    if labels is not None:
        kind, out = own._targets.kind, own.out_activation_
        if out not in ("softmax", "logistic") or (out, kind) == ("logistic", "multiclass"):
            raise ArgumentError(
                "scikit-learn's MLPClassifier does not have the loss "
                f"{own.model_.network.loss.name!r} for {len(labels)} classes."
            )
        labels = None if kind == "multilabel" else own._targets.on_host().classes
    made = to_sklearn(model, labels)
    if hasattr(own, "feature_names_in_"):
        made.feature_names_in_ = own.feature_names_in_
    return made


def _layers(model: Model) -> tuple[list[Any], list[Any], str]:
    """Weights, biases and the activation between the layers."""
    pieces = [p for p in flat(tree(model)) if type(p.layer) not in (nn.Dropout, nn.Identity)]
    end = _ENDS.get(model.network.loss.name)
    if end is not None:
        if not pieces or type(pieces[-1].layer) is not end:
            raise GraphError(
                f"{model.network.loss.name} needs a network that ends in {end.__name__}."
            )
        pieces.pop()
    dense = [p for p in pieces if type(p.layer) is Dense]
    between = {type(p.layer) for p in pieces if type(p.layer) is not Dense}
    chain = [Dense] + [t for _ in dense[1:] for t in (*between, Dense)]
    if [type(p.layer) for p in pieces] != chain or not between <= set(_NAMES):
        raise GraphError(
            "scikit-learn's MLPs are dense layers with the same activation between all of them, "
            f"one of {', '.join(_NAMES.values())}; this network is {model.network.net!r}."
        )
    state = {name: array.copy() for name, array in host(model).items()}
    weights = [state[joined(p.path, "weight")] for p in dense]
    zeros = [np.zeros(w.shape[1], w.dtype) for w in weights]
    biases = [state.get(joined(p.path, "bias"), z) for p, z in zip(dense, zeros, strict=True)]
    return weights, biases, _NAMES[between.pop()] if between else "identity"


def _set_labels(estimator: Any, classes: Sequence[Any] | None, out: str, columns: int) -> None:
    """Set a classifier's labels; several logistic columns mean several labels per sample."""
    preprocessing = require("sklearn.preprocessing", "sklearn", "xpnet.exchange.to_sklearn")
    several = out == "logistic" and columns > 1
    number = 2 if out == "logistic" and not several else columns
    labels = np.arange(number) if classes is None else host_array("classes", classes)
    if labels.dtype.kind == "O" and not all(isinstance(label, str) for label in labels.flat):
        raise ArgumentError(f"classes must be texts or numbers, got {in_brief(classes)}.")
    if labels.shape != (number,) or list(np.unique(labels)) != list(labels):
        raise ArgumentError(
            f"classes must be {number} different labels in ascending order, got "
            f"{in_brief(classes)}."
        )
    if several and classes is not None:
        raise ArgumentError(
            "with several labels per sample the columns are numbered. Leave out classes."
        )
    target = np.eye(number, dtype=int) if several else labels
    estimator._label_binarizer = preprocessing.LabelBinarizer().fit(target)
    estimator.classes_ = estimator._label_binarizer.classes_


def _set_fitted(estimator: Any, weights: list[Any], biases: list[Any], out: str) -> None:
    """Set the attributes that scikit-learn's fit sets, as after zero iterations."""
    estimator.coefs_, estimator.intercepts_ = weights, biases
    estimator.n_features_in_, estimator.n_outputs_ = weights[0].shape[0], weights[-1].shape[1]
    estimator.n_layers_, estimator.out_activation_ = len(weights) + 1, out
    estimator.n_iter_, estimator.t_, estimator._no_improvement_count = 0, 0, 0
    estimator.loss_, estimator.best_loss_, estimator.loss_curve_ = np.inf, np.inf, []
    estimator.validation_scores_, estimator.best_validation_score_ = None, None
