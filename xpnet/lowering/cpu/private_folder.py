"""A folder to which nobody else can write, opened so that nobody else can replace it."""

import os
import stat
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from secrets import token_hex
from time import time

__all__ = ["PrivateFolder", "SharedFolderError"]

_MOST_PARTS = 200  # of a path, with all links followed: links may form a circle
_RECENT = 3600.0  # seconds
_POSIX = hasattr(os, "geteuid")  # elsewhere a user's own folders are not open to others
_FOLDER = getattr(os, "O_DIRECTORY", 0) | getattr(os, "O_NOFOLLOW", 0)
_ABOVE = _FOLDER | getattr(os, "O_PATH", os.O_RDONLY)  # need not be readable
_FILE = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_BINARY", 0)


class SharedFolderError(OSError):
    """Somebody else can change a folder, or what it holds."""


class PrivateFolder:
    """An open folder that, like all folders above it, belongs to this user or to root.

    None of them can be written by others, as OpenSSH's ``StrictModes`` demands; a folder above may
    be, if others cannot rename what is in it (the sticky bit, as in ``/tmp``). Files are opened
    relative to the open folder and no link is followed that was not checked, so nothing can be
    exchanged between check and use.

    Parameters
    ----------
    path : Path
    create : bool
        Create folders that do not exist, for this user alone.

    Raises
    ------
    SharedFolderError
        If others can change it.
    OSError
        If it cannot be opened.
    """

    def __init__(self, path: Path, create: bool = False) -> None:
        self._handle: int | None = None
        self._path = path
        if _POSIX:
            self._handle = _opened(path, create)
        elif create:
            path.mkdir(parents=True, exist_ok=True)

    def __enter__(self) -> "PrivateFolder":
        return self

    def __exit__(self, *_: object) -> None:
        if self._handle is not None:
            os.close(self._handle)
            self._handle = None

    def read(self, name: str) -> bytes:
        """The content of a file, whose time becomes now if it is older than an hour.

        Raises
        ------
        SharedFolderError
            If others own it or can change it.
        """
        with open(os.open(self._at(name), os.O_RDONLY | _FILE, dir_fd=self._handle), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise SharedFolderError(f"{self._path / name} is not a regular file")
            _check(status, self._path / name)
            if time() - status.st_mtime > _RECENT and os.utime in os.supports_fd:
                with suppress(OSError):  # it may be read-only
                    os.utime(file.fileno())
            return file.read()

    def write(self, name: str, content: bytes) -> None:
        """Write a file, whole or not at all."""
        temporary = f"tmp-{token_hex(8)}"
        flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _FILE
        try:
            handle = os.open(self._at(temporary), flags, 0o600, dir_fd=self._handle)
            with open(handle, "wb") as file:
                file.write(content)
            ends = self._at(temporary), self._at(name)
            os.replace(*ends, src_dir_fd=self._handle, dst_dir_fd=self._handle)
        except BaseException:
            with suppress(OSError):
                self.remove(temporary)
            raise

    def remove(self, name: str) -> None:
        """Delete a file."""
        os.unlink(self._at(name), dir_fd=self._handle)

    def files(self) -> Iterator[tuple[str, int, float]]:
        """The name, size and time of each regular file."""
        with os.scandir(self._path if self._handle is None else self._handle) as entries:
            for entry in entries:
                with suppress(OSError):  # another process may have deleted it
                    status = entry.stat(follow_symlinks=False)
                    if stat.S_ISREG(status.st_mode):
                        yield entry.name, status.st_size, status.st_mtime

    def _at(self, name: str) -> str:
        """A file's name for calls that take the open folder, or its path where there is none."""
        return name if _POSIX else str(self._path / name)


def _opened(path: Path, create: bool) -> int:
    """A handle of the folder; each part of the path is checked before the next is opened."""
    parts, at = [*reversed(path.absolute().parts)], Path()
    folder: int | None = None
    try:
        for _ in range(_MOST_PARTS):
            part = parts.pop()
            inner = _part(part, folder, create, _ABOVE if parts else _FOLDER | os.O_RDONLY)
            if inner is None:  # a link
                status = os.stat(part, dir_fd=folder, follow_symlinks=False)
                _check(status, at / part, sticky=True, link=True)
                parts += reversed(Path(os.readlink(part, dir_fd=folder)).parts)
                continue
            if folder is not None:
                os.close(folder)
            folder, at = inner, at / part
            _check(os.fstat(folder), at, sticky=bool(parts))
            if not parts:
                return folder
        raise OSError(f"{path} has more than {_MOST_PARTS} parts, with its links")
    except BaseException:
        if folder is not None:
            os.close(folder)
        raise


def _part(name: str, folder: int | None, create: bool, flags: int) -> int | None:
    """A handle of a folder in a folder; None if it is a link."""
    try:
        return os.open(name, flags, dir_fd=folder)
    except FileNotFoundError:
        if not create:
            raise
        with suppress(FileExistsError):
            os.mkdir(name, 0o700, dir_fd=folder)
        return _part(name, folder, False, flags)
    except OSError:
        if stat.S_ISLNK(os.stat(name, dir_fd=folder, follow_symlinks=False).st_mode):
            return None
        raise


def _check(status: os.stat_result, path: Path, sticky: bool = False, link: bool = False) -> None:
    """Raise unless it belongs to this user or to root, and nobody else can write to it."""
    if not _POSIX:
        return
    if status.st_uid not in (0, os.geteuid()):
        raise SharedFolderError(f"{path} belongs to another user (number {status.st_uid})")
    writable = status.st_mode & 0o022 and not link  # a link's own mode means nothing
    if writable and not (sticky and status.st_mode & stat.S_ISVTX):
        raise SharedFolderError(
            f"{path} can be written by others (mode {stat.S_IMODE(status.st_mode):o})"
        )
