"""Sparse matrices of SciPy on entry: formats, types, and what is refused."""

import subprocess
import sys

import numpy as np
import pytest

import xpnet as xn
from xpnet.backends import get
from xpnet.data.arrays import Data
from xpnet.data.conversion import check_features
from xpnet.data.scales import column_doubt
from xpnet.data.sparse_rows import is_sparse
from xpnet.errors import DataError, DTypeError, ShapeError

sparse = pytest.importorskip("scipy.sparse", reason="SciPy is not installed")

HOST = get("numpy")
DENSE = np.array([[0, 1.5, 0, 0], [0, 0, 0, 0], [2, 0, 0, -3], [0, 0, 0.25, 0]])
FORMATS = ("csr", "csc", "coo", "lil", "dok", "dia", "bsr")


def accepted(x, dtype="float64", finite=True):
    return check_features("X", x, HOST, dtype, None, finite)


def test_every_format_becomes_the_same_rows(each):
    for form in FORMATS:
        for kind in (f"{form}_matrix", f"{form}_array"):
            with each(kind):
                rows = accepted(getattr(sparse, kind)(DENSE))
                assert is_sparse(rows)
                assert rows.format == "csr"
                assert rows.dtype == np.float64
                np.testing.assert_array_equal(rows.toarray(), DENSE)


def test_numbers_of_every_type(each):
    for kind in ("bool", "int8", "uint16", "int64", "float32", "float64"):
        for dtype in ("float32", "float64"):
            with each(kind, dtype):
                x = np.abs(DENSE).astype(kind)
                rows = accepted(sparse.csr_array(x), dtype)
                assert rows.dtype == dtype
                np.testing.assert_array_equal(rows.toarray(), x.astype(dtype))


def untidy(index="int32"):
    """Duplicates, stored zeros and unsorted columns; the second row is empty."""
    numbers = np.array([1.0, 0.5, 0.0, -3.0, 2.0, 0.25])
    columns, ends = np.array([1, 1, 0, 3, 0, 2], index), np.array([0, 3, 3, 5, 6], index)
    return sparse.csr_array((numbers, columns, ends), shape=DENSE.shape)


def test_duplicates_stored_zeros_and_unsorted_columns(each):
    for index in ("int32", "int64"):
        with each(index):
            x = untidy(index)
            kept = x.data.copy(), x.indices.copy(), x.indptr.copy()
            rows = accepted(x)
            assert rows.nnz == 4
            assert rows.has_canonical_format
            np.testing.assert_array_equal(rows.toarray(), DENSE)
            for now, before in zip((x.data, x.indices, x.indptr), kept, strict=True):
                np.testing.assert_array_equal(now, before)


def test_tidy_rows_are_not_copied():
    x = sparse.csr_matrix(DENSE)
    assert np.shares_memory(accepted(x).data, x.data)
    assert np.shares_memory(accepted(x, "float32").indices, x.indices)


def put(value):
    x = sparse.csr_array(DENSE)
    x.data[1] = value
    return x


def broken(columns=(1, 0, 3, 2), ends=(0, 1, 1, 3, 4)):
    x = sparse.csr_array(DENSE)
    x.indices[:], x.indptr[:] = columns, ends
    return x


REFUSED = {
    "NaN": (put(np.nan), DataError, "X contains NaN or infinity.*check_finite=False"),
    "infinity": (put(-np.inf), DataError, "X contains NaN or infinity"),
    "too large": (put(1e300), DataError, "too large for float32"),
    "complex": (sparse.csr_array(DENSE + 1j), DTypeError, "real numbers, got dtype complex128"),
    "no samples": (sparse.csr_array((0, 4)), DataError, r"empty.*\(0, 4\)"),
    "no features": (sparse.csr_array((4, 0)), DataError, r"empty.*\(4, 0\)"),
    "one row": (sparse.coo_array(np.ones(4)), ShapeError, r"\(samples, features\), got \(4,\)"),
    "a column too far": (broken(columns=(1, 0, 9, 2)), DataError, "contradict each other"),
    "a negative column": (broken(columns=(1, 0, -9, 2)), DataError, "contradict each other"),
    "a row without end": (broken(ends=(0, 3, 1, 3, 4)), DataError, "contradict each other"),
}


def test_what_cannot_be_used_is_refused_before_anything_changes(each):
    for name, (x, error, message) in REFUSED.items():
        with each(name):
            model = xn.Model(xn.Dense(3))
            for call in (
                lambda m=model, x=x: m.fit(x, np.zeros(x.shape[0], int), epochs=1),
                lambda m=model, x=x: m.train_on_batch(x, np.zeros(x.shape[0], int)),
                lambda m=model, x=x: m.predict(x),
            ):
                with pytest.raises(error, match=message):
                    call()
            assert not model.built


def test_features_must_be_those_of_the_model():
    model = xn.Model(xn.Dense(3)).build(5)
    with pytest.raises(ShapeError, match=r"samples of shape \(5,\), but X has shape \(4, 4\)"):
        model.predict(sparse.csr_array(DENSE))


def test_values_are_let_through_on_request():
    model = xn.Model(xn.Dense(3), check_finite=False)
    assert np.isnan(model.predict(put(np.nan))[2]).all()


def test_other_backends_say_what_to_do(each):
    for backend in ("torch", "jax"):
        with each(backend):
            pytest.importorskip(backend)
            model = xn.Model(xn.Dense(3), backend=backend)
            with pytest.raises(DataError, match=rf"{backend}.*backend='numpy', or give X.toarray"):
                model.fit(sparse.csr_array(DENSE), np.zeros(4, int), epochs=1)
            assert not model.built


def test_targets_and_weights_are_dense():
    x = sparse.csr_array(DENSE)
    with pytest.raises(DataError, match=r"y is a sparse matrix.*y\.toarray\(\)"):
        xn.Model(xn.Dense(3)).fit(x, sparse.csr_array(np.eye(4)[:, :3]), epochs=1)


def test_checksums_tell_numbers_columns_rows_and_shapes_apart():
    kinds = {
        "same": sparse.csr_array(DENSE),
        "number": sparse.csr_array(np.where(DENSE == 2, 3, DENSE)),
        "column": sparse.csr_array(DENSE[:, ::-1]),
        "order": sparse.csr_array(DENSE[::-1]),
        "rows": sparse.csr_array(np.roll(DENSE, 1, axis=0)),
        "width": sparse.csr_array(np.pad(DENSE, ((0, 0), (0, 1)))),
    }
    sums = {name: Data(HOST, accepted(x)).checksums[0] for name, x in kinds.items()}
    assert len({*sums.values()}) == len(kinds)
    for form in (sparse.csc_matrix(DENSE), untidy(), untidy("int64")):
        assert Data(HOST, accepted(form)).checksums == [sums["same"]]


def test_the_mean_counts_zeros():
    assert Data(HOST, accepted(sparse.csr_array(DENSE))).means == [pytest.approx(DENSE.mean())]


def test_scales_of_columns_are_those_of_dense_data(each):
    for scales in ([1, 1, 1, 1], [1, 1e5, 1, 1], [1e4] * 4):
        with each(scales):
            x = DENSE * scales
            assert column_doubt(sparse.csr_array(x), HOST) == column_doubt(x, HOST)


def test_nobody_else_needs_scipy():
    code = (
        "import sys, numpy as np, xpnet as xn\n"
        "sys.modules['scipy'] = None\n"
        "m = xn.Model(xn.Dense(2)); m.fit(np.eye(4), [0, 1, 0, 1], epochs=1); m.predict(np.eye(4))"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
