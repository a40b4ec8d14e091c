"""Models that read tables: the same predictions by xpnet, its command line, ONNX and PyTorch."""

import csv
import json
import sys
import warnings
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import xpnet as xn
from xpnet.cli import main
from xpnet.errors import ArgumentError, MissingDependencyError
from xpnet.exchange.torch_file import save_exported
from xpnet.tabular import Schema, TableModel

RNG = np.random.default_rng(0)
ROWS = 240


def gaps(cells: Any) -> list[str]:
    """Some of the cells are empty."""
    return ["" if gone else str(c) for c, gone in zip(cells, RNG.random(ROWS) < 0.1, strict=True)]


def days(count: int, unit: str) -> Any:
    start = np.array("2020-01-01", f"datetime64[{unit}]")
    return start + RNG.integers(0, count, ROWS).astype(f"timedelta64[{unit}]")


COLUMNS: dict[str, list[str]] = {
    "age": gaps(RNG.normal(40, 10, ROWS).round(3)),
    "seconds": [str(x) for x in 1.6e9 + RNG.integers(0, 999, ROWS)],
    "sex": [*RNG.choice(["m", "f"], ROWS)],
    "ward": gaps(RNG.choice([*"abc"], ROWS)),
    "city": gaps([f"Ulm {i}" for i in RNG.integers(0, 20, ROWS)]),
    "smokes": gaps(RNG.choice(["yes", "No"], ROWS)),
    "born": gaps(days(9000, "D")),
    "seen": [str(day) for day in days(90000, "m")],
}
SIGNAL = RNG.normal(size=ROWS) + [len(cell) for cell in COLUMNS["city"]]
TARGETS = {
    "label": [["few", "some", "très"][int(x)] for x in np.digitize(SIGNAL, [3.5, 5.5])],
    "value": [f"{500 + 30 * x:.3f}" for x in SIGNAL],
}
NEW = {name: [*cells[:20], "", "?"] for name, cells in COLUMNS.items()}
NEW["ward"][3], NEW["city"][4] = "never seen", "never"


@pytest.fixture(autouse=True)
def _unknown_categories_are_nothing_new() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", xn.errors.DataWarning)
        yield


def trained(
    names: list[str], target: str, scaling: Any = "standard", **settings: Any
) -> TableModel:
    """A model that has seen the columns of these names."""
    rows = {name: COLUMNS[name] for name in names} | {target: TARGETS[target]}
    schema = Schema.infer(rows, target=target)
    outputs = 3 if target == "label" else 1
    net = xn.Sequential(xn.Dense(8, "gelu"), xn.LayerNorm(), xn.Dense(outputs))
    model = TableModel.of(rows, schema, net, scaling=scaling, **settings)
    model.fit(rows, epochs=2, verbose=False)
    return model


def fed(session: Any, rows: dict[str, list[str]]) -> dict[str, Any]:
    """The inputs of an ONNX file, from texts, by nothing but its metadata."""
    made: dict[str, list[Any]] = {}
    for column in json.loads(session.get_modelmeta().custom_metadata_map["columns"]):
        cells = rows[column["name"]]
        if column["kind"] in ("category", "boolean"):
            made.setdefault(column["input"], []).append(np.array(cells, object))
            continue
        empty = [cell in ("", "?") for cell in cells]
        if column["kind"] == "date":
            dates = ["NaT" if gone else cell for cell, gone in zip(cells, empty, strict=True)]
            seconds = np.array(dates, "datetime64[us]").astype("int64") / 1e6
            made.setdefault(column["input"], []).append(np.where(empty, np.nan, seconds))
        else:
            numbers = ["nan" if gone else cell for cell, gone in zip(cells, empty, strict=True)]
            made.setdefault(column["input"], []).append(np.array(numbers, float))
    return {name: np.stack(parts, axis=1) for name, parts in made.items()}


@pytest.fixture
def by_onnx(tmp_path: Path) -> Callable[..., dict[str, Any]]:
    """What onnxruntime makes of a model and of rows of texts, by output."""
    pytest.importorskip("onnx", reason="onnx is not installed")
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")

    def run(model: Any, rows: dict[str, list[str]]) -> dict[str, Any]:
        xn.exchange.to_onnx(model, tmp_path / "m.onnx")
        session = runtime.InferenceSession(tmp_path / "m.onnx", providers=["CPUExecutionProvider"])
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(None, fed(session, rows)), strict=True))

    return run


