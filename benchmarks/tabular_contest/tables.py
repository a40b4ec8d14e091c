"""The data sets, as data frames, and their seeded splits.

Categories are columns of pandas's category type, and missing cells are missing. Classes are
numbered from 0. Sets that scikit-learn does not contain are read from the folder XPNET_DATA.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from sklearn import datasets
from sklearn.model_selection import train_test_split

TEST = 0.2  # of the rows; in the proportions of the classes if there are classes


class Data(NamedTuple):
    """A table and its target: class numbers (int64) or values (float64)."""

    X: pd.DataFrame
    y: np.ndarray

    @property
    def classes(self) -> int:
        """The number of classes; 0 for a regression."""
        return int(self.y.max()) + 1 if self.y.dtype.kind == "i" else 0


class Split(NamedTuple):
    """Training and test rows."""

    train: Data
    test: Data


@dataclass(frozen=True)
class Table:
    """A data set: how to load it, and what the table of results says about it."""

    load: Callable[[], Data]
    about: str


def split(data: Data, seed: int) -> Split:
    """The same rows for every method."""
    rows = np.arange(len(data.y))
    classes = data.y if data.classes else None
    parts = train_test_split(rows, test_size=TEST, random_state=seed, stratify=classes)
    train, test = (Data(data.X.iloc[part].reset_index(drop=True), data.y[part]) for part in parts)
    return Split(train, test)


def adult() -> Data:
    names = (
        "age workclass fnlwgt education education-num marital-status occupation relationship race "
        "sex capital-gain capital-loss hours-per-week native-country class"
    ).split()
    folder, parts = _folder() / "adult", []
    for file, skipped in (("adult.data.gz", 0), ("adult.test.gz", 1)):
        cells = {"na_values": "?", "skipinitialspace": True, "skiprows": skipped}
        parts.append(pd.read_csv(folder / file, names=names, **cells))
    table = pd.concat(parts, ignore_index=True)
    y = table.pop("class").str.rstrip(".").eq(">50K")
    texts = table.select_dtypes(exclude="number").columns
    return _data(table.astype(dict.fromkeys(texts, "category")), y, "int64")


def housing() -> Data:
    table = pd.read_csv(_folder() / "california-housing" / "cal_housing.csv")
    return _data(table, table.pop("median_house_value") / 1e5, "float64")


def quality(color: str) -> Data:
    table = pd.read_csv(_folder() / "wine-quality" / f"winequality-{color}.csv", sep=";")
    return _data(table, table.pop("quality"), "float64")


def bundled(name: str, target: str) -> Data:
    """A set that scikit-learn contains."""
    found = getattr(datasets, f"load_{name}")(as_frame=True)
    return _data(found.data, found.target, target)


def _data(X: pd.DataFrame, y: Any, target: str) -> Data:
    numbers = X.select_dtypes(include="number").columns
    return Data(X.astype(dict.fromkeys(numbers, "float64")), y.to_numpy(dtype=target, copy=True))


def _folder() -> Path:
    if not (name := os.environ.get("XPNET_DATA")):
        raise SystemExit("set XPNET_DATA to the folder with adult/, california-housing/ and others")
    return Path(name)


TABLES = {
    "iris": Table(lambda: bundled("iris", "int64"), "3 species"),
    "wine": Table(lambda: bundled("wine", "int64"), "3 cultivars"),
    "breast-cancer": Table(lambda: bundled("breast_cancer", "int64"), "2 diagnoses"),
    "digits": Table(lambda: bundled("digits", "int64"), "10 digits, 8 x 8 pixels"),
    "diabetes": Table(lambda: bundled("diabetes", "float64"), "progression of the disease"),
    "wine-red": Table(lambda: quality("red"), "quality of red wine as a number"),
    "wine-white": Table(lambda: quality("white"), "quality of white wine as a number"),
    "housing": Table(housing, "median value of houses in California, in 100,000 dollars"),
    "adult": Table(adult, "income above 50,000 dollars; both files together"),
}
