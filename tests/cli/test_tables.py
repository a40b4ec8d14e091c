"""`xpnet train` on tables of every kind of column, and on those that cannot be used."""

import gzip
import io
import json
import signal
import subprocess
import sys
from warnings import catch_warnings, simplefilter

import numpy as np
import pytest

import xpnet as xn
from xpnet.cli import main, report

pytest.importorskip("pyarrow", reason="tables are read with pyarrow")

HEADER = "age,city,member,joined,id,note,rich"


def people(rows=200, seed=0):
    """Lines of a table with every kind of column, gaps, and columns to be ignored."""
    rng = np.random.default_rng(seed)
    lines = []
    for i in range(rows):
        age, city = rng.integers(18, 90), rng.choice(["Rome", "Oslo", "Bonn"])
        member = rng.choice(["yes", "no"])
        joined = f"20{rng.integers(10, 25)}-0{rng.integers(1, 9)}-1{rng.integers(0, 9)}"
        rich = "yes" if age + 40 * (city == "Oslo") > 65 else "no"
        shown = "" if i % 17 == 3 else str(age)
        place = "?" if i % 19 == 4 else city
        lines.append(f"{shown},{place},{member},{joined},k{i}x{seed},always,{rich}")
    return lines


def write(path, lines, header=HEADER):
    path.write_text("\n".join([header, *lines]) + "\n")
    return path


@pytest.fixture
def table(tmp_path):
    return write(tmp_path / "people.csv", people())


@pytest.fixture
def fails(capsys):
    """Run a command that must fail with status 2; return its one line."""

    def fails(*arguments):
        assert main([*map(str, arguments)]) == 2
        err = capsys.readouterr().err
        last = err.splitlines()[-1]
        assert last.startswith("xpnet: error: ")
        assert "Traceback" not in err
        return last

    return fails


@pytest.mark.smoke
def test_every_kind_of_column(run, run_json, table, tmp_path):
    out = run("train", table, "--target", "rich", "--epochs", 1).out
    for words in (
        "people.csv: 200 rows",
        "target      rich: 2 classes (no, yes)",
        "numbers     age",
        "categories  city (3)",
        "booleans    member",
        "dates       joined",
        "ignored     id: ",
        "note: all cells are",
        "missing     age (",
    ):
        assert words in out
    assert max(map(len, out.splitlines())) < 80
    found = run_json(table, "--epochs", 60)
    assert found["test_accuracy"] > 0.85
    assert found["columns"]["city"] == "category"


def test_what_is_left_out_and_what_is_a_category(run_json, table):
    found = run_json(table, "--drop", "city", "joined", "--categorical", "age", "--epochs", 1)
    assert found["columns"] == {
        "age": "category",
        "city": "ignored",
        "member": "boolean",
        "joined": "ignored",
        "id": "ignored",
        "note": "ignored",
    }


def test_a_table_from_standard_input(run_json, table, monkeypatch):
    class Stdin:
        buffer = io.BytesIO(table.read_bytes())

    monkeypatch.setattr(sys, "stdin", Stdin)
    found = run_json("-", "--target", "rich", "--epochs", 1)
    assert found["train_rows"] == 160


@pytest.mark.parametrize("form", ["tsv", "semicolons", "gzip", "parquet"])
def test_other_files(run_json, table, tmp_path, form):
    text, path = table.read_text(), tmp_path / f"t.{form}"
    if form == "tsv":
        path.write_text(text.replace(",", "\t"))
    elif form == "semicolons":
        path = tmp_path / "t.csv"
        path.write_text(text.replace(",", ";"))
    elif form == "gzip":
        path = tmp_path / "t.csv.gz"
        path.write_bytes(gzip.compress(text.encode()))
    else:
        csv = pytest.importorskip("pyarrow.csv")
        pytest.importorskip("pyarrow.parquet").write_table(csv.read_csv(table), path)
    found = run_json(path, "--target", "rich", "--epochs", 1)
    assert found["columns"]["age"] == "number"
    assert found["columns"]["joined"] == "date"


def test_a_table_without_a_header(run, run_json, tmp_path):
    path = tmp_path / "t.csv"
    path.write_text("\n".join(people()) + "\n")
    found = run_json(path, "--no-header", "--epochs", 1, "--save", tmp_path / "m.safetensors")
    assert found["target"] == "x6"
    assert found["train_rows"] == 160
    out = run("predict", tmp_path / "m.safetensors", path, "--no-header").out
    assert out.count("\n") == 201


