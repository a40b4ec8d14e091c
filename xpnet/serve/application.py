"""The web application: predictions, and what describes the model."""

import json
from collections.abc import AsyncIterator, Collection
from contextlib import asynccontextmanager
from typing import Any

from xpnet.model import Model
from xpnet.optional import require
from xpnet.serve.docs_page import docs_page
from xpnet.serve.hosts import HostCheck, checked_hosts
from xpnet.serve.limits import Limits
from xpnet.serve.openapi import openapi
from xpnet.serve.predicting import Predicting
from xpnet.serve.refusal import Refusal
from xpnet.serve.schema_answer import schema_answer
from xpnet.serve.served import Served
from xpnet.serve.served_array import ServedArray
from xpnet.serve.served_table import ServedTable
from xpnet.tabular.table_model import TableModel
from xpnet.version import __version__

__all__ = ["application"]

_PURPOSE = "serving a model"


def application(
    model: TableModel | Model,
    name: str = "model",
    limits: Limits | None = None,
    hosts: Collection[str] | None = None,
) -> Any:
    """An ASGI application that serves a model.

    Parameters
    ----------
    model : TableModel or Model
        From `xpnet.load`.
    name : str
        What the model is called.
    limits : Limits, optional
    hosts : collection of str, optional
        Hosts that requests may name, without ports; by default any. A server that only this
        machine reaches needs them: ``["localhost", "127.0.0.1"]`` keeps pages of other sites out.

    Returns
    -------
    starlette.applications.Starlette
        Its lifespan must run: it prepares the first predictions, and ends threads.

    Raises
    ------
    ArgumentError
        If one of the hosts cannot be one.
    MissingDependencyError
        Without Starlette.
    """
    applications: Any = require("starlette.applications", "serve", _PURPOSE)
    routing: Any = require("starlette.routing", "serve", _PURPOSE)
    exceptions: Any = require("starlette.exceptions", "serve", _PURPOSE)
    middleware: Any = require("starlette.middleware", "serve", _PURPOSE)
    limits = limits or Limits()
    check = []
    if hosts is not None:
        check.append(middleware.Middleware(HostCheck, hosts=checked_hosts(hosts)))
    served = _served(model, name, limits.strict)
    predicting = Predicting(served, limits)
    page = _always(*docs_page(served.description, limits))
    routes = [
        routing.Route("/predict", predicting, methods=["POST"]),
        routing.Route("/health", _json(_health(served))),
        routing.Route("/schema", _json(schema_answer(served.description, limits))),
        routing.Route("/openapi.json", _json(openapi(served.description, limits))),
        routing.Route("/metrics", _metrics(predicting)),
        routing.Route("/", page),
        routing.Route("/docs", page),
    ]

    @asynccontextmanager
    async def lifespan(_: Any) -> AsyncIterator[None]:
        predicting.warm_up()
        try:
            yield
        finally:
            predicting.close()

    return applications.Starlette(
        routes=routes,
        middleware=check,
        lifespan=lifespan,
        exception_handlers={exceptions.HTTPException: _refused},
    )


def _served(model: TableModel | Model, name: str, strict: bool) -> Served:
    if isinstance(model, TableModel):
        return ServedTable(model, name, strict)
    return ServedArray(model, name, strict)


def _health(served: Served) -> dict[str, Any]:
    return {"ready": True, "model": served.description.name, "xpnet": __version__}


def _response(body: bytes, headers: dict[str, str], status: int = 200) -> Any:
    responses: Any = require("starlette.responses", "serve", _PURPOSE)
    return responses.Response(body, status, headers)


def _json(data: dict[str, Any]) -> Any:
    return _always(json.dumps(data).encode(), {"content-type": "application/json"})


def _always(body: bytes, headers: dict[str, str]) -> Any:
    """An endpoint that always answers the same."""

    async def endpoint(_: Any) -> Any:
        return _response(body, headers)

    return endpoint


def _metrics(predicting: Predicting) -> Any:
    async def endpoint(_: Any) -> Any:
        batcher = predicting.batcher
        found = {
            **predicting.counters.report(),
            "batches": batcher.batches,
            "rows_per_batch": batcher.rows / batcher.batches if batcher.batches else None,
            "waiting": batcher.waiting,
        }
        return _response(json.dumps(found).encode(), {"content-type": "application/json"})

    return endpoint


async def _refused(request: Any, error: Any) -> Any:
    """A path or a method that does not exist."""
    allowed = (error.headers or {}).get("Allow")
    if error.status_code == 405:
        detail = f"{request.method} does not work here: use {allowed}."
    elif error.status_code == 404:
        detail = "there is nothing at this path: GET / lists the paths."
    else:
        detail = str(error.detail)
    refusal = Refusal(error.status_code, detail, headers=error.headers)
    return _response(refusal.body, refusal.headers, refusal.status)
