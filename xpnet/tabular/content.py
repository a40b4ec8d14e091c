"""The bytes of a file as UTF-8: from a path or standard input, unpacked and decoded."""

import codecs
import gzip
import io
import shutil
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, BinaryIO, Self, cast

from xpnet.errors import DataError
from xpnet.tabular.survey import CHUNK, NotUtf8Error, Survey

__all__ = ["Content", "content_of"]

_GZIP = b"\x1f\x8b"
_UNPACKED, _RATIO = 64 << 20, 100  # bytes, and times the size, that a gzip file may unpack to
_MARKS = {  # that of UTF-32 begins with that of UTF-16
    codecs.BOM_UTF32_LE: "utf-32",
    codecs.BOM_UTF32_BE: "utf-32",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}


@dataclass(frozen=True, eq=False)
class Content:
    """What a file holds.

    Attributes
    ----------
    name : str
        What messages call it.
    open : callable
        Opens a stream of its bytes, unpacked.
    file : Path or None
        A file that holds these bytes and nothing else but a byte order mark.
    survey : Survey or None
        What is known about its text, once `as_utf8` has read it.
    notes : tuple of str
        What was assumed.
    """

    name: str
    open: Callable[[], BinaryIO]
    file: Path | None = None
    survey: Survey | None = None
    notes: tuple[str, ...] = ()

    def head(self, size: int = 4096) -> bytes:
        """The first bytes."""
        with self.open() as stream:
            return stream.read(size)

    @contextmanager
    def on_disk(self) -> Iterator[Path]:
        """A file that holds these bytes, for as long as the context lasts.

        pyarrow reads it without Python. A thread of pyarrow that still holds a stream of Python
        when the process ends would abort it.
        """
        if self.file is not None:
            yield self.file
            return
        with TemporaryDirectory() as folder:
            copy = Path(folder, "copy")
            with copy.open("wb") as target, self.open() as source:
                shutil.copyfileobj(source, target)
            yield copy

    def as_utf8(self, encoding: str | None) -> Self:
        """The same as UTF-8 without a byte order mark, surveyed to its end.

        UTF-16 and UTF-32 are recognized. What is not UTF-8 is taken as Windows' extension of
        Latin-1, unless it has letters in UTF-8 too.

        Raises
        ------
        DataError
            If it cannot be decoded, or `Survey` refuses it.
        """
        encoding = encoding or _encoding_of(self.head())
        if encoding is not None and codecs.lookup(encoding).name != "utf-8":
            return self._decoded(encoding)
        try:
            return self._without_mark()._surveyed()
        except NotUtf8Error as error:
            if encoding is not None or error.letters:
                raise
        note = "the file is not UTF-8: read as Latin-1 (Windows-1252)"
        return replace(self._decoded("cp1252"), notes=(*self.notes, note))

    def _decoded(self, encoding: str) -> Self:
        def decoded() -> BinaryIO:
            return cast(BinaryIO, io.BufferedReader(_Decoded(self, encoding)))

        return replace(self, open=decoded, file=None)._without_mark()._surveyed()

    def _without_mark(self) -> Self:
        size = len(codecs.BOM_UTF8)
        if self.head(size) != codecs.BOM_UTF8:
            return self

        def skipped() -> BinaryIO:
            stream = self.open()
            stream.read(size)
            return stream

        return replace(self, open=skipped)

    def _surveyed(self) -> Self:
        survey = Survey(self.name)
        with self.open() as stream:
            while chunk := stream.read(CHUNK):
                survey.add(chunk)
        survey.add(b"", final=True)
        return replace(self, survey=survey)


class _Decoded(io.RawIOBase):
    """A stream of a file's characters as UTF-8."""

    def __init__(self, content: Content, encoding: str) -> None:
        self._content, self._encoding = content, encoding
        self._stream = content.open()
        self._decoder = codecs.getincrementaldecoder(encoding)()
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        chunk = b" "
        while not self._ready and chunk:
            chunk = self._stream.read(CHUNK)
            self._ready = self._decode(chunk)
        size = min(len(buffer), len(self._ready))
        buffer[:size] = self._ready[:size]
        self._ready = self._ready[size:]
        return size

    def _decode(self, chunk: bytes) -> bytes:
        try:
            return self._decoder.decode(chunk, final=not chunk).encode()
        except UnicodeError as error:
            raise DataError(
                f"{self._content.name} cannot be decoded as {self._encoding}: {error}. Save the "
                "file as UTF-8, or give its encoding."
            ) from error

    def close(self) -> None:
        self._stream.close()
        super().close()


class _Unpacked(io.RawIOBase):
    """The bytes in a gzip stream, which is closed with it.

    Text shrinks to a fifth, as a rule. What grows without end would fill the disk and the memory.
    """

    def __init__(self, name: str, stream: BinaryIO) -> None:
        self._name, self._packed, self._stream = name, stream, gzip.GzipFile(fileobj=stream)
        self._left = _UNPACKED + _RATIO * stream.seek(0, io.SEEK_END)
        stream.seek(0)

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        size = self._stream.readinto(buffer)
        self._left -= size
        if self._left < 0:
            raise DataError(
                f"{self._name} unpacks to more than {_UNPACKED >> 20} MiB and {_RATIO} times its "
                "size, which is refused in case it has no end. If you trust it, unpack it first: "
                "gunzip."
            )
        return size

    def close(self) -> None:
        self._stream.close()
        self._packed.close()
        super().close()


def content_of(path: Path) -> Content:
    """Open a file, or standard input by the name ``-``; gzip is unpacked.

    Raises
    ------
    DataError
        If the name says gzip and the file is something else. Reading raises it if a gzip file
        unpacks to far more than its size.
    OSError
        If it cannot be read.
    """
    if str(path) == "-":
        data = sys.stdin.buffer.read()
        content = Content("standard input", lambda: io.BytesIO(data))
    else:
        content = Content(str(path), lambda: path.open("rb"), path)
    if content.head(len(_GZIP)) == _GZIP:

        def unpacked() -> BinaryIO:
            raw = _Unpacked(content.name, content.open())
            return cast(BinaryIO, io.BufferedReader(raw, CHUNK))

        return replace(content, open=unpacked, file=None)
    if path.suffix.lower() == ".gz":
        raise DataError(f"{path} is not a gzip file, as its name says. Rename it.")
    return content


def _encoding_of(head: bytes) -> str | None:
    """UTF-16 and UTF-32, by their mark, or by the zeros beside every letter of English."""
    for mark, encoding in _MARKS.items():
        if head.startswith(mark):
            return encoding
    if b"\0" not in head[::2] and head[1::2].count(0) > len(head) // 4:
        return "utf-16-le"
    if b"\0" not in head[1::2] and head[::2].count(0) > len(head) // 4:
        return "utf-16-be"
    return None
