"""`xpnet info`."""

import platform
from importlib.metadata import PackageNotFoundError

import numpy as np
import pytest

from xpnet import __version__, backends
from xpnet.cli import info
from xpnet.datasets.images import MNIST


@pytest.fixture
def sections(run):
    """Run it; return the lines of each section."""

    def sections():
        blocks = run("info").out.split("\n\n")
        return {title: lines for title, *lines in (block.splitlines() for block in blocks)}

    return sections


def row(lines, name):
    (found,) = (line for line in lines if line.split()[0] == name)
    return found


def test_versions(sections):
    lines = sections()["Versions"]
    assert __version__ in row(lines, "xpnet")
    assert platform.python_version() in row(lines, "Python")
    assert platform.platform() in row(lines, "platform")


def test_backends_and_exact_reasons(sections, monkeypatch):
    found = [
        backends.Status("numpy", np.__version__, True, "works"),
        backends.Status("cupy", "14.1.0", False, "no driver\n  (error 35)"),
        backends.Status("other", None, False, "not there"),
    ]
    monkeypatch.setattr(backends, "status", lambda: found)
    lines = sections()["Backends"]
    assert row(lines, "numpy").endswith(f"{np.__version__}, usable")
    assert row(lines, "cupy").endswith("14.1.0, not usable: no driver (error 35)")
    assert row(lines, "other").endswith("  not usable: not there")


def test_the_real_backends(sections):
    lines = sections()["Backends"]
    for status in backends.status():
        usable = "not usable" not in row(lines, status.name)
        assert usable is status.usable


def test_packages_and_extras(sections, monkeypatch):
    def version(name):
        if name in ("cupy-cuda12x", "matplotlib"):
            return "9.9"
        raise PackageNotFoundError(name)

    monkeypatch.setattr(info, "version", version)
    lines = sections()["Optional packages"]
    assert row(lines, "matplotlib").split() == ["matplotlib", "9.9"]
    assert "9.9 (cupy-cuda12x)" in row(lines, "cupy")
    assert "pip install 'xpnet[sklearn]'" in row(lines, "scikit-learn")
    assert "pip install 'xpnet[datasets]'" in row(lines, "pooch")


def test_settings_and_folders(sections, monkeypatch, tmp_path):
    (tmp_path / "fashion-mnist").mkdir()
    (tmp_path / "mnist").mkdir()
    for file in MNIST.sha256:
        (tmp_path / "mnist" / file).touch()
    monkeypatch.setenv("XPNET_DATA", str(tmp_path))
    monkeypatch.setenv("XPNET_CACHE", str(tmp_path / "cache"))
    found = sections()
    assert row(found["Environment"], "XPNET_DATA").endswith(f"  {tmp_path}")
    assert row(found["Data folders"], "given").endswith(f"{tmp_path} (has mnist)")
    assert row(found["Data folders"], "cache").endswith(f"{tmp_path / 'cache'} (does not exist)")


def test_a_data_set_that_is_not_whole(sections, monkeypatch, tmp_path):
    monkeypatch.setenv("XPNET_DATA", str(tmp_path))
    (tmp_path / "mnist").mkdir()
    end = f"{tmp_path} (has none of mnist, fashion-mnist)"
    assert row(sections()["Data folders"], "given").endswith(end)
    (tmp_path / "mnist" / next(iter(MNIST.sha256))).touch()
    end = f"{tmp_path} (has mnist (1 of its 4 files))"
    assert row(sections()["Data folders"], "given").endswith(end)


def test_unknown_settings_are_marked(sections, monkeypatch):
    for name in ("XPNET_BACKND", "XPNET_COLOUR", "XPNET_CACHE"):
        monkeypatch.setenv(name, "x")
    lines = sections()["Environment"]
    assert row(lines, "XPNET_BACKND").endswith("x (unknown, ignored; did you mean XPNET_BACKEND?)")
    assert "x (unknown, ignored; not a setting" in row(lines, "XPNET_COLOUR")
    assert row(lines, "XPNET_CACHE").endswith(" x")


def test_without_settings(sections, monkeypatch):
    for name in ("XPNET_DATA", "XPNET_CACHE"):
        monkeypatch.delenv(name, raising=False)
    found = sections()
    assert "none is set" in row(found["Environment"], "XPNET_*")
    assert "XPNET_DATA is not set" in row(found["Data folders"], "given")
    assert "xpnet" in row(found["Data folders"], "cache") or "pooch" in str(found)
