"""`TabularRegressor`: strong defaults for tables with a number to predict."""

from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import numpy as np
from numpy.typing import NDArray
from sklearn.base import RegressorMixin
from sklearn.utils.validation import _check_y, check_consistent_length, column_or_1d

from xpnet.errors import DataError
from xpnet.estimators.parameter_constraints import keep
from xpnet.estimators.tabular_base import BaseTabular
from xpnet.estimators.tabular_parameters import TABLE_CONSTRAINTS, documented_table
from xpnet.tabular import Kind, Table
from xpnet.tabular.recipe import Preset
from xpnet.tabular.target import Target
from xpnet.typing import BackendName

__all__ = ["TabularRegressor"]


@documented_table(
    averaged="predictions",
    stratified="",
    rate="0.2",
    activation="Mish",
    loss="The target is standardized; predictions are clipped to its range in the training rows.",
    score="loss",
)
class TabularRegressor(RegressorMixin, BaseTabular):  # type: ignore[misc]
    """A network for tables with a number to predict that needs no tuning.

    It takes data frames with numbers, text, booleans, dates and missing cells as they are.

    Parameters
    ----------
    <parameters>
    <more>

    Attributes
    ----------
    <attributes>

    Notes
    -----
    <notes>

    Examples
    --------
    >>> import numpy as np
    >>> import xpnet as xn
    >>> X = np.random.default_rng(0).uniform(-3, 3, (500, 2))
    >>> y = np.sin(X[:, 0]) + X[:, 1] ** 2
    >>> model = xn.TabularRegressor(max_epochs=60, random_state=0).fit(X, y)
    >>> model.score(X, y) > 0.9
    True
    """

    _parameter_constraints: ClassVar[dict[str, Any]] = TABLE_CONSTRAINTS
    _classes = 0

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
        kinds: Mapping[str, Kind] | None = None,
        time_limit: float | None = None,
        threads: int | None = None,
        backend: BackendName | str | None = None,
        verbose: int = False,
        callbacks: Sequence[Any] | None = None,
    ) -> None:
        keep(self, locals())

    # --- the target ---------------------------------------------------------------------------

    def _checked_target(self, y: Any, table: Table) -> NDArray[Any]:
        if y is None:
            raise DataError("TabularRegressor requires y to be passed, but the target y is None")
        values: NDArray[Any] = _check_y(column_or_1d(y, warn=True), y_numeric=True, estimator=self)
        check_consistent_length(values, range(table.rows))
        return values.astype(np.float64)

    def _learn_target(self, y: NDArray[Any]) -> NDArray[Any]:
        return y

    def _numbers(self, y: NDArray[Any]) -> NDArray[Any]:
        return y

    def _target(self, name: str, y: NDArray[Any]) -> Target:
        target = Target.of_values(name, y)
        target.warn_if_constant("", len(y))
        return target

    # --- predicting ---------------------------------------------------------------------------

    def predict(self, X: Any) -> NDArray[np.float64]:
        """The predicted value of each row.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)

        Returns
        -------
        ndarray of shape (n_samples,)
        """
        return self.table_model_.predict(self._table(X))
