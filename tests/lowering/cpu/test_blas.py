"""NumPy's own matrix product, found by address."""

import ctypes
import dataclasses
import logging
from typing import Any

import numpy as np
import pytest

from xpnet.lowering.cpu import blas

DTYPES = ["float32", "float64"]


@pytest.fixture(params=DTYPES)
def gemm(request: pytest.FixtureRequest) -> blas.Gemm:
    found = blas.entry(request.param)
    if found is None:
        pytest.skip("NumPy's BLAS is not one that can be called directly")
    return found


@pytest.mark.parametrize("shape", [(1, 1, 1), (1, 7, 3), (33, 1, 5), (64, 784, 1), (64, 784, 128)])
def test_products_in_all_orientations(gemm: blas.Gemm, shape: tuple[int, int, int]) -> None:
    m, k, n = shape
    rng = np.random.default_rng(0)
    for a in (rng.standard_normal((m, k)), rng.standard_normal((k, m)).T):
        for b in (rng.standard_normal((k, n)), rng.standard_normal((n, k)).T):
            a, b = (np.copy(x, order="K").astype(gemm.dtype) for x in (a, b))
            out = np.full((m, n), np.nan, dtype=gemm.dtype)  # the old content is not read
            gemm.bind(a, b, out)()
            tolerance = 1e-5 if gemm.dtype == "float32" else 1e-13
            np.testing.assert_allclose(out, a @ b, rtol=0, atol=tolerance * k)


def test_a_product_is_added_to_what_is_there(gemm: blas.Gemm) -> None:
    a, b = np.eye(3, dtype=gemm.dtype), np.arange(6, dtype=gemm.dtype).reshape(3, 2)
    out = np.ones((3, 4), dtype=gemm.dtype)
    run = gemm.bind(a, b, out[:, 1:3], beta=2.0)
    run()
    run()
    assert np.array_equal(out[:, 1:3], 4 + 3 * b)
    assert np.array_equal(out[:, [0, 3]], np.ones((3, 2)))


@pytest.mark.parametrize(
    ("matrix", "wanted"),
    [
        (np.ones((3, 5)), (111, 5)),
        (np.ones((3, 5)).T, (112, 5)),
        (np.ones((3, 9))[:, 2:7], (111, 9)),
        (np.ones((3, 5))[:, :1], (111, 5)),
        (np.ones((3, 5))[:, :1].T, (112, 5)),
        (np.ones((1, 5)), (111, 5)),
        (np.ones((5, 1)), (111, 1)),
        (np.ones((1, 1)), (111, 1)),
    ],
)
def test_how_a_matrix_lies(matrix: Any, wanted: tuple[int, int]) -> None:
    assert blas.lies(matrix) == wanted


@pytest.mark.parametrize(
    "matrix",
    [
        np.ones((6, 6))[::2, ::2],
        np.ones((6, 6))[::-1],
        np.broadcast_to(np.ones(6), (4, 6)),
        np.ones((0, 3)),
    ],
)
def test_matrices_that_blas_cannot_read(matrix: Any) -> None:
    with pytest.raises(ValueError, match="BLAS cannot read"):
        blas.lies(matrix)


def test_the_function_is_numpys_own(gemm: blas.Gemm) -> None:
    controller = pytest.importorskip("threadpoolctl").ThreadpoolController()
    paths = [x["filepath"] for x in controller.info() if x["user_api"] == "blas"]
    near = [p for p in paths if "numpy.libs" in p]
    if not near:
        pytest.skip("NumPy was not installed from a wheel")
    name = {"float32": "scipy_cblas_sgemm64_", "float64": "scipy_cblas_dgemm64_"}[gemm.dtype]
    function = getattr(ctypes.CDLL(near[0]), name)
    assert gemm.address == ctypes.cast(function, ctypes.c_void_p).value
    assert gemm.bits == 64
    assert gemm.library.startswith("OpenBLAS")


def test_a_function_that_computes_something_else_is_refused(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, gemm: blas.Gemm
) -> None:
    nothing = ctypes.CFUNCTYPE(None)(lambda: None)
    wrong = dataclasses.replace(
        gemm, address=ctypes.cast(nothing, ctypes.c_void_p).value or 0, library="wrong"
    )
    monkeypatch.setattr(blas, "find", lambda library, dtype: wrong)
    with caplog.at_level(logging.INFO, "xpnet"):
        assert blas.entry.__wrapped__(gemm.dtype) is None
    assert "not NumPy's" in caplog.text


def test_a_numpy_without_blas_is_said(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(blas, "libraries", list)
    with caplog.at_level(logging.INFO, "xpnet"):
        assert blas.entry.__wrapped__("float32") is None
    assert "NumPy was linked with" in caplog.text


def test_a_blas_of_macos_that_does_not_say_its_name_is_not_used(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, gemm: blas.Gemm
) -> None:
    monkeypatch.setattr(blas, "version", lambda library: "unknown BLAS")
    assert blas.entry.__wrapped__(gemm.dtype) is not None
    monkeypatch.setattr(blas.sys, "platform", "darwin")
    with caplog.at_level(logging.INFO, "xpnet"):
        assert blas.entry.__wrapped__(gemm.dtype) is None
    assert "Accelerate" in caplog.text


class _Library:
    """A library whose functions have their usual names and that says how it was built."""

    def __init__(self, text: bytes) -> None:
        self.cblas_sgemm = self.cblas_sgemv = ctypes.CFUNCTYPE(None)(lambda: None)
        if text:
            self.openblas_get_config = lambda: text


@pytest.mark.parametrize(
    ("text", "bits", "name"),
    [
        (b"OpenBLAS 0.3.30 USE64BITINT Zen", 64, "OpenBLAS 0.3.30 USE64BITINT Zen"),
        (b"OpenBLAS 0.3.30 Zen ", 32, "OpenBLAS 0.3.30 Zen"),
        (b"", 32, "unknown BLAS"),
    ],
)
def test_the_size_of_integers_where_the_name_does_not_say(
    text: bytes, bits: int, name: str
) -> None:
    found = blas.find(_Library(text), "float32")
    assert found is not None
    assert (found.bits, found.library) == (bits, name)


def test_other_dtypes_have_none() -> None:
    assert blas.entry("float16") is None
