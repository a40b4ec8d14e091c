"""Rows in each form that a request can have, and predictions in each form of an answer."""

import csv
import io
from dataclasses import replace

import numpy as np
import pytest

import xpnet as xn
from xpnet.errors import DataWarning

ROWS = 20


def as_csv(columns):
    stream = io.StringIO()
    writer = csv.writer(stream)
    writer.writerow(columns)
    cells = [["" if cell is None else cell for cell in values] for values in columns.values()]
    writer.writerows(zip(*cells, strict=True))
    return stream.getvalue()


@pytest.fixture
def columns(table):
    return {name: values[:ROWS] for name, values in table.items() if name != "rich"}


@pytest.fixture
def rows(columns):
    return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


@pytest.fixture
def expected(classifier, columns):
    return classifier.predict(columns).tolist(), classifier.predict_proba(columns)


def close(found, expected):
    np.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.smoke
def test_one_row(ask, classifier, rows, expected):
    for i in (0, 3):  # the second one has missing cells
        found = ask(classifier, rows[i])
        assert (found.status, found.headers["content-type"]) == (200, "application/json")
        assert found.json.keys() == {"prediction", "probabilities"}
        assert found.json["prediction"] == expected[0][i]
        close([found.json["probabilities"][name] for name in ("no", "yes")], expected[1][i])


def test_rows(ask, classifier, rows, expected):
    found = ask(classifier, {"rows": rows}).json
    assert found.keys() == {"rows"}
    assert [row["prediction"] for row in found["rows"]] == expected[0]
    shares = [[row["probabilities"]["no"], row["probabilities"]["yes"]] for row in found["rows"]]
    close(shares, expected[1])


def test_columns(ask, classifier, columns, expected):
    found = ask(classifier, columns).json
    assert found["prediction"] == expected[0]
    close([found["probabilities"]["no"], found["probabilities"]["yes"]], expected[1].T)


def test_csv(ask, classifier, columns, expected):
    found = ask(classifier, as_csv(columns))
    assert found.headers["content-type"] == "text/csv; charset=utf-8"
    header, *lines = csv.reader(io.StringIO(found.body.decode()))
    assert header == ["prediction", "probability_no", "probability_yes"]
    assert [line[0] for line in lines] == expected[0]
    close(np.array([line[1:] for line in lines], float), expected[1])


def test_the_answer_has_the_form_that_the_client_accepts(ask, classifier, columns, rows):
    accepting = {"accept": "text/html, text/csv;q=0.5"}
    assert ask(classifier, rows[0], accepting).body.startswith(b"prediction,probability_no,")
    found = ask(classifier, as_csv(columns), {"accept": "application/json"}).json
    assert len(found["rows"]) == ROWS
    assert ask(classifier, rows[0], {"accept": "image/png"}).status == 406


def test_numbers_in_units_of_the_target(ask, regressor, columns):
    expected = regressor.predict(columns)
    found = ask(regressor, columns).json
    assert found.keys() == {"prediction"}
    np.testing.assert_allclose(found["prediction"], expected, rtol=1e-4)
    header, *lines = ask(regressor, as_csv(columns)).body.decode().splitlines()
    assert header == "prediction"
    np.testing.assert_allclose(np.array(lines, float), expected, rtol=1e-4)


def test_cells_as_text_and_a_byte_order_mark(ask, classifier, rows, expected):
    texts = {name: "" if cell is None else str(cell) for name, cell in rows[3].items()}
    assert ask(classifier, texts).json["prediction"] == expected[0][3]
    text = "﻿" + as_csv({name: [cell] for name, cell in rows[0].items()})
    assert ask(classifier, text).body.split(b"\n")[1].startswith(expected[0][0].encode())


def test_what_is_not_known_is_treated_as_unknown_and_said(ask, classifier, row):
    found = ask(classifier, {**row, "job": "astronaut", "shoe size": 44}).json
    assert found["warnings"] == [
        "column 'job': 'astronaut' was not in the training data. It is treated as unknown."
    ]
    with pytest.warns(DataWarning, match="has 'an unknown one'"):
        expected = classifier.predict_proba([{**row, "job": "an unknown one"}])
    close(list(found["probabilities"].values()), expected[0])


def test_strict(ask, classifier, row):
    found = ask(classifier, {**row, "job": "astronaut"}, strict=True)
    assert (found.status, found.json["column"]) == (400, "job")
    assert found.json["detail"] == "column 'job': the model does not know 'astronaut'."
    found = ask(classifier, {"rows": [row, {**row, "shoe size": 44}]}, strict=True)
    assert (found.status, found.json["column"]) == (400, "shoe size")
    assert found.json["detail"] == "row 1: the model does not read the column 'shoe size'."
    known = {**row, "rich": "no", "remark": "other"}  # the target, and an ignored column
    assert ask(classifier, known, strict=True).status == 200


