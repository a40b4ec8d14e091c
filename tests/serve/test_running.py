"""The server as a process of its own: from its start to its end."""

import http.client
import json
import os
import re
import signal
import socket
import subprocess
import sys
from contextlib import ExitStack, contextmanager

import pytest

from xpnet.cli import main
from xpnet.errors import ArgumentError
from xpnet.serve import address, listen

BODY = b'{"rows": [[1, 2, 3, 4]]}'
JSON = {"Content-Type": "application/json"}
START, WAIT = 60, 20  # seconds for which a test waits before it fails

posix = pytest.mark.skipif(os.name == "nt", reason="signals of this kind are POSIX's")


@pytest.fixture(scope="module")
def saved(tmp_path_factory, plain):
    path = tmp_path_factory.mktemp("served") / "flowers.safetensors"
    plain.save(path)
    return path


@contextmanager
def serving(path, *options):
    """A server, and its port."""
    command = [sys.executable, "-m", "xpnet", "serve", str(path), "--port", "0", *options]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE}
    with subprocess.Popen(command, **pipes, text=True) as server:
        try:
            line = server.stdout.readline()
            assert re.fullmatch(r".*flowers.safetensors at http://127.0.0.1:\d+ \(.*\)\n", line)
            yield server, int(re.search(r":(\d+) ", line)[1])
        finally:
            server.kill()


@pytest.fixture
def connected():
    """Open a connection to a port."""
    with ExitStack() as stack:

        def connect(port):
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=START)
            stack.callback(connection.close)
            connection.connect()
            return connection

        yield connect


def answer(connection):
    response = connection.getresponse()
    return response.status, json.loads(response.read())


def stopped(server):
    """Its exit status and what it wrote to standard error."""
    _, errors = server.communicate(timeout=WAIT)
    return server.returncode, errors


@posix
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_running_request_is_answered_before_the_end(saved, connected, number):
    with serving(saved) as (server, port):
        connection = connected(port)
        connection.request("POST", "/predict", BODY, JSON)
        assert answer(connection)[0] == 200
        idle = connected(port)
        connection.putrequest("POST", "/predict")
        for name, value in {**JSON, "Content-Length": str(len(BODY))}.items():
            connection.putheader(name, value)
        connection.endheaders(BODY[:10])
        arrived(connected(port))
        server.send_signal(number)
        assert idle.sock.recv(1) == b""  # closed: no request ran there
        with pytest.raises(ConnectionRefusedError):
            connected(port)
        connection.send(BODY[10:])
        status, found = answer(connection)
        assert (status, len(found["rows"])) == (200, 1)
        assert stopped(server) == (0, "")


def arrived(connection):
    """Wait until the server has read what was sent before: it reads in order of arrival."""
    connection.request("GET", "/health")
    assert answer(connection)[1]["ready"]


@posix
def test_slow_clients_and_large_bodies(saved, connected):
    with serving(saved, "--timeout", "0.3", "--max-bytes", "1000", "--log") as (server, port):
        silent, slow = connected(port), connected(port)
        slow.send(b"POST /predict HTTP/1.1\r\nHost: localhost\r\n")
        assert (silent.sock.recv(1), slow.sock.recv(1)) == (b"", b"")
        waiting = connected(port)
        waiting.send(
            b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            b"Content-Length: 24\r\n\r\n{"
        )
        assert b"HTTP/1.1 408 " in waiting.sock.recv(1000)
        large = connected(port)
        large.request("POST", "/predict", iter([b"x" * 600] * 100), JSON, encode_chunked=True)
        assert answer(large)[0] == 413
        large.request("POST", "/predict", BODY, JSON)  # the rest of the body has been discarded
        assert answer(large)[0] == 200
        server.terminate()
        status, errors = stopped(server)
        assert status == 0
        assert '"POST /predict HTTP/1.1" 413' in errors


def test_what_is_no_http(saved, connected):
    with serving(saved) as (server, port):
        connection = connected(port)
        connection.send(b"\x16\x03\x01 this is TLS, or nothing\r\n\r\n")
        assert b"HTTP/1.1 400 " in connection.sock.recv(1000)
        server.terminate()
        assert stopped(server)[1] == ""


@pytest.mark.smoke
def test_addresses():
    with listen("127.0.0.1", 0) as listener:
        url = address(listener)
        port = listener.getsockname()[1]
        assert url == f"http://127.0.0.1:{port}"
        with pytest.raises(ArgumentError, match=f"127.0.0.1, port {port} cannot be used: Address"):
            listen("127.0.0.1", port)
    with pytest.raises(ArgumentError, match="--host no such host: "):
        listen("no such host", 0)


@pytest.mark.skipif(not socket.has_ipv6, reason="there is no IPv6")
def test_addresses_of_version_6():
    try:
        listener = listen("::1", 0)
    except ArgumentError:
        pytest.skip("::1 cannot be used here")
    with listener:
        assert re.fullmatch(r"http://\[::1\]:\d+", address(listener))


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (["nothing.safetensors"], "nothing.safetensors"),
        (["MODEL", "--host", "no such host"], "--host no such host: "),
        (["MODEL", "--timeout", "-1"], "timeout must be a number in [0.001, inf), got -1.0."),
    ],
)
def test_errors_before_the_start(saved, capsys, arguments, text):
    assert main(["serve", *(str(saved) if a == "MODEL" else a for a in arguments)]) == 2
    assert text in capsys.readouterr().err


@pytest.mark.parametrize("port", ["-1", "65536", "http"])
def test_ports(capsys, port):
    with pytest.raises(SystemExit):
        main(["serve", "MODEL", "--port", port])
    assert "expected a whole number up to 65535" in capsys.readouterr().err


def test_without_starlette(saved, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "starlette.applications", None)
    assert main(["serve", str(saved)]) == 2
    assert "serving a model needs 'starlette'" in capsys.readouterr().err
