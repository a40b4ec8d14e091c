"""`TabularClassifier`: strong defaults for tables with classes."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import NDArray
from sklearn.base import ClassifierMixin
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import check_consistent_length, column_or_1d

from xpnet.errors import DataError
from xpnet.estimators.parameter_constraints import keep
from xpnet.estimators.tabular_base import BaseTabular, labels_of, weights_by_number
from xpnet.estimators.tabular_parameters import TABLE_CONSTRAINTS, documented_table
from xpnet.tabular import Kind, Table
from xpnet.tabular.recipe import Preset
from xpnet.tabular.target import Target
from xpnet.typing import BackendName

__all__ = ["TabularClassifier"]


@documented_table(
    averaged="probabilities",
    stratified=", in the proportions of the classes",
    rate="0.04",
    activation="SELU",
    loss="Labels are smoothed.",
    score="accuracy",
)
class TabularClassifier(ClassifierMixin, BaseTabular):  # type: ignore[misc]
    """A network for tables with classes that needs no tuning.

    It takes data frames with numbers, text, booleans, dates and missing cells as they are.

    Parameters
    ----------
    <parameters>
    label_smoothing : float, optional
        In [0, 1), by default 0.1.
    class_weight : "balanced", dict or None, default None
        A factor per class for the weights of its rows, in training only.
    <more>

    Attributes
    ----------
    classes_ : ndarray
        The labels, in ascending order.
    <attributes>

    Notes
    -----
    <notes>

    Examples
    --------
    >>> import xpnet as xn
    >>> X, y, X_test, y_test = xn.datasets.digits()
    >>> model = xn.TabularClassifier(max_epochs=30, random_state=0).fit(X, y)
    >>> model.score(X_test, y_test) > 0.9
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = {
        **TABLE_CONSTRAINTS,
        "label_smoothing": [TABLE_CONSTRAINTS["dropout"][0], None],
        "class_weight": [str, Mapping, None],
    }
    classes_: NDArray[Any]

    def __init__(
        self,
        *,
        preset: Preset = "realmlp",
        n_ens: int = 1,
        random_state: int | np.random.RandomState | None = None,
        validation_fraction: float = 0.2,
        max_epochs: int | None = None,
        batch_size: int | None = None,
        hidden: int | Sequence[int] | None = None,
        learning_rate: float | None = None,
        dropout: float | None = None,
        weight_decay: float | None = None,
        label_smoothing: float | None = None,
        class_weight: Literal["balanced"] | Mapping[Any, float] | None = None,
        kinds: Mapping[str, Kind] | None = None,
        time_limit: float | None = None,
        threads: int | None = None,
        backend: BackendName | str | None = None,
        verbose: int = False,
        callbacks: Sequence[Any] | None = None,
    ) -> None:
        keep(self, locals())

    # --- the target ---------------------------------------------------------------------------

    @property
    def _classes(self) -> int:
        return len(self.classes_)

    def _checked_target(self, y: Any, table: Table) -> NDArray[Any]:
        if y is None:
            raise DataError("TabularClassifier requires y to be passed, but the target y is None")
        labels: NDArray[Any] = column_or_1d(y, warn=True)
        check_consistent_length(labels, range(table.rows))
        check_classification_targets(labels)
        return labels

    def _learn_target(self, y: NDArray[Any]) -> NDArray[Any]:
        self.classes_, numbers = np.unique(y, return_inverse=True)
        if len(self.classes_) < 2:
            raise DataError(
                f"the target is {self.classes_[0]!r} in every row, but a classifier needs at least "
                "two classes; there is only one class."
            )
        return numbers.astype(np.int64)

    def _numbers(self, y: NDArray[Any]) -> NDArray[Any]:
        unknown = np.setdiff1d(y, self.classes_)
        if len(unknown):
            raise DataError(
                f"y_val has the label {unknown.tolist()[0]!r}, which is not in y, whose labels are "
                f"{', '.join(map(repr, self.classes_.tolist()[:20]))}."
            )
        return np.searchsorted(self.classes_, y).astype(np.int64)

    def _target(self, name: str, y: NDArray[Any]) -> Target:
        return Target(name, labels_of(self.classes_))

    def _class_weights(self) -> Any:
        return weights_by_number(self.class_weight, self.classes_)

    # --- predicting ---------------------------------------------------------------------------

    def predict(self, X: Any) -> NDArray[Any]:
        """The most probable class of each row.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        numbers = self.predict_proba(X).argmax(axis=1)
        labels: NDArray[Any] = self.classes_[numbers]
        return labels

    def predict_proba(self, X: Any) -> NDArray[np.float64]:
        """The probability of each class.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        return self.table_model_.predict_proba(self._table(X))
