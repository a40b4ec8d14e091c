"""`xpnet search`."""

import argparse
import sys
from time import sleep
from typing import TextIO

from xpnet.cli.load_source import load
from xpnet.cli.own_files import check_own
from xpnet.cli.report import as_json, results_json
from xpnet.cli.search.search_identity import identity
from xpnet.cli.search.search_results import (
    best_json,
    best_text,
    best_trial,
    heading,
    result_line,
)
from xpnet.cli.search.search_space import SEARCHED, Space, words
from xpnet.cli.search.search_storage import file_of, open_study
from xpnet.cli.search.search_trial import TrialRuns
from xpnet.cli.search.shared_study import SharedStudy
from xpnet.cli.search.train_words import parsed, train_words
from xpnet.cli.train_command import checked_way, train_on
from xpnet.optional import require
from xpnet.training.interrupts import Interrupts, passed_on

__all__ = ["search"]

_PAUSE = 0.5  # seconds between two looks at the trials of others


def search(arguments: argparse.Namespace) -> None:
    """Run trials until the study has as many as are wanted; print the best settings.

    Raises
    ------
    XpnetError
        For data, settings or a storage that cannot be used; where possible, before the first trial.
    """
    out = sys.stderr if arguments.json else sys.stdout
    require("optuna", "search", "xpnet search")
    path = _checked_file(arguments)
    base = train_words(arguments)
    runs = _prepared(arguments, base, path)
    where = "" if path is None else f", process {runs.shared.number + 1} of {path}"
    print(f"{runs.source.total:,} rows, {arguments.trials} trials in all{where}", file=out)
    print(heading(runs.column), file=out, flush=True)
    with passed_on():
        interrupted = _run(runs, out)
        study = runs.shared.study
        best = best_trial(study)
        print("", *best_text(study, best, runs.column, base), sep="\n", file=out, flush=True)
        found = best_json(study, best, runs.column, base)
        if best is not None and arguments.save and not interrupted:
            found |= _saved(arguments, runs, best.user_attrs["settings"], out)
        if arguments.json:
            print(as_json(found))
        sys.stdout.flush()  # a signal may end the process next
    if interrupted:
        raise KeyboardInterrupt  # the best is printed; now report the interrupt


def _checked_file(arguments: argparse.Namespace) -> str | None:
    path = file_of(arguments.storage)
    if path is not None and arguments.save is not None:
        check_own("--save", arguments.save, path, "the file of --storage")
    return path


def _prepared(arguments: argparse.Namespace, base: list[str], path: str | None) -> TrialRuns:
    """Check the settings, load the data, and join the study."""
    trained = parsed(base)
    trained.save = arguments.save  # its folder is checked
    way = checked_way(trained)
    source = load(trained)
    classes = source.target.classes
    space = Space(
        arguments.preset,
        0 if classes is None else len(classes),
        source.rows["train"],
        source.defaults,
        frozenset(name for name in SEARCHED if getattr(arguments, name) is not None),
    )
    accurate = classes is not None and arguments.preset != "mlp"  # as its best epoch is chosen
    study = open_study(path, maximize=accurate)
    given = arguments.trials, identity(trained, source), arguments.seed, path
    shared = SharedStudy(study, *given)
    if shared.number == 0:
        study.enqueue_trial(space.first())
    column = "val_accuracy" if accurate else "val_loss"
    return TrialRuns(shared, space, source, way, base, column)


def _run(runs: TrialRuns, out: TextIO) -> bool:
    """Run trials until none is left or a signal comes; whether one came."""
    interrupts, said = Interrupts(), False
    interrupts.begin()
    try:
        while interrupts.received is None:
            trial = runs.shared.next()
            if trial is not None:
                result, attributes = runs.run(trial)
                print(result_line(trial.number, result, attributes), file=out, flush=True)
            elif not (others := runs.shared.running()):
                break
            else:
                if not said:
                    print(f"waiting for {_named(others)} of other processes", file=out, flush=True)
                said = True
                sleep(_PAUSE)
    finally:
        interrupts.end()
    return interrupts.received is not None


def _named(numbers: list[int]) -> str:
    return f"trial{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"


def _saved(
    arguments: argparse.Namespace, runs: TrialRuns, settings: dict[str, object], out: TextIO
) -> dict[str, object]:
    """Train with the best settings and save the model; its scores on the test rows."""
    trained = parsed([*runs.base, *words(settings)])
    trained.save = arguments.save
    print(file=out)
    found = train_on(trained, runs.source, runs.way, out)
    return {"model": arguments.save, **results_json(found)}
