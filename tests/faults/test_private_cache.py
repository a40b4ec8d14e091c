"""Machine code runs, so it is read only from where nobody else can put it."""

import logging
import os
from hashlib import sha256

import pytest

pytest.importorskip("llvmlite", reason="the extra 'fast' is not installed")

import xpnet as xn
from xpnet.lowering.cpu import cache
from xpnet.lowering.cpu.private_folder import PrivateFolder, SharedFolderError

NAME, CODE, OTHER = "a" * 64, b"machine code", 65534

pytestmark = pytest.mark.skipif(not hasattr(os, "geteuid"), reason="owners are POSIX's")
as_root = pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() != 0, reason="only root gives files away"
)


@pytest.fixture(autouse=True)
def fresh(monkeypatch, tmp_path):
    monkeypatch.setenv("XPNET_CACHE", str(tmp_path / "above" / "cache"))
    monkeypatch.setattr(cache, "_SAID", set())
    monkeypatch.setattr(cache, "_LEFT", {})


@pytest.fixture
def folder():
    """The cache's folder, which holds one piece of code."""
    cache.save(NAME, CODE)
    assert cache.load(NAME) == CODE
    return cache.folder()


def test_folders_are_made_for_the_user_alone(tmp_path):
    before = os.umask(0)
    try:
        cache.save(NAME, CODE)
    finally:
        os.umask(before)
    for part in ("above", "above/cache", "above/cache/llvm"):
        assert (tmp_path / part).stat().st_mode & 0o777 == 0o700
    assert (cache.folder() / NAME).stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("mode", [0o777, 0o770, 0o707, 0o2775, 0o720, 0o702])
@pytest.mark.parametrize("part", [".", "..", "../.."])
def test_a_folder_that_others_can_write(folder, part, mode, caplog):
    (folder / part).chmod(mode)
    with caplog.at_level(logging.WARNING, "xpnet"):
        assert cache.load(NAME) is None
        cache.save("b" * 64, CODE)
        assert cache.load(NAME) is None
    assert sorted(os.listdir(folder)) == [NAME]
    (record,) = caplog.records
    assert "can be written by others" in record.getMessage()
    assert "XPNET_CACHE" in record.getMessage()


@pytest.mark.parametrize("part", ["..", "../.."])
def test_a_folder_above_in_which_nobody_can_rename(folder, part):
    (folder / part).chmod(0o1777)
    assert cache.load(NAME) == CODE


def test_the_folder_itself_may_not_be_sticky_either(folder):
    folder.chmod(0o1777)
    assert cache.load(NAME) is None


@as_root
@pytest.mark.parametrize("part", [".", "..", "../.."])
def test_a_folder_of_another_user(folder, part):
    os.chown(folder / part, OTHER, OTHER)
    assert cache.load(NAME) is None


@as_root
def test_a_file_of_another_user(folder, caplog):
    os.chown(folder / NAME, OTHER, OTHER)
    with caplog.at_level(logging.WARNING, "xpnet"):
        assert cache.load(NAME) is None
    assert "belongs to another user" in caplog.text


@pytest.mark.parametrize("mode", [0o666, 0o620, 0o602])
def test_a_file_that_others_can_write(folder, mode):
    (folder / NAME).chmod(mode)
    assert cache.load(NAME) is None


def test_a_link_instead_of_a_file(folder, tmp_path):
    (folder / NAME).rename(tmp_path / "real")
    (folder / NAME).symlink_to(tmp_path / "real")
    assert cache.load(NAME) is None


def test_what_is_not_a_file(folder):
    os.mkfifo(folder / ("b" * 64), 0o600)  # to read it would wait for a writer
    (folder / ("c" * 64)).mkdir(mode=0o700)
    assert cache.load("b" * 64) is None
    assert cache.load("c" * 64) is None


@pytest.mark.parametrize("relative", [True, False])
def test_links_of_the_user_are_followed(folder, tmp_path, monkeypatch, relative):
    moved = tmp_path / "moved"
    folder.parent.rename(moved)
    folder.parent.symlink_to("../moved" if relative else moved)
    assert cache.load(NAME) == CODE
    moved.chmod(0o777)
    assert cache.load(NAME) is None


