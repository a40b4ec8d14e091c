"""Sources: files and objects that are read in slices."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.each import Each

import xpnet as xn
from xpnet.errors import ArgumentError, DataError, MissingDependencyError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(101, 4)).astype("float32")


def check(source: xn.data.Source, wanted: Any, part: tuple[int, int] = (17, 60)) -> None:
    """Check a source's shape and type, and what it reads."""
    assert source.shape == wanted.shape
    assert np.dtype(source.dtype) == wanted.dtype
    assert len(source) == len(wanted)
    rows = slice(*part)
    np.testing.assert_array_equal(source[rows], wanted[rows])
    for dtype in ("float32", "float64"):
        out = np.full((part[1] - part[0], *wanted.shape[1:]), np.nan, dtype)
        source.read(rows, out)
        np.testing.assert_array_equal(out, wanted[rows].astype(dtype))


@pytest.mark.smoke
def test_npy_files_in_every_layout_and_type(each: Each, tmp_path: Path) -> None:
    for name, array in {
        "float32": X,
        "float64": X.astype("float64"),
        "bytes": np.arange(202, dtype="uint8").reshape(101, 2),
        "columns": np.asfortranarray(X),
        "other byte order": X.astype(">f4"),
        "images": RNG.random((70, 3, 2)),
        "vector": np.arange(90),
    }.items():
        path = tmp_path / "x.npy"
        np.save(path, array)
        with each(name):
            check(xn.data.open(path), array)
            check(xn.data.open(str(path)), array)


def test_npy_files_that_are_none(each: Each, tmp_path: Path) -> None:
    whole = tmp_path / "whole.npy"
    np.save(whole, X)
    cases: dict[str, tuple[bytes, str]] = {
        "text": (b"1,2,3\n4,5,6\n", "is not a .npy file"),
        "cut off": (whole.read_bytes()[:-5], "is cut off"),
        "empty": (b"", "is not a .npy file"),
    }
    for name, (content, message) in cases.items():
        path = tmp_path / "x.npy"
        path.write_bytes(content)
        with each(name), pytest.raises(DataError, match=message):
            xn.data.open(path)
    np.save(whole, np.array(3.0))
    with pytest.raises(DataError, match="single number"):
        xn.data.open(whole)
    np.save(whole, np.array([object()]), allow_pickle=True)
    with pytest.raises(DataError, match="Python objects"):
        xn.data.open(whole)


def test_a_file_that_is_cut_off_later_is_named(tmp_path: Path) -> None:
    path = tmp_path / "x.npy"
    np.save(path, X)
    source = xn.data.open(path)
    source[0:10]
    with path.open("r+b") as file:
        file.truncate(300)
    with pytest.raises(DataError, match="cut off"):
        source[0:101]


def test_hdf5(tmp_path: Path) -> None:
    h5py = pytest.importorskip("h5py")
    path = tmp_path / "x.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=X, chunks=(20, 4))
    source = xn.data.open(path)
    check(source, X)
    assert source.chunk == 20
    path = tmp_path / "two.h5"
    with h5py.File(path, "w") as file:
        file.create_dataset("x", data=X)
        file.create_dataset("labels", data=np.arange(101))
    check(xn.data.open(path, "labels"), np.arange(101))
    with pytest.raises(ArgumentError, match="'labels', 'x': say which"):
        xn.data.open(path)
    with pytest.raises(ArgumentError, match="no array 'y'"):
        xn.data.open(path, "y")
    with h5py.File(path) as file:
        check(xn.data.open(file["x"]), X)


def test_zarr(tmp_path: Path) -> None:
    zarr = pytest.importorskip("zarr")
    path = str(tmp_path / "x.zarr")
    array = zarr.create_array(path, shape=X.shape, dtype=X.dtype, chunks=(25, 2))
    array[:] = X
    source = xn.data.open(path)
    check(source, X)
    assert source.chunk == 25
    check(xn.data.open(array), X)
    group = zarr.open_group(str(tmp_path / "group.zarr"), mode="w")
    group.create_array("x", shape=X.shape, dtype=X.dtype)[:] = X
    check(xn.data.open(tmp_path / "group.zarr", "x"), X)


