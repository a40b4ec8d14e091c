"""What a server says about itself: health, schema, OpenAPI, the page, numbers."""

import base64
import hashlib
import json
import re
from html import unescape
from html.parser import HTMLParser

import pytest

import xpnet as xn
from xpnet.serve import Limits
from xpnet.serve.docs_page import docs_page
from xpnet.serve.openapi import openapi
from xpnet.serve.served import Description, ServedColumn
from xpnet.serve.served_array import ServedArray
from xpnet.serve.served_table import ServedTable

NASTY = "</script><script>alert(1)</script>\"'&"


def get(serve, model, path, **limits):
    found = serve(model, lambda client: client("GET", path), **limits)
    assert found.status == 200
    return found


@pytest.mark.smoke
def test_health(serve, classifier):
    found = get(serve, classifier, "/health").json
    assert found == {"ready": True, "model": "wealth", "xpnet": xn.__version__}


def test_schema(serve, classifier):
    found = get(serve, classifier, "/schema", max_rows=7).json
    columns = {column.pop("name"): column for column in found["columns"]}
    assert {name: column["kind"] for name, column in columns.items()} == {
        "age": "number",
        "pay": "number",
        "sex": "category",
        "job": "category",
        "member": "boolean",
        "joined": "date",
    }
    assert columns["sex"]["categories"] == ["f", "m"]
    assert found["target"] == {"name": "rich", "classes": ["no", "yes"]}
    assert found["limits"]["max_rows"] == 7


def test_schema_of_numbers_and_arrays(serve, regressor, plain):
    target = get(serve, regressor, "/schema").json["target"]
    assert target.keys() == {"name", "low", "high"}
    assert target["low"] < 0 < target["high"]
    found = get(serve, plain, "/schema").json
    assert (found["shape"], found["target"]["classes"]) == ([4], [0, 1, 2])


def test_metrics(serve, plain):
    async def test(client):
        before = (await client("GET", "/metrics")).json
        assert (before["rows"], before["milliseconds"]["p99"]) == (0, None)
        await client.predict({"rows": [[1, 2, 3, 4]] * 9})
        await client.predict({"rows": [[1, 2, 3]]})
        return (await client("GET", "/metrics")).json

    found = serve(plain, test)
    assert found["requests"] == {"200": 1, "400": 1}
    assert (found["rows"], found["batches"], found["rows_per_batch"]) == (9, 2, 4.5)
    assert 0 < found["milliseconds"]["p50"] <= found["milliseconds"]["max"]
    assert found["waiting"] == 0


def refs(data):
    match data:
        case {"$ref": name}:
            yield name
        case dict():
            for value in data.values():
                yield from refs(value)
        case list():
            for value in data:
                yield from refs(value)


@pytest.mark.parametrize("strict", [False, True])
@pytest.mark.parametrize("name", ["classifier", "regressor", "plain"])
def test_openapi(request, serve, each, name, strict):
    model = request.getfixturevalue(name)
    found = get(serve, model, "/openapi.json", strict=strict).json
    assert found["openapi"] == "3.1.0"
    for ref in refs(found):
        part = found
        for key in ref.removeprefix("#/").split("/"):
            part = part[key]
    examples = found["paths"]["/predict"]["post"]["requestBody"]["content"]["application/json"]
    assert {"rows", "one row", "columns"} == examples["examples"].keys()

    async def test(client):
        for title, example in examples["examples"].items():
            with each(title):
                assert (await client.predict(example["value"])).status == 200
        for path, methods in found["paths"].items():
            if "get" in methods:
                assert (await client("GET", path)).status == 200

    serve(model, test, strict=strict)


def test_openapi_of_columns(classifier):
    description = ServedTable(classifier, "wealth", strict=False).description
    row = openapi(description, Limits())["components"]["schemas"]["Row"]
    assert row["required"] == ["age", "pay", "sex", "job", "member", "joined"]
    assert row["properties"]["age"] == {"type": ["number", "null"]}
    assert row["properties"]["sex"]["description"] == "Known: f, m"
    strict = openapi(description, Limits(strict=True))["components"]["schemas"]["Row"]
    assert strict["properties"]["sex"]["enum"] == ["f", "m", None]
    assert (row["additionalProperties"], strict["additionalProperties"]) == (True, False)


def test_openapi_of_images():
    net = xn.Sequential(xn.Flatten(), xn.Dense(2))
    model = xn.Model(net, loss="mse", input_shape=(2, 3), seed=0).build()
    found = openapi(ServedArray(model, "images", strict=False).description, Limits())
    row = found["components"]["schemas"]["Row"]
    assert (row["minItems"], row["items"]["maxItems"]) == (2, 3)
    content = found["paths"]["/predict"]["post"]["requestBody"]["content"]
    assert content.keys() == {"application/json"}
    assert content["application/json"]["examples"]["rows"]["value"]["rows"][0] == [[0] * 3] * 2


class Page(HTMLParser):
    """The tags of a page with their attributes, and its scripts."""

    def __init__(self, text):
        super().__init__()
        self.tags, self.scripts = [], []
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data):
        if self.lasttag == "script" and data.strip():
            self.scripts.append(data)


@pytest.mark.parametrize("path", ["/", "/docs"])
def test_the_page(serve, classifier, path):
    found = get(serve, classifier, path)
    assert found.headers["content-type"] == "text/html; charset=utf-8"
    text = found.body.decode()
    page = Page(text)
    fields = [attributes for _, attributes in page.tags if "data-kind" in attributes]
    assert [field["name"] for field in fields] == ["age", "pay", "sex", "job", "member", "joined"]
    assert '<option value="m">m</option>' in text
    assert "curl http://127.0.0.1:8000/predict -H" in text
    (script,) = page.scripts
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = found.headers["content-security-policy"]
    assert f"script-src 'sha256-{digest}'" in policy
    assert "default-src 'none'" in policy


def test_the_page_loads_nothing_else(serve, classifier):
    page = Page(get(serve, classifier, "/").body.decode())
    loaded = [a.get("src") or a.get("href") for _, a in page.tags]
    kept = {"data:,", "schema", "openapi.json", "health", "metrics", None}
    assert set(loaded) == kept


def test_names_on_the_page_are_no_markup(each):
    columns = (
        ServedColumn(NASTY, "category", (NASTY,), NASTY),
        ServedColumn(f"{NASTY}2", "category", tuple(f"{NASTY}{i}" for i in range(60)), NASTY),
        ServedColumn(f"{NASTY}3", "number", (), 1),
    )
    description = Description(NASTY, columns, NASTY, (NASTY, "other"))
    page = Page(docs_page(description, Limits()).body.decode())
    assert len(page.scripts) == 1
    assert not [tag for tag, _ in page.tags if tag == "script"][1:]
    fields = [attributes for _, attributes in page.tags if "data-kind" in attributes]
    assert [field["name"] for field in fields] == [NASTY, f"{NASTY}2", f"{NASTY}3"]
    assert ("option", {"value": NASTY}) in page.tags
    assert ("option", {"value": f"{NASTY}59"}) in page.tags


def test_the_page_of_images():
    net = xn.Sequential(xn.Flatten(), xn.Dense(2))
    model = xn.Model(net, loss="mse", input_shape=(2, 3), seed=0).build()
    text = docs_page(ServedArray(model, "images", strict=False).description, Limits()).body.decode()
    body = re.search(r"<textarea[^>]*>(.*?)</textarea>", text)[1]
    assert json.loads(unescape(body)) == {"rows": [[[0] * 3] * 2]}
    assert "text/csv" not in text
