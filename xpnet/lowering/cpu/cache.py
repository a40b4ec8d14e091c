r"""Machine code on disk, so that each loop is compiled once per processor.

There is one file per function, in ``$XPNET_CACHE/llvm`` or, if that is not set, in the user's cache
folder (``$XDG_CACHE_HOME/xpnet/llvm``, ``~/.cache/xpnet/llvm``, ``%LOCALAPPDATA%\xpnet\llvm``). A
file's name is a hash of the code, LLVM's version and the processor. Its content begins with a hash
of the rest: truncated or changed code is compiled again. A folder that others own or can write to
is not read. You may delete the cache at any time.
"""

import os
import sys
from contextlib import suppress
from hashlib import sha256
from pathlib import Path
from tempfile import mkstemp

__all__ = ["folder", "key", "load", "save"]


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
    try:
        if path is None or not _own(path):
            return None
        found = (path / name).read_bytes()
    except OSError:
        return None
    digest, code = found[:32], found[32:]
    return code if sha256(code).digest() == digest else None


def _own(path: Path) -> bool:
    """Whether nobody else can have written a file there; its code will run."""
    if not hasattr(os, "geteuid"):
        return True
    status = path.stat()
    return status.st_uid == os.geteuid() and not status.st_mode & 0o022


def save(name: str, code: bytes) -> None:
    """Store machine code. If the folder is not writable, it is compiled again next time."""
    path = folder()
    if path is None:
        return
    with suppress(OSError):
        path.mkdir(parents=True, exist_ok=True, mode=0o700)
        handle, temporary = mkstemp(dir=path)
        try:
            with open(handle, "wb") as file:
                file.write(sha256(code).digest() + code)
            os.replace(temporary, path / name)
        except OSError:
            os.unlink(temporary)
