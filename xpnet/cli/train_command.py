"""`xpnet train`."""

import argparse
import sys
from math import ceil
from pathlib import Path
from time import perf_counter
from typing import Any, TextIO

import numpy as np

from xpnet.arguments import count, number
from xpnet.backends import resolve
from xpnet.backends.data_types import check_float
from xpnet.cli import plot
from xpnet.cli.defaults import LEARNING_RATE_SGD, MOST_EPOCHS
from xpnet.cli.live_line import LiveLine
from xpnet.cli.load_source import load
from xpnet.cli.report import Rows, as_json, describe, measured, results_json, results_text
from xpnet.cli.resume import check_resumed
from xpnet.cli.schema_text import two_columns
from xpnet.cli.source import Source
from xpnet.errors import ArgumentError
from xpnet.lowering import MOST_THREADS
from xpnet.mlp import dense_net
from xpnet.nn import activation
from xpnet.optim import Optimizer, get_optimizer
from xpnet.saving.checkpoint import Checkpoint
from xpnet.saving.snapshots import checkpoints
from xpnet.saving.whole_file import check_place
from xpnet.tabular.table_model import TableModel
from xpnet.training.advice import Remedies, remedies
from xpnet.training.callbacks import Callback, EarlyStopping
from xpnet.training.history import History

__all__ = ["train"]

_REMEDIES = Remedies(
    falling="train longer, with --epochs or --early-stopping", columns="", target=""
)


def train(arguments: argparse.Namespace) -> None:
    """Train with the given options; print the progress and the results.

    Raises
    ------
    XpnetError
        For data or settings that cannot be used; where possible, before training starts.
    """
    out = sys.stderr if arguments.json else sys.stdout
    _check(arguments)
    source = load(arguments)
    _fill_in(arguments, source)
    model = _model(arguments, source)
    if arguments.resume:
        check_resumed(arguments.checkpoint, model)
    _introduce(arguments, model, source, out)
    start = perf_counter()
    rows, history, kept = _fit(arguments, model, source, out)
    seconds = perf_counter() - start
    X, _ = source.samples(model, "test")
    found = measured(model, source.true("test"), np.asarray(model.model.predict(X)))
    print("", *results_text(found, source.target.name), "", sep="\n", file=out)
    epochs = f"{len(history)} epoch{'s' if len(history) != 1 else ''}"
    print(f"trained for {epochs} in {seconds:.1f} s{kept}", file=out)
    if arguments.save:
        model.history += list(history)
        model.save(arguments.save)
        print(f"model: {arguments.save}", file=out)
    if arguments.json:
        run = {**describe(arguments, model, source), "seconds": seconds, **results_json(found)}
        print(as_json({**run, "history": rows.history.to_dict()}))
    # Last, so that a full disk does not lose the results.
    if arguments.plot:
        plot.draw(arguments.plot, rows.history, arguments.data, source.held)
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
    number("--dropout", arguments.dropout, 0, 1)
    _optimizer(arguments)
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
    if arguments.early_stopping is not None:
        defaults["epochs"] = MOST_EPOCHS
    for name, value in defaults.items():
        if getattr(arguments, name) is None:
            setattr(arguments, name, value)


def _optimizer(arguments: argparse.Namespace) -> Optimizer:
    decay = arguments.weight_decay
    if arguments.optimizer is None:
        arguments.optimizer = "adam" if decay is None else "adamw"
    options = {} if decay is None else {"weight_decay": decay}
    return get_optimizer(arguments.optimizer, arguments.learning_rate, **options)


def _model(arguments: argparse.Namespace, source: Source) -> TableModel:
    units = [*arguments.hidden, source.outputs]
    return source.model(
        dense_net(units, arguments.activation, arguments.dropout),
        optimizer=_optimizer(arguments),
        backend=arguments.backend,
        dtype=arguments.dtype,
        seed=arguments.seed,
    )


def _fit(
    arguments: argparse.Namespace, model: TableModel, source: Source, out: TextIO
) -> tuple[Rows, History, str]:
    """Train the network, and show how it goes; say which epoch is kept, if not the last."""
    X, y = source.samples(model, "train")
    rows, callbacks = _callbacks(arguments, model, source, out)
    with remedies(_REMEDIES):
        history = model.model.fit(
            X,
            y,
            epochs=arguments.epochs,
            batch_size=arguments.batch_size,
            class_weight=arguments.class_weight,
            validation_data=source.samples(model, "held"),
            callbacks=callbacks,
            resume_from=arguments.checkpoint if arguments.resume else None,
            threads=arguments.threads,
            verbose=False,
        )
    stop = next((c for c in callbacks if isinstance(c, EarlyStopping)), None)
    best = None if stop is None else stop.best_epoch
    kept = f"; epoch {best} was the best on the validation rows and is kept" if best else ""
    return rows, history, kept


def _callbacks(
    arguments: argparse.Namespace, model: TableModel, source: Source, out: TextIO
) -> tuple[Rows, list[Callback]]:
    """A row for each epoch, or one line on a terminal; checkpoints; early stopping."""
    rows = Rows(model, None if out.isatty() else out)
    callbacks: list[Callback] = [rows]
    terminal = next((stream for stream in (sys.stderr, out) if stream.isatty()), None)
    stops = arguments.early_stopping is not None
    if terminal is not None:
        steps = ceil(source.rows["train"] / arguments.batch_size)
        callbacks.append(LiveLine(terminal, rows, steps, source.held, stops))
    if stops:
        callbacks.append(EarlyStopping(patience=arguments.early_stopping))
    if arguments.checkpoint is not None:
        callbacks.append(Checkpoint(arguments.checkpoint))
    return rows, callbacks


def _introduce(
    arguments: argparse.Namespace, model: TableModel, source: Source, out: TextIO
) -> None:
    """Print the data, the network and the settings before training."""
    name = Path(source.name).name
    print(f"{name}: {source.total:,} rows", *two_columns(source.notes), sep="\n", file=out)
    print(f"\n{model.model.summary()}", file=out)
    print(
        f"{arguments.optimizer}, learning rate {arguments.learning_rate:g}, batch size "
        f"{arguments.batch_size}, seed {arguments.seed}; backend "
        f"{model.model.engine.backend.name}\n",
        file=out,
    )