def by_command_line(folder: Path, model: TableModel, rows: dict[str, list[str]]) -> dict[str, Any]:
    """What `xpnet predict` writes, by column."""
    model.save(folder / "m.safetensors")
    rows = {"row": [f"row {i}" for i in range(len(next(iter(rows.values()))))], **rows}
    with (folder / "new.csv").open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream).writerows([rows, *zip(*rows.values(), strict=True)])
    command = ["predict", "m.safetensors", "new.csv", "--out", "p.csv"]
    files = [str(folder / part) if "." in part else part for part in command]
    assert main(files) == 0
    with (folder / "p.csv").open(encoding="utf-8", newline="") as stream:
        found = [*csv.DictReader(stream)]
    return {name: np.array([row[name] for row in found]) for name in found[0]}


def close(found: Any, expected: Any) -> None:
    found, expected = np.asarray(found, float), np.asarray(expected, float)
    assert found.shape == expected.shape
    assert np.abs(found - expected).max() <= 1e-6 * np.abs(expected).max()


KINDS = {**{name: [name] for name in COLUMNS}, "numbers": ["age", "seconds"], "all": [*COLUMNS]}


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("target", TARGETS)
def test_four_ways_to_predict(kind: str, target: str, tmp_path: Path, by_onnx: Any) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    model = trained(KINDS[kind], target)
    rows = {name: NEW[name] for name in KINDS[kind]}
    written = by_command_line(tmp_path, model, rows)
    found, predicted = by_onnx(model, rows), xn.load(tmp_path / "m.safetensors").predict(rows)
    module = xn.exchange.to_torch(model)
    with torch.no_grad():
        computed = module(torch.from_numpy(model.schema.encode(rows))).numpy()
    if target == "value":
        assert [*found] == ["prediction"]
        for other in (found["prediction"], computed, written["prediction"]):
            close(other, predicted)
        return
    assert [*found] == ["label", "probabilities"]
    for labels in (found["label"], written["prediction"]):
        assert (labels == predicted).all()
    shares = model.predict_proba(rows)
    shown = np.stack([written[f"probability_{name}"] for name in model.classes or ()], axis=1)
    for other in (found["probabilities"], computed, shown):
        close(other, shares)


@pytest.mark.parametrize("scaling", ["robust", "quantile", "none"])
def test_other_scalings(scaling: str, by_onnx: Any) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    names = ["age", "born", "ward"]
    rows = {name: NEW[name] for name in names}
    model = trained(names, "label", scaling, dtype="float64")
    expected = model.predict_proba(rows)
    close(by_onnx(model, rows)["probabilities"], expected)
    module = xn.exchange.to_torch(model)
    close(module(torch.from_numpy(model.schema.encode(rows))).detach().numpy(), expected)


@pytest.mark.parametrize(
    ("loss", "outputs"),
    [("binary_cross_entropy_with_logits", 1), ("binary_focal", 2), ("cross_entropy", 2)],
)
def test_other_losses_of_two_classes(loss: str, outputs: int, by_onnx: Any) -> None:
    table = {"age": COLUMNS["age"], "rich": [x > 4 for x in SIGNAL]}
    schema = Schema.infer(table, target="rich")
    end = [xn.Softmax()] if loss == "cross_entropy" else []
    model = TableModel.of(table, schema, xn.Sequential(xn.Dense(outputs), *end), loss=loss)
    found = by_onnx(model, {"age": NEW["age"]})
    assert (found["label"] == model.predict({"age": NEW["age"]})).all()
    assert found["label"].dtype == bool
    close(found["probabilities"], model.predict_proba({"age": NEW["age"]}))


def test_predictions_stay_in_the_range_seen(by_onnx: Any) -> None:
    table = {"age": COLUMNS["age"], "value": TARGETS["value"]}
    schema = Schema.infer(table, target="value")
    model = TableModel.of(table, schema, xn.Sequential(xn.Dense(1)))
    far = {"age": ["-1000000", "1000000"]}
    expected = model.predict(far)
    assert {*expected.tolist()} <= {model.target.low, model.target.high}
    close(by_onnx(model, far)["prediction"], expected)


def test_columns_by_position_are_one_matrix_with_all_of_them(tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="onnx is not installed")
    runtime = pytest.importorskip("onnxruntime", reason="onnxruntime is not installed")
    X = RNG.normal(size=(60, 4))
    X[:, 1] = 3
    schema = Schema.infer(X)
    target = xn.tabular.Target.of_values("y", X[:, 0])
    schema = replace(schema, target=target)
    model = TableModel.of(X, schema, xn.Sequential(xn.Dense(1)))
    xn.exchange.to_onnx(model, path := tmp_path / "m.onnx")
    session = runtime.InferenceSession(path, providers=["CPUExecutionProvider"])
    assert [(i.name, i.type, i.shape) for i in session.get_inputs()] == [
        ("x", "tensor(double)", ["rows", 4])
    ]
    close(session.run(None, {"x": X})[0], model.predict(X))


