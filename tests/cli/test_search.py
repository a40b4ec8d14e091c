"""`xpnet search`: trials of one process and of several."""

import json
import os
import re
import shlex
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from support.brief import BRIEF

import xpnet as xn
from xpnet.cli import main
from xpnet.cli.defaults import TABLE
from xpnet.cli.parser import parser
from xpnet.cli.search import search_command, shared_study
from xpnet.cli.search.search_identity import differences
from xpnet.cli.search.search_space import SEARCHED, Space, shown, words
from xpnet.cli.search.search_storage import file_of, open_study
from xpnet.cli.search.shared_study import SharedStudy
from xpnet.cli.search.train_words import parsed, train_words
from xpnet.errors import ArgumentError, DataError, FormatError

optuna = pytest.importorskip("optuna")
pytest.importorskip("pyarrow", reason="tables are read with pyarrow")
pytestmark = [BRIEF, pytest.mark.xdist_group("search")]
SMALL = ["--epochs", "3", "--hidden", "8"]
_LINE = re.compile(r"^ +(\d+) +(\S+) +\d+ +[\d.]+  (.+)$", re.MULTILINE)


@pytest.fixture(autouse=True)
def soon(monkeypatch):
    monkeypatch.setattr(search_command, "_PAUSE", 0.02)


@pytest.fixture
def search_json(run):
    return lambda *arguments: json.loads(run("search", *arguments, "--json").out)


def trials(path):
    """The trials in a journal."""
    return open_study(str(path), maximize=False).trials


# --- one process ------------------------------------------------------------------------------


def test_the_command_that_is_printed_repeats_the_best_trial(run, run_json, classes_csv):
    out = run("search", classes_csv, "--target", "kind", "--trials", 4, "--epochs", 6).out
    assert [int(number) for number, *_ in _LINE.findall(out)] == [0, 1, 2, 3]
    assert "hidden 64 64, learning rate 0.001, dropout 0.0" in out, "the defaults are tried first"
    best = float(re.search(r"^  val_loss ([\d.]+), val_accuracy", out, re.MULTILINE)[1])
    (command,) = [line for line in out.splitlines() if line.startswith("xpnet train ")]
    found = run_json(*shlex.split(command)[2:])
    assert min(found["history"]["val_loss"]) == pytest.approx(best, rel=1e-3)
    assert found["validation_rows"] == 19


def test_one_process_with_a_seed_finds_the_same_again(search_json, values_csv):
    flags = [values_csv, "--trials", 5, "--epochs", 2, "--seed", 3]
    one, two = search_json(*flags), search_json(*flags)
    for found in (one, two):
        found["best"]["scores"].pop("seconds")
    assert one == two
    assert one["trials"]["complete"] == 5
    assert one["best"]["scores"]["val_loss"] > 1, "in the units of the file, not standardized"


def test_the_best_model_is_saved(search_json, classes_csv, tmp_path):
    path = tmp_path / "m.safetensors"
    found = search_json(classes_csv, "--trials", 2, *SMALL, "--save", path)
    assert found["model"] == str(path)
    model = xn.load(path)
    assert model.evaluate(classes_csv)["accuracy"] > 0.4
    assert 0 <= found["test_accuracy"] <= 1


@pytest.mark.parametrize("preset", ["fast", "realmlp"])
def test_presets_are_measured_by_accuracy(search_json, classes_csv, preset):
    found = search_json(classes_csv, "--preset", preset, "--trials", 2, *SMALL)
    assert found["measured_by"] == "val_accuracy"
    assert set(found["best"]["settings"]) == set(SEARCHED) - {"hidden"}
    assert "--hidden 8" in found["best"]["command"]


def test_images(search_json):
    pytest.importorskip("sklearn", reason="digits come with scikit-learn")
    found = search_json("digits", "--trials", 1, "--epochs", 2)
    assert found["best"]["settings"]["hidden"] == [256, 256]


def test_poor_trials_are_pruned(search_json, classes_csv, monkeypatch):
    """The later trials learn nothing."""
    rates = iter([0.01] * 5 + [1e-12] * 3)

    def settings(space, trial):
        trial.suggest_float("x", 0, 1)
        return {"learning_rate": next(rates)}

    monkeypatch.setattr(Space, "settings", settings)
    found = search_json(classes_csv, "--trials", 8, "--epochs", 8, "--hidden", 8)
    assert found["trials"] == {"complete": 5, "pruned": 3, "failed": 0, "running": 0, "waiting": 0}


