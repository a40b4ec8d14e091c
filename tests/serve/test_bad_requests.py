"""Requests that cannot be answered, each with a clear refusal."""

import asyncio
import json
from http import HTTPStatus

import numpy as np
import pytest

import xpnet as xn


def changed(**cells):
    return lambda row: json.dumps({**row, **cells}).encode()


def without(name):
    return lambda row: json.dumps({k: v for k, v in row.items() if k != name}).encode()


def written(text):
    return lambda row: text if isinstance(text, bytes) else text.encode()


CASES = {
    "a text for a number": (
        changed(age="old"),
        "age",
        "column 'age': expected a finite number, got the text 'old'.",
    ),
    "a list for a number, in a row": (
        lambda row: json.dumps({"rows": [row, {**row, "age": [1]}]}).encode(),
        "age",
        "row 1, column 'age': expected a finite number, got a list.",
    ),
    "an object": (changed(age={"a": 1}), "age", "got an object."),
    "an object for a category": (changed(sex={}), "sex", "expected a text, got an object."),
    "a huge number": (changed(age=10**400), "age", "a whole number of more than 40 digits"),
    "infinity as a large number": (
        lambda row: json.dumps(row).replace("39", "1e999").encode(),
        "age",
        "expected a finite number, got the number inf.",
    ),
    "a number for a date": (
        changed(joined=2020),
        "joined",
        "expected a date such as 2026-11-30 or 2026-11-30T17:21, got the number 2020.",
    ),
    "no date": (changed(joined="2020-13-01"), "joined", "got the text '2020-13-01'."),
    "a number for a boolean": (
        changed(member=2),
        "member",
        "expected true or false, got the number 2.",
    ),
    "a column missing": (without("pay"), "pay", "the column 'pay' is missing."),
    "a column missing in a row": (
        lambda row: json.dumps(
            {"rows": [row, {k: v for k, v in row.items() if k != "pay"}]}
        ).encode(),
        "pay",
        "row 1: the column 'pay' is missing.",
    ),
    "a repeated column": (
        lambda row: json.dumps(row)[:-1].encode() + b', "age": 40}',
        "age",
        "column 'age' is given twice",
    ),
    "lists and values": (changed(age=[1, 2]), "age", "has a list, column 'pay' has one value"),
    "columns of different lengths": (
        lambda row: json.dumps({**{k: [v] for k, v in row.items()}, "pay": [1, 2]}).encode(),
        "pay",
        "column 'pay' has 2 values, but column 'age' has 1",
    ),
    "empty columns": (
        lambda row: json.dumps({k: [] for k in row}).encode(),
        None,
        "expected at least one row",
    ),
    "no rows": (written('{"rows": []}'), None, "expected at least one row"),
    "rows that are none": (written('{"rows": 3}'), "rows", "must be a list of rows"),
    "a row that is none": (written('{"rows": [3]}'), None, "expected an object, got the number 3."),
    "an empty object": (
        written("{}"),
        "age",
        "the columns 'age', 'pay', 'sex', 'job', 'member' and 1 more are missing.",
    ),
    "a list": (written("[1, 2]"), None, 'Send several rows as {"rows": [row, row, ...]}.'),
    "a number": (written("3"), None, "expected an object"),
    "NaN": (written('{"age": NaN}'), None, "NaN is not a number. A missing value is null."),
    "Infinity": (written('{"age": -Infinity}'), None, "-Infinity is not a number."),
    "half of an object": (
        written('{"age": 3'),
        None,
        "is not JSON: Expecting ',' delimiter in line 1",
    ),
    "nothing": (written(""), None, "is not JSON"),
    "more after it": (written("{} {}"), None, "is not JSON: Extra data"),
    "Latin-1": (written('{"age": "é"}'.encode("latin-1")), None, "not UTF-8: byte 9 is 0xe9."),
    "UTF-16": (written('{"age": 1}'.encode("utf-16")), None, "not UTF-8"),
    "deep nesting": (written("[" * 100_000), None, "nested too deeply"),
    "thousands of digits": (written('{"age": ' + "1" * 5000 + "}"), None, "too many digits"),
    "a long name": (
        written(json.dumps({"x" * 10_000: 1, "y": []})),
        "y",
        f"column '{'x' * 40}...' has one value",
    ),
    "half of a surrogate": (changed(age="\ud800"), "age", r"got the text '\ud800'."),
}
CSV = {
    "no header": ("", None, "the body is empty"),
    "a header alone": ("age,pay,sex,job,member,joined\n", None, "expected at least one row"),
    "a column missing": (
        "age,pay\n1,2\n",
        "sex",
        "the columns 'sex', 'job', 'member', 'joined' are missing.",
    ),
    "a repeated column": ("age,age\n1,2\n", "age", "column 'age' is given twice"),
    "a short line": ("age,pay\n1,2\n3\n", None, "line 3 has 1 cells, but there are 2 columns."),
    "an open quote": ('age,pay\n1,"2\n', None, "is not CSV: unexpected end of data"),
    "NUL": ("age,pay\n1,\0\n", None, "byte 10 of the body is NUL"),
    "a text for a number": (
        "age,pay,sex,job,member,joined\n1,2,m,a,no,2020-01-01\n\nx,2,m,a,no,2020-01-01\n",
        "age",
        "row 1, column 'age': expected a finite number, got the text 'x'.",
    ),
}