def test_how_to_read_a_file_can_be_said(run_json, tmp_path):
    path = tmp_path / "t.csv"
    lines = [f"{i},{i % 7}^Stra\u00dfe {i % 3}^{'ab'[i % 2]}" for i in range(60)]
    path.write_bytes(("x^gr\u00f6\u00dfe^y\n" + "\n".join(lines)).encode("cp437"))
    flags = ["--delimiter", "^", "--decimal", ",", "--encoding", "cp437", "--epochs", 1]
    found = run_json(path, *flags)
    assert found["columns"] == {"x": "number", "gr\u00f6\u00dfe": "category"}


def test_test_and_validation_rows_of_their_own(run_json, table, tmp_path):
    other = write(tmp_path / "other.csv", people(50, seed=1))
    found = run_json(table, "--test", other, "--epochs", 1)
    assert (found["train_rows"], found["test_rows"]) == (200, 50)
    found = run_json(table, "--validation", other, "--test", "0.1", "--epochs", 1)
    assert (found["train_rows"], found["test_rows"]) == (180, 20)
    assert found["validation_rows"] == 50
    found = run_json(table, "--validation", "0.25", "--epochs", 1)
    assert [found[f"{part}_rows"] for part in ("train", "validation", "test")] == [120, 40, 40]


def test_early_stopping_keeps_the_best_epoch(run, run_json, table):
    found = run_json(table, "--early-stopping", 3, "--learning-rate", 0.01)
    assert found["validation_rows"] == 16
    epochs, losses = found["history"]["epoch"], found["history"]["val_loss"]
    best = epochs[int(np.argmin(losses))]
    assert epochs[-1] == best + 3 < 300
    out = run("train", table, "--early-stopping", 3, "--learning-rate", 0.01).out
    assert f"epoch {best} was the best on the validation rows and is kept" in out


def test_settings_reach_the_network_and_the_optimizer(run_json, table, monkeypatch):
    from xpnet.model import Model

    given, fit = {}, Model.fit

    def listening(self, *args, **settings):
        given.update(settings, net=repr(self.config.net), optimizer=self.optimizer)
        return fit(self, *args, **settings)

    monkeypatch.setattr(Model, "fit", listening)
    flags = ["--dropout", 0.25, "--weight-decay", 0.02, "--class-weight", "balanced"]
    found = run_json(table, *flags, "--epochs", 1)
    assert found["optimizer"] == "adamw"
    assert given["optimizer"].weight_decay == 0.02
    assert given["net"].count("Dropout") == 2
    assert given["class_weight"] == "balanced"


def test_rows_without_a_target_are_left_out(run, run_json, tmp_path):
    lines = [f"{line.rpartition(',')[0]}," if i % 10 == 0 else line for i, line in
             enumerate(people())]  # fmt: skip
    path = write(tmp_path / "t.csv", lines)
    assert (
        "20 rows without a target are left out (empty, NA, ...)"
        in run("train", path, "--epochs", 1).out
    )
    assert run_json(path, "--epochs", 1)["train_rows"] == 144


def test_a_class_of_one_row_is_learned_and_warned_of(run, tmp_path):
    lines = people()
    lines[5] = lines[5].rpartition(",")[0] + ",maybe"
    path = write(tmp_path / "t.csv", lines)
    with catch_warnings():
        simplefilter("default")
        out, err = run("train", path, "--epochs", 1)
    assert "3 classes" in out
    assert "'maybe' of the target 'rich' has a single row" in err
    assert err.startswith("xpnet: warning: ")


@pytest.mark.parametrize(
    ("lines", "message"),
    [
        (["1,2,a,x,b,c,yes"] * 30, "'rich' is 'yes' in every row"),
        (["1,2,a,x,b,c,"] * 30, "'rich' has no values"),
        (["1,2,a,x,b,c,yes"], "has 1 row. At least two are needed"),
        ([], "no rows"),
        (["1,2,a,x,b,c,yes"] + ["1,2,a,x,b,c,"] * 30, "has 1 row with a target in 'rich'"),
    ],
)
def test_targets_that_cannot_be_learned(fails, tmp_path, lines, message):
    assert message in fails("train", write(tmp_path / "t.csv", lines))


