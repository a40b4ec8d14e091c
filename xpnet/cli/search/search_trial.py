"""One trial of a search: train with its settings, and tell the study."""

from dataclasses import dataclass
from io import StringIO
from math import isnan
from time import perf_counter
from typing import Any
from warnings import catch_warnings, simplefilter

from xpnet.cli.search.search_space import Space, words
from xpnet.cli.search.shared_study import SharedStudy
from xpnet.cli.search.train_words import parsed
from xpnet.cli.source import Source
from xpnet.cli.training import Training
from xpnet.errors import DivergedError, XpnetWarning
from xpnet.lowering.cpu.thread_count import allowed, wanted
from xpnet.optional import require
from xpnet.training.callbacks import OptunaPruning

__all__ = ["TrialRuns"]


@dataclass(frozen=True)
class TrialRuns:
    """The trials that this process runs.

    Attributes
    ----------
    shared : SharedStudy
    space : Space
    source : Source
    way : type of Training
    base : list of str
        The words of `xpnet train` that all trials have in common.
    column : str
        Of the history, by which trials are compared.
    """

    shared: SharedStudy
    space: Space
    source: Source
    way: type[Training]
    base: list[str]
    column: str

    def run(self, trial: Any) -> tuple[str, dict[str, Any]]:
        """Run a trial; return its result as text, and its attributes."""
        shared, optuna = self.shared, require("optuna", "search", "xpnet search")
        attributes: dict[str, Any] = {"settings": self.space.settings(trial)}
        states, start = optuna.trial.TrialState, perf_counter()
        training = self._training(trial, attributes["settings"])
        state, history = states.COMPLETE, training.rows.history
        try:
            with shared.alive(trial):
                value = self._value(trial, training)
        except (optuna.TrialPruned, DivergedError) as error:
            value, state = None, states.PRUNED
            attributes["pruned"] = str(error)
        except BaseException:
            if shared.owns(trial):
                shared.tell(trial, None, states.FAIL)
                raise
            return "lost", attributes
        attributes |= {"epochs": len(history), "seconds": perf_counter() - start}
        if training.rows.interrupted and state is states.COMPLETE:
            shared.give_back(trial.number)
            return "given back", attributes
        if value is not None:
            row = self._best(history)
            attributes |= {"epoch": int(row["epoch"]), "scores": row}
        if not shared.tell(trial, value, state, attributes):
            return "lost", attributes
        return "pruned" if value is None else f"{attributes['scores'][self.column]:.4g}", attributes

    def _training(self, trial: Any, settings: dict[str, Any]) -> Training:
        arguments = parsed([*self.base, *words(settings)])
        if wanted(arguments.threads) is None:
            others = self.shared.neighbours(trial)
            if others:  # each process takes its share of the cores
                arguments.threads = max(1, allowed() // (1 + others))
        return self.way(arguments, self.source, StringIO())

    def _value(self, trial: Any, training: Training) -> float | None:
        """Train; what the study compares, None if the training was interrupted."""
        pruning = OptunaPruning(trial, self.column)
        with catch_warnings():
            simplefilter("ignore", XpnetWarning)  # those of a training are about its settings
            model, _ = training.run([training.rows, pruning])
        if training.rows.interrupted:
            return None
        value = float(self._best(model.history)[self.column])
        if isnan(value):
            pruned = require("optuna", "search", "xpnet search").TrialPruned
            raise pruned(f"{self.column} is not a number")
        return value

    def _best(self, history: Any) -> dict[str, float]:
        """The row of the best epoch."""
        sign = -1 if self.column == "val_accuracy" else 1
        key = self.column
        return dict(min(history, key=lambda row: (isnan(row[key]), sign * row[key])))