def test_words_for_true_and_false(by_onnx: Any) -> None:
    model = trained(["smokes"], "value")
    words = ["true", "False", "YES", "n", "1", "0", "on", "Off", "", "NA"]
    expected = model.predict({"smokes": words})
    close(by_onnx(model, {"smokes": words})["prediction"], expected)


def test_columns_with_the_names_of_other_tensors(by_onnx: Any) -> None:
    names = ["label", "probabilities", "/v0", "/c0", "/column 0", "x", "layers.0.weight", "", "a b"]
    table = {name: RNG.choice([*"pq"], 60).tolist() for name in names}
    table["target"] = RNG.choice(["u", "v"], 60).tolist()
    schema = Schema.infer(table, target="target")
    model = TableModel.of(table, schema, xn.Sequential(xn.Dense(2)))
    found = by_onnx(model, {name: table[name] for name in names})
    assert [*found] == ["label_", "probabilities_"]
    assert (found["label_"] == model.predict(table)).all()


def test_metadata(tmp_path: Path) -> None:
    onnx = pytest.importorskip("onnx", reason="onnx is not installed")
    model = trained(["age", "ward"], "label")
    xn.exchange.to_onnx(model, path := tmp_path / "m.onnx")
    props = {prop.key: json.loads(prop.value) for prop in onnx.load(path).metadata_props}
    ward = {"name": "ward", "kind": "category", "categories": [*"abc"], "input": "ward"}
    assert props == {
        "columns": [{"name": "age", "kind": "number", "input": "age"}, ward],
        "target": "label",
        "classes": ["few", "some", "très"],
    }
    domains = {opset.domain for opset in onnx.load(path).opset_import}
    assert domains == {"", "ai.onnx.ml"}


def test_a_file_for_torch_holds_the_preparation(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    model = trained([*COLUMNS], "label")
    save_exported(model, path := tmp_path / "m.pt2")
    extra = dict.fromkeys(["columns", "target", "classes"], "")
    program = torch.export.load(path, extra_files=extra).module()
    encoded = model.schema.encode(NEW)
    close(program(torch.from_numpy(encoded)).detach().numpy(), model.predict_proba(NEW))
    columns = json.loads(extra["columns"])
    assert [column["name"] for column in columns] == [f.name for f in model.schema.used]
    assert columns[-1]["categories"][0] == "Ulm 0"
    assert json.loads(extra["classes"]) == ["few", "some", "très"]


def test_the_network_of_a_module_trains() -> None:
    torch = pytest.importorskip("torch", reason="PyTorch is not installed")
    model = trained(["age", "ward"], "label")
    module = xn.exchange.to_torch(model)
    assert dict(module.named_parameters()).keys() == model.model.parameters.keys()
    assert "prepared.fill" in dict(module.named_buffers())
    module(torch.from_numpy(model.schema.encode(NEW))).log().sum().backward()
    assert all(p.grad is not None for p in module.parameters())


def test_what_has_no_place_for_the_preparation() -> None:
    pytest.importorskip("sklearn", reason="scikit-learn is not installed")
    model = trained(["age"], "value")
    with pytest.raises(ArgumentError, match=r"no place for the preparation .* to_torch\(model\)"):
        xn.exchange.to_torch_state_dict(model, tensors=False)
    with pytest.raises(ArgumentError, match=r"do not prepare a table's columns. to_sklearn"):
        xn.exchange.to_sklearn(model)
    with pytest.raises(ArgumentError, match="from_sklearn expects an MLPClassifier"):
        xn.exchange.from_sklearn(model)


def test_probabilities_of_numbers(tmp_path: Path) -> None:
    pytest.importorskip("onnx", reason="onnx is not installed")
    with pytest.raises(ArgumentError, match="probabilities are known for the losses"):
        xn.exchange.to_onnx(trained(["age"], "value"), tmp_path / "m.onnx", probabilities=True)


def test_torch_is_named_where_it_is_missing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingDependencyError, match="pip install torch"):
        save_exported(trained(["age"], "value"), tmp_path / "m.pt2")
    assert list(tmp_path.iterdir()) == []
