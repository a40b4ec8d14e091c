"""CSVLog and JSONLinesLog: every row is in the file at once, and no file is lost."""

import csv
import json
from math import inf, nan

import numpy as np
import pytest

import xpnet as xn

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(30, 4)), RNG.integers(0, 3, 30)
LOGS = [xn.CSVLog, xn.JSONLinesLog]


def make():
    return xn.Model(xn.Dense(3), optimizer=xn.SGD(0.1), dtype="float64")


def read(path):
    """The rows of a log of either kind."""
    text = path.read_text("utf-8")
    if path.suffix == ".csv":
        return [{k: float(v) for k, v in row.items()} for row in csv.DictReader(text.splitlines())]
    return [json.loads(line) for line in text.splitlines()]


def new(kind, folder, **settings):
    path = folder / ("log.csv" if kind is xn.CSVLog else "log.jsonl")
    return path, kind(path, **settings)


@pytest.mark.parametrize("kind", LOGS)
def test_the_rows_are_those_of_the_history_to_the_last_digit(kind, tmp_path):
    path, log = new(kind, tmp_path)
    history = make().fit(X, Y, epochs=4, validation_data=(X, Y), callbacks=[log])
    assert read(path) == list(history)
    assert list(read(path)[0]) == list(history.columns)


@pytest.mark.parametrize("kind", LOGS)
def test_each_row_is_there_before_the_next_epoch(kind, tmp_path):
    path, log = new(kind, tmp_path)
    found = []
    make().fit(X, Y, epochs=3, callbacks=[log, lambda m, e, logs: found.append(len(read(path)))])
    assert found == [1, 2, 3]


@pytest.mark.parametrize("kind", LOGS)
def test_a_path_may_be_text(kind, tmp_path):
    make().fit(X, Y, epochs=1, callbacks=[kind(str(tmp_path / "log"))])
    assert (tmp_path / "log").stat().st_size


@pytest.mark.parametrize("kind", LOGS)
def test_an_existing_file_is_not_touched(kind, tmp_path):
    path, log = new(kind, tmp_path)
    path.write_text("mine\n")
    model = make()
    with pytest.raises(xn.errors.ArgumentError, match=r"append=True.*overwrite=True"):
        model.fit(X, Y, callbacks=[log])
    assert model.epoch == 0
    assert path.read_text() == "mine\n"


@pytest.mark.parametrize("kind", LOGS)
def test_an_empty_file_is_taken(kind, tmp_path):
    path, log = new(kind, tmp_path)
    path.touch()
    make().fit(X, Y, epochs=2, callbacks=[log])
    assert [row["epoch"] for row in read(path)] == [1, 2]


@pytest.mark.parametrize("kind", LOGS)
def test_overwrite_begins_anew_once(kind, tmp_path):
    path, log = new(kind, tmp_path, overwrite=True)
    path.write_text("mine\n")
    model = make()
    model.fit(X, Y, epochs=1, callbacks=[log])
    model.fit(X, Y, epochs=1, callbacks=[log])
    assert [row["epoch"] for row in read(path)] == [1, 2]


@pytest.mark.parametrize("kind", LOGS)
def test_append_goes_on(kind, tmp_path):
    model = make()
    for _ in range(2):
        path, log = new(kind, tmp_path, append=True)
        model.fit(X, Y, epochs=2, callbacks=[log])
    assert [row["epoch"] for row in read(path)] == [1, 2, 3, 4]


@pytest.mark.parametrize("kind", LOGS)
def test_the_same_log_goes_on_in_a_second_fit(kind, tmp_path):
    path, log = new(kind, tmp_path)
    model = make()
    model.fit(X, Y, epochs=1, callbacks=[log])
    model.fit(X, Y, epochs=2, callbacks=[log])
    assert [row["epoch"] for row in read(path)] == [1, 2, 3]


