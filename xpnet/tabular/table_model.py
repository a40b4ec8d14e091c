"""`TableModel`: a schema, the preparation of its columns, and a network."""

from os import PathLike
from typing import Any, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from xpnet.arguments import instance
from xpnet.backends.readable import host_numbers
from xpnet.errors import ArgumentError, ShapeError
from xpnet.model import Model
from xpnet.nn import EmbedColumns, LayerLike, LossLike, Sequential
from xpnet.nn.table_inputs import Scaling
from xpnet.saving.model_file import save_model
from xpnet.tabular.far_values import finite_inputs
from xpnet.tabular.finite_predictions import check_predictions
from xpnet.tabular.frames import TableData, as_table
from xpnet.tabular.prepared import Prepared, checked_rows
from xpnet.tabular.probabilities import probabilities
from xpnet.tabular.read import read
from xpnet.tabular.schema import Schema
from xpnet.tabular.scores import class_scores, value_scores
from xpnet.tabular.table import Table
from xpnet.tabular.table_file import table_part
from xpnet.tabular.target import Label, Target
from xpnet.training.history import History
from xpnet.typing import FilePath

__all__ = ["TableLike", "TableModel", "table_of"]

TableLike: TypeAlias = TableData | FilePath
"""A `Table`, a data frame, a mapping of columns, a list of rows, an array, or a file's path."""