def check(answer, status, column, text):
    assert answer.status == status
    assert answer.headers["content-type"] == "application/problem+json"
    found = answer.json
    assert found["status"] == status
    assert found["title"] == HTTPStatus(status).phrase
    assert found.get("column") == column
    assert text in found["detail"]
    assert len(answer.body) < 1000


@pytest.mark.smoke
def test_bodies_of_json(serve, each, classifier, row):
    async def test(client):
        for name, (body, column, text) in CASES.items():
            with each(name):
                kind = {"content-type": "application/json"}
                check(await client("POST", "/predict", body(row), kind), 400, column, text)
        assert (await client.predict(row)).status == 200

    serve(classifier, test)


def test_bodies_of_csv(serve, each, classifier):
    async def test(client):
        for name, (body, column, text) in CSV.items():
            with each(name):
                check(await client.predict(body), 400, column, text)
        kind = {"content-type": "text/csv"}
        found = await client("POST", "/predict", "age\né\n".encode("latin-1"), kind)
        check(found, 400, None, "not UTF-8: byte 4 is 0xe9.")
        found = await client("POST", "/predict", b"age\n" + b"x" * 200_000, kind)
        check(found, 400, None, "line 2 is not CSV: field larger than field limit")

    serve(classifier, test)


@pytest.mark.parametrize(
    ("headers", "text"),
    [
        ({}, "the request has no Content-Type: send application/json or text/csv"),
        ({"content-type": "text/plain"}, "the Content-Type is 'text/plain'"),
        ({"content-type": "application/json; charset=utf-16"}, "the charset is utf-16"),
        (
            {"content-type": "application/json", "content-encoding": "gzip"},
            "Content-Encoding 'gzip'",
        ),
    ],
)
def test_types_of_content(serve, plain, headers, text):
    check(serve(plain, lambda client: client("POST", "/predict", b"{}", headers)), 415, None, text)


def test_types_of_content_that_are_read(serve, plain, each):
    async def test(client):
        for kind in (
            "Application/JSON",
            'application/json; charset="UTF-8"',
            "application/json;v=1",
        ):
            with each(kind):
                body = b'{"rows": [[1, 2, 3, 4]]}'
                found = await client("POST", "/predict", body, {"content-type": kind})
                assert found.status == 200

    serve(plain, test)


