r"""Machine code on disk, so that each loop is compiled once per processor.

There is one file per function, in ``$XPNET_CACHE/llvm`` or, if that is not set, in the user's cache
folder (``$XDG_CACHE_HOME/xpnet/llvm``, ``~/.cache/xpnet/llvm``, ``%LOCALAPPDATA%\xpnet\llvm``). A
file's name is a hash of the code, LLVM's version and the processor. Its content begins with a hash
of the rest: truncated or changed code is compiled again. The code will run, so a folder that others
own or can write to is not used, nor one in such a folder; see `PrivateFolder`. Code that was not
used for the longest time is deleted when the files take more than 256 MiB. You may delete the cache
at any time.
"""

import os
import re
import sys
from contextlib import suppress
from hashlib import sha256
from logging import getLogger
from pathlib import Path
from time import time

from xpnet.lowering.cpu.private_folder import PrivateFolder, SharedFolderError

__all__ = ["folder", "key", "load", "save"]

_MOST = 256 * 2**20  # bytes in all files
_KEPT = 0.75  # share of these that stays when files are deleted
_STALE = 3600.0  # seconds; a file that is being written is younger
_OURS = re.compile("[0-9a-f]{64}|tmp.*")  # names of code, and of code that is being written


def folder() -> Path | None:
    """The folder for machine code; None if there is no home folder."""
    chosen = os.environ.get("XPNET_CACHE")
    if chosen:
        return Path(chosen) / "llvm"
    usual = os.environ.get("LOCALAPPDATA" if sys.platform == "win32" else "XDG_CACHE_HOME")
    try:
        return (Path(usual) if usual else Path.home() / ".cache") / "xpnet" / "llvm"
    except RuntimeError:
        return None


def key(*parts: str) -> str:
    """The file name for code."""
    return sha256("\0".join(parts).encode()).hexdigest()


def load(name: str) -> bytes | None:
    """The machine code of this name; None if there is none, or it is damaged."""
    path = folder()
    if path is None:
        return None
    try:
        with PrivateFolder(path) as opened:
            found = opened.read(name)
    except SharedFolderError as error:
        _refused(error)
        return None
    except OSError:
        return None
    digest, code = found[:32], found[32:]
    return code if sha256(code).digest() == digest else None


def save(name: str, code: bytes) -> None:
    """Store machine code. If the folder is not writable, it is compiled again next time."""
    path = folder()
    if path is None:
        return
    try:
        with PrivateFolder(path, create=True) as opened:
            opened.write(name, sha256(code).digest() + code)
            _make_room(opened, path, len(code))
    except SharedFolderError as error:
        _refused(error)
    except OSError:
        pass


_LEFT: dict[Path, int] = {}  # bytes that this process may write before it counts again


def _make_room(opened: PrivateFolder, path: Path, size: int) -> None:
    """After writing this many bytes: delete what was not used, if the limit is reached."""
    left = _LEFT.get(path, 0) - size
    if left <= 0:
        left = min(_MOST - _shrunk(opened), _MOST // 16)  # other processes write too
    _LEFT[path] = left


def _shrunk(opened: PrivateFolder) -> int:
    """Delete files that remained when a process was killed, and too many files.

    Returns the size of those that stay.
    """
    files = [file for file in opened.files() if _OURS.fullmatch(file[0])]
    files.sort(key=lambda file: file[2], reverse=True)
    full, total = sum(size for _, size, _ in files) > _MOST, 0
    for name, size, used in files:
        stale = name.startswith("tmp") and time() - used > _STALE
        if stale or (full and total + size > _KEPT * _MOST):
            with suppress(OSError):  # another process may have deleted it
                opened.remove(name)
        else:
            total += size
    return total


_SAID: set[str] = set()


def _refused(error: SharedFolderError) -> None:
    """Say once that code is compiled without a cache."""
    if str(error) not in _SAID:
        _SAID.add(str(error))
        getLogger("xpnet").warning(
            "compiled code is not kept: %s, so others could put code there. Set XPNET_CACHE to a "
            "folder of your own, such as one that only you can write to in your home folder.",
            error,
        )