def test_labels_keep_their_type(ask):
    table = {"x": [1, 2, 3, 4] * 10, "y": [True, False] * 20}
    schema = xn.tabular.Schema.infer(table, "y")
    model = xn.tabular.TableModel.of(table, schema, xn.Sequential(xn.Dense(2)), seed=0)
    found = ask(model, {"x": 3}).json
    assert found["prediction"] in (True, False)
    assert found["probabilities"].keys() == {"true", "false"}
    assert ask(model, "x\n3\n").body.split(b"\n")[1].split(b",")[0] in (b"true", b"false")


@pytest.fixture
def headless():
    """A model whose columns have no names."""
    X = np.random.default_rng(0).normal(size=(40, 3))
    table = {f"x{i}": X[:, i] for i in range(3)} | {"y": X[:, 0] > 0}
    schema = xn.tabular.Schema.infer(table, "y")
    model = xn.tabular.TableModel.of(table, schema, xn.Sequential(xn.Dense(2)), seed=0)
    return xn.tabular.TableModel(replace(schema, named=False), model.prepared, model.model)


def test_columns_without_names(ask, headless):
    expected = headless.predict_proba(np.array([[1.0, 2.0, 3.0]]))[0]
    rows = [1, 2, 3], {"x2": 3, "x1": 2, "x0": 1}
    for found in ask(headless, {"rows": rows}).json["rows"]:
        close(list(found["probabilities"].values()), expected)
    (line,) = ask(headless, "1,2,3\n").body.decode().splitlines()[1:]
    close(np.array(line.split(",")[1:], float), expected)
    refused = ask(headless, {"rows": [[1, 2]]})
    assert (refused.status, refused.json["detail"]) == (400, "expected 3 values, got 2.")


def test_arrays(ask, plain):
    X = np.random.default_rng(0).normal(size=(5, 4)).astype(np.float32)
    logits = plain.predict(X).astype(np.float64)
    shares = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
    found = ask(plain, {"rows": X.tolist()}).json["rows"]
    assert [row["prediction"] for row in found] == logits.argmax(axis=1).tolist()
    close([list(row["probabilities"].values()) for row in found], shares)
    named = {f"x{i}": X[:, i].tolist() for i in range(4)}
    close(list(ask(plain, named).json["probabilities"].values()), shares.T)
    close(
        list(ask(plain, {k: v[0] for k, v in named.items()}).json["probabilities"].values()),
        shares[0],
    )
    lines = ask(plain, as_csv(named)).body.decode().splitlines()
    close(np.array([line.split(",")[1:] for line in lines[1:]], float), shares)


def test_images_and_outputs_of_several_numbers(ask):
    net = xn.Sequential(xn.Flatten(), xn.Dense(2))
    model = xn.Model(net, loss="mse", input_shape=(2, 3), seed=0).build()
    X = np.arange(12.0, dtype=np.float32).reshape(2, 2, 3)
    found = ask(model, {"rows": X.tolist()}).json["rows"]
    close([row["prediction"] for row in found], model.predict(X))
    lines = ask(model, {"rows": X.tolist()}, {"accept": "text/csv"}).body.decode().splitlines()
    assert lines[0] == "prediction_0,prediction_1"
    close(np.array([line.split(",") for line in lines[1:]], float), model.predict(X))


def test_one_logit_gives_two_probabilities(ask):
    model = xn.Model(
        xn.Sequential(xn.Dense(1)), "binary_cross_entropy_with_logits", input_shape=2, seed=0
    ).build()
    logit = model.predict(np.array([[1.0, 2.0]], np.float32))[0, 0]
    share = 1 / (1 + np.exp(-np.float64(logit)))
    found = ask(model, {"x0": 1, "x1": 2}).json
    assert found["prediction"] == int(share > 0.5)
    close(list(found["probabilities"].values()), [1 - share, share])


def test_names_of_classes_that_were_saved_with_arrays(ask):
    model = xn.MLP([2, 2], seed=0).build()
    model.preprocessing = {"classes": ["cat", "dog"]}
    found = ask(model, {"x0": 1, "x1": 2}).json
    assert found["prediction"] in found["probabilities"]
    assert found["probabilities"].keys() == {"cat", "dog"}


def test_several_questions_with_two_answers_are_outputs(ask):
    loss = "binary_cross_entropy_with_logits"
    model = xn.Model(xn.Sequential(xn.Dense(3)), loss, input_shape=2, seed=0).build()
    found = ask(model, {"x0": 1, "x1": 2}).json
    assert found.keys() == {"prediction"}
    assert len(found["prediction"]) == 3


def test_ids(ask):
    net = xn.Sequential(xn.Embedding(5, 3), xn.Flatten(), xn.Dense(2))
    model = xn.Model(net, input_shape=2, seed=0).build()
    assert ask(model, {"rows": [[0, 4]]}).status == 200
    refused = ask(model, {"rows": [[0, 5]]})
    assert refused.status == 400
    assert "whole numbers from 0 to 4" in refused.json["detail"]