def test_dask() -> None:
    dask = pytest.importorskip("dask.array")
    source = xn.data.open(dask.from_array(X, chunks=(30, 4)))
    check(source, X)
    assert source.chunk == 30


def test_parquet(tmp_path: Path) -> None:
    arrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    path = tmp_path / "x.parquet"
    columns = {f"x{i}": X[:, i] for i in range(4)}
    label = np.arange(101)
    table = {**columns, "label": label, "name": [f"{i}" for i in range(101)]}
    parquet.write_table(arrow.table(table), path, row_group_size=13)
    source = xn.data.open(path, [*columns])
    check(source, X)
    assert source.chunk == 13
    check(xn.data.open(path, "label"), label)
    check(xn.data.open(path, ["label", "x1"]), np.stack([label, X[:, 1]], axis=1))
    with pytest.raises(DataError, match=r"column 'name'.*holds string"):
        xn.data.open(path)
    with pytest.raises(ArgumentError, match=r"no columns \['y'\]"):
        xn.data.open(path, "y")
    gaps = arrow.table({"a": arrow.array([1, None, 3]), "b": arrow.array([1.0, None, 3.0])})
    parquet.write_table(gaps, path)
    with pytest.raises(DataError, match=r"column 'a'.*has gaps"):
        xn.data.open(path, "a")[0:3]
    np.testing.assert_array_equal(xn.data.open(path, "b")[0:3], [1, np.nan, 3])


def test_what_cannot_be_opened_says_what_to_do(each: Each, tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", X)
    (tmp_path / "x.csv").write_text("1,2\n")
    cases: dict[str, tuple[Any, ...]] = {
        "is of no kind": (tmp_path / "x.csv",),
        "there is no": (tmp_path / "y.npy",),
        "holds one array": (tmp_path / "x.npy", "x"),
        "shape, dtype and slices; got list": ([1, 2],),
        "name is for files": (X, "x"),
        "a single number": (np.array(1.0),),
    }
    for message, arguments in cases.items():
        with each(message), pytest.raises(ArgumentError, match=message):
            xn.data.open(*arguments)


def test_a_missing_package_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "x.h5").touch()
    monkeypatch.setitem(__import__("sys").modules, "h5py", None)
    with pytest.raises(MissingDependencyError, match=r"xpnet\[sources\]"):
        xn.data.open(tmp_path / "x.h5")


class Short(xn.data.Source):
    """A source that returns too few rows."""

    shape, dtype = (300, 4), np.dtype("float32")

    def __getitem__(self, rows: slice) -> Any:
        return np.zeros((min(rows.stop, 280) - rows.start, 4), "float32")


def test_a_source_that_returns_other_rows_is_named() -> None:
    model = xn.MLP([4, 2])
    with pytest.raises(DataError, match=r"returned an array of shape \(280, 4\)"):
        model.fit(Short(), np.zeros(300, "int64"), verbose=False)
    with pytest.raises(NotImplementedError, match="must define __getitem__"):
        xn.data.Source()[0:1]


def test_text_and_dates_are_refused(each: Each) -> None:
    for name, array in {
        "text": np.full((300, 4), "a"),
        "dates": np.zeros((300, 4), "datetime64[s]"),
        "complex": np.zeros((300, 4), complex),
    }.items():
        with each(name), pytest.raises(xn.errors.DTypeError, match="real numbers"):
            xn.MLP([4, 2]).fit(xn.data.open(array), np.zeros(300, "int64"))


def test_sources_in_pickles(tmp_path: Path) -> None:
    import pickle

    np.save(tmp_path / "x.npy", X)
    check(pickle.loads(pickle.dumps(xn.data.open(tmp_path / "x.npy"))), X)
