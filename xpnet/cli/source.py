"""The data of `xpnet train`, by name or from a file, split and scaled."""

from collections.abc import Callable
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xpnet import datasets
from xpnet.cli.defaults import DEFAULTS, TABLE, Defaults
from xpnet.cli.preprocessing import Preprocessing
from xpnet.cli.split import Scale, split
from xpnet.datasets import Dataset, Table
from xpnet.datasets.csvfile import header_doubt, is_number
from xpnet.datasets.target import Task
from xpnet.errors import ArgumentError, DataError, UnknownNameError

__all__ = ["Source", "existing_table", "load"]

_LOADERS: dict[str, Callable[[], Dataset]] = {
    "digits": datasets.digits,
    "mnist": datasets.mnist,
    "fashion": datasets.fashion_mnist,
}
_SUFFIXES = (".csv", ".npz")
_FEW = 10  # with fewer test rows the figures mean little


@dataclass(frozen=True, eq=False)
class Source:
    """Data ready for training.

    Attributes
    ----------
    X, y, X_test, y_test : ndarray
        Features and targets; the targets are labels, or standardized values.
    classes : tuple of str or None
        Names of the classes; None for regression.
    defaults : Defaults
        How to train on them.
    prepared : Preprocessing
        How the columns were prepared, for the model's file.
    target : str or None
        Name of the predicted column, for a file.
    notes : tuple of str
        How the data were prepared, as text.
    """

    X: NDArray[Any]
    y: NDArray[Any]
    X_test: NDArray[Any]
    y_test: NDArray[Any]
    classes: tuple[str, ...] | None
    defaults: Defaults
    prepared: Preprocessing
    target: str | None = None
    notes: tuple[str, ...] = ()

    @property
    def unit(self) -> float:
        """One standardized unit of the target, in the file's units."""
        return self.prepared.unit

    @property
    def outputs(self) -> int:
        """Units of the network's last layer."""
        return 1 if self.classes is None else len(self.classes)


def load(data: str, target: str | None, seed: int, task: Task = "auto") -> Source:
    """Load a data set by name, or a table from a file.

    Raises
    ------
    UnknownNameError
        If it is neither.
    ArgumentError
        If `target` is given for data without named columns, or `task` for data that have classes.
    DataError, DatasetError, MissingDependencyError
        If the data cannot be loaded or used.
    """
    if data in _LOADERS:
        if target is not None:
            raise ArgumentError(
                f"--target names a column of a CSV file; {data} has no columns. Leave it out."
            )
        if task != "auto":
            raise ArgumentError(
                f"--task gives the kind of target in a file; {data} has classes. Leave it out."
            )
        loaded = _LOADERS[data]()
        classes = tuple(map(str, range(int(loaded.y.max()) + 1)))
        prepared = Preprocessing(classes=classes)
        return Source(*loaded, classes=classes, defaults=DEFAULTS[data], prepared=prepared)
    return _from_table(datasets.read_table(existing_table(data), target, task), seed, task)


def existing_table(data: str) -> Path:
    """The path of a table's file, which must exist.

    Raises
    ------
    UnknownNameError
        If the name does not belong to a table.
    DataError
        If there is no such file.
    """
    path = Path(data)
    if path.suffix.lower() not in _SUFFIXES:
        if path.is_file():
            raise DataError(
                f"{path}: the name of a file must end in .csv or .npz. Rename or convert it."
            )
        raise UnknownNameError("data set", data, [*_LOADERS, *(f"FILE{s}" for s in _SUFFIXES)])
    if not path.is_file():
        raise DataError(_missing(path))
    return path


def _missing(path: Path) -> str:
    """Say that there is no such file, and suggest one with a similar name."""
    folder = path.parent
    if path.exists():
        return f"{path} is not a file."
    if not folder.is_dir():
        return f"there is no file {path}: the folder {folder} does not exist."
    found = [f.name for f in folder.iterdir() if f.suffix.lower() in _SUFFIXES]
    near = get_close_matches(path.name, found, n=1, cutoff=0.5)
    return f"there is no file {path}." + (f" Did you mean {folder / near[0]}?" if near else "")


def _from_table(table: Table, seed: int, task: Task) -> Source:
    X, y, X_test, y_test, how = _parts(table, seed)
    scale = Scale.of(X)
    target, values = f"target {table.target_name!r}: ", None
    if table.classes is not None:
        target += f"{len(table.classes)} classes ({_listed(table.classes)})"
        if task == "auto" and all(map(is_number, table.classes)):
            target += " (--task regression to predict the number)"
    else:
        values = Scale.of(y)
        y, y_test = values.apply(y), values.apply(y_test)
        spread = f"standard deviation {values.std:.6g}"
        target += f"values, standardized (mean {values.mean:.6g}, {spread})"
    features = "features: standardized with the mean and standard deviation of the training rows"
    few = (
        f"only {len(X_test)} test rows: the test figures mean little" if len(X_test) < _FEW else ""
    )
    doubt = header_doubt([*table.feature_names, table.target_name])
    return Source(
        scale.apply(X),
        y,
        scale.apply(X_test),
        y_test,
        classes=table.classes,
        defaults=TABLE,
        target=table.target_name,
        prepared=Preprocessing(
            table.feature_names, table.target_name, table.classes, scale, values
        ),
        notes=tuple(filter(None, (how, few, target, features, doubt))),
    )


def _parts(table: Table, seed: int) -> tuple[Any, Any, Any, Any, str]:
    """Training and test rows, and a note that says where the test rows come from."""
    if table.X_test is not None and table.y_test is not None:
        return table.X, table.y, table.X_test, table.y_test, "test rows: X_test, y_test"
    labels = None if table.classes is None else np.asarray(table.y)
    train, test = split(len(table.X), labels, seed)
    kind = "a fifth" if labels is None else "a fifth of each class"
    how = f"test rows: {kind}, chosen by seed {seed}"
    return table.X[train], table.y[train], table.X[test], table.y[test], how


def _listed(classes: tuple[str, ...]) -> str:
    return ", ".join(classes[:10]) + (", ..." if len(classes) > 10 else "")