def test_a_link_in_a_folder_that_others_can_write(folder, tmp_path, monkeypatch):
    shared = tmp_path / "shared"
    shared.mkdir()
    (shared / "llvm").symlink_to(folder)
    shared.chmod(0o777)
    monkeypatch.setenv("XPNET_CACHE", str(shared))
    assert cache.load(NAME) is None
    shared.chmod(0o1777)  # others cannot replace the link
    assert cache.load(NAME) == CODE
    if os.geteuid() == 0:
        os.chown(shared / "llvm", OTHER, OTHER, follow_symlinks=False)
        assert cache.load(NAME) is None


def test_links_that_form_a_circle(tmp_path, monkeypatch):
    (tmp_path / "one").symlink_to("two")
    (tmp_path / "two").symlink_to("one")
    monkeypatch.setenv("XPNET_CACHE", str(tmp_path / "one"))
    cache.save(NAME, CODE)
    assert cache.load(NAME) is None


def test_a_folder_that_is_exchanged_after_the_check(folder, tmp_path):
    """What was checked is what is read, whatever has its name by then."""
    theirs = tmp_path / "theirs"
    theirs.mkdir()
    evil = b"code of an attacker"
    (theirs / NAME).write_bytes(sha256(evil).digest() + evil)
    with PrivateFolder(folder) as opened:
        folder.rename(tmp_path / "away")
        folder.symlink_to(theirs)
        assert opened.read(NAME)[32:] == CODE
        opened.write("b" * 64, b"new")
    assert (tmp_path / "away" / ("b" * 64)).read_bytes() == b"new"
    assert os.listdir(theirs) == [NAME]


def test_handles_are_closed(folder):
    before = len(os.listdir("/dev/fd"))
    for _ in range(20):
        cache.load(NAME)
        cache.load("missing")
    folder.chmod(0o777)
    for _ in range(20):
        with pytest.raises(SharedFolderError):
            PrivateFolder(folder)
    assert len(os.listdir("/dev/fd")) == before


def test_code_that_was_cut_off_or_changed(folder):
    raw = (folder / NAME).read_bytes()
    for wrong in (b"", raw[:20], raw[:-1], raw + b"x", raw[:-1] + b"x"):
        (folder / NAME).write_bytes(wrong)
        assert cache.load(NAME) is None


def test_the_least_used_code_is_forgotten(monkeypatch):
    monkeypatch.setattr(cache, "_MOST", 100_000)
    names = [f"{i:064x}" for i in range(40)]
    for i, name in enumerate(names):
        cache.save(name, bytes(10_000))
        os.utime(cache.folder() / name, (1000 + i, 1000 + i))
        cache.load(names[0])  # which sets its time to now
        held = [*cache.folder().iterdir()]
        assert sum(path.stat().st_size for path in held) <= 100_000
    left = sorted(path.name for path in held)
    assert names[0] in left
    assert names[-1] in left
    assert left[1:] == names[-len(left) + 1 :]


def test_only_its_own_files_are_deleted(folder, monkeypatch):
    monkeypatch.setattr(cache, "_MOST", 80)
    monkeypatch.setattr(cache, "_LEFT", {})
    (folder / "notes.txt").write_text("x" * 1000)
    (folder / "tmp-killed").write_text("half")
    (folder / "tmp-now").write_text("half")
    os.utime(folder / "tmp-killed", (1000, 1000))
    cache.save("b" * 64, b"x")
    assert sorted(os.listdir(folder)) == ["b" * 64, "notes.txt", "tmp-now"]


def test_a_disk_that_is_full_leaves_nothing(folder, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    cache.save("b" * 64, CODE)
    assert os.listdir(folder) == [NAME]


def test_a_model_trains_without_a_cache(folder, caplog):
    folder.chmod(0o777)
    with caplog.at_level(logging.WARNING, "xpnet"):
        model = xn.MLP([5, 7, 3], seed=1, backend="numpy")
        model.fit([[1.0, 2, 3, 4, 5]] * 4, [0, 1, 2, 0], epochs=1, batch_size=2, verbose=False)
    assert os.listdir(folder) == [NAME]
    assert sum("compiled code is not kept" in r.getMessage() for r in caplog.records) <= 1
