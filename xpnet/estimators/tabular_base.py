"""Fit and use both estimators for tables."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, ClassVar, NamedTuple, Self

import numpy as np
from numpy.typing import NDArray
from sklearn.base import BaseEstimator, _fit_context
from sklearn.utils import check_random_state
from sklearn.utils.validation import check_is_fitted

from xpnet.arguments import count
from xpnet.backends.readable import check_given, host_numbers
from xpnet.errors import ArgumentError
from xpnet.estimators.guards import undone_by_errors
from xpnet.estimators.table_samples import read_table, rows_for_validation, weights_of
from xpnet.tabular import Schema, Table, TableModel
from xpnet.tabular.prepared import Prepared
from xpnet.tabular.recipe import Recipe
from xpnet.tabular.recipe_training import Fit, Rows
from xpnet.tabular.target import Target
from xpnet.typing import ArrayLike

__all__ = ["BaseTabular", "Samples"]

_RECIPE = "hidden learning_rate dropout weight_decay batch_size".split()


class Samples(NamedTuple):
    """A table, its target as class numbers or values, and its weights."""

    table: Table
    target: NDArray[Any]
    weight: NDArray[np.float64] | None


class BaseTabular(BaseEstimator):  # type: ignore[misc]
    """A network for tables; see `TabularClassifier` and `TabularRegressor`."""

    _parameter_constraints: ClassVar[dict[str, Any]]
    table_model_: TableModel

    def __sklearn_is_fitted__(self) -> bool:
        return hasattr(self, "table_model_")

    @_fit_context(prefer_skip_nested_validation=True)  # type: ignore[untyped-decorator]
    def fit(
        self,
        X: Any,
        y: ArrayLike,
        sample_weight: ArrayLike | None = None,
        *,
        X_val: Any = None,
        y_val: ArrayLike | None = None,
        sample_weight_val: ArrayLike | None = None,
    ) -> Self:
        """Train on a table.

        Parameters
        ----------
        X : data frame or array-like of shape (n_samples, n_features)
            Numbers, text, booleans and dates; cells may be missing. A frame of pandas, polars or
            pyarrow, a mapping of columns, rows as mappings, or an array.
        y : array-like of shape (n_samples,)
            Class labels; for a regressor, numbers.
        sample_weight : array-like of shape (n_samples,), optional
            Numbers of at least 0. Rows of weight 0 are left out.
        X_val, y_val, sample_weight_val : optional
            Rows for validation, instead of a share of the training rows.

        Returns
        -------
        self

        Raises
        ------
        ValueError
            If the data or parameters cannot be used; the estimator is then unchanged.
        """
        if (X_val is None) != (y_val is None):
            raise ArgumentError("give X_val and y_val together, or neither.")
        with undone_by_errors(self):
            self._train((X, y, sample_weight), (X_val, y_val, sample_weight_val))
        return self

    def _train(self, given: tuple[Any, ...], given_val: tuple[Any, ...]) -> None:
        seed = int(check_random_state(self.random_state).randint(2**31 - 1))
        samples = self._samples(*given, reset=True)
        schema = Schema.infer(samples.table, kinds=self.kinds)
        encoded = schema.encode(samples.table)
        prepared = Prepared.of(schema, encoded, "robust")
        target = self._target(_name_of(given[1], samples.table), samples.target)
        rows = self._rows(prepared, target, encoded, samples)
        held = None
        if given_val[0] is not None:
            other = self._samples(*given_val, reset=False)
            held = self._rows(prepared, target, schema.encode(other.table), other)

        def parts(member: int) -> tuple[Rows, Rows | None]:
            return (rows, held) if held is not None else self._split(rows, seed + member)

        model, history = self._fit_of(prepared, len(encoded), seed).run(parts)
        self.table_model_ = TableModel(replace(schema, target=target), prepared, model)
        self.table_model_.history = self.history_ = history
        self.n_iter_ = int(max((row["epoch"] for row in history), default=0))

    # --- the data -----------------------------------------------------------------------------

    def _samples(self, X: Any, y: Any, weight: Any, *, reset: bool) -> Samples:
        """Checked samples, without those of weight 0."""
        table = read_table(self, X, reset=reset)
        check_given("y", y)
        y = self._checked_target(y, table)
        weight = weights_of(weight, table.rows)
        if weight is not None and not weight.all():
            kept = np.flatnonzero(weight)
            table, y, weight = table.take(kept), y[kept], weight[kept]
        return Samples(table, self._learn_target(y) if reset else self._numbers(y), weight)

    def _split(self, rows: Rows, seed: int) -> tuple[Rows, Rows | None]:
        """The rows for training, and those for validation if there are enough."""
        classes = rows.y if self._classes else None
        kept, held = rows_for_validation(len(rows.X), self.validation_fraction, classes, seed)
        return rows.at(kept), rows.at(held) if len(held) else None

    def _rows(
        self, prepared: Prepared, target: Target, encoded: NDArray[Any], samples: Samples
    ) -> Rows:
        """What the network takes."""
        y = samples.target
        if not self._classes:
            y = target.scaled(y)[:, None].astype(np.float32)
        weight = None if samples.weight is None else samples.weight.astype(np.float32)
        return Rows(prepared(encoded).astype(np.float32), y, weight)

    # --- the network --------------------------------------------------------------------------

    def _fit_of(self, prepared: Prepared, rows: int, seed: int) -> Fit:
        settings = {name: getattr(self, name) for name in _RECIPE}
        if self.hidden is not None:
            settings["hidden"] = tuple(np.atleast_1d(host_numbers("hidden", self.hidden)).tolist())
        smoothing = getattr(self, "label_smoothing", None)
        recipe = Recipe.of(
            self.preset,
            self._classes,
            rows,
            epochs=self.max_epochs,
            label_smoothing=smoothing,
            **settings,
        )
        return Fit(
            recipe,
            prepared.layer,
            self._classes,
            members=count("n_ens", self.n_ens),
            seed=seed,
            backend=self.backend,
            threads=self.threads,
            verbose=bool(self.verbose),
            callbacks=tuple(self.callbacks or ()),
            class_weight=self._class_weights(),
            time_limit=self.time_limit,
        )

    def _class_weights(self) -> Any:
        """Class weights by the number of the class; only a classifier has them."""
        return None

    # --- for both -----------------------------------------------------------------------------

    @property
    def _classes(self) -> int:
        """The number of classes; 0 for a regression."""
        raise NotImplementedError

    def _checked_target(self, y: Any, table: Table) -> NDArray[Any]:
        """The targets as a vector, one for each row."""
        raise NotImplementedError

    def _learn_target(self, y: NDArray[Any]) -> NDArray[Any]:
        """Class numbers or values; a classifier learns its classes."""
        raise NotImplementedError

    def _numbers(self, y: NDArray[Any]) -> NDArray[Any]:
        """Class numbers or values of further rows."""
        raise NotImplementedError

    def _target(self, name: str, y: NDArray[Any]) -> Target:
        """What the model predicts, from the target of the training rows."""
        raise NotImplementedError

    def _table(self, X: Any) -> Table:
        """The table whose rows a fitted estimator predicts."""
        check_is_fitted(self)
        return read_table(self, X, reset=False)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        tags.input_tags.allow_nan = True
        tags.input_tags.categorical = True
        tags.input_tags.string = True
        return tags


def _name_of(y: Any, table: Table) -> str:
    """The name of the target's column, unless a feature has it too."""
    name = getattr(y, "name", None)
    name = name if isinstance(name, str) and name else "target"
    while name in table.columns:
        name += "_"
    return name


def labels_of(classes: NDArray[Any]) -> tuple[Any, ...]:
    """Classes as a file holds them."""
    found = classes.tolist()
    known = all(isinstance(label, str | int | float | bool) for label in found)
    return tuple(found if known else map(str, found))


def weights_by_number(given: Any, classes: NDArray[Any]) -> Any:
    """A mapping of labels to weights, by the number of each class.

    Raises
    ------
    ArgumentError
        If it names a label that is no class.
    """
    if not isinstance(given, Mapping):
        return given
    known = {label: number for number, label in enumerate(classes.tolist())}
    unknown = [label for label in given if label not in known]
    if unknown:
        raise ArgumentError(
            f"class_weight names {unknown[0]!r}, but the classes are {', '.join(map(repr, known))}."
        )
    return {known[label]: weight for label, weight in given.items()}
