"""`xpnet explain` and `xpnet report`: what they print, draw and write, whatever a table holds."""

import json
import re
from html.parser import HTMLParser

import numpy as np
import pytest
from support.brief import BRIEF

import xpnet as xn
from xpnet.cli import main
from xpnet.cli.words import columns_of
from xpnet.tabular import Schema, TableModel

pytest.importorskip("sklearn", reason="scikit-learn is not installed")
pytestmark = BRIEF

HOSTILE = '<script>alert("1")</script>'
N = 90
VOID = {"meta", "br", "hr", "img", "link", "input"}
HEADINGS = [
    *("Data", "How columns are prepared", "Training", "Scores", "Importance"),
    *("Partial dependence", "Settings"),
]


def rows_of(target):
    """A table with every kind of column, and names that a page must not run."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=N)
    columns = {
        "x": x,
        "gaps": np.where(np.arange(N) % 5, 1e6 * x, np.nan),
        f"{HOSTILE} & \"'": ["" if i % 7 == 0 else f"{HOSTILE}{i % 3}" for i in range(N)],
        "street": [f"street {i % 10} " + "x" * 60 for i in range(N)],
        "a column with a name that is very long, longer than any line of a terminal is": x**2,
        "member": [["true", "false", ""][i % 3] for i in range(N)],
        "since": np.datetime64("2020-01-01") + np.arange(N),
        "always": ["same"] * N,
    }
    targets = {
        "two": np.where(x > 0, HOSTILE, "no"),
        "three": np.array(["\u00fc" * 30, f"</td>{HOSTILE}", "&amp;"])[np.arange(N) % 3],
        "value": 1e5 * x + 0.5,
    }
    return columns | {target: targets[target]}


def write_csv(path, columns):
    cells = zip(*columns.values(), strict=True)
    quoted = [
        ["" if v != v else '"' + str(v).replace('"', '""') + '"' for v in row] for row in cells
    ]
    head = ['"' + name.replace('"', '""') + '"' for name in columns]
    path.write_text("\n".join(map(",".join, [head, *quoted])) + "\n", "utf-8")
    return path


def saved(folder, target, *, epochs=12, table=None):
    data = write_csv(folder / f"{target}.csv", rows_of(target))
    table = xn.tabular.read(data)
    schema = Schema.infer(table, target)
    outputs = len(schema.target.classes or (1,))
    model = TableModel.of(table, schema, xn.Dense(outputs), backend="numpy")
    if epochs:
        model.fit(table, validation=table, epochs=epochs, batch_size=16, verbose=False)
    path = folder / f"{target}.safetensors"
    model.save(path)
    return path, data


@pytest.fixture(scope="module")
def models(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("xpnet.training.advice.warn_user", lambda *_: None)  # brief on purpose
        folder = tmp_path_factory.mktemp("models")
        return {target: saved(folder, target) for target in ("two", "three", "value")}


# --- explain --------------------------------------------------------------------------------------


@pytest.mark.smoke
def test_explained_as_text(models, run, each):
    for target, (path, data) in models.items():
        with each(target):
            out = run("explain", path, data, "--repeats", 1, "--top", 9).out
            assert max(map(columns_of, out.splitlines())) <= 79
            assert f"90 of 90 rows, target {target!r}" in out
            assert "permutation importance: how much the " in out
            assert "partial dependence: mean " in out
            for words in ("accuracy" if target != "value" else "R2", "(missing)", "2020-01-", "#"):
                assert words in out
            assert ("  *" in out) == (target != "three")


def test_explained_as_json(models, run, each):
    for target, (path, data) in models.items():
        with each(target):
            out = run("explain", path, data, "--repeats", 2, "--rows", 50, "--top", 2, "--json").out
            found = json.loads(out)
            assert len(found["importance"]["columns"]) == 7
            assert found["importance"]["rows"] == 50
            assert len(found["dependence"]) == 2
            names = [column["column"] for column in found["importance"]["columns"]]
            assert [curve["column"] for curve in found["dependence"]] == names[:2]
            assert (found["classes"] is None) == (target == "value")


def test_explained_as_a_picture(models, run, tmp_path, monkeypatch, each):
    pytest.importorskip("matplotlib", reason="matplotlib is not installed")
    monkeypatch.chdir(tmp_path)
    for target, (path, data) in models.items():
        with each(target):
            few = ("--repeats", 1, "--rows", 30)
            out = run("explain", path, data, *few, "--top", 8, "--plot", f"{target}.svg").out
            assert out.endswith(f"picture: {target}.svg\n")
            drawn = (tmp_path / f"{target}.svg").read_text("utf-8")
            assert "<svg" in drawn
            assert "<script" not in drawn
    run("explain", path, data, *few, "--top", 1, "--plot")
    assert (tmp_path / "value-explained.png").read_bytes().startswith(b"\x89PNG")


def test_what_cannot_be_explained(models, tmp_path, capsys, each):
    path, data = models["two"]
    plain = tmp_path / "plain.safetensors"
    xn.MLP([2, 3]).build().save(plain)
    other = write_csv(tmp_path / "other.csv", {"x": [1.0], "two": ["no"]})
    for words, arguments in {
        "without a description of columns": (plain, data),
        "lacks": (path, other),
        "unknown score": (path, data, "--score", "r2"),
        "must end in": (path, data, "--plot", "picture.doc"),
    }.items():
        with each(words):
            assert main(["explain", *map(str, arguments)]) == 2
            out = capsys.readouterr()
            assert words in out.err
            assert not out.out


# --- report ---------------------------------------------------------------------------------------


class Page(HTMLParser):
    """A page, checked to be well-formed; what is on it, by kind."""

    def __init__(self, text):
        super().__init__()
        self.open, self.tags, self.headings, self.texts = [], [], [], []
        self.feed(text)
        assert not self.open, self.open

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)
        if tag in ("h1", "h2"):
            self.headings.append("")

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.texts.append(data)
        if self.open and self.open[-1] in ("h1", "h2"):
            self.headings[-1] += data

    def all(self, tag):
        return [attributes for name, attributes in self.tags if name == tag]

    @property
    def text(self):
        return " ".join(" ".join(self.texts).split())


def report(run, folder, path, data, *options):
    out = folder / "report.html"
    assert run("report", path, data, "--html", out, *options).out == f"report: {out}\n"
    return out.read_text("utf-8")


@pytest.mark.smoke
def test_a_page_of_each_kind(models, run, tmp_path, each):
    for target, (path, data) in models.items():
        with each(target):
            page = Page(report(run, tmp_path, path, data, "--repeats", 1, "--top", 9))
            assert page.headings == [f"{target}.safetensors: {target}", *HEADINGS]
            scores = {"value": ("R²", "RMSE", "Distribution of the errors")}.get(
                target, ("accuracy", "Confusion matrix", "Calibration", "F1")
            )
            for words in (*scores, "12 epochs", "Adam(", "90 rows of", "all cells are the same"):
                assert words in page.text
            assert "a learned vector for each of 10" in page.text
            assert "filled with" in page.text


def test_it_needs_nothing_and_runs_nothing(models, run, tmp_path, each):
    for target, (path, data) in models.items():
        text = report(run, tmp_path, path, data, "--repeats", 1)
        page = Page(text)
        with each(f"{target}: loads nothing"):
            assert not re.search(r"https?:|//\w|url\(|@import|javascript:", text)
            tags = {tag for tag, _ in page.tags}
            assert not tags & {"script", "link", "img", "iframe", "object", "embed", "form", "base"}
            (policy,) = [m["content"] for m in page.all("meta") if "http-equiv" in m]
            assert policy.startswith("default-src 'none'")
        with each(f"{target}: no attribute came from the table"):
            known = {"class", "style", "id", "href", "scope", "role", "tabindex", "d", "x", "y"}
            known |= {"width", "height", "viewbox", "text-anchor", "aria-label", "aria-hidden"}
            known |= {"charset", "name", "content", "http-equiv", "lang"}
            assert {name for _, attrs in page.tags for name in attrs} <= known
        with each(f"{target}: what was hostile is shown as text"):
            assert HOSTILE in page.text


def test_it_can_be_read_without_seeing_it(models, run, tmp_path, each):
    for target, (path, data) in models.items():
        with each(target):
            page = Page(report(run, tmp_path, path, data, "--repeats", 1))
            assert page.all("html") == [{"lang": "en"}]
            pictures = page.all("svg")
            assert len(pictures) > 8
            for picture in pictures:
                assert picture.get("aria-hidden") == "true" or (
                    picture["role"] == "img" and len(picture["aria-label"]) > 10
                )
            assert all("scope" in head for head in page.all("th"))
            targets = {section["id"] for section in page.all("section")}
            assert {link["href"] for link in page.all("a")} == {f"#{name}" for name in targets}


def test_notes_say_what_is_doubtful(models, run, tmp_path, each):
    path, data = models["two"]
    with each("few rows"):
        assert "only 90 rows" in Page(report(run, tmp_path, path, data)).text
    with each("a category that was never seen, an empty target"):
        columns = rows_of("two")
        columns["street"] = ["elsewhere", *columns["street"][1:]]
        columns["two"] = [*columns["two"][:-1], ""]
        other = write_csv(tmp_path / "other.csv", columns)
        text = Page(report(run, tmp_path, path, other)).text
        assert "'elsewhere'" in text
        assert "1 rows without a target are left out" in text
    with each("the curves"):
        model = xn.load(path)
        for losses, words in (
            (np.linspace(1, 0.5, 20), "still falling"),
            ([1, 0.5, *np.linspace(0.6, 0.9, 18)], "lowest after epoch 2 of 20"),
        ):
            model.history = [{"epoch": i, "loss": 1.0, "val_loss": v} for i, v in enumerate(losses)]
            model.save(tmp_path / "curves.safetensors")
            text = Page(report(run, tmp_path, tmp_path / "curves.safetensors", data)).text
            assert words in text
    with each("no history"):
        model.history = []
        model.save(tmp_path / "curves.safetensors")
        text = Page(report(run, tmp_path, tmp_path / "curves.safetensors", data)).text
        assert "has no history" in text


def test_a_failure_leaves_the_old_page(models, tmp_path, capsys, each):
    path, data = models["two"]
    old = tmp_path / "report.html"
    old.write_text("old")
    other = write_csv(tmp_path / "other.csv", {"x": [1.0], "two": ["no"]})
    broken = tmp_path / "broken.safetensors"
    broken.write_text("nothing")
    for words, arguments in {
        "lacks": (path, other, "--html", old),
        f"error: {broken}": (broken, data, "--html", old),
        "unknown score": (path, data, "--html", old, "--score", "r2"),
        "there is no folder": (path, data, "--html", tmp_path / "none" / "r.html"),
        "is a folder": (path, data, "--html", tmp_path),
    }.items():
        with each(words):
            assert main(["report", *map(str, arguments)]) == 2
            assert words in capsys.readouterr().err
            assert old.read_text() == "old"
            assert not list(tmp_path.glob("*.tmp"))


def test_options_are_in_the_command_that_it_shows(models, run, tmp_path):
    path, data = models["value"]
    options = ("--seed", 3, "--score", "mae", "--rows", 40, "--repeats", 2, "--top", 1)
    text = Page(report(run, tmp_path, path, data, *options)).text
    assert "--score mae --repeats 2 --top 1 --rows 40 --seed 3" in text
    assert "mean absolute error" in text


def test_so_is_how_the_table_is_read(models, run, tmp_path):
    path, data = models["value"]
    page = report(run, tmp_path, path, data, "--delimiter", ",", "--encoding", "utf-8", "--top", 1)
    assert "--delimiter , --encoding utf-8 --top 1" in Page(page).text


def test_columns_by_position(run, tmp_path):
    """A model of an archive, whose columns have no names."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(60, 3))
    np.savez(tmp_path / "data.npz", X=X, y=(X[:, 0] > 0).astype(int))
    run("train", tmp_path / "data.npz", "--save", tmp_path / "m.safetensors", "--epochs", 3)
    page = Page(report(run, tmp_path, tmp_path / "m.safetensors", tmp_path / "data.npz"))
    assert "x2" in page.text
