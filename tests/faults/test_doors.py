"""Whatever writes a file keeps links and modes, and leaves the old file or the new one."""

import os
import subprocess
import sys

import numpy as np
import pytest

import xpnet as xn
from xpnet.cli import main
from xpnet.errors import FormatError

pytestmark = pytest.mark.skipif(os.name != "posix", reason="modes and links are POSIX's")


def save(model, path):
    model.save(path)


def onnx(model, path):
    pytest.importorskip("onnx")
    xn.exchange.to_onnx(model, path)


WRITERS = {"save": (save, "m.safetensors"), "onnx": (onnx, "m.onnx")}


@pytest.fixture
def model():
    return xn.MLP([4, 8, 2], backend="numpy").build()


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("mode", [0o600, 0o640, 0o604])
def test_links_and_modes_stay(model, tmp_path, kind, mode):
    write, name = WRITERS[kind]
    real, link = tmp_path / f"real-{name}", tmp_path / name
    real.touch()
    real.chmod(mode)
    link.symlink_to(real.name)
    write(model, link)
    assert link.is_symlink()
    assert real.stat().st_mode & 0o777 == mode
    assert real.stat().st_size > 100
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


@pytest.mark.parametrize("kind", WRITERS)
def test_what_is_private_stays_so_while_it_is_written(model, tmp_path, kind, monkeypatch):
    write, name = WRITERS[kind]
    path, seen = tmp_path / name, []
    path.touch()
    path.chmod(0o600)
    real = os.chmod

    def chmod(place, mode, **more):
        seen.append(os.stat(place).st_mode & 0o777)
        real(place, mode, **more)

    monkeypatch.setattr(os, "chmod", chmod)
    write(model, path)
    assert seen == [0o600]


@pytest.mark.parametrize("kind", WRITERS)
@pytest.mark.parametrize("where", ["fsync", "replace", "chmod"])
def test_a_failure_leaves_the_old_file_alone(model, tmp_path, kind, where, monkeypatch):
    def fail(*arguments, **more):
        raise OSError(28, "No space left on device")

    write, name = WRITERS[kind]
    path = tmp_path / name
    path.write_bytes(b"old")
    monkeypatch.setattr(os, where, fail)
    with pytest.raises(FormatError, match="No space left"):
        write(model, path)
    monkeypatch.undo()
    assert path.read_bytes() == b"old"
    assert [p.name for p in tmp_path.iterdir()] == [name]


@pytest.mark.parametrize("kind", ["CSVLog", "JSONLinesLog"])
def test_a_log_on_a_full_disk(tmp_path, kind):
    """The error is xpnet's, and no half of a line stays."""
    code = """
import resource, signal, sys, xpnet as xn
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (130, -1))
log = getattr(xn, sys.argv[1])(sys.argv[2])
try:
    xn.MLP([2, 2]).fit([[0.0, 1], [1, 0]], [0, 1], epochs=9, verbose=False, callbacks=[log])
except xn.errors.FormatError as error:
    assert isinstance(error, OSError)
    print(error)
"""
    path = tmp_path / "log"
    done = subprocess.run(
        [sys.executable, "-c", code, kind, path], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "cannot be written" in done.stdout
    assert 0 < path.stat().st_size <= 130
    assert path.read_text().endswith("\n")


# --- text from files on the command line ----------------------------------------------------------


@pytest.mark.parametrize("evil", ["\x1b]0;title\x07", "\x9b2J", "\r", "\x08", "\u202e"])
def test_classes_with_control_characters(tmp_path, capsys, evil):
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(60, 2)), np.arange(60) % 2
    model = xn.MLP([2, 4, 2], backend="numpy")
    model.fit(X, y, epochs=1, verbose=False)
    old = {"columns": ["a", "b"], "target": f"t{evil}", "features": None, "values": None}
    model.save(tmp_path / "m", preprocessing={**old, "classes": [f"A{evil}", f"B{evil}"]})
    lines = [f"{a:.3f},{b:.3f},A{evil if evil != chr(13) else ''}" for a, b in X]
    (tmp_path / "d.csv").write_text("\n".join(["a,b,t", *lines]) + "\n", encoding="utf-8")
    for command in ("predict", "evaluate", "inspect"):
        table = [] if command == "inspect" else [str(tmp_path / "d.csv")]
        main([command, str(tmp_path / "m"), *table])
        shown = capsys.readouterr()
        assert all(c.isprintable() or c in "\n\t" for c in shown.out + shown.err)