def test_a_trial_that_diverges_is_none_of_the_best(run, values_csv, monkeypatch):
    rates = iter([1e30, 0.01])
    monkeypatch.setattr(Space, "settings", lambda *_: {"learning_rate": next(rates)})
    out = run("search", values_csv, "--trials", 2, *SMALL).out
    assert _LINE.findall(out)[0][1] == "pruned"
    assert "best of 2 trials (1 complete, 1 pruned): trial 1" in out


# --- what is searched -------------------------------------------------------------------------


@pytest.mark.parametrize("preset", ["mlp", "realmlp"])
@pytest.mark.parametrize("rows", [20, 100_000])
def test_the_space_holds_the_defaults_and_leaves_out_what_is_given(preset, rows):
    space = Space(preset, 2, rows, TABLE, frozenset())
    study = optuna.create_study(sampler=optuna.samplers.RandomSampler(seed=0))
    study.enqueue_trial(space.first())
    first = space.settings(study.ask())
    assert tuple(first) == SEARCHED
    assert first["hidden"] == ([64, 64] if preset == "mlp" else [256] * 3)
    for _ in range(20):
        found = space.settings(study.ask())
        assert parsed(["x.csv", *words(found)]).learning_rate == found["learning_rate"]
        assert found["batch_size"] * 4 <= rows or found["batch_size"] == 32
    given = Space(preset, 2, rows, TABLE, frozenset(SEARCHED[:3]))
    assert set(given.settings(study.ask())) == {"weight_decay", "batch_size"}
    assert set(given.first()) == {"weight_decay", "batch_size"}
    assert shown({"batch_size": 32, "hidden": [8, 8]}) == "batch size 32, hidden 8 8"


def test_what_is_given_is_passed_on_to_the_training():
    line = "search t.csv --target y --drop a b --no-header --delimiter - --seed -3 --threads 1"
    line += " --class-weight balanced --validation 0.25 --early-stopping 4 --hidden"
    given = parser().parse_args(line.split())
    got = parsed(train_words(given))
    for name in ("target", "drop", "no_header", "delimiter", "seed", "threads", "validation"):
        assert getattr(got, name) == getattr(given, name), name
    assert (got.class_weight, got.early_stopping, got.hidden) == ("balanced", 4, [])


# --- several processes ------------------------------------------------------------------------


def start(*arguments, **variables):
    code = (
        "import sys, warnings; from xpnet.cli import main; from xpnet.cli.search import"
        " search_command, shared_study; search_command._PAUSE = 0.05;"
        " shared_study.BEAT, shared_study.LOST = 0.1, 1.0; sys.exit(main(sys.argv[1:]))"
    )
    return subprocess.Popen(
        [sys.executable, "-c", code, "search", *map(str, arguments)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, **variables},
    )


def wait_for(condition):
    end = time.monotonic() + 60
    while not condition():
        assert time.monotonic() < end
        time.sleep(0.02)


def running(journal):
    return journal.exists() and any(t.state.name == "RUNNING" for t in trials(journal))


def test_two_processes_share_the_trials(classes_csv, tmp_path):
    journal = tmp_path / "search.log"
    flags = [classes_csv, "--trials", 6, *SMALL, "--storage", f"journal:{journal}"]
    outs = [p.communicate(timeout=120) for p in [start(*flags), start(*flags)]]
    numbers = sorted(int(number) for out, _ in outs for number, *_ in _LINE.findall(out))
    assert numbers == [0, 1, 2, 3, 4, 5], outs
    one, two = (out.partition("\nbest of 6 trials")[2] for out, _ in outs)
    assert one == two != ""
    found = [t for t in trials(journal) if "surplus" not in t.user_attrs]
    assert len({tuple(t.params.items()) for t in found}) == 6, "they draw other settings"


def test_a_killed_process_loses_its_trial_to_another(classes_csv, tmp_path):
    journal = tmp_path / "search.log"
    flags = [classes_csv, "--trials", 2, "--hidden", 8, "--storage", f"journal:{journal}"]
    slow = ["--epochs", 1_000_000, "--early-stopping", 1_000_000]
    victim = start(*flags, *slow)
    wait_for(lambda: running(journal))
    victim.kill()
    victim.communicate()
    (lost,) = trials(journal)
    # The same search but for its length, which the study would refuse.
    text = journal.read_text().replace("1000000", "3")
    journal.write_text(text)
    out, error = start(*flags, "--epochs", 3, "--early-stopping", 3).communicate(timeout=120)
    assert "best of 2 trials (2 complete)" in out, error
    found = trials(journal)
    assert found[lost.number].state.name == "FAIL"
    (again,) = [t for t in found if t.user_attrs.get("retry of") == lost.number]
    assert again.params.items() >= lost.params.items()
    assert again.user_attrs["deaths"] == 1


