"""`xpnet predict`: a table's rows, whatever else the table holds."""

import csv
import io
import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

import xpnet as xn
from xpnet.cli import main, plain_model, predict
from xpnet.tabular import as_table
from xpnet.tabular.table_model import TableModel

pytest.importorskip("pyarrow", reason="tables are read with pyarrow")
FILES = Path(__file__).parents[1] / "saving" / "files"
ROWS = ["1.5,Rome,yes", "2.5,Oslo,no", "-1,Rome,", ",?,no"]
HEADER = "age,city,member"


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """A model of two classes from a number, a category and a boolean."""
    folder = tmp_path_factory.mktemp("model")
    lines = [f"{i % 9 - 4},{['Rome', 'Oslo', 'Bonn'][i % 3]},{'yes' if i % 2 else 'no'},"
             f"{'>5' if i % 9 > 4 else '<=5'}" for i in range(90)]  # fmt: skip
    table = folder / "t.csv"
    table.write_text(f"{HEADER},size\n" + "\n".join(lines) + "\n")
    assert main(["train", str(table), "--epochs", "20", "--save", str(folder / "m")]) == 0
    return folder / "m"


@pytest.fixture
def fails(capsys):
    def fails(*arguments):
        capsys.readouterr()
        assert main([*map(str, arguments)]) == 2
        out, err = capsys.readouterr()
        assert out == ""
        assert err.splitlines()[-1].startswith("xpnet: error: ")
        return err

    return fails


def table(folder, rows=ROWS, header=HEADER):
    path = folder / "new.csv"
    path.write_text("\n".join([header, *rows]) + "\n")
    return path


def predicted(text):
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.smoke
def test_a_class_and_the_probability_of_each_for_every_row(run, model, tmp_path):
    found = predicted(run("predict", model, table(tmp_path)).out)
    assert [list(row) for row in found[:1]] == [["prediction", "probability_<=5", "probability_>5"]]
    assert len(found) == 4
    expected = xn.load(model).predict_proba(table(tmp_path))
    shares = [[float(row["probability_<=5"]), float(row["probability_>5"])] for row in found]
    np.testing.assert_allclose(shares, expected, rtol=1e-6)
    assert found[0]["prediction"] == ("<=5" if shares[0][0] > 0.5 else ">5")


def test_columns_in_another_order_and_more_of_them(run, model, tmp_path):
    wanted = run("predict", model, table(tmp_path)).out
    turned = [",".join(["note", *reversed(row.split(","))]) for row in ROWS]
    assert run("predict", model, table(tmp_path, turned, "more,member,city,age")).out == wanted


def test_a_column_that_is_missing(fails, model, tmp_path):
    cut = [row.rpartition(",")[0] for row in ROWS]
    assert "lacks the column 'member'" in fails("predict", model, table(tmp_path, cut, "age,city"))


def test_a_column_that_occurs_twice_is_refused_if_the_model_reads_it(run, fails, model, tmp_path):
    twice = [f"{row},7" for row in ROWS]
    err = fails("predict", model, table(tmp_path, twice, f"{HEADER},age"))
    assert "several columns named 'age'" in err
    other = table(tmp_path, [f"{row},7,8" for row in ROWS], f"{HEADER},more,more")
    assert len(predicted(run("predict", model, other).out)) == 4


def test_a_cell_of_another_kind_is_named(fails, model, tmp_path):
    err = fails("predict", model, table(tmp_path, [*ROWS, "old,Rome,yes"]))
    assert "new.csv, line 6, column 'age'" in err
    assert "'old'" in err


def test_a_category_that_was_never_seen(model, tmp_path):
    """A process of its own: pytest turns warnings into errors."""
    rows = table(tmp_path, [*ROWS, "1,Paris,no"])
    command = [sys.executable, "-m", "xpnet", "predict", model, rows]
    done = subprocess.run([*map(str, command)], capture_output=True, text=True, check=True)
    assert len(predicted(done.stdout)) == 5
    assert done.stderr.startswith("xpnet: warning: ")
    assert "column 'city' has 'Paris'" in done.stderr
    assert done.stderr.count("\n") == 1


@pytest.mark.parametrize("ending", ["csv", "npz", "parquet"])
def test_files(run, model, tmp_path, ending):
    out, wanted = tmp_path / f"p.{ending}", predicted(run("predict", model, table(tmp_path)).out)
    assert run("predict", model, table(tmp_path), "--out", out).out == ""
    if ending == "csv":
        found = predicted(out.read_text())
        assert found == wanted
        return
    if ending == "npz":
        with np.load(out) as archive:
            columns = {name: archive[name].tolist() for name in archive}
    else:
        columns = pytest.importorskip("pyarrow.parquet").read_table(out).to_pydict()
    assert columns["prediction"] == [row["prediction"] for row in wanted]
    shares = [float(row["probability_>5"]) for row in wanted]
    assert columns["probability_>5"] == pytest.approx(shares)


