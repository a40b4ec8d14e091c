"""The front door of tables."""

import numpy as np
import pytest

from xpnet.datasets import read_table
from xpnet.errors import ArgumentError, DataError


@pytest.mark.parametrize("name", ["a.parquet", "a", "a.csv.gz"])
def test_other_kinds_of_files_are_refused(tmp_path, name):
    with pytest.raises(DataError, match=r"expected a file named \.csv or \.npz"):
        read_table(tmp_path / name)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    (tmp_path / "folder.csv").mkdir()
    for name in ("none.csv", "folder.csv"):
        with pytest.raises(DataError, match=f"{name} cannot be read"):
            read_table(tmp_path / name)


def test_an_archive_takes_no_target(tmp_path):
    np.savez(tmp_path / "a.npz", X=np.eye(2), y=np.arange(2))
    with pytest.raises(ArgumentError, match="the array 'y'; got target='y'"):
        read_table(tmp_path / "a.npz", target="y")


def test_both_formats_give_the_same_table(tmp_path):
    X = np.array([[0.5, -1], [2, 3.25], [4, 5]], np.float32)
    labels = np.array(["b", "a", "b"])
    np.savez(tmp_path / "a.npz", X=X, y=labels)
    lines = [f"{a},{b},{label}" for (a, b), label in zip(X.tolist(), labels, strict=True)]
    (tmp_path / "a.csv").write_text("\n".join(["x0,x1,y", *lines]), encoding="utf-8")
    from_csv, from_npz = read_table(str(tmp_path / "a.csv")), read_table(str(tmp_path / "a.npz"))
    np.testing.assert_array_equal(from_csv.X, from_npz.X)
    np.testing.assert_array_equal(from_csv.y, from_npz.y)
    assert from_csv.classes == from_npz.classes == ("a", "b")
    assert from_csv.feature_names == from_npz.feature_names
    assert from_csv.target_name == from_npz.target_name
