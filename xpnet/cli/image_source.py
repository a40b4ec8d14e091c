"""Data sets of images for `xpnet train`: arrays that are neither copied nor scaled."""

import argparse
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from xpnet import datasets
from xpnet.cli.defaults import DEFAULTS
from xpnet.cli.source import Part, Source
from xpnet.cli.split import held_share, split
from xpnet.datasets import Dataset
from xpnet.errors import ArgumentError
from xpnet.nn import PrepareColumns
from xpnet.nn.table_inputs import Scaling
from xpnet.tabular.prepared import Prepared
from xpnet.tabular.schema import Feature, Schema
from xpnet.tabular.target import Target

__all__ = ["IMAGES", "ImageSource", "load_images"]

IMAGES: dict[str, Callable[[], Dataset]] = {
    "digits": datasets.digits,
    "mnist": datasets.mnist,
    "fashion": datasets.fashion_mnist,
}
# Options that say how to read a table, with their defaults.
_OF_TABLES = {
    "--target": None,
    "--task": "auto",
    "--test": None,
    "--drop": None,
    "--categorical": None,
    "--no-header": False,
    "--delimiter": None,
    "--decimal": None,
    "--encoding": None,
}


@dataclass(frozen=True, eq=False)
class ImageSource(Source):
    """Images as rows of pixels, and their classes.

    Attributes
    ----------
    arrays : dict of str to (ndarray, ndarray)
        Pixels and class numbers of each part.
    """

    arrays: dict[Part, tuple[NDArray[Any], NDArray[Any]]]

    def prepared(self, scaling: Scaling) -> Prepared:
        width = len(self.schema.features)
        return Prepared(PrepareColumns(width, scaling="none"), {"fill": np.zeros(width)})

    def inputs(self, prepared: Prepared, part: Part, dtype: str) -> NDArray[Any]:
        return self.arrays[part][0].astype(dtype)

    def cells(self, part: Part) -> NDArray[Any]:
        return self.arrays[part][0]

    def true(self, part: Part) -> NDArray[Any]:
        return self.arrays[part][1]


def load_images(arguments: argparse.Namespace) -> ImageSource:
    """Load a data set by its name, with its own test rows.

    Raises
    ------
    ArgumentError
        For options that need a table.
    DatasetError, MissingDependencyError
        If it cannot be loaded.
    """
    name, share = arguments.data, held_share(arguments)
    wrong = [option for option, default in _OF_TABLES.items() if _given(arguments, option, default)]
    if wrong or isinstance(share, str):
        option = wrong[0] if wrong else "--validation FILE"
        raise ArgumentError(f"{option} needs a table, but {name} holds images. Leave it out.")
    X, y, X_test, y_test = IMAGES[name]()
    arrays: dict[Part, Any] = {"train": (X, y), "held": (X_test, y_test), "test": (X_test, y_test)}
    if share is not None:
        rows, held = split(len(y), y, arguments.seed, share)
        arrays |= {"train": (X[rows], y[rows]), "held": (X[held], y[held])}
    return ImageSource(
        name,
        _schema(X.shape[1], int(y.max()) + 1),
        {part: len(labels) for part, (_, labels) in arrays.items()},
        "test" if share is None else "validation",
        DEFAULTS[name],
        _notes(arrays, share),
        arrays,
    )


def _notes(arrays: dict[Part, Any], share: float | None) -> list[tuple[str, str]]:
    train, held, test = (len(arrays[part][1]) for part in ("train", "held", "test"))
    words = "" if share is None else f", {held:,} for validation"
    return [
        ("inputs", f"{arrays['train'][0].shape[1]:,} pixels in [0, 1], not scaled"),
        ("rows", f"{train:,} to train{words}, {test:,} to test (always the same)"),
    ]


def _schema(pixels: int, classes: int) -> Schema:
    features = tuple(Feature(f"x{i}", "number") for i in range(pixels))
    return Schema(features, Target("y", tuple(range(classes))), named=False)


def _given(arguments: argparse.Namespace, option: str, default: Any) -> bool:
    return bool(getattr(arguments, option.strip("-").replace("-", "_")) != default)
