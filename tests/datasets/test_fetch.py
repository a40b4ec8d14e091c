"""Finding and downloading files, against a web server in this process."""

import gzip
import hashlib
import socket
import sys
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer

import numpy as np
import pytest

from xpnet.datasets import fashion_mnist, images, mnist
from xpnet.datasets.fetch import Source, locate
from xpnet.errors import DatasetError, MissingDependencyError

FILES = {
    "train-images-idx3-ubyte.gz": bytes.fromhex("00000803000000020000000100000002 00 33 ff 66"),
    "train-labels-idx1-ubyte.gz": bytes.fromhex("0000080100000002 03 01"),
    "t10k-images-idx3-ubyte.gz": bytes.fromhex("00000803000000010000000100000002 ff 00"),
    "t10k-labels-idx1-ubyte.gz": bytes.fromhex("0000080100000001 07"),
}
PACKED = {file: gzip.compress(content, mtime=0) for file, content in FILES.items()}
LABELS = "train-labels-idx1-ubyte.gz"


class Handler(SimpleHTTPRequestHandler):
    """Serve a folder, write the requests down, and say nothing on stderr."""

    def log_request(self, *arguments):
        self.server.requests.append(self.path)

    def log_message(self, *arguments):
        pass


@pytest.fixture
def server(tmp_path):
    """A web server over ``tmp_path/web``, where ``good/`` holds all files and ``bad/`` rubbish."""
    for folder in ("good", "bad"):
        (tmp_path / "web" / folder).mkdir(parents=True)
        for file, content in PACKED.items():
            (tmp_path / "web" / folder / file).write_bytes(content + b"?" * (folder == "bad"))
    handler = partial(Handler, directory=tmp_path / "web")
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as web:
        web.requests = []
        web.url = f"http://127.0.0.1:{web.server_port}"
        thread = threading.Thread(target=web.serve_forever, args=(0.01,))
        thread.start()
        yield web
        web.shutdown()
        thread.join()


