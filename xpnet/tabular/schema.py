"""What a model expects of a table: its columns by kind, their categories, and the target."""

from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self, get_args
from warnings import warn

import numpy as np
from numpy.typing import NDArray

from xpnet.arguments import choice, count, elements, flag, instance, texts
from xpnet.errors import ArgumentError, DataError, DataWarning
from xpnet.tabular.cells import shown
from xpnet.tabular.column import Column
from xpnet.tabular.column_names import check_names, lacks, listed
from xpnet.tabular.feature import Feature
from xpnet.tabular.frames import TableData, as_table
from xpnet.tabular.guess import Kind, Task
from xpnet.tabular.table import Table
from xpnet.tabular.target import Target

__all__ = ["Feature", "Schema"]

_ORDER: dict[Kind, int] = {"number": 0, "date": 1, "boolean": 2, "category": 3}


@dataclass(frozen=True)
class Schema:
    """The columns that a model reads, by kind, and the one that it predicts.

    Attributes
    ----------
    features : tuple of Feature
        In the table's order; ignored ones included.
    target : Target or None
        What is predicted.
    named : bool
        Whether columns are found by name; otherwise by position.
    target_position : int
        Where the target is in a table whose columns are found by position; -1: last.

    Examples
    --------
    >>> import xpnet as xn
    >>> rows = {"age": [39, 50, None, 28], "sex": ["m", "f", "f", "m"], "rich": ["no", "yes"] * 2}
    >>> schema = xn.tabular.Schema.infer(rows, target="rich")
    >>> [(feature.name, feature.kind) for feature in schema.features]
    [('age', 'number'), ('sex', 'category')]
    >>> schema.encode(rows).tolist()
    [[39.0, 3.0], [50.0, 2.0], [nan, 2.0], [28.0, 3.0]]
    """

    features: tuple[Feature, ...]
    target: Target | None = None
    named: bool = True
    target_position: int = -1

    # --- making -------------------------------------------------------------------------------

    @classmethod
    def infer(
        cls,
        table: TableData,
        target: str | None = None,
        *,
        kinds: Mapping[str, Kind] | None = None,
        drop: Collection[str] = (),
        task: Task = "auto",
        rows: NDArray[Any] | None = None,
    ) -> Self:
        """Detect the kind of each column.

        Parameters
        ----------
        table : Table, data frame, mapping or array
            See `as_table`.
        target : str, optional
            Name of the column to predict.
        kinds : mapping of str to kind, optional
            Kinds of columns that are not detected.
        drop : collection of str, optional
            Names of columns to ignore.
        task : {"auto", "classification", "regression"}
            The kind of target; see `Target.infer`.
        rows : array of int, optional
            The rows from which categories and the target's values are taken; by default all.

        Raises
        ------
        DataError
            If the table has no rows, lacks a column that is named here, has no column that can be
            used, or the target cannot be used.
        UnknownNameError
            If a kind is unknown.
        """
        table = as_table(table)
        if kinds is not None:
            instance("kinds", kinds, Mapping, "a dict of kinds by column")
        kinds = dict(kinds or {})
        for name in texts("drop", drop, "['id']"):
            kinds[name] = "ignored"
        check_names(table, [*kinds, *([] if target is None else [target])])
        for kind in kinds.values():
            choice("kind of column", kind, get_args(Kind))
        if not table.rows:
            raise DataError(f"{table.source} has no rows. At least two are needed.")
        part = table if rows is None else table.take(rows)
        features = tuple(
            Feature.of(column, part.columns[name], kinds.get(name))
            for name, column in table.columns.items()
            if name != target
        )
        if all(feature.kind == "ignored" for feature in features):
            why = "; ".join(f"{f.name}: {f.note or 'dropped'}" for f in features[:5])
            raise DataError(f"{table.source} has no column to learn from ({why}).")
        if target is None:
            return cls(features, None, table.named)
        found = Target.infer(part, part.columns[target], task)
        return cls(features, found, table.named, list(table.columns).index(target))

    # --- reading ------------------------------------------------------------------------------

    @property
    def used(self) -> tuple[Feature, ...]:
        """The features that are read, in the order of the encoded columns.

        Numbers come first, then dates, booleans, and categories, those with few values first.
        """
        kept = [feature for feature in self.features if feature.kind != "ignored"]
        return tuple(sorted(kept, key=lambda f: (_ORDER[f.kind], f.wide)))

    def of_kind(self, kind: Kind) -> list[Feature]:
        """The features of a kind, in the order of the encoded columns."""
        choice("kind of column", kind, get_args(Kind))
        return [f for f in (self.features if kind == "ignored" else self.used) if f.kind == kind]

    def encode(self, table: TableData) -> NDArray[np.float64]:
        """The used columns of a table as numbers; the other columns are ignored.

        Returns
        -------
        ndarray of float64, shape (rows, number of `used` features)
            Numbers as they are; dates as seconds since 1970; booleans as 0 and 1; each of these is
            NaN where it is missing. Categories as codes: 0 for a missing one, 1 for one that is not
            known, 2, 3, ... for the known ones.

        Raises
        ------
        DataError
            If there are no rows, a column is missing, its name is not unique, or a cell is of
            another kind.

        Warns
        -----
        DataWarning
            If there are categories that are not known.
        """
        table = as_table(table)
        columns = self._columns(table)
        if not table.rows:
            raise DataError(f"{table.source} has no rows. At least one is needed.")
        encoded = np.empty((table.rows, len(columns)), dtype=np.float64)
        unknown: list[str] = []
        for i, (feature, column) in enumerate(zip(self.used, columns, strict=True)):
            encoded[:, i] = feature.encode(column)
            if (new := feature.unknown(column)) is not None:
                unknown.append(f"column {shown(feature.name)} has {shown(new)}")
        if unknown:
            more = f" and {len(unknown) - 3} more columns" if len(unknown) > 3 else ""
            warn(
                f"{table.source} has categories that were not in the training data: "
                f"{'; '.join(unknown[:3])}{more}. They are treated as unknown.",
                DataWarning,
                stacklevel=3,
            )
        return encoded

    def _columns(self, table: Table) -> list[Column]:
        """The table's columns for the used features."""
        if self.named and table.named:
            missing = [f.name for f in self.used if f.name not in table.columns]
            if missing:
                raise DataError(lacks(table, missing))
            repeated = [f.name for f in self.used if f.name in table.repeated]
            if repeated:
                raise DataError(
                    f"{table.source} has several columns named {shown(repeated[0])}, which the "
                    "model reads. Rename or remove all but one."
                )
            return [table.columns[f.name] for f in self.used]
        target = self._target_in(table)
        columns = [column for column in table.columns.values() if column is not target]
        if len(columns) != len(self.features):
            raise DataError(
                f"{table.source} has {len(columns)} columns, but the model reads "
                f"{len(self.features)} by position: {listed([f.name for f in self.features])}."
            )
        places = {feature.name: i for i, feature in enumerate(self.features)}
        return [columns[places[feature.name]] for feature in self.used]

    def target_of(self, table: Table) -> Column:
        """The table's column with the target.

        Raises
        ------
        DataError
            If there is none, or its name is not unique.
        """
        instance("the table", table, Table, "what as_table returns")
        if self.target is None:
            raise ArgumentError("this schema has no target: Schema.infer(target=).")
        if self.target.name in table.repeated:
            raise DataError(
                f"{table.source} has several columns named {shown(self.target.name)}. Rename all "
                "but one."
            )
        if (found := self._target_in(table)) is not None:
            return found
        if not table.named:
            raise DataError(
                f"{table.source} has {len(table.columns)} columns without names. Expected "
                f"{len(self.features) + 1}: those that the model reads, and the target."
            )
        return table[self.target.name]

    def _target_in(self, table: Table) -> Column | None:
        """The table's column with the target: by name, or by position if it has no names."""
        if self.target is None:
            return None
        if table.named:
            return table.columns.get(self.target.name)
        columns = list(table.columns.values())
        return columns[self.target_position] if len(columns) == len(self.features) + 1 else None

    # --- as data ------------------------------------------------------------------------------

    def to_dict(self) -> dict[str, Any]:
        """The schema as JSON has it."""
        return {
            "features": [asdict(feature) for feature in self.features],
            "target": None if self.target is None else self.target.to_dict(),
            "named": self.named,
            "target_position": self.target_position,
        }

    @classmethod
    def from_dict(cls, data: Any) -> Self:
        """The schema that `to_dict` described.

        Raises
        ------
        ArgumentError
            If the data do not describe one.
        """
        instance("a schema", data, Mapping, "a dict, as to_dict returns it")
        missing = {"features", "target", "named", "target_position"} - set(data)
        if missing:
            raise ArgumentError(f"this does not describe a schema: it lacks {min(missing)}.")
        features = tuple(
            map(
                Feature.from_dict,
                elements(
                    "this does not describe a schema: its features", data["features"], "[{...}]"
                ),
            )
        )
        target, named = data["target"], flag("the schema's named", data["named"])
        position = count("the schema's target_position", data["target_position"], -1)
        if len({f.name for f in features}) != len(features):
            raise ArgumentError("the schema has two features of one name.")
        if not -1 <= position <= len(features):
            raise ArgumentError(f"the schema's target_position {position} is out of range.")
        found = None if target is None else Target.from_dict(target)
        return cls(features, found, named, position)

    def without_target(self) -> "Schema":
        """The same features, for tables without a target."""
        return replace(self, target=None)
