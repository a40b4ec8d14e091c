"""MKL: found, bound by its path, checked."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from xpnet.lowering.cpu import mkl

RT = r"libmkl_rt\.so\.\d+|mkl_rt\.\d+\.dll"


def _files(monkeypatch: pytest.MonkeyPatch, folder: Path, names: list[str]) -> None:
    """Make every package consist of these files."""
    found = [SimpleNamespace(name=n, locate=lambda n=n: folder / "bin" / ".." / n) for n in names]
    monkeypatch.setattr(mkl.metadata, "files", lambda package: found)


def test_the_file_is_found_among_those_of_the_package(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    (tmp_path / "bin").mkdir()
    (tmp_path / "libmkl_rt.so.3").touch()
    _files(monkeypatch, tmp_path, ["libmkl_core.so.3", "libmkl_rt.so.3", "libmkl_rt.a"])
    assert mkl.installed("mkl", RT) == tmp_path / "libmkl_rt.so.3"


def test_a_file_that_is_gone_is_not_found(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    _files(monkeypatch, tmp_path, ["libmkl_rt.so.3"])
    assert mkl.installed("mkl", RT) is None


def test_a_package_that_is_not_installed_has_no_files() -> None:
    assert mkl.installed("xpnet-no-such-package", RT) is None


def test_it_is_not_loaded_where_numpy_computes_with_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mkl, "numpys_own", lambda: True)
    monkeypatch.setattr(mkl, "installed", lambda package, pattern: Path("/no/such/libmkl_rt.so.3"))
    assert mkl.load.__wrapped__() is None


def test_without_it_there_is_no_function(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mkl, "load", lambda: None)
    assert mkl.entry.__wrapped__("float32") is None


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_its_products(dtype: Any) -> None:
    gemm = mkl.entry(dtype)
    if gemm is None:
        pytest.skip("MKL is not installed, or NumPy computes with it")
    assert gemm.bits == 64
    assert "Math Kernel Library" in gemm.library
    rng = np.random.default_rng(0)
    a, b = (rng.standard_normal(shape).astype(dtype) for shape in ((33, 70), (90, 70)))
    out = np.full((33, 90), np.nan, dtype=dtype)
    gemm.bind(a, b.T, out)()
    tolerance = 1e-4 if dtype == "float32" else 1e-12
    np.testing.assert_allclose(out, a @ b.T, rtol=0, atol=tolerance)


def test_other_dtypes_have_none() -> None:
    assert mkl.entry("float16") is None