@pytest.fixture
def dead_url():
    """An address of this machine where nobody listens: bound, but refusing connections."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield f"http://127.0.0.1:{held.getsockname()[1]}/"


@pytest.fixture
def cache(monkeypatch, tmp_path):
    pytest.importorskip("pooch")
    monkeypatch.delenv("XPNET_DATA", raising=False)
    monkeypatch.setenv("XPNET_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    return tmp_path / "cache" / "toy"


def source(*mirrors):
    return Source(
        "Toy", "toy", mirrors, {f: hashlib.sha256(c).hexdigest() for f, c in PACKED.items()}
    )


def test_the_second_mirror_serves_what_the_first_lacks(server, cache):
    path = locate(source(f"{server.url}/none/", f"{server.url}/good/"), LABELS)
    assert path == cache / LABELS
    assert path.read_bytes() == PACKED[LABELS]
    assert server.requests == [f"/none/{LABELS}", f"/good/{LABELS}"]


def test_a_corrupt_download_is_refused_and_not_kept(server, cache):
    with pytest.raises(DatasetError, match="does not match the known hash") as caught:
        locate(source(f"{server.url}/bad/"), LABELS)
    assert f"{server.url}/bad/{LABELS}" in str(caught.value)
    assert not cache.parent.exists()


def test_a_corrupt_mirror_is_passed_over(server, cache):
    path = locate(source(f"{server.url}/bad/", f"{server.url}/good/"), LABELS)
    assert path.read_bytes() == PACKED[LABELS]


def test_a_cached_file_needs_no_network(server, cache, dead_url):
    first = locate(source(f"{server.url}/good/"), LABELS)
    assert locate(source(dead_url), LABELS) == first


def test_a_damaged_cached_file_is_replaced(server, cache):
    cache.mkdir(parents=True)
    (cache / LABELS).write_bytes(b"half a file")
    assert locate(source(f"{server.url}/good/"), LABELS).read_bytes() == PACKED[LABELS]


def test_offline_every_url_and_the_mend_are_named(cache, dead_url):
    with pytest.raises(DatasetError) as caught:
        locate(source(f"{dead_url}a/", f"{dead_url}b/"), LABELS)
    message = str(caught.value)
    for part in (
        f"{dead_url}a/{LABELS}: ",
        f"{dead_url}b/{LABELS}: ",
        "refused",
        "DIR/toy",
        *FILES,
    ):
        assert part in message
    assert "XPNET_DATA is not set" in message
    assert "set XPNET_DATA=DIR" in message


def test_a_failure_leaves_the_folders_that_were_there(cache, dead_url):
    cache.parent.mkdir()
    with pytest.raises(DatasetError):
        locate(source(dead_url), LABELS)
    assert list(cache.parent.iterdir()) == []


def test_offline_the_message_is_short_and_the_remedy_comes_first(cache, dead_url):
    try:
        raise KeyError("of the caller")
    except KeyError:
        with pytest.raises(DatasetError) as caught:
            locate(source(f"{dead_url}a/", f"{dead_url}b/"), LABELS)
    first, files, _, *tried = str(caught.value).splitlines()
    assert first.startswith(
        "Toy could not be found or downloaded. Connect to the internet, or put the files into"
    )
    assert files.split(", ")[-1] == "t10k-labels-idx1-ubyte.gz"
    assert len(tried) == 4
    for line in tried[2:]:
        assert line.endswith("refused")
        assert "Max retries" not in line


def test_a_long_reason_is_cut(monkeypatch, cache):
    def retrieve(*_, **__):
        raise OSError("word " * 1000)

    monkeypatch.setattr("pooch.retrieve", retrieve)
    with pytest.raises(DatasetError, match=r"word word \.\.\.$") as caught:
        locate(source("http://127.0.0.1/"), LABELS)
    assert len(str(caught.value)) < 600


def test_a_cache_that_cannot_be_written_is_reported(server, cache):
    cache.parent.write_text("a file in the way")
    with pytest.raises(DatasetError, match="could not be found or downloaded"):
        locate(source(f"{server.url}/good/"), LABELS)


def test_local_files_come_first_and_need_no_pooch(monkeypatch, tmp_path, dead_url):
    monkeypatch.setitem(sys.modules, "pooch", None)
    local = tmp_path / "data" / "toy" / LABELS
    local.parent.mkdir(parents=True)
    local.write_bytes(PACKED[LABELS])
    monkeypatch.setenv("XPNET_DATA", str(tmp_path / "data"))
    assert locate(source(dead_url), LABELS) == local


def test_a_damaged_local_file_is_refused_with_both_hashes(monkeypatch, tmp_path, server, cache):
    local = tmp_path / "data" / "toy" / LABELS
    local.parent.mkdir(parents=True)
    local.write_bytes(b"other")
    monkeypatch.setenv("XPNET_DATA", str(tmp_path / "data"))
    with pytest.raises(DatasetError, match="is damaged") as caught:
        locate(source(f"{server.url}/good/"), LABELS)
    for part in (
        str(local),
        hashlib.sha256(PACKED[LABELS]).hexdigest(),
        hashlib.sha256(b"other").hexdigest(),
    ):
        assert part in str(caught.value)
    assert server.requests == []


def test_what_is_missing_locally_is_downloaded(monkeypatch, tmp_path, server, cache):
    monkeypatch.setenv("XPNET_DATA", str(tmp_path / "data"))
    assert locate(source(f"{server.url}/good/"), LABELS) == cache / LABELS


def test_the_local_path_looked_at_is_named(monkeypatch, tmp_path, cache, dead_url):
    monkeypatch.setenv("XPNET_DATA", str(tmp_path / "data"))
    with pytest.raises(DatasetError) as caught:
        locate(source(dead_url), LABELS)
    assert f"{tmp_path / 'data' / 'toy' / LABELS} does not exist" in str(caught.value)


def test_without_pooch_the_extra_is_named(monkeypatch):
    monkeypatch.delenv("XPNET_DATA", raising=False)
    monkeypatch.setitem(sys.modules, "pooch", None)
    with pytest.raises(
        MissingDependencyError, match=r"Downloading Toy .*xpnet\[datasets\]"
    ) as caught:
        locate(source("http://127.0.0.1/"), LABELS)
    for part in ("DIR/toy and set XPNET_DATA=DIR", *FILES):
        assert part in str(caught.value)


@pytest.mark.parametrize("terminal", [False, True])
def test_progress_is_shown_on_a_terminal_only(monkeypatch, capsys, server, cache, terminal):
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    locate(source(f"{server.url}/good/"), LABELS)
    assert ("100%" in capsys.readouterr().err) == terminal


@pytest.mark.parametrize(("load", "name"), [(mnist, "MNIST"), (fashion_mnist, "FASHION_MNIST")])
def test_the_loaders_decode_what_was_downloaded(monkeypatch, server, cache, load, name):
    monkeypatch.setattr(images, name, source(f"{server.url}/good/"))
    X, y, X_test, y_test = load()
    np.testing.assert_allclose(X, np.array([[0, 0.2], [1, 0.4]], np.float32), rtol=1e-7)
    np.testing.assert_array_equal(X_test, [[1, 0]])
    assert y.tolist() == [3, 1]
    assert y_test.tolist() == [7]
    assert X.dtype == np.float32
    assert y.dtype == np.int64


@pytest.mark.parametrize("source", [images.MNIST, images.FASHION_MNIST], ids=lambda s: s.name)
def test_published_sources_are_well_formed(source):
    assert list(source.sha256) == list(FILES)
    assert len(set(source.sha256.values())) == 4
    assert len(source.mirrors) > 1
    assert all(mirror.endswith("/") for mirror in source.mirrors)
