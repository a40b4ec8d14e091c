"""The header Host: a page of another site does not reach a server of this machine."""

import asyncio
import json
import socket

import pytest

from xpnet.cli import main
from xpnet.errors import ArgumentError
from xpnet.serve import application, hosts_of, listen
from xpnet.serve.hosts import checked_hosts

ROW = json.dumps({"rows": [[1, 2, 3, 4]]}).encode()
JSON = {"content-type": "application/json"}


@pytest.fixture
def statuses(plain, serve):
    """The statuses of the answers to requests that name these hosts."""

    def statuses(hosts, allowed):
        async def test(client):
            asked = [client("POST", "/predict", ROW, {**JSON, "host": host}) for host in hosts]
            return [(await answer).status for answer in asked]

        return serve(plain, test, allowed)

    return statuses


def own(host="127.0.0.1", *allowed):
    """The hosts that a server at an address accepts."""
    with listen(host, 0) as listener:
        found = hosts_of(listener, host, allowed)
        return None if found is None else checked_hosts(found)


GOOD = ["localhost", "localhost:8000", "LocalHost:80", "localhost.", "127.0.0.1", "127.0.0.1:5",
        "[::1]", "[::1]:8000"]  # fmt: skip
BAD = ["evil.example", "evil.example:8000", "localhost.evil.example", "evil.example#localhost",
       "127.0.0.1.evil.example", "127.0.0.2", "192.168.1.7", "::1", "[::2]", "[::1]evil.example",
       "[::1", "localhost@evil.example", "evil.example,localhost", "", ":8000", "localhost:x",
       " localhost", "null"]  # fmt: skip


@pytest.mark.smoke
def test_on_a_loopback_address_others_are_refused(statuses):
    assert statuses(GOOD, own()) == [200] * len(GOOD)
    assert statuses(BAD, own()) == [400] * len(BAD)


@pytest.mark.parametrize("path", ["/", "/docs", "/health", "/schema", "/metrics", "/nothing"])
def test_the_refusal_of_every_path(plain, serve, path):
    def test(client):
        return client("GET", path, headers={"host": "evil.example:8000"})

    found = serve(plain, test, own("127.0.0.1", "Models.example"))
    assert found.status == 400
    assert found.headers["content-type"] == "application/problem+json"
    assert found.json["detail"] == (
        "the header Host has 'evil.example:8000', but this server answers to localhost, "
        "127.0.0.1, [::1], models.example. Use one of these, or start the server with "
        "--allow-host NAME."
    )


def test_a_request_without_a_host(plain):
    async def run():
        app, sent = application(plain, hosts=own()), []
        scope = {"type": "http", "method": "GET", "path": "/health", "headers": []}

        async def send(message):
            sent.append(message)

        await app(scope, None, send)
        return sent

    start, body = asyncio.run(run())
    assert start["status"] == 400
    assert json.loads(body["body"])["detail"].startswith("no header Host, but this server")


def test_names_that_are_allowed(statuses):
    allowed = own("127.0.0.1", "Models.Example.org", "10.0.0.7", "fe80::7", "[fe80::8]")
    good = ["models.example.org", "MODELS.example.org:443", "10.0.0.7:80", "[fe80::7]:1",
            "[FE80::8]", "localhost"]  # fmt: skip
    assert statuses(good, allowed) == [200] * len(good)
    assert statuses(["example.org", "x.models.example.org"], allowed) == [400] * 2


def test_the_address_itself_is_allowed():
    assert own("127.0.0.9") == ["localhost", "127.0.0.1", "[::1]", "127.0.0.9"]
    with listen("127.0.0.1", 0) as listener:
        found = hosts_of(listener, "my-machine", [])
    assert checked_hosts(found) == ["localhost", "127.0.0.1", "[::1]", "my-machine"]
    assert own() == own("localhost") == ["localhost", "127.0.0.1", "[::1]"]


@pytest.mark.skipif(not socket.has_ipv6, reason="there is no IPv6")
def test_addresses_of_version_6():
    try:
        assert own("::1") == own()
    except ArgumentError:
        pytest.skip("::1 cannot be used here")
    assert own("::") is None
    assert own("::ffff:127.0.0.1")[:3] == own()


def test_elsewhere_hosts_are_checked_only_if_some_are_given(statuses):
    assert own("0.0.0.0") is None
    assert statuses(BAD[:2], None) == [200, 200]
    allowed = own("0.0.0.0", "models.example.org")
    assert allowed == ["models.example.org"]
    assert statuses(["models.example.org:8000", "localhost"], allowed) == [200, 400]


@pytest.mark.parametrize("host", ["", "a b", "http://x", "x/y", "[::1", "*", "a..b", ":80", "x,y"])
def test_what_cannot_be_a_host(plain, host, tmp_path, capsys):
    with pytest.raises(ArgumentError, match="expected the name of a host, such as"):
        application(plain, hosts=[host])
    plain.save(tmp_path / "m.safetensors")
    arguments = ["serve", str(tmp_path / "m.safetensors"), "--port", "0", "--allow-host", host]
    assert main(arguments) == 2
    assert f"got {host!r}." in capsys.readouterr().err