@pytest.mark.skipif(os.name == "nt", reason="signals are POSIX's")
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_it_with_the_best_so_far(classes_csv, tmp_path, number):
    journal = tmp_path / "search.log"
    flags = [classes_csv, "--trials", 2, "--hidden", 8, "--batch-size", 32]
    flags += ["--epochs", 1_000_000, "--early-stopping", 1_000_000]
    process = start(*flags, "--storage", f"journal:{journal}")
    wait_for(lambda: running(journal))
    time.sleep(0.3)
    process.send_signal(number)
    out, error = process.communicate(timeout=60)
    assert process.returncode == (130 if number == signal.SIGINT else -number), error
    assert "given back" in out
    assert "no trial has been completed (2 waiting)" in out or "(1 waiting)" in out
    assert [t.state.name for t in trials(journal)] == ["FAIL", "WAITING"]


# --- the study --------------------------------------------------------------------------------

OPTIONS = {"preset": "mlp", "seed": 0, "hidden": None}
IDENTITY: dict[str, Any] = {
    "target": "y",
    "classes": None,
    "columns": {"a": "number"},
    "rows": [8, 1, 1],
    "cells": "0",
    "options": OPTIONS,
}


def join(study, wanted=3, **changes):
    return SharedStudy(study, wanted, {**IDENTITY, **changes}, 0, "search.log")


@pytest.fixture
def study(tmp_path):
    return open_study(str(tmp_path / "search.log"), maximize=False)


def test_processes_are_numbered_in_their_order(study):
    assert [join(study).number for _ in range(3)] == [0, 1, 2]


def test_no_more_trials_than_are_wanted(study):
    one, two = join(study, 2), join(study, 2)
    first, second = one.next(), two.next()
    assert one.next() is None
    assert one.running() == [0, 1]
    assert one.tell(first, 1.0, None)
    assert two.tell(second, 1.0, None)
    assert (one.running(), two.next()) == ([], None)


def test_the_last_trial_is_not_taken_twice(study, tmp_path, monkeypatch):
    """The other process asks between this one's look and its own question."""
    other = open_study(str(tmp_path / "search.log"), maximize=False)
    one, two, ask = join(study, 1), join(other, 1), study.ask
    monkeypatch.setattr(study, "ask", lambda: two.next() and ask())
    assert one.next() is None
    assert [t.state.name for t in study.trials] == ["RUNNING", "FAIL"]
    assert study.trials[1].user_attrs == {"surplus": True}


def test_a_trial_without_signs_of_life_is_given_back_a_few_times(study, monkeypatch):
    clock = SimpleNamespace(now=0.0)
    monkeypatch.setattr(shared_study, "monotonic", lambda: clock.now)
    one, two = join(study, 1), join(study, 1)
    trial = one.next()
    trial.suggest_float("x", 0, 1)
    for deaths in range(1, 4):
        assert two.next() is None
        trial.set_user_attr("beat", 1)
        clock.now += shared_study.LOST + 1
        assert two.next() is None, "it has given a sign of life"
        clock.now += shared_study.LOST + 1
        again = two.next()
        assert not one.tell(trial, 1.0, None), "its result comes too late"
        if deaths > 2:
            assert again is None
            break
        assert again.params == trial.params
        assert again.user_attrs["deaths"] == deaths
        trial = again
    assert [t.state.name for t in study.trials] == ["FAIL"] * 3


def test_signs_of_life(study, monkeypatch):
    monkeypatch.setattr(shared_study, "BEAT", 0.01)
    shared = join(study)
    trial = shared.next()
    with shared.alive(trial):
        wait_for(lambda: study.trials[0].user_attrs.get("beat", 0) >= 2)
    beats = study.trials[0].user_attrs["beat"]
    time.sleep(0.05)
    assert study.trials[0].user_attrs["beat"] == beats


