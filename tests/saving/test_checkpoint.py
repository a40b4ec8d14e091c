"""Checkpoints: which files there are, what is read of them, and what is refused."""

import os
import signal

import numpy as np
import pytest
from safetensors.numpy import save_file

import xpnet as xn
from xpnet.saving.snapshots import checkpoints, read_snapshot

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(60, 4)), RNG.integers(0, 3, 60)


def fit(folder=None, resume=None, epochs=4, callbacks=(), **settings):
    model = xn.MLP([4, 8, 3], dropout=0.1, seed=2)
    own = [] if folder is None else [xn.Checkpoint(folder, **settings)]
    history = model.fit(
        X, Y, epochs=epochs, batch_size=15, callbacks=[*callbacks, *own], resume_from=resume
    )
    return model, history


def steps(folder):
    return [int(path.stem.removeprefix("checkpoint-")) for path in checkpoints(folder)]


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({}, [8, 12, 16]),
        ({"keep": 10}, [4, 8, 12, 16]),
        ({"every": 3, "keep": 10}, [12, 16]),
        ({"every": 5, "unit": "step", "keep": 10}, [5, 10, 15, 16]),
        ({"every": 1, "unit": "step", "keep": 2}, [15, 16]),
    ],
    ids=str,
)
def test_which_are_written_and_kept(tmp_path, settings, wanted):
    fit(tmp_path / "new" / "folder", **settings)
    assert steps(tmp_path / "new" / "folder") == wanted
    assert not [p for p in (tmp_path / "new" / "folder").iterdir() if "tmp" in p.name]


@pytest.mark.usefixtures("usual_handlers")
@pytest.mark.parametrize("of", ["folder", "file", "text"])
def test_a_fit_that_a_signal_ended_goes_on(tmp_path, of):
    _, part = fit(tmp_path, callbacks=[Kill(6)], unit="step", every=100)
    assert (len(part), part.interrupted) == (1, "SIGINT")
    (file,) = checkpoints(tmp_path)
    model, history = fit(None, {"folder": tmp_path, "file": file, "text": str(file)}[of])
    whole, wanted = fit()
    assert history["loss"] == wanted["loss"]
    for name, array in whole.state_dict().items():
        np.testing.assert_array_equal(model.parameters[name], array)


class Kill(xn.Callback):
    def __init__(self, at):
        self.at = at

    def on_step_end(self, model, step):
        if step == self.at:
            os.kill(os.getpid(), signal.SIGINT)


def test_a_fit_that_is_done_is_not_trained_again(tmp_path):
    _, history = fit(tmp_path)
    again, same = fit(tmp_path, tmp_path)
    assert same["loss"] == history["loss"]
    assert (again.epoch, again.engine.state.updates) == (4, 16)


def test_a_folder_that_is_empty_or_not_there_begins_anew(tmp_path):
    wanted = fit()[1]["loss"]
    assert fit(resume=tmp_path)[1]["loss"] == wanted
    assert fit(resume=tmp_path / "later")[1]["loss"] == wanted


def test_what_is_torn_is_passed_over_with_a_warning(tmp_path):
    fit(tmp_path)
    *_, last = checkpoints(tmp_path)
    last.write_bytes(last.read_bytes()[:-100])
    with pytest.warns(UserWarning, match="The previous checkpoint is used"):
        _, history = fit(None, tmp_path)
    assert history["loss"] == fit()[1]["loss"]


def test_if_none_can_be_read_nothing_is_trained(tmp_path):
    (tmp_path / "checkpoint-000000000001.safetensors").write_bytes(b"not one")
    with pytest.raises(xn.errors.FormatError, match="is not a safetensors file, or is damaged"):
        fit(None, tmp_path)


