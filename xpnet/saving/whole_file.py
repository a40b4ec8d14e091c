"""Files that are written whole or not at all."""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from secrets import token_hex
from typing import Any, BinaryIO

from xpnet.errors import ArgumentError, FormatError, WriteError, XpnetError, in_brief

__all__ = ["check_place", "file_path", "given_path", "open_file", "replacing", "writing"]


def given_path(path: Any, what: str = "a file") -> Path:
    """The path that a user gave for a file or a folder.

    Raises
    ------
    ArgumentError
        If it is no text or path, or a system call could not take it.
    """
    if not isinstance(path, str | os.PathLike) or not str(path):
        raise ArgumentError(f"expected the name of {what}, got {in_brief(path)}.")
    found = Path(path)
    try:
        bad = b"\0" in os.fsencode(found)
    except UnicodeEncodeError:
        bad = True
    if bad:
        raise ArgumentError(f"{in_brief(path)} cannot be the name of {what}: use other characters.")
    return found


def file_path(path: Any) -> Path:
    """The path of a file, with links followed."""
    return Path(os.path.realpath(given_path(path)))


def check_place(given: Any) -> Path:
    """The path of a file, checked to be writable.

    Raises
    ------
    FormatError
        If the file cannot exist there, or may not be written.
    """
    path = file_path(given)
    try:
        there = path.exists()
    except OSError as error:
        raise WriteError(f"{path} cannot be written: {error}.") from error
    if there and not path.is_file():
        what = "a folder" if path.is_dir() else "not a regular file"
        raise FormatError(f"{path} is {what}: name a file.")
    if not path.parent.is_dir():
        raise WriteError(f"{path} cannot be written: there is no folder {path.parent}. Create it.")
    if not os.access(path.parent, os.W_OK):
        raise WriteError(f"{path} cannot be written: the folder {path.parent} is read-only.")
    return path


def open_file(path: Path) -> BinaryIO:
    """Open a file to read it; a pipe is not waited for.

    Raises
    ------
    FormatError
        If it does not exist, or is not a regular file.
    OSError
        If it cannot be opened.
    """
    if path.is_dir():
        raise FormatError(f"{path} is a folder: name the file in it.")
    flags = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)
    try:
        stream = open(os.open(path, flags), "rb")  # noqa: SIM115
    except FileNotFoundError as error:
        raise FormatError(f"there is no file {path}.") from error
    except ValueError as error:
        raise FormatError(
            f"{in_brief(str(path))} cannot be the name of a file: {error}."
        ) from error
    if stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
        return stream
    stream.close()
    raise FormatError(f"{path} is not a regular file.")


@contextmanager
def writing(given: Any) -> Iterator[Path]:
    """Yield the path of a new file, which replaces the file named by a user; see `replacing`.

    Raises
    ------
    FormatError
        If it cannot be written; an old file is then unchanged.
    """
    path = check_place(given)
    try:
        with replacing(path) as temporary:
            yield temporary
    except XpnetError:
        raise
    except OSError as error:
        raise WriteError(
            f"{path} cannot be written: {error}. An existing file is unchanged."
        ) from error


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """Yield a new empty file in the same folder, which replaces `path` on success.

    It is flushed to the disk and renamed. So a crash, a full disk or a second writer leaves the
    old file or the new one. After an error the new file is deleted.
    """
    temporary = path.with_name(f".xpnet-{token_hex(8)}.tmp")
    old = path.exists()  # what may be private stays so while it is written
    flags = os.O_CREAT | os.O_EXCL | os.O_WRONLY
    try:
        os.close(os.open(temporary, flags, 0o600 if old else 0o666))
        mode = stat.S_IMODE((path if old else temporary).stat().st_mode)
        yield temporary
        os.chmod(temporary, mode)  # some libraries write files that only the owner may read
        _to_disk(temporary)
        os.replace(temporary, path)
    except BaseException:
        with suppress(OSError):
            os.unlink(temporary)
        raise
    with suppress(OSError):  # some systems cannot open folders; the file exists anyway
        _to_disk(path.parent)


def _to_disk(path: Path) -> None:
    """Wait until a file, or a folder's entries, are on the disk."""
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