def test_names_of_columns_that_are_not_there(fails, table):
    assert "Did you mean 'rich'?" in fails("train", table, "--target", "rihc")
    assert "Did you mean 'city'?" in fails("train", table, "--categorical", "cities")
    assert "Did you mean 'note'?" in fails("train", table, "--drop", "notes")
    assert "--drop rich: this is the target" in fails("train", table, "--drop", "rich")


def test_a_name_that_occurs_twice(fails, tmp_path):
    lines = [f"{i % 7},{i % 3},{i % 2}" for i in range(30)]
    assert "several columns named 'b'" in fails("train", write(tmp_path / "t.csv", lines, "a,b,b"))


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("t.csv", b"PK\x03\x04" + bytes(100), "zip"),
        ("t.parquet", b"a,b\n1,2\n", "not parquet"),
        ("t.npz", b"a,b\n1,2\n", "not a NumPy archive"),
        ("t.csv", b"", "empty"),
        ("t.csv", b"a\n1\n2\n", "at least two"),
    ],
)
def test_files_that_are_not_what_their_name_says(fails, tmp_path, name, content, message):
    (tmp_path / name).write_bytes(content)
    assert message in fails("train", tmp_path / name)


def test_nothing_is_left_to_learn_from(fails, tmp_path):
    lines = [f"5,{i % 2}" for i in range(30)]
    err = fails("train", write(tmp_path / "t.csv", lines, "a,b"))
    assert "no column to learn from (a: " in err


def test_resuming_with_other_columns_is_refused_by_name(run, fails, table, tmp_path):
    folder = tmp_path / "checkpoints"
    train = ["train", table, "--checkpoint", folder]
    run(*train, "--epochs", 1)
    again = [*train, "--epochs", 2, "--resume"]
    assert "it reads a column 'city'" in fails(*again, "--drop", "city")
    assert "its target is 'rich', not 'member'" in fails(*again, "--target", "member")
    assert "'age' is of kind number, not category" in fails(*again, "--categorical", "age")
    assert "other medians or scales" in fails(*again, "--seed", 5)
    assert "learning_rate.rate there: 0.001; here: 0.1" in fails(*again, "--learning-rate", 0.1)
    assert "trained for 2 epochs" in run(*again).out


def test_classes_of_another_table_are_refused_by_name(run, fails, tmp_path):
    lines = [f"{i % 7},{'ab'[i % 2]}" for i in range(60)]
    folder, path = tmp_path / "checkpoints", write(tmp_path / "t.csv", lines, "a,b")
    run("train", path, "--checkpoint", folder, "--epochs", 1)
    write(path, [line.replace("b", "c") for line in lines], "a,b")
    err = fails("train", path, "--checkpoint", folder, "--epochs", 2, "--resume")
    assert "its classes are a, b, not a, c" in err


def test_ctrl_c_measures_and_saves_what_was_learned(capsys, monkeypatch, table, tmp_path):
    rows = report.Rows.on_epoch_end

    def interrupt(self, model, epoch, logs):
        rows(self, model, epoch, logs)
        if epoch == 2:
            signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(report.Rows, "on_epoch_end", interrupt)
    path = tmp_path / "m.safetensors"
    assert main(["train", str(table), "--epochs", "50", "--save", str(path)]) == 130
    out, err = capsys.readouterr()
    assert "trained for 2 epochs" in out
    assert err == "xpnet: interrupted\n"
    assert len(xn.load(path).history) == 2


def test_sigterm_ends_the_process_after_the_model_is_saved(tmp_path, table):
    path = tmp_path / "m.safetensors"
    command = [sys.executable, "-m", "xpnet", "train", table, "--epochs", 10**6, "--save", path]
    with subprocess.Popen([*map(str, command)], stdout=subprocess.PIPE, text=True) as run:
        for line in run.stdout:
            if line.split()[:1] == ["2"]:
                run.terminate()
                break
        rest = run.stdout.read()
    assert run.returncode == -signal.SIGTERM
    assert f"model: {path}" in rest
    assert len(xn.load(path).history) >= 2


def test_json_has_each_class_name(run_json, table):
    found = run_json(table, "--epochs", 1)
    assert found["classes"] == ["no", "yes"]
    assert json.dumps(found)


def constant_warnings(capsys, *arguments):
    with catch_warnings():
        simplefilter("always")
        assert main(["train", *map(str, arguments), "--epochs", "1"]) == 0
    return [line for line in capsys.readouterr().err.splitlines() if "in every row" in line]