@pytest.mark.parametrize(
    ("metadata", "message"),
    [
        (None, "of another program"),
        ({"xpnet": '{"format": "other"}'}, "not a checkpoint but 'other'"),
        ({"xpnet": '{"format": "xpnet checkpoint", "version": 99}'}, "version 99"),
        ({"xpnet": "{"}, "not valid JSON"),
        ({"xpnet": '{"format": "xpnet checkpoint", "version": 1}'}, "not a complete checkpoint"),
        ({"xpnet": '{"format": "xpnet checkpoint", "version": 2}'}, "not a complete checkpoint"),
    ],
)
def test_files_of_others_are_refused(tmp_path, metadata, message):
    path = tmp_path / "checkpoint-1.safetensors"
    save_file({"a": np.zeros(3)}, path, metadata)
    with pytest.raises(xn.errors.FormatError, match=message):
        read_snapshot(path)


def test_a_missing_file_and_other_things_are_refused(tmp_path):
    with pytest.raises(xn.errors.ArgumentError, match="there is no checkpoint"):
        fit(None, tmp_path / "none.safetensors")
    with pytest.raises(xn.errors.ArgumentError, match="a file or a folder"):
        fit(None, 3)


def test_a_folder_that_cannot_be_made_is_found_before_training(tmp_path):
    (tmp_path / "file").write_text("")
    model = xn.MLP([4, 3])
    with pytest.raises(xn.errors.ArgumentError, match="cannot be created as a folder"):
        model.fit(X, Y, callbacks=[xn.Checkpoint(tmp_path / "file" / "folder")])
    assert not model.built or model.epoch == 0


def test_a_file_that_cannot_be_written_leaves_the_old_ones(tmp_path, monkeypatch):
    fit(tmp_path)
    before = {p: p.read_bytes() for p in tmp_path.iterdir()}

    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", full)
    with pytest.raises(xn.errors.FormatError, match="No space left"):
        fit(tmp_path, tmp_path, epochs=5)
    assert {p: p.read_bytes() for p in tmp_path.iterdir()} == before


@pytest.mark.parametrize(
    "settings", [{"every": 0}, {"keep": 0}, {"unit": "hour"}, {"folder": 3}], ids=str
)
def test_settings_are_checked(settings):
    with pytest.raises(xn.errors.ArgumentError):
        xn.Checkpoint(**{"folder": "x", **settings})


def test_lbfgs_has_none(tmp_path):
    model = xn.MLP([4, 3], optimizer="lbfgs")
    with pytest.raises(xn.errors.ArgumentError, match="has no checkpoints"):
        model.fit(X, Y, callbacks=[xn.Checkpoint(tmp_path)])
    fit(tmp_path)
    with pytest.raises(xn.errors.ArgumentError, match="cannot be resumed"):
        model.fit(X, Y, resume_from=tmp_path)


def test_a_folder_is_for_one_fit(tmp_path):
    """Else the newest checkpoint would be another fit's, and the new ones would be deleted."""
    fit(tmp_path)
    before = {p: p.read_bytes() for p in tmp_path.iterdir()}
    with pytest.raises(xn.errors.ArgumentError, match="does not resume from"):
        fit(tmp_path, epochs=2)
    with pytest.raises(xn.errors.ArgumentError, match="does not resume from"):
        fit(tmp_path, checkpoints(tmp_path)[0])
    assert {p: p.read_bytes() for p in tmp_path.iterdir()} == before


def test_what_is_not_finite_is_not_written(tmp_path):
    class Break(xn.Callback):
        def on_step_end(self, model, step):
            if step == 8:
                model.parameters["layers.0.weight"][...] = np.inf

    with pytest.raises(xn.errors.DivergedError):
        fit(tmp_path, callbacks=[Break()], unit="step", keep=1)
    assert steps(tmp_path) == [7]


def test_a_folder_may_have_a_dot_in_its_name(tmp_path):
    assert len(fit(tmp_path / "v1.2", tmp_path / "v1.2")[1]) == 4


def test_what_a_killed_writer_left_is_removed_later(tmp_path):
    old, new = tmp_path / ".xpnet-1.tmp", tmp_path / ".xpnet-2.tmp"
    for path in (old, new):
        path.write_text("part")
    os.utime(old, (0, 0))
    fit(tmp_path)
    assert (old.exists(), new.exists()) == (False, True)
