"""`xpnet train`."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from time import perf_counter
from typing import Any, TextIO

from xpnet import backends
from xpnet.cli import plot
from xpnet.cli.defaults import LEARNING_RATE_SGD
from xpnet.cli.report import Rows, Units, as_json, results
from xpnet.cli.source import Source, load
from xpnet.nn import activation
from xpnet.optim import get_optimizer
from xpnet.train import MLP, Model

__all__ = ["train"]


@dataclass(frozen=True)
class Settings:
    """The flags, with the data set's defaults where none was given."""

    hidden: Sequence[int]
    activation: str
    optimizer: str
    learning_rate: float
    epochs: int
    batch_size: int
    dtype: str
    seed: int


def train(arguments: argparse.Namespace) -> None:
    """Train as the flags say; print the progress and the results.

    Raises
    ------
    XpnetError
        For data or settings that cannot be used, before the training where that is possible.
    """
    out = sys.stderr if arguments.json else sys.stdout
    _check(arguments)
    source = load(arguments.data, arguments.target, arguments.seed)
    settings = _settings(arguments, source)
    model = _model(arguments, settings, source)
    _introduce(arguments.data, model, settings, source, out)
    units = Units(source)
    rows = Rows(units, out)
    start = perf_counter()
    model.fit(
        source.X,
        source.y,
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        validation_data=(source.X_test, source.y_test),
        callbacks=[rows],
    )
    seconds = perf_counter() - start
    found = units.results(model.evaluate(source.X_test, source.y_test))
    print(results(found, seconds), file=out)
    if arguments.json:
        run = _described(arguments.data, model, settings, source)
        print(as_json({**run, "seconds": seconds, **found, "history": rows.history.to_dict()}))
    if arguments.plot:
        plot.draw(arguments.plot, rows.history, arguments.data)
        print(f"curves: {arguments.plot}", file=out)


def _check(arguments: argparse.Namespace) -> None:
    """Refuse what can be refused before data are read or downloaded."""
    if arguments.plot:
        plot.check(arguments.plot)
    if arguments.backend is not None:
        backends.get(arguments.backend)
    activation(arguments.activation)
    get_optimizer(arguments.optimizer, arguments.learning_rate)


def _settings(arguments: argparse.Namespace, source: Source) -> Settings:
    default = source.defaults
    rate = LEARNING_RATE_SGD if arguments.optimizer == "sgd" else default.learning_rate

    def given(name: str, otherwise: Any) -> Any:
        value = getattr(arguments, name)
        return otherwise if value is None else value

    return Settings(
        hidden=tuple(given("hidden", default.hidden)),
        activation=arguments.activation,
        optimizer=arguments.optimizer,
        learning_rate=given("learning_rate", rate),
        epochs=given("epochs", default.epochs),
        batch_size=given("batch_size", default.batch_size),
        dtype=arguments.dtype,
        seed=arguments.seed,
    )