@pytest.mark.parametrize("preset", ["mlp", "fast"])
def test_a_number_that_is_the_same_in_every_row(tmp_path, capsys, preset):
    path = write(tmp_path / "t.csv", [f"{i},2.5" for i in range(60)], "a,price")
    (line,) = constant_warnings(capsys, path, "--preset", preset)
    assert line.startswith(f"xpnet: warning: {path}: the target 'price' is 2.5 in every row")


def test_a_number_that_is_the_same_in_the_training_rows(tmp_path, capsys):
    """Of three rows, one is held out for the test: by some seed, that which differs."""
    path = write(tmp_path / "t.csv", ["1,2.5", "2,2.5", "3,4.5"], "a,price")
    found = [constant_warnings(capsys, path, "--seed", seed) for seed in range(9)]
    assert {len(lines) for lines in found} == {0, 1}
    (line,) = max(found)
    assert f"{path}, training rows: the target 'price' is 2.5 in every row" in line


def summary(run, path, *options):
    """The lines of a training's summary without their indentation, joined where they wrap."""
    out = run("train", path, "--epochs", 1, *options).out
    assert max(map(len, out.splitlines())) < 80
    return " ".join(out.split())


def test_why_columns_are_categories_is_told(run, tmp_path):
    rows = [f"{i:04},{i % 7:02},0{i % 3 + 1}/0{i % 5 + 1}/2026,0{i % 9 + 1}/0{i // 9 + 1}/2026,"
            f"{i},{'ab'[i % 2]}" for i in range(40)]  # fmt: skip
    text = summary(run, write(tmp_path / "t.csv", rows, "zip,code,when,day,x,y"), "--drop", "zip")
    assert "note code: taken as categories, because cells begin with 0" in text
    assert "when: taken as categories, because dates such as 03/04/2026 may begin with" in text
    assert "ignored zip: as requested day: dates such as 03/04/2026 may begin with the" in text
    assert "zip: taken" not in text
    both = summary(run, tmp_path / "t.csv", "--categorical", "code")
    assert "code: taken" not in both  # it was asked for


def test_many_columns_with_a_note_take_a_few_lines(run, tmp_path):
    names = [f"a rather long name {i}" for i in range(90)]
    rows = [",".join([f"0{(i + j) % 6}" for j in range(90)] + ["uv"[i % 2]]) for i in range(40)]
    path = write(tmp_path / "t.csv", rows, ",".join([*names, "y"]))
    lines = run("train", path, "--epochs", 1).out.splitlines()
    first = next(i for i, line in enumerate(lines) if line.lstrip().startswith("note "))
    assert lines[first].split(maxsplit=1)[1].startswith("a rather long name 0, a rather long")
    assert "more: taken as categories" in " ".join(" ".join(lines[first : first + 3]).split())


def test_rare_categories_are_told(run, tmp_path):
    """Of more than 8 values, those of one training row; of fewer, those of test rows alone."""
    rows = [f"s{i % 10 if i < 90 else i},{'xy'[i % 2]},{i},{'ab'[i % 2]}" for i in range(100)]
    path = write(tmp_path / "t.csv", rows, "street,side,x,y")
    test = write(tmp_path / "test.csv", rows[:20], "street,side,x,y")
    text = summary(run, path, "--test", test)
    assert "rare street (10): values of at most 1 training row, so unknown" in text
    few = [f"{'u' if i else 'v'},{i},{'ab'[i % 2]}" for i in range(30)]
    path = write(tmp_path / "few.csv", few, "street,x,y")
    seeds = [summary(run, path, "--seed", seed) for seed in range(9)]
    assert any("rare street (1): values of at most 1" in text for text in seeds)
    assert any("rare" not in text for text in seeds)


def test_rare_categories_and_notes_are_inspected(run, tmp_path):
    rows = [f"s{i % 10 if i < 90 else i},{i % 7:02},{'ab'[i % 2]}" for i in range(100)]
    path = write(tmp_path / "t.csv", rows, "street,code,y")
    run("train", path, "--epochs", 1, "--test", path, "--save", tmp_path / "m.safetensors")
    lines = run("inspect", tmp_path / "m.safetensors").out
    assert "rare        street (10): values of at most 1 training row" in lines
    assert "note        code: taken as categories, because cells begin with 0" in lines
