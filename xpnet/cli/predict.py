"""`xpnet predict` and `xpnet evaluate`: use a saved model."""

import argparse
import csv
import os
import sys
from pathlib import Path
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from xpnet import load
from xpnet.cli.preprocessing import Preprocessing
from xpnet.cli.report import Units, as_json
from xpnet.cli.rows import read_features, read_rows
from xpnet.errors import ArgumentError
from xpnet.model import Model

__all__ = ["evaluate", "predict"]

_SUFFIXES = (".csv", ".npz")
_LOGITS = ("softmax_cross_entropy", "focal")  # losses whose softmax is a probability
_SHOWN = {"test_accuracy": "accuracy", "test_r2": "R2", "test_loss": "loss"}


def predict(arguments: argparse.Namespace) -> None:
    """Predict each row of a file; write the predictions to a file or as CSV to standard output.

    Raises
    ------
    XpnetError
        For a model or data that cannot be used.
    """
    if arguments.out is not None:
        _check_out(arguments.out)
    model = load(arguments.model, arguments.backend)
    prepared = Preprocessing.of(model.preprocessing)
    output = np.asarray(model.predict(read_features(arguments.data, prepared)))
    columns = _columns(model, prepared, output)
    if arguments.out is None:
        _write_csv(sys.stdout, columns)
    else:
        _write(arguments.out, columns)


def evaluate(arguments: argparse.Namespace) -> None:
    """Measure a model on the rows of a file, and print the results.

    Raises
    ------
    XpnetError
        For a model or data that cannot be used.
    """
    model = load(arguments.model, arguments.backend)
    prepared = Preprocessing.of(model.preprocessing)
    X, y = read_rows(arguments.data, prepared)
    y = y[:, None] if prepared.classes is None and len(model.network.output_shape) else y
    measured = model.evaluate(X, y)
    found = Units(prepared.classes, prepared.unit, y).results(measured)
    named = {text: found[key] for key, text in _SHOWN.items() if found[key] is not None}
    if arguments.json:
        print(as_json({"rows": len(X), **{k.lower(): v for k, v in named.items()}}))
    else:
        print(f"{len(X):,} rows: " + ", ".join(f"{k} {v:.4g}" for k, v in named.items()))


def _check_out(path: str) -> None:
    """Refuse a file that could not be written after predicting."""
    file = Path(path)
    if file.suffix.lower() not in _SUFFIXES:
        raise ArgumentError(f"--out {path}: the name must end in .csv or .npz.")
    if not file.parent.is_dir():
        raise ArgumentError(f"--out {path}: the folder {file.parent} does not exist. Create it.")
    if file.is_dir() or not os.access(file if file.exists() else file.parent, os.W_OK):
        raise ArgumentError(f"--out {path}: this file cannot be written. Choose another.")


def _columns(
    model: Model, prepared: Preprocessing, output: NDArray[Any]
) -> dict[str, NDArray[Any]]:
    """The predictions by name: classes with their probability, or values in the table's units."""
    loss = model.network.loss
    if loss.target == "classes" and output.ndim == 2:
        best = output.argmax(axis=1)
        names = prepared.classes
        if names is not None and len(names) != output.shape[1]:
            raise ArgumentError(
                f"the model has {output.shape[1]} outputs, but its file names {len(names)} classes."
            )
        columns = {"prediction": best if names is None else np.array(names)[best]}
        if loss.name in _LOGITS:
            output = _softmax(output)
        if loss.name in (*_LOGITS, "cross_entropy"):
            columns["probability"] = output[np.arange(len(best)), best]
        return columns
    flat = output.reshape(len(output), -1)
    if prepared.values is not None:
        flat = flat * prepared.values.std + prepared.values.mean
    if flat.shape[1] == 1:
        return {"prediction": flat[:, 0]}
    return {f"prediction_{i}": flat[:, i] for i in range(flat.shape[1])}


def _softmax(z: NDArray[Any]) -> NDArray[Any]:
    powers = np.exp(z - z.max(axis=1, keepdims=True))
    shares: NDArray[Any] = powers / powers.sum(axis=1, keepdims=True)
    return shares


def _write_csv(stream: TextIO, columns: dict[str, NDArray[Any]]) -> None:
    """A header, then one line per row; numbers have just enough digits to be exact."""
    writer = csv.writer(stream, lineterminator="\n")
    writer.writerow(columns)
    writer.writerows(zip(*(map(str, column) for column in columns.values()), strict=True))


def _write(path: str, columns: dict[str, NDArray[Any]]) -> None:
    try:
        if path.lower().endswith(".npz"):
            np.savez(path, **columns)  # type: ignore[arg-type]
        else:
            with open(path, "w", encoding="utf-8", newline="") as stream:
                _write_csv(stream, columns)
    except OSError as error:
        raise ArgumentError(f"--out {path} could not be written: {error}.") from error