@pytest.mark.parametrize("kind", LOGS)
def test_a_line_that_was_cut_off_stays_alone(kind, tmp_path):
    model = make()
    path, log = new(kind, tmp_path)
    model.fit(X, Y, epochs=2, callbacks=[log])
    whole = path.read_bytes()
    path.write_bytes(whole[:-5])
    model.fit(X, Y, epochs=1, callbacks=[new(kind, tmp_path, append=True)[1]])
    text = path.read_bytes()
    assert text.startswith(whole[:-5] + b"\n")
    last = text.splitlines()[-1].decode()
    assert last.startswith(("3,", '{"epoch": 3,'))


@pytest.mark.parametrize("kind", LOGS)
def test_a_run_that_ends_by_an_error_keeps_its_rows(kind, tmp_path):
    path, log = new(kind, tmp_path)

    def fail(model, epoch, logs):
        if epoch == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make().fit(X, Y, epochs=9, callbacks=[log, fail])
    assert [row["epoch"] for row in read(path)] == [1, 2, 3]


@pytest.mark.parametrize("kind", LOGS)
def test_a_folder_that_is_not_there_is_told_before_training(kind, tmp_path):
    model = make()
    with pytest.raises(xn.errors.ArgumentError, match="folder that exists"):
        model.fit(X, Y, callbacks=[kind(tmp_path / "no" / "log")])
    with pytest.raises(xn.errors.ArgumentError, match="folder that exists"):
        model.fit(X, Y, callbacks=[kind(tmp_path)])
    assert model.epoch == 0


@pytest.mark.parametrize("kind", LOGS)
def test_a_file_that_is_no_text_is_refused(kind, tmp_path):
    path, log = new(kind, tmp_path, append=True)
    path.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(xn.errors.ArgumentError, match="text file"):
        make().fit(X, Y, callbacks=[log])
    assert path.read_bytes() == b"\xff\xfe\x00"


def test_a_csv_file_that_is_no_log_is_not_gone_on_with(tmp_path):
    path = tmp_path / "table.csv"
    path.write_text("name,age\nAnn,7\n")
    model = make()
    with pytest.raises(xn.errors.ArgumentError, match="not a training log"):
        model.fit(X, Y, callbacks=[xn.CSVLog(path, append=True)])
    assert model.epoch == 0
    assert path.read_text() == "name,age\nAnn,7\n"


def test_other_columns_are_refused_and_the_file_stays(tmp_path):
    path, log = new(xn.CSVLog, tmp_path)
    model = make()
    model.fit(X, Y, epochs=2, callbacks=[log])
    before = path.read_text()
    with pytest.raises(xn.errors.ArgumentError, match="val_loss"):
        model.fit(X, Y, epochs=2, validation_data=(X, Y), callbacks=[log])
    assert path.read_text() == before


def test_values_that_json_does_not_have_are_null(tmp_path):
    path, log = new(xn.JSONLinesLog, tmp_path)
    log.on_fit_begin(None)
    log.on_epoch_end(None, 1, {"epoch": 1, "loss": 0.1 + 0.2, "r2": nan, "a": inf, "b": -inf})
    log.on_fit_end(None)
    text = path.read_text()
    assert text == '{"epoch": 1, "loss": 0.30000000000000004, "r2": null, "a": null, "b": null}\n'


def test_csv_has_nan_as_nan(tmp_path):
    path, log = new(xn.CSVLog, tmp_path)
    log.on_fit_begin(None)
    log.on_epoch_end(None, 1, {"epoch": 1, "loss": nan, "a": inf})
    log.on_fit_end(None)
    assert path.read_text() == "epoch,loss,a\n1,nan,inf\n"


@pytest.mark.parametrize("kind", LOGS)
@pytest.mark.parametrize(
    ("settings", "word"),
    [({"path": 3}, "path"), ({"path": "x", "append": True, "overwrite": True}, "exclude")],
)
def test_settings_are_checked(kind, settings, word):
    with pytest.raises(xn.errors.ArgumentError, match=word):
        kind(**settings)
