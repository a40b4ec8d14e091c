"""Models to serve, and a client of the application that needs no network."""

import asyncio
import json
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from importlib.util import find_spec
from typing import NamedTuple

import numpy as np
import pytest

import xpnet as xn
from xpnet.serve import Limits, application

if find_spec("starlette") is None or find_spec("uvicorn") is None:
    collect_ignore_glob = ["test_*.py"]


class Answer(NamedTuple):
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def json(self):
        def refuse(constant):
            raise AssertionError(f"{constant} is not JSON")

        return json.loads(self.body, parse_constant=refuse)


class Client:
    """Makes requests to an application, in the event loop that runs it."""

    def __init__(self, app):
        self._app = app

    async def __call__(self, method, path, body=b"", headers=None, receive=None):
        parts = [body] if isinstance(body, bytes) else list(body)
        sent = []

        async def parted():
            part = parts.pop(0)
            return {"type": "http.request", "body": part, "more_body": bool(parts)}

        async def send(message):
            sent.append(message)

        given = {"host": "127.0.0.1", **(headers or {})}
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": method,
            "path": path,
            "raw_path": path.encode(),
            "root_path": "",
            "query_string": b"",
            "scheme": "http",
            "headers": [(k.lower().encode(), v.encode()) for k, v in given.items()],
        }
        await self._app(scope, receive or parted, send)
        if not sent:
            return None
        start, *bodies = sent
        names = {k.decode(): v.decode() for k, v in start["headers"]}
        return Answer(start["status"], names, b"".join(part["body"] for part in bodies))

    async def predict(self, data, **more):
        """Predictions for JSON, or for CSV if the data are text."""
        kind = "text/csv" if isinstance(data, str) else "application/json"
        body = data.encode() if isinstance(data, str) else json.dumps(data).encode()
        return await self("POST", "/predict", body, {"content-type": kind, **more})


@asynccontextmanager
async def running(app):
    """The application between its start and its end, as a server runs it."""
    async with app.router.lifespan_context(app):
        yield Client(app)


@pytest.fixture(scope="session")
def run_apps():
    """A context in which applications run: it gives a function that asks each of them."""

    @contextmanager
    def run_apps(*apps):
        loop = asyncio.new_event_loop()

        async def started(stack):
            return [await stack.enter_async_context(running(app)) for app in apps]

        async def each(clients, *request):
            return [await client(*request) for client in clients]

        stack = AsyncExitStack()
        clients = loop.run_until_complete(started(stack))
        yield lambda *request: loop.run_until_complete(each(clients, *request))
        loop.run_until_complete(stack.aclose())
        loop.close()

    return run_apps


@pytest.fixture(scope="session")
def table():
    """Rows with a column of each kind; some cells are missing."""
    rng = np.random.default_rng(0)
    n = 300
    years, months = rng.integers(2010, 2026, n), rng.integers(1, 13, n)
    found = {
        "age": rng.integers(18, 90, n).tolist(),
        "pay": (rng.normal(size=n) * 1000).round(2).tolist(),
        "sex": rng.choice(["f", "m"], n).tolist(),
        "job": rng.choice([f"job {i}" for i in range(12)], n).tolist(),
        "member": rng.choice([True, False], n).tolist(),
        "joined": [f"{year}-{month:02}-11" for year, month in zip(years, months, strict=True)],
        "remark": ["same"] * n,
    }
    found["rich"] = ["yes" if age > 50 else "no" for age in found["age"]]
    for column in ("age", "sex", "member", "joined"):
        found[column][3] = None
    return found


def trained(table, target, outputs, **settings):
    schema = xn.tabular.Schema.infer(table, target)
    net = xn.Sequential(xn.Dense(8), xn.ReLU(), xn.Dense(outputs))
    model = xn.tabular.TableModel.of(table, schema, net, seed=0, **settings)
    model.fit(table, epochs=2, verbose=False)
    return model


@pytest.fixture(scope="session")
def classifier(table):
    return trained(table, "rich", 2)


@pytest.fixture(scope="session")
def regressor(table):
    return trained({k: v for k, v in table.items() if k != "rich"}, "pay", 1)


@pytest.fixture(scope="session")
def plain():
    """A model of arrays with four columns and three classes."""
    return xn.MLP([4, 8, 3], seed=0).build()


@pytest.fixture
def serve():
    """Run an async test function with a client of a model's application."""

    def serve(model, test, hosts=None, **limits):
        async def run():
            app = application(model, "wealth", Limits(**{"max_batch": 8, **limits}), hosts)
            async with running(app) as client:
                return await test(client)

        return asyncio.run(run())

    return serve


@pytest.fixture
def ask(serve):
    """The answer to one request for predictions."""

    def ask(model, data, headers=None, **limits):
        return serve(model, lambda client: client.predict(data, **(headers or {})), **limits)

    return ask


@pytest.fixture
def row():
    return {
        "age": 39,
        "pay": 3.5,
        "sex": "m",
        "job": "job 3",
        "member": True,
        "joined": "2020-01-01",
    }