@pytest.mark.parametrize(
    ("data", "column", "text"),
    [
        ({"rows": [[1, 2, 3, 4], [1, 2, 3]]}, None, "row 1: expected a list of length 4, got 3."),
        ({"rows": [[1, 2, 3, "x"]]}, "x3", "row 0, column 'x3': expected a finite number, got the"),
        ({"rows": [[1, 2, 3, None]]}, "x3", "expected a finite number, got null."),
        ({"rows": [[1, 2, 3, [4]]]}, "x3", "expected a finite number, got a list."),
        ({"rows": [[1, 2, 3, 10**400]]}, "x3", "a whole number of more than 40 digits"),
        ({"rows": [[1, 2, 3, 1e300]]}, "x3", "a number that float32 can hold, got 1e+300."),
        ({"rows": [1, 2, 3, 4]}, None, "row 0: expected a list of length 4, got the number 1."),
        ({"x0": 1, "x1": 2, "x2": 3}, "x3", "the column 'x3' is missing."),
        ("x0,x1,x2,x3\n1,2,3,\n", "x3", "got the text ''."),
    ],
)
def test_arrays(ask, plain, data, column, text):
    check(ask(plain, data), 400, column, text)


def test_arrays_without_names_for_their_columns(ask):
    model = xn.Model(xn.Sequential(xn.Flatten(), xn.Dense(2)), input_shape=(2, 3), seed=0).build()
    check(ask(model, {"x0": 1}), 400, None, 'expected rows as arrays of shape [2, 3]: {"rows":')
    wrong = {"rows": [[[1, 2, 3], [4, 5, "x"]]]}
    check(ask(model, wrong), 400, None, "row 0, at [1, 2]: expected a finite number, got the text")


def test_predictions_that_are_not_finite(ask):
    model = xn.Model(xn.Sequential(xn.Dense(1)), "mse", input_shape=2, seed=0).build()
    model.load_state_dict({"layers.0.weight": np.full((2, 1), 1e30), "layers.0.bias": np.zeros(1)})
    check(
        ask(model, {"rows": [[1, 1], [1e30, 0]]}),
        400,
        None,
        "row 1: the prediction is not a finite",
    )
    assert ask(model, {"rows": [[1, 1]]}).status == 200


def test_a_number_that_the_network_cannot_take(serve, regressor, table):
    """It is refused, and others in its batch are answered."""
    fine = {name: table[name][0] for name in ("age", "sex", "job", "member", "joined")}

    async def test(client):
        found = await asyncio.gather(
            *(client.predict(one) for one in (fine, {**fine, "age": 1e70}, fine))
        )
        assert [answer.status for answer in found] == [200, 400, 200]
        text = "column 'age': 1e+70 is too far from the values in the training data."
        check(found[1], 400, "age", text)
        check(await client.predict({"rows": [fine, {**fine, "age": -1e70}]}), 400, "age", "-1e+70")

    serve(regressor, test)


def test_a_failure_is_logged_but_not_shown(ask, plain, monkeypatch, caplog):
    def fail(rows):
        raise RuntimeError("a secret")

    monkeypatch.setattr(plain, "predict", fail, raising=False)
    monkeypatch.setattr("xpnet.serve.batcher.Batcher.warm_up", lambda *_: None)
    check(ask(plain, {"rows": [[1, 2, 3, 4]]}), 500, None, "the request failed")
    assert "a secret" in caplog.text


@pytest.mark.parametrize("part", ["served_array.ServedArray.encode_rows", "answers.Answers.json"])
def test_a_failure_elsewhere_too(ask, plain, monkeypatch, caplog, part):
    """Also when rows are encoded, and when the answer is written."""

    def fail(*_):
        raise RuntimeError("a secret")

    monkeypatch.setattr("xpnet.serve.predicting.Predicting.warm_up", lambda _: None)
    monkeypatch.setattr(f"xpnet.serve.{part}", fail)
    check(ask(plain, {"rows": [[1, 2, 3, 4]]}), 500, None, "the request failed")
    assert "a secret" in caplog.text


def test_places_and_methods(serve, plain):
    async def test(client):
        check(await client("GET", "/secret"), 404, None, "GET / lists the paths.")
        found = await client("GET", "/predict")
        check(found, 405, None, "GET does not work here: use POST.")
        assert found.headers["allow"] == "POST"
        check(await client("DELETE", "/health"), 405, None, "DELETE does not work here: use")

    serve(plain, test)
