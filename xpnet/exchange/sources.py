"""What users may convert: models, table models and fitted estimators of xpnet."""

import sys
from collections.abc import Iterator
from typing import Any

from xpnet import ops
from xpnet.errors import ArgumentError
from xpnet.exchange.predictor import Choice, Predictor, plain_classes
from xpnet.exchange.table_predictor import TablePredictor
from xpnet.graph import Value
from xpnet.model import Model
from xpnet.tabular.table_model import TableModel

_BASES = {
    "xpnet.estimators.fitted": "FittedMLP",
    "xpnet.estimators.tabular_base": "BaseTabular",
}

__all__ = ["fitted", "kind_of", "predictor", "wrong_source"]


def predictor(source: object, caller: str) -> Predictor | TablePredictor:
    """What this model or fitted estimator computes.

    Raises
    ------
    ArgumentError
        If it is neither.
    """
    if isinstance(source, Model):
        return Predictor(source)
    if isinstance(source, TableModel):
        return TablePredictor.of(source)
    estimator = fitted(source, caller)
    if estimator is None:
        raise wrong_source(caller, source)
    if hasattr(estimator, "table_model_"):
        return TablePredictor.of(estimator.table_model_)
    return _of_perceptron(estimator)


def _of_perceptron(estimator: Any) -> Predictor:
    """What a fitted MLPClassifier or MLPRegressor computes."""
    columns = tuple(getattr(estimator, "feature_names_in_", ()))
    model, head, targets = estimator.model_, estimator._head, estimator._targets
    if not hasattr(targets, "classes"):
        if targets.scale is not None:
            targets.scale.check(model.dtype)
        return Predictor(
            model, "prediction", lambda output: _column(targets.values(output, head)), None, columns
        )
    several = targets.kind == "multilabel"
    threshold = head.threshold if several or head.units == 1 else None
    choice = Choice(plain_classes(targets.on_host().classes), threshold, several)
    if not head.probabilistic:
        return Predictor(model, "scores", choice=choice, columns=columns)
    return Predictor(
        model, "probabilities", lambda output: targets.probabilities(output, head), choice, columns
    )


def fitted(source: object, caller: str) -> Any:
    """The object if it is a fitted estimator of xpnet, None if it is something else.

    Raises
    ------
    ArgumentError
        If it is an estimator that is not fitted.
    """
    if not any(isinstance(source, kind) for kind in _estimators()):
        return None
    assert hasattr(source, "__sklearn_is_fitted__")
    if not source.__sklearn_is_fitted__():
        raise ArgumentError(
            f"{caller} expects a fitted estimator. Call fit of this {type(source).__name__} first."
        )
    return source


def _estimators() -> Iterator[type]:
    """The base classes of the estimators, if anything has loaded them: else there are none."""
    for module, name in _BASES.items():
        if module in sys.modules:
            yield getattr(sys.modules[module], name)


def wrong_source(caller: str, source: object) -> ArgumentError:
    """The error for something that cannot be converted."""
    return ArgumentError(
        f"{caller} expects a Model, a TableModel or a fitted estimator of xpnet, got "
        f"{kind_of(source)}."
    )


def kind_of(thing: object) -> str:
    """What a thing is, for messages: its class with the module."""
    kind = type(thing)
    return kind.__name__ if kind.__module__ == "builtins" else f"{kind.__module__}.{kind.__name__}"


def _column(values: Value) -> Value:
    """Values as `predict` returns them: a vector if there is one per sample."""
    return ops.reshape(values, shape=(-1,)) if values.shape[1] == 1 else values
