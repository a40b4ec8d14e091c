"""Limits of size, memory and time."""

import asyncio
import json

import numpy as np
import pytest

from xpnet.errors import ArgumentError
from xpnet.serve import Limits
from xpnet.serve.batcher import Batcher
from xpnet.serve.held_rows import HeldRows
from xpnet.serve.refusal import Refusal
from xpnet.serve.request_body import Bodies, Disconnected

JSON = {"content-type": "application/json"}


def rows(count):
    return json.dumps({"rows": [[1, 2, 3, 4]] * count}).encode()


@pytest.mark.smoke
def test_a_body_that_is_too_large(serve, plain):
    body = rows(20)

    async def test(client):
        declared = {**JSON, "content-length": str(len(body))}

        async def unread():
            raise AssertionError("the length alone is a reason to refuse")

        found = await client("POST", "/predict", headers=declared, receive=unread)
        assert found.status == 413
        assert f"at most 100 bytes, got {len(body)}: send" in found.json["detail"]
        parts = [body[i : i + 30] for i in range(0, len(body), 30)]
        found = await client("POST", "/predict", parts, JSON)
        assert found.status == 413
        assert "at most 100 bytes, got more" in found.json["detail"]
        assert (
            await client("POST", "/predict", [b"", rows(1)[:9], rows(1)[9:]], JSON)
        ).status == 200

    serve(plain, test, max_bytes=100)


def test_rows_that_are_too_many(ask, plain):
    found = ask(plain, {"rows": [[1, 2, 3, 4]] * 11}, max_rows=10)
    assert (found.status, found.json["detail"][:34]) == (413, "expected at most 10 rows, got 11: ")
    columns = {f"x{i}": [1.0] * 11 for i in range(4)}
    assert ask(plain, columns, max_rows=10).status == 413
    assert ask(plain, "x0,x1,x2,x3\n" + "1,2,3,4\n" * 11, max_rows=10).status == 413
    assert ask(plain, "x0,x1,x2,x3\n" + "1,2,3,4\n" * 10, max_rows=10).status == 200


def test_a_slow_body(serve, plain):
    async def slow():
        await asyncio.sleep(60)

    found = serve(
        plain, lambda client: client("POST", "/predict", headers=JSON, receive=slow), timeout=0.01
    )
    assert (found.status, found.headers["connection"]) == (408, "close")
    assert found.json["detail"] == "the body did not arrive within 0.01 s."


def test_a_client_that_goes_away_gets_no_answer(serve, plain):
    async def gone():
        return {"type": "http.disconnect"}

    assert serve(plain, lambda c: c("POST", "/predict", headers=JSON, receive=gone)) is None


def test_bytes_that_are_held():
    async def test():
        bodies = Bodies(Limits(max_bytes=100))
        scope = {"headers": []}

        async def never():
            await asyncio.sleep(60)

        def parts(*sizes, then=never):
            left = list(sizes)

            async def receive():
                if not left:
                    return await then()
                return {"type": "http.request", "body": b"x" * left.pop(0), "more_body": True}

            return receive

        async def read(receive):
            async with bodies.read(scope, receive):
                raise AssertionError("this body does not end")

        waiting = [asyncio.create_task(read(parts(100))) for _ in range(8)]
        await asyncio.sleep(0)
        assert bodies.held == 800
        with pytest.raises(Exception, match="too many large requests") as error:
            await read(parts(1))
        assert (error.value.status, error.value.headers["retry-after"]) == (503, "1")
        for task in waiting:
            task.cancel()
        await asyncio.gather(*waiting, return_exceptions=True)
        assert bodies.held == 0

        async def gone():
            return {"type": "http.disconnect"}

        with pytest.raises(Disconnected):
            await read(parts(50, then=gone))
        assert bodies.held == 0

    asyncio.run(test())


@pytest.mark.parametrize("setting", [{"max_rows": 0}, {"timeout": 0}, {"max_bytes": 1.5}])
def test_limits_are_checked(setting):
    with pytest.raises(ArgumentError, match=f"{next(iter(setting))} must be"):
        Limits(**setting)


@pytest.fixture
def waits(serve, plain, monkeypatch):
    """Make requests that wait until the last one is made; their answers."""

    def waits(requests, waiting_bytes, **limits):
        monkeypatch.setattr("xpnet.serve.limits._WAITING", waiting_bytes)
        predict, go_on = Batcher.__call__, asyncio.Event()

        async def wait(batcher, rows):
            await go_on.wait()
            return await predict(batcher, rows)

        async def test(client):
            with monkeypatch.context() as patch:
                patch.setattr(Batcher, "__call__", wait)
                tasks = []
                for request in requests:
                    tasks.append(asyncio.create_task(request(client)))
                    await asyncio.sleep(0.02)
                go_on.set()
                found = await asyncio.gather(*tasks)
                return [*found, await requests[0](client)]

        return serve(plain, test, **limits)

    return waits


def test_bytes_of_rows_that_wait(waits):
    """A row takes 16 bytes and its three probabilities 24."""

    def twenty(client):
        return client("POST", "/predict", rows(20), JSON)

    def one(client):
        return client("POST", "/predict", rows(1), JSON)

    found = waits([twenty] * 4 + [one, twenty], 3_200, max_bytes=400)
    assert [answer.status for answer in found] == [200] * 4 + [503] * 2 + [200]
    assert found[4].headers["retry-after"] == "1"
    assert "too many rows are waiting already" in found[4].json["detail"]
    found = waits([twenty] * 4 + [one, twenty], 3_240, max_bytes=400)
    assert [answer.status for answer in found] == [200] * 5 + [503, 200]
    found = waits([one] * 100, 100, max_bytes=1000)  # 8 times max_bytes
    assert [answer.status for answer in found] == [200] * 101


def test_a_request_alone_may_hold_more():
    held = HeldRows(100)
    held.take(1000)
    with pytest.raises(Refusal):
        held.take(1)
    held.give_back(1000)
    held.take(60)
    held.take(40)
    with pytest.raises(Refusal):
        held.take(1)
    assert held.bytes == 100


def test_a_body_does_not_wait_with_its_rows(waits):
    freed, seen = [], []

    class Body(bytes):
        def __del__(self):
            freed.append(True)

    def first(client):
        async def receive():
            return {"type": "http.request", "body": Body(rows(3)), "more_body": False}

        return client("POST", "/predict", headers=JSON, receive=receive)

    async def second(client):
        seen.append(len(freed))
        return await first(client)

    found = waits([first, second], 10_000)
    assert [answer.status for answer in found] == [200] * 3
    assert seen == [1]


def test_rows_are_released_after_errors(serve, plain, monkeypatch):
    monkeypatch.setattr("xpnet.serve.limits._WAITING", 100)
    fails = [True]

    def predict(rows):
        if fails[0]:
            raise ArgumentError("not these rows")
        return np.zeros((len(rows), 3))

    async def test(client):
        monkeypatch.setattr(plain, "predict", predict, raising=False)
        found = [await client("POST", "/predict", rows(2), JSON) for _ in range(6)]
        fails[0] = False
        return [*found, await client("POST", "/predict", rows(2), JSON)]

    found = serve(plain, test, max_bytes=50)
    assert [answer.status for answer in found] == [400] * 6 + [200]
