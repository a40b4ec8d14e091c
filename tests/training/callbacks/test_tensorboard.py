"""TensorBoard: what is in the event files, read back."""

import errno
import struct
import sys

import numpy as np
import pytest

import xpnet as xn

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(30, 4)), RNG.integers(0, 3, 30)


@pytest.fixture
def library():
    return pytest.importorskip("tensorboardX", reason="tensorboardX is not installed")


def make():
    return xn.Model(xn.Dense(3), optimizer=xn.SGD(0.1))


def read(folder):
    """All numbers of a run as {tag: {step: value}}; its files are records of known length."""
    from tensorboardX.proto.event_pb2 import Event

    found = {}
    for path in sorted(folder.iterdir()):
        data, at = path.read_bytes(), 0
        while at < len(data):
            (length,) = struct.unpack_from("<Q", data, at)
            event = Event.FromString(data[at + 12 : at + 12 + length])
            for value in event.summary.value:
                found.setdefault(value.tag, {})[event.step] = value.simple_value
            at += length + 16
    return found


def numbers(column):
    return dict(enumerate(np.asarray(column, dtype="float32").tolist(), 1))


def test_columns_are_scalars_and_validation_is_a_run_of_its_own(library, tmp_path):
    model, board = make(), xn.TensorBoard(tmp_path / "new" / "folder")
    history = model.fit(X, Y, epochs=3, validation_data=(X, Y), callbacks=[board])
    train = read(tmp_path / "new" / "folder" / "train")
    validation = read(tmp_path / "new" / "folder" / "validation")
    assert set(train) == {"loss", "accuracy", "learning_rate", "seconds"}
    assert all(train[name] == numbers(history[name]) for name in train)
    assert set(validation) == {"loss", "accuracy"}
    assert all(validation[name] == numbers(history[f"val_{name}"]) for name in validation)


def test_without_validation_there_is_no_such_run(library, tmp_path):
    make().fit(X, Y, epochs=1, callbacks=[xn.TensorBoard(str(tmp_path))])
    assert [path.name for path in tmp_path.iterdir()] == ["train"]


def test_a_second_fit_in_the_same_second_loses_nothing(library, tmp_path):
    model, board = make(), xn.TensorBoard(tmp_path)
    for _ in range(3):
        model.fit(X, Y, epochs=2, callbacks=[board])
    assert set(read(tmp_path / "train")["loss"]) == {1, 2, 3, 4, 5, 6}


@pytest.mark.parametrize("first", ["monitor", "board"])
def test_the_monitors_norms_are_written_once_each(library, tmp_path, first):
    monitor = xn.GradientMonitor(every=2)
    board, model = xn.TensorBoard(tmp_path, monitor), make()
    both = [monitor, board] if first == "monitor" else [board, monitor]
    model.fit(X, Y, epochs=2, batch_size=10, callbacks=both)
    model.fit(X, Y, epochs=1, batch_size=10, callbacks=both)
    found, expected = read(tmp_path / "train"), monitor["weight"]
    for column in ("gradient", "parameter", "update", "ratio", "inactive"):
        values = np.asarray(expected[column], dtype="float32").tolist()
        assert found[f"{column}/weight"] == dict(zip([1, 3, 5, 7, 9], values, strict=True))
    assert "gradient/bias" in found
    assert "inactive/bias" not in found


def test_a_fit_that_breaks_off_keeps_what_was_written(library, tmp_path):
    class Fail(xn.Callback):
        def on_step_end(self, model, step):
            if step == 5:
                raise KeyboardInterrupt

    monitor = xn.GradientMonitor(every=1)
    callbacks = [monitor, xn.TensorBoard(tmp_path, monitor), Fail()]
    with pytest.raises(KeyboardInterrupt):
        make().fit(X, Y, epochs=9, batch_size=10, callbacks=callbacks)
    found = read(tmp_path / "train")
    assert set(found["loss"]) == {1}
    assert set(found["gradient/weight"]) == {1, 2, 3, 4, 5}


def test_a_folder_that_cannot_be_written_is_told_before_training(library, tmp_path):
    (tmp_path / "file").write_text("mine")
    model = make()
    with pytest.raises(xn.errors.ArgumentError, match="cannot be written"):
        model.fit(X, Y, callbacks=[xn.TensorBoard(tmp_path / "file")])
    assert model.epoch == 0
    assert (tmp_path / "file").read_text() == "mine"


def test_without_the_package_the_error_names_the_extra(monkeypatch):
    monkeypatch.setitem(sys.modules, "tensorboardX", None)
    with pytest.raises(xn.errors.MissingDependencyError, match=r"xpnet\[tensorboard\]"):
        xn.TensorBoard("folder")


@pytest.mark.parametrize("settings", [{"folder": 3}, {"folder": "x", "monitor": "loss"}], ids=str)
def test_settings_are_checked(settings):
    with pytest.raises(xn.errors.ArgumentError, match=list(settings)[-1]):
        xn.TensorBoard(**settings)


@pytest.mark.parametrize("name", ["add_scalar", "flush", "close"])
def test_a_full_disk(library, tmp_path, monkeypatch, name):
    board = xn.TensorBoard(tmp_path)

    def full(*_: object, **__: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(library.SummaryWriter, name, full)
        with pytest.raises(xn.errors.WriteError, match=r"cannot be written: .*No space left"):
            xn.MLP([3, 2]).fit(np.eye(3), [0, 1, 0], callbacks=[board], verbose=False)
    xn.MLP([3, 2]).fit(np.eye(3), [0, 1, 0], callbacks=[board], verbose=False)
