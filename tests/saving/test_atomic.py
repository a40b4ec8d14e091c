"""The old file or the new one, whatever happens while writing."""

import os
import subprocess
import sys
import threading

import numpy as np
import pytest
import safetensors.numpy

import xpnet as xn
from xpnet.errors import FormatError
from xpnet.saving import whole_file as files


def left(path):
    return sorted(f.name for f in path.parent.iterdir())


@pytest.mark.parametrize("where", ["save_file", "fsync", "replace", "chmod"])
@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_a_failure_while_writing(model, path, monkeypatch, where, error):
    def fail(*args, **kwargs):
        raise error

    path.write_bytes(b"the old file")
    owner = safetensors.numpy if where == "save_file" else files.os
    monkeypatch.setattr(owner, where, fail)
    wanted = FormatError if isinstance(error, OSError) else KeyboardInterrupt
    with pytest.raises(wanted, match="No space left" if wanted is FormatError else None):
        model.save(path)
    monkeypatch.undo()
    assert path.read_bytes() == b"the old file"
    assert left(path) == [path.name]
    model.save(path)
    assert xn.load(path).epoch == 2


def test_the_order_of_the_steps(model, path, monkeypatch):
    """What is not on the disk yet must not take the old file's place."""
    steps = []
    for name in ("fsync", "replace"):
        real = getattr(os, name)
        monkeypatch.setattr(files.os, name, lambda *a, n=name, f=real: (steps.append(n), f(*a))[1])
    model.save(path)
    assert steps == ["fsync", "replace", "fsync"]


def test_a_disk_that_is_full(path):
    """A limit on the size of files fails as a full disk does, in the middle of the writing."""
    resource = pytest.importorskip("resource", reason="limits are POSIX's")
    del resource
    code = """
import resource, signal, sys, xpnet as xn
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
path = sys.argv[1]
xn.MLP([4, 3]).save(path)
old = open(path, "rb").read()
resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))
try:
    xn.MLP([1000, 1000]).save(path)
except xn.errors.FormatError as error:
    assert open(path, "rb").read() == old
    print(error)
"""
    done = subprocess.run([sys.executable, "-c", code, path], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "cannot be written" in done.stdout
    assert "existing file is unchanged" in done.stdout
    assert left(path) == [path.name]


def test_places_that_cannot_be(model, tmp_path):
    for place, words in [
        (tmp_path, "is a folder"),
        (tmp_path / "no" / "file", "there is no folder .*no. Create it"),
        (tmp_path / ("x" * 300), "cannot be written"),
    ]:
        with pytest.raises(FormatError, match=words):
            model.save(place)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_that_is_read_only(model, path):
    model.save(path)
    path.parent.chmod(0o500)
    try:
        with pytest.raises(FormatError, match="is read-only"):
            model.save(path)
        assert xn.load(path).epoch == 2
    finally:
        path.parent.chmod(0o700)


def test_a_folder_that_says_it_is_read_only(model, path, monkeypatch):
    monkeypatch.setattr(files.os, "access", lambda *args: False)
    with pytest.raises(FormatError, match="is read-only"):
        model.save(path)


@pytest.mark.skipif(os.name == "nt", reason="modes and links are POSIX's")
def test_mode_and_links_stay(model, path, tmp_path):
    before = os.umask(0o027)
    try:
        model.save(path)
        assert path.stat().st_mode & 0o777 == 0o640
        path.chmod(0o604)
        model.save(path)
        assert path.stat().st_mode & 0o777 == 0o604
    finally:
        os.umask(before)
    (tmp_path / "link").symlink_to(path)
    model.epoch = 7
    model.save(tmp_path / "link")
    assert (tmp_path / "link").is_symlink()
    assert xn.load(path).epoch == 7


def test_writers_and_readers_at_once(path):
    models = [xn.MLP([4, 6, 3], seed=seed).build() for seed in range(2)]
    X = np.ones((2, 4))
    wanted = [model.predict(X).tolist() for model in models]
    models[0].save(path)
    errors, stop = [], threading.Event()

    def write(model):
        try:
            for _ in range(30):
                model.save(path)
        except Exception as error:
            errors.append(error)

    def read():
        try:
            while not stop.is_set():
                assert xn.load(path).predict(X).tolist() in wanted
        except Exception as error:
            errors.append(error)

    reader = threading.Thread(target=read)
    writers = [threading.Thread(target=write, args=(model,)) for model in models]
    for thread in (reader, *writers):
        thread.start()
    for thread in writers:
        thread.join()
    stop.set()
    reader.join()
    assert errors == []
    assert left(path) == [path.name]


def test_other_kinds_of_files_are_written_whole_too(tmp_path):
    path = tmp_path / "table.csv"
    with files.writing(path) as temporary:
        temporary.write_text("a\n1\n")
    assert path.read_text() == "a\n1\n"
    with pytest.raises(FormatError, match=r"No space left.*existing file is unchanged"):
        _write_half(path)
    assert path.read_text() == "a\n1\n"
    assert left(path) == [path.name]


def _write_half(path):
    with files.writing(path) as temporary:
        temporary.write_text("b\n")
        raise OSError(28, "No space left on device")
