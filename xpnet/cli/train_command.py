"""`xpnet train`."""

import argparse
import sys
from pathlib import Path
from time import perf_counter
from typing import Any, TextIO

from xpnet.arguments import count
from xpnet.backends import resolve
from xpnet.backends.data_types import check_float
from xpnet.cli import plot
from xpnet.cli.defaults import LEARNING_RATE_SGD
from xpnet.cli.report import Rows, Units, as_json, describe, results
from xpnet.cli.source import Source, load
from xpnet.errors import ArgumentError
from xpnet.lowering import MOST_THREADS
from xpnet.mlp import MLP
from xpnet.model import Model
from xpnet.nn import activation
from xpnet.optim import get_optimizer
from xpnet.saving.checkpoint import Checkpoint
from xpnet.saving.snapshots import checkpoints
from xpnet.saving.whole_file import check_place

__all__ = ["train"]


def train(arguments: argparse.Namespace) -> None:
    """Train with the given options; print the progress and the results.

    Raises
    ------
    XpnetError
        For data or settings that cannot be used; where possible, before training starts.
    """
    out = sys.stderr if arguments.json else sys.stdout
    _check(arguments)
    source = load(arguments.data, arguments.target, arguments.seed, arguments.task)
    _fill_in(arguments, source)
    model = _model(arguments, source)
    _introduce(arguments, model, source, out)
    units = Units(source.classes, source.unit, source.y_test)
    rows = Rows(units, out)
    start = perf_counter()
    folder = arguments.checkpoint
    history = model.fit(
        source.X,
        source.y,
        epochs=arguments.epochs,
        batch_size=arguments.batch_size,
        validation_data=(source.X_test, source.y_test),
        callbacks=[rows, *([] if folder is None else [Checkpoint(folder)])],
        resume_from=folder if arguments.resume else None,
        threads=arguments.threads,
    )
    seconds = perf_counter() - start
    found = units.results(model.evaluate(source.X_test, source.y_test))
    print(results(found, seconds), file=out)
    if arguments.save:
        model.save(arguments.save, preprocessing=source.prepared.to_dict())
        print(f"model: {arguments.save}", file=out)
    if arguments.json:
        run = {**describe(arguments, model, source), "seconds": seconds, **found}
        print(as_json({**run, "history": rows.history.to_dict()}))
    # Last, so that a full disk does not lose the results.
    if arguments.plot:
        plot.draw(arguments.plot, rows.history, arguments.data)
        print(f"curves: {arguments.plot}", file=out)
    if history.interrupted:
        raise KeyboardInterrupt  # the results are measured and saved; now report the interrupt


def _check(arguments: argparse.Namespace) -> None:
    """Check all settings before data are read or downloaded."""
    if arguments.plot is not None:
        plot.check(arguments.plot)
    if arguments.save is not None:
        check_place(arguments.save)
    _check_checkpoints(arguments)
    resolve(arguments.backend)
    check_float(arguments.dtype)
    activation(arguments.activation)
    get_optimizer(arguments.optimizer, arguments.learning_rate)
    if arguments.threads is not None:
        count("--threads", arguments.threads, 1, MOST_THREADS + 1)


def _check_checkpoints(arguments: argparse.Namespace) -> None:
    if arguments.resume and arguments.checkpoint is None:
        raise ArgumentError("--resume needs --checkpoint FOLDER to resume from.")
    folder = arguments.checkpoint
    if folder is not None and not arguments.resume and checkpoints(Path(folder)):
        raise ArgumentError(
            f"--checkpoint {folder}: the folder holds checkpoints. Add --resume to continue from "
            "the newest, or name another folder."
        )


def _fill_in(arguments: argparse.Namespace, source: Source) -> None:
    """Set the options that were not given to the data set's defaults."""
    defaults: dict[str, Any] = vars(source.defaults).copy()
    if arguments.optimizer == "sgd":
        defaults["learning_rate"] = LEARNING_RATE_SGD
    for name, value in defaults.items():
        if getattr(arguments, name) is None:
            setattr(arguments, name, value)


def _model(arguments: argparse.Namespace, source: Source) -> Model:
    model = MLP(
        [source.X.shape[1], *arguments.hidden, source.outputs],
        arguments.activation,
        loss="mean_squared_error" if source.classes is None else "softmax_cross_entropy",
        optimizer=get_optimizer(arguments.optimizer, arguments.learning_rate),
        backend=arguments.backend,
        dtype=arguments.dtype,
        seed=arguments.seed,
    )
    return model.build()


def _introduce(arguments: argparse.Namespace, model: Model, source: Source, out: TextIO) -> None:
    """Print the data, the network and the settings before training."""
    rows = f"{len(source.X):,} rows to train, {len(source.X_test):,} to test"
    print(f"{arguments.data}: {rows}, {source.X.shape[1]:,} features", file=out)
    for note in source.notes:
        print(f"  {note}", file=out)
    print(f"\n{model.summary()}", file=out)
    print(
        f"{arguments.optimizer}, learning rate {arguments.learning_rate:g}, batch size "
        f"{arguments.batch_size}, seed {arguments.seed}; backend {model.engine.backend.name}\n",
        file=out,
    )