@pytest.mark.parametrize("ending", ["csv", "npz", "parquet"])
def test_a_full_disk_leaves_the_file_that_was_there(model, tmp_path, ending):
    pytest.importorskip("resource", reason="limits are POSIX's")
    lines = [f"{i / 100},Rome,yes" for i in range(3000)]
    rows, out = table(tmp_path, lines), tmp_path / f"p.{ending}"
    out.write_bytes(b"the old file")
    # -B: the limit would cut off the modules' compiled files, and break every later import.
    code = """
import resource, signal, sys
from xpnet.cli import main
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (2000, 2000))
sys.exit(main(["predict", *sys.argv[1:]]))
"""
    done = subprocess.run(
        [sys.executable, "-B", "-c", code, model, rows, "--out", out],
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert "cannot be written" in done.stderr
    assert "Traceback" not in done.stderr
    assert out.read_bytes() == b"the old file"
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".tmp")]


def test_rows_whose_output_is_nan_have_no_class(model, tmp_path, monkeypatch):
    monkeypatch.setattr(
        TableModel, "outputs", lambda *_: np.array([[np.nan, 0.0], [0.0, 1.0]], np.float32)
    )
    found = predict._predictions(xn.load(model), None)
    assert found["prediction"].tolist() == ["", ">5"]


def test_rows_whose_output_is_nan_have_no_class_without_columns(monkeypatch):
    outputs = np.array([[0.0, 1.0], [np.nan, 0.0]], np.float32)
    model = xn.MLP([1, 2]).build()
    monkeypatch.setattr(type(model), "predict", lambda *_: outputs)
    found = plain_model.plain_predictions(model, as_table({"x": [1.0, 2.0]}))
    assert found["prediction"].tolist() == ["1", ""]
    assert np.isnan(found["probability_0"]).tolist() == [False, True]


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("classes", {"prediction": ["no", "yes", "yes"],
                     "probability_yes": [0.46494877, 0.53352785, 0.50692016]}),
        ("values", {"prediction": [1000.692264501562, 1033.617122687665, 1005.9466754172048]}),
    ],
)  # fmt: skip
def test_files_of_version_0_1(run, tmp_path, kind, expected):
    path = FILES / f"table-{kind}-v1.safetensors"
    rows = table(tmp_path, ["5.12573,-2132.1", "5.64042,-1895.1", "4.46433,-1638.4"], "a,b")
    found = predicted(run("predict", path, rows).out)
    for name, values in expected.items():
        own = [row[name] for row in found]
        if isinstance(values[0], str):
            assert own == values
        else:
            np.testing.assert_allclose(np.array(own, float), values, rtol=1e-5)
    rows = table(
        tmp_path, ["5.12573,-2132.1,no,1000", "5.64042,-1895.1,yes,1033"], "a,b,kind,price"
    )
    assert json.loads(run("evaluate", path, rows, "--json").out)["rows"] == 2
    assert "columns" in run("inspect", path).out


def test_names_of_classes_that_a_plain_model_keeps(run, fails, tmp_path):
    path, rows = tmp_path / "m.safetensors", table(tmp_path, ["1,2", "3,4"], "a,b")
    net = xn.MLP([2, 3])
    net.save(path, preprocessing={"classes": ["x", "y", "z"]})
    found = predicted(run("predict", path, rows).out)
    assert set(found[0]) == {"prediction", "probability_x", "probability_y", "probability_z"}
    net.save(path, preprocessing={"classes": ["x", "y"]})
    assert "its file names these classes: ['x', 'y']" in fails("predict", path, rows)


def test_a_plain_model_is_measured_by_the_last_column(run, tmp_path):
    path, rows = tmp_path / "m.safetensors", table(tmp_path, ["1,2,0", "3,4,1"], "a,b,c")
    model = xn.MLP([2, 3])
    model.save(path)
    found = json.loads(run("evaluate", path, rows, "--json").out)
    X, y = np.array([[1.0, 2], [3, 4]]), np.array([0, 1])
    assert found == {"rows": 2, **{k: pytest.approx(v) for k, v in model.evaluate(X, y).items()}}
    assert run("evaluate", path, rows).out.startswith("2 rows: loss ")
