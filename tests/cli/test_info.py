"""`xpnet info`."""

import platform
import re
import sys
from importlib.metadata import PackageNotFoundError
from pathlib import Path

import numpy as np
import pytest

import xpnet
from xpnet import __version__, backends
from xpnet.cli import info
from xpnet.datasets.images import MNIST
from xpnet.lowering.cpu import best_blas, blas, thread_count
from xpnet.lowering.cpu.pool import Pool


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


@pytest.mark.smoke
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
        backends.Status("torch", "2.13", True, "works", ("cpu", "cuda:0")),
    ]
    monkeypatch.setattr(backends, "status", lambda: found)
    lines = sections()["Backends"]
    assert row(lines, "numpy").endswith(f"{np.__version__}, usable")
    assert row(lines, "cupy").endswith("14.1.0, not usable: no driver (error 35)")
    assert row(lines, "other").endswith("  not usable: not there")
    assert row(lines, "torch").endswith("2.13, usable on cpu, cuda:0")


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
    for name in info._SETTINGS:
        monkeypatch.delenv(name, raising=False)
    found = sections()
    assert "none is set" in row(found["Environment"], "XPNET_*")
    assert "XPNET_DATA is not set" in row(found["Data folders"], "given")
    assert "xpnet" in row(found["Data folders"], "cache") or "pooch" in str(found)


def test_every_setting_of_the_source_is_known():
    source = Path(xpnet.__file__).parent.rglob("*.py")
    named = {
        n for file in source for n in re.findall(r"XPNET_[A-Z_]*[A-Z]", file.read_text("utf-8"))
    }
    assert named == set(info._SETTINGS)


@pytest.mark.parametrize(
    ("name", "value", "end"),
    [
        ("XPNET_FAST", "yes", "yes (wrong: it must be 0 or 1)"),
        ("XPNET_BLAS", "openblas", "openblas (wrong: it must be auto or numpy or mkl)"),
        ("XPNET_FALLBACK", "cpu", "cpu (wrong: it must be numpy)"),
        ("XPNET_FAST", "0", "  0"),
        ("XPNET_BLAS", "auto", "  auto"),
        ("XPNET_BLAS", "", ""),
    ],
)
def test_wrong_values_are_marked(sections, monkeypatch, name, value, end):
    monkeypatch.setenv(name, value)
    line = row(sections()["Environment"], name)
    assert line.endswith(end)
    assert ("wrong" in line) is ("wrong" in end)


@pytest.fixture
def compiled(sections, monkeypatch):
    """The line about compiled steps where NumPy's backend is made anew."""
    from xpnet.backends import select

    def line():
        with monkeypatch.context() as patch:
            made = {**select._BY_NAME, "numpy": select._numpy.__wrapped__}
            patch.setattr(select, "_BY_NAME", made)
            return row(sections()["NumPy's steps"], "compiled")

    return line


def without_llvmlite(monkeypatch, error=None):
    """As if it were not installed, or its import failed with this error."""
    from xpnet.backends import select

    class Finder:
        @staticmethod
        def find_spec(name, path=None, target=None):
            if name.startswith("llvmlite"):
                raise error

    monkeypatch.delenv("XPNET_FAST", raising=False)
    monkeypatch.setattr(select, "find_spec", lambda name: object() if error else None)
    if error:
        ours = ("xpnet.lowering.cpu.compile_tasks", "xpnet.lowering.cpu.jit")
        for name in [n for n in sys.modules if n.startswith("llvmlite") or n in ours]:
            monkeypatch.delitem(sys.modules, name)
        monkeypatch.delattr("xpnet.lowering.cpu.compile_tasks", raising=False)
        monkeypatch.setattr(sys, "meta_path", [Finder, *sys.meta_path])


def test_compiled_steps(compiled, monkeypatch):
    pytest.importorskip("llvmlite", reason="steps are compiled by llvmlite")
    monkeypatch.delenv("XPNET_FAST", raising=False)
    assert "compiled steps  yes; products by: " in compiled()
    monkeypatch.setenv("XPNET_FAST", "0")
    assert "  no, XPNET_FAST=0; products by: " in compiled()


def test_steps_that_cannot_be_compiled(compiled, monkeypatch):
    without_llvmlite(monkeypatch)
    assert "  no, llvmlite is missing (pip install 'xpnet[fast]' compiles them);" in compiled()
    monkeypatch.setenv("XPNET_FAST", "1")
    assert "no, XPNET_FAST=1 requires compiled steps, which need 'llvmlite'." in compiled()
    monkeypatch.setenv("XPNET_FAST", "yes")
    assert "no, unknown XPNET_FAST 'yes'. Valid names: 0, 1; products by: " in compiled()


@pytest.mark.parametrize(
    "error", [ImportError("no\nlibffi"), OSError("no libffi"), RuntimeError("no libffi")]
)
def test_a_broken_llvm(compiled, monkeypatch, error):
    without_llvmlite(monkeypatch, error)
    line = compiled()
    assert "  no, llvmlite cannot be imported: no libffi (pip install 'xpnet[fast]'" in line
    assert "products by: " in line


def test_the_library_of_products(compiled, monkeypatch):
    own = blas.entry("float32")
    monkeypatch.setenv("XPNET_BLAS", "numpy")
    if own is None:
        assert compiled().endswith("NumPy's own BLAS, called through NumPy")
    else:
        assert compiled().endswith(f"products by: {' '.join(own.library.split())}")
    monkeypatch.setenv("XPNET_BLAS", "openblas")
    assert "products by: unknown BLAS in XPNET_BLAS 'openblas'. Valid" in compiled()
    monkeypatch.setattr(best_blas, "best", lambda *_, **more: 1 / 0)
    assert "products by: unknown: division by zero" in compiled()


@pytest.fixture
def threads(sections, monkeypatch):
    """The line about threads, on a machine with so many cores and so many threads of the BLAS."""
    pytest.importorskip("llvmlite", reason="steps are compiled by llvmlite")

    def line(cores, blas, setting="", available=True):
        monkeypatch.setenv("XPNET_NUM_THREADS", setting)
        monkeypatch.setattr(info, "_compiled", lambda: "yes")
        monkeypatch.setattr(thread_count, "cores", lambda: cores)
        monkeypatch.setattr(thread_count, "numpys", lambda: Pool(lambda: blas, lambda _: None))
        monkeypatch.setattr(thread_count, "available", lambda: available)
        return row(sections()["NumPy's steps"], "threads").split(maxsplit=1)[1]

    return line


def test_threads_and_why_so_many(threads):
    assert threads(1, 1) == "one makes a step: this process may use 1 core"
    assert threads(8, 8) == "at most 8 share a step: this process may use 8 cores"
    assert threads(8, 64) == "at most 8 share a step: this process may use 8 cores"
    assert threads(8, 2).startswith("at most 2 share a step: NumPy's BLAS has no more, although")
    found = threads(2, 1, "3")
    assert found.startswith("at most 3 share a step: XPNET_NUM_THREADS says so; this process")
    found = threads(8, 8, available=False)
    assert found == "one makes a step: here threads cannot wait for each other"


def test_threads_that_cannot_be(threads, sections, monkeypatch):
    for wrong in ("0", "65", "two", "1.5", "-1"):
        found = threads(2, 2, wrong)
        assert found == f"XPNET_NUM_THREADS must be a whole number from 1 to 64, got {wrong!r}"
    monkeypatch.setattr(info, "_compiled", lambda: "no, llvmlite is missing")
    assert row(sections()["NumPy's steps"], "threads").endswith("are not shared by threads")