def test_trials_on_one_machine_share_its_cores(study):
    one, two = join(study), join(study)
    first, second = one.next(), two.next()
    with one.alive(first):
        assert one.neighbours(first) == 0
        assert two.neighbours(second) == 1
        with two.alive(second):
            assert one.neighbours(first) == 1
    second.set_user_attr("host", "another")
    assert one.neighbours(first) == 0


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"target": "z"}, "its target is 'y', not 'z'"),
        ({"classes": ["p", "q"]}, "its target has numbers, not the classes p, q"),
        ({"columns": {}}, "it reads a column 'a', which is not read now"),
        ({"columns": {"a": "date"}}, "the column 'a' is of kind number, not date"),
        ({"columns": {"a": "number", "b": "date"}}, "it does not read the column 'b'"),
        ({"rows": [7, 1, 1]}, "it has 8 rows to train, 1 for validation and 1 to test, not 7, 1"),
        ({"cells": "1"}, "its rows hold other values"),
        ({"options": OPTIONS | {"seed": 3}}, "its --seed is 0, not 3"),
        ({"options": OPTIONS | {"hidden": [8, 8]}}, "its --hidden is not given, not 8 8"),
    ],
)
def test_another_search_is_refused_by_name(study, changes, words):
    join(study)
    with pytest.raises(DataError, match=f"^search.log holds another search: {re.escape(words)}"):
        join(study, **changes)
    assert len(study.user_attrs) == 1
    assert list(differences(IDENTITY, IDENTITY)) == []


# --- errors -----------------------------------------------------------------------------------


def test_another_table_is_refused(capsys, classes_csv, values_csv, tmp_path):
    flags = ["--trials", "1", *SMALL, "--storage", f"journal:{tmp_path / 'search.log'}"]
    assert main(["search", classes_csv, *flags]) == 0
    assert main(["search", values_csv, *flags]) == 2
    assert "holds another search: its target is 'kind', not 'price'" in capsys.readouterr().err


@pytest.mark.parametrize("storage", ["search.log", "journal:", "sqlite:///x.db"])
def test_storages_have_a_name(storage):
    with pytest.raises(ArgumentError, match="must be journal:FILE, such as"):
        file_of(storage)


def test_a_file_that_is_no_journal_is_not_changed(capsys, classes_csv, tmp_path):
    before = Path(classes_csv).read_text()
    assert main(["search", classes_csv, "--storage", f"journal:{classes_csv}"]) == 2
    assert "this file is not a journal of Optuna, and is not changed" in capsys.readouterr().err
    assert Path(classes_csv).read_text() == before
    with pytest.raises(ArgumentError, match="does not exist"):
        file_of(f"journal:{tmp_path / 'nowhere' / 'x.log'}")
    with pytest.raises(ArgumentError, match="cannot be read"):
        file_of(f"journal:{tmp_path}")


def test_a_damaged_journal(study, tmp_path):
    path = tmp_path / "search.log"
    path.write_text('{"op_code":99}\n{"op_code"')
    assert file_of(f"journal:{path}") == str(path)
    with pytest.raises(FormatError, match="is damaged: Optuna cannot read it"):
        open_study(str(path), maximize=False)


def test_the_model_is_not_written_into_the_journal(capsys, classes_csv, tmp_path):
    path = str(tmp_path / "search.log")
    flags = ["--storage", f"journal:{path}", "--save", path, "--trials", "1"]
    assert main(["search", classes_csv, *flags]) == 2
    assert "this is the file of --storage" in capsys.readouterr().err


def test_settings_are_checked_before_the_first_trial(capsys, classes_csv):
    assert main(["search", classes_csv, "--preset", "fast", "--activation", "tanh"]) == 2
    assert "--activation works only with --preset mlp" in capsys.readouterr().err


def test_without_optuna_the_error_names_the_extra(capsys, classes_csv, monkeypatch):
    monkeypatch.setitem(sys.modules, "optuna", None)
    assert main(["search", classes_csv]) == 2
    assert "pip install 'xpnet[search]'" in capsys.readouterr().err


def test_an_error_in_a_trial_ends_the_process_and_the_trial(capsys, values_csv, tmp_path):
    journal = tmp_path / "search.log"
    flags = [values_csv, "--trials", "2", *SMALL, "--storage", f"journal:{journal}"]
    assert main(["search", *flags, "--class-weight", "balanced"]) == 2
    assert capsys.readouterr().err.startswith("xpnet: error: ")
    assert [t.state.name for t in trials(journal)] == ["FAIL"]
