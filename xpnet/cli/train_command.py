"""`xpnet train`."""

import argparse
import os
import sys
from pathlib import Path
from time import perf_counter
from typing import TextIO

import numpy as np

from xpnet.arguments import count, number
from xpnet.backends import resolve
from xpnet.backends.data_types import check_float
from xpnet.cli import plot
from xpnet.cli.load_source import load
from xpnet.cli.many_processes import one_of_several
from xpnet.cli.mlp_training import MlpTraining
from xpnet.cli.report import (
    Results,
    as_json,
    describe,
    measured,
    results_json,
    results_text,
)
from xpnet.cli.schema_text import two_columns
from xpnet.cli.source import Source
from xpnet.cli.training import Training
from xpnet.lowering import MOST_THREADS
from xpnet.saving.whole_file import check_place
from xpnet.training.interrupts import passed_on

__all__ = ["checked_way", "train", "train_on"]


def train(arguments: argparse.Namespace) -> None:
    """Train with the given options; print the progress and the results.

    Raises
    ------
    XpnetError
        For data or settings that cannot be used; where possible, before training starts.
    """
    out = sys.stderr if arguments.json else sys.stdout
    if not arguments.distributed:
        _train(arguments, out)
        return
    with one_of_several() as leads:
        if leads:
            _train(arguments, out)
            return
        arguments.save = arguments.plot = arguments.json = None
        with open(os.devnull, "w", encoding="utf-8") as nowhere:
            _train(arguments, nowhere)


def _train(arguments: argparse.Namespace, out: TextIO) -> None:
    way = checked_way(arguments)
    train_on(arguments, load(arguments), way, out)


def train_on(
    arguments: argparse.Namespace, source: Source, way: type[Training], out: TextIO
) -> Results:
    """Train on data that are loaded; print the results and return the scores on the test rows.

    Text goes to `out`.
    """
    training = way(arguments, source, out)
    name = "standard input" if source.name == "-" else Path(source.name).name
    print(f"{name}: {source.total:,} rows", *two_columns(source.notes), sep="\n", file=out)
    with passed_on():
        found = _trained(arguments, source, training, out)
    if training.rows.interrupted:
        raise KeyboardInterrupt  # the results are measured and saved; now report the interrupt
    return found


def _trained(
    arguments: argparse.Namespace, source: Source, training: Training, out: TextIO
) -> Results:
    """Train; print and save the results."""
    start = perf_counter()
    model, kept = training.run()
    seconds = perf_counter() - start
    inputs = source.inputs(training.prepared, "test", model.model.dtype)
    found = measured(model, source.true("test"), np.asarray(model.model.predict(inputs)))
    print("", *results_text(found, source.target.name), "", sep="\n", file=out)
    history = training.rows.history
    epochs = f"{len(history)} epoch{'s' if len(history) != 1 else ''}"
    print(f"trained for {epochs} in {seconds:.1f} s{kept}", file=out)
    if arguments.save:
        model.save(arguments.save)
        print(f"model: {arguments.save}", file=out)
    if arguments.json:
        run = {**describe(arguments, model, source), "seconds": seconds, **results_json(found)}
        print(as_json({**run, "history": history.to_dict()}))
    # Last, so that a full disk does not lose the results.
    if arguments.plot:
        plot.draw(arguments.plot, history, arguments.data, source.held)
        print(f"curves: {arguments.plot}", file=out)
    sys.stdout.flush()  # a signal may end the process next
    return found


def checked_way(arguments: argparse.Namespace) -> type[Training]:
    """The class that trains as the arguments say, which are checked before data are read."""
    _check(arguments)
    way = _way(arguments)
    way.check(arguments)
    return way


def _check(arguments: argparse.Namespace) -> None:
    """Check all settings before data are read or downloaded."""
    if arguments.plot is not None:
        plot.check(arguments.plot)
    if arguments.save is not None:
        check_place(arguments.save)
    resolve(arguments.backend)
    check_float(arguments.dtype)
    if arguments.dropout is not None:
        number("--dropout", arguments.dropout, 0, 1)
    if arguments.threads is not None:
        count("--threads", arguments.threads, 1, MOST_THREADS + 1)


def _way(arguments: argparse.Namespace) -> type[Training]:
    """The class that trains by the preset."""
    if arguments.preset == "mlp":
        return MlpTraining
    from xpnet.cli.preset_training import PresetTraining

    return PresetTraining