class TableModel:
    """A network that reads tables: it prepares their columns itself, and predicts in their units.

    `xpnet.load` returns one for a file that `xpnet train` or `save` wrote.

    Parameters
    ----------
    schema : Schema
        With a target.
    prepared : Prepared
        How its columns become the network's inputs.
    model : Model
        Its outputs are a logit for each class, or one standardized number.

    Attributes
    ----------
    history : list of dict
        A row for each epoch of training.

    Examples
    --------
    >>> import numpy as np, xpnet as xn
    >>> rows = {"height": np.linspace(1.5, 2.0, 60), "sport": ["chess", "basketball"] * 30}
    >>> table = {**rows, "weight": rows["height"] * 40 + np.tile([0.0, 9.0], 30)}
    >>> schema = xn.tabular.Schema.infer(table, target="weight")
    >>> model = xn.tabular.TableModel.of(table, schema, xn.Dense(1), optimizer=xn.Adam(0.05))
    >>> history = model.fit(table, epochs=100, batch_size=10)
    >>> model.predict([{"height": 1.8, "sport": "basketball"}]).round(1)
    array([81.])
    """

    def __init__(self, schema: Schema, prepared: Prepared, model: Model) -> None:
        target = _check_target(schema)
        instance("prepared", prepared, Prepared, "what Prepared.of returns")
        instance("model", model, Model, "a Model")
        if target.classes is not None:
            probabilities(model, None, len(target.classes))
        self.schema, self.prepared, self.model = schema, prepared, model
        self.history: list[dict[str, float]] = []

    @classmethod
    def of(
        cls,
        table: TableLike,
        schema: Schema,
        net: LayerLike,
        *,
        scaling: Scaling = "standard",
        units: int = 8,
        loss: LossLike | None = None,
        **settings: Any,
    ) -> Self:
        """A model for a schema, before training.

        Parameters
        ----------
        table : table
            Training rows: medians and scales are measured on them.
        schema : Schema
        net : callable
            The network, which ends in a logit for each class, or in one number. Categories with
            many values have been embedded.
        scaling : {"standard", "robust", "quantile", "none"}
            How numbers are scaled; see `PrepareColumns`.
        units : int, default 8
            Length of the vectors of embedded categories.
        loss : optional
            By default softmax cross-entropy, or the mean squared error.
        **settings
            Arguments of `Model`: ``optimizer``, ``seed``, ``backend``, ``dtype``, ...
        """
        schema_target = _check_target(schema)
        prepared = Prepared.of(schema, schema.encode(table_of(table)), scaling)
        layer = prepared.layer
        if layer.many:
            net = Sequential(EmbedColumns(layer.many, units), net)
        usual = "mean_squared_error" if schema_target.classes is None else "softmax_cross_entropy"
        width = layer.plain + len(layer.many)
        model = Model(net, usual if loss is None else loss, input_shape=width, **settings)
        return cls(schema, prepared, model.build())

    # --- what it is ---------------------------------------------------------------------------

    @property
    def classes(self) -> tuple[Label, ...] | None:
        """The labels in the order of their probabilities; None for regression."""
        return self.target.classes

    @property
    def target(self) -> Target:
        """What it predicts."""
        assert self.schema.target is not None
        return self.schema.target

    @property
    def feature_names(self) -> tuple[str, ...]:
        """Names of the columns that it reads, in the table's order."""
        return tuple(f.name for f in self.schema.features if f.kind != "ignored")

    # --- training -----------------------------------------------------------------------------

    def fit(
        self, table: TableLike, *, validation: TableLike | None = None, **settings: Any
    ) -> History:
        """Train on the rows of a table; see `Model.fit` for the settings.

        Parameters
        ----------
        table : table
            With the target.
        validation : table, optional
            With the target; measured after every epoch.
        """
        X, y = self.samples(table)
        held = None if validation is None else self.samples(validation)
        history = self.model.fit(X, y, validation_data=held, **settings)
        self.history += list(history)
        return history

    def samples(self, table: TableLike) -> tuple[NDArray[Any], NDArray[Any]]:
        """Inputs and targets for `model`: prepared columns; class numbers or scaled values."""
        table = table_of(table)
        return self.inputs(table), self._targets(self.true(table))

    def inputs(self, table: TableLike) -> NDArray[Any]:
        """The network's inputs for the rows of a table."""
        return finite_inputs(table_of(table), self.schema, self.inputs_of)

    def inputs_of(self, encoded: NDArray[np.float64]) -> NDArray[Any]:
        """The network's inputs for rows that `schema.encode` returned."""
        rows = checked_rows(encoded, self.prepared.layer.width)
        return self.prepared.inputs(rows, self.model.dtype)

    def true(self, table: TableLike) -> NDArray[Any]:
        """The targets of a table: class numbers, or values in the table's units."""
        table = table_of(table)
        return self.target.encode(self.schema.target_of(table))

    def _targets(self, true: NDArray[Any]) -> NDArray[Any]:
        """Targets as the loss takes them."""
        shape = self.model.network.output_shape
        if self.classes is not None:
            return true[:, None] if shape == (1,) else true
        return self.target.scaled(true).astype(self.model.dtype).reshape(len(true), *shape)

    # --- using --------------------------------------------------------------------------------

    def predict(self, table: TableLike, *, batch_size: int | None = None) -> NDArray[Any]:
        """The most probable class of each row, or its value in the target's units.

        Parameters
        ----------
        table : table
            Columns are found by name, and others are ignored; an array's by position.
        batch_size : int, optional
            Rows that the network takes at a time; see `Model.predict`.

        Raises
        ------
        DataError
            If a column is missing, a cell is of another kind, or a prediction is not a finite
            number.
        """
        found = self._predicted(table, batch_size)
        return found if self.classes is None else self.target.labels(found.argmax(axis=1))

    def predict_proba(
        self, table: TableLike, *, batch_size: int | None = None
    ) -> NDArray[np.float64]:
        """The probability of each class, in the order of `classes`; shape (rows, classes)."""
        self._check_classes()
        return self._predicted(table, batch_size)

    def _predicted(self, table: TableLike, batch_size: int | None) -> NDArray[np.float64]:
        """The probability of each class, or the value of each row; all are finite."""
        table = table_of(table)
        outputs = self.outputs(table, batch_size=batch_size)
        found = self.values_of(outputs) if self.classes is None else self.probabilities_of(outputs)
        check_predictions(found, table.origin, self.model)
        return found

    def outputs(self, table: TableLike, *, batch_size: int | None = None) -> NDArray[Any]:
        """The network's own outputs: logits, or standardized values."""
        return np.asarray(self.model.predict(self.inputs(table), batch_size=batch_size))

    def outputs_of(self, encoded: NDArray[np.float64]) -> NDArray[Any]:
        """The network's own outputs for rows that `schema.encode` returned."""
        return np.asarray(self.model.predict(self.inputs_of(encoded)))

    def probabilities_of(self, outputs: NDArray[Any]) -> NDArray[np.float64]:
        """The probability of each class, from the network's outputs; NaN if not finite."""
        classes = self._check_classes()
        return probabilities(self.model, self._checked_outputs(outputs), classes)

    def values_of(self, outputs: NDArray[Any]) -> NDArray[np.float64]:
        """Values in the target's units, from the network's outputs; NaN if not finite."""
        found = self._checked_outputs(outputs)
        return self.target.unscaled(found.reshape(len(found)))

    def _checked_outputs(self, outputs: Any) -> NDArray[Any]:
        """Rows of the network's outputs as an array."""
        shape, found = self.model.network.output_shape, host_numbers("outputs", outputs)
        if not found.ndim or found.shape[1:] != shape:
            raise ShapeError(
                f"the network's outputs have shape {('rows', *shape)}, got {found.shape}."
            )
        kept: NDArray[Any] = found
        return kept

    def _check_classes(self) -> int:
        """The number of classes."""
        if self.classes is None:
            raise ArgumentError("this model predicts numbers, which have no probabilities.")
        return len(self.classes)

    def evaluate(self, table: TableLike) -> dict[str, float]:
        """Scores on a table with the target, in its units.

        Returns
        -------
        dict of str to float
            For classes ``log_loss``, ``accuracy``, ``balanced_accuracy``, ...; for numbers
            ``mse``, ``rmse``, ``mae`` and ``r2``. A row whose prediction is NaN makes the losses
            NaN, and counts as wrong.
        """
        table = table_of(table)
        true, outputs = self.true(table), self.outputs(table)
        if self.classes is None:
            return value_scores(true, self.values_of(outputs))
        return class_scores(true, self.probabilities_of(outputs))

    # --- files --------------------------------------------------------------------------------

    def save(self, path: FilePath, *, optimizer_state: bool = False) -> None:
        """Write the schema, the preparation and the network to one file; see `Model.save`."""
        part = table_part(self.schema, self.prepared, self.history)
        config, engine = self.model.config, self.model.engine
        save_model(config, engine, path, optimizer_state, None, part)

    def __repr__(self) -> str:
        columns = len(self.feature_names)
        return f"TableModel({self.target.name!r} from {columns} columns, {self.model!r})"


def _check_target(schema: Schema) -> Target:
    """The target of a schema that has one."""
    instance("schema", schema, Schema, "a Schema")
    if schema.target is None:
        raise ArgumentError("a TableModel needs a schema with a target: Schema.infer(target=).")
    return schema.target


def table_of(given: TableLike) -> Table:
    """A table from whatever holds one; text and paths name files."""
    return read(given) if isinstance(given, str | PathLike) else as_table(given)
