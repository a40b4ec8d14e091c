"""One pass over the bytes of a text file: is it UTF-8, how long are its lines, has it quotes."""

import codecs
import re

from xpnet.errors import DataError

__all__ = ["CHUNK", "NotUtf8Error", "Survey"]

CHUNK = 1 << 18
_LONGEST_LINE = 1 << 26  # bytes
_LATE_QUOTE = re.compile(rb'[,;\t| ] +"')


class NotUtf8Error(DataError):
    """A file is not UTF-8.

    Attributes
    ----------
    letters : bool
        Whether it has letters beyond ASCII in UTF-8 before that.
    """

    def __init__(self, message: str, letters: bool) -> None:
        super().__init__(message)
        self.letters = letters


class Survey:
    """What is known of a file after its chunks have been added.

    Attributes
    ----------
    longest : int
        The length in bytes of the longest line that spans chunks, at least that of a chunk.
    quoted : bool
        Whether it has quotes.
    late_quotes : bool
        Whether a quote follows blanks after a delimiter, as in ``1, "a, b"``.
    """

    def __init__(self, name: str) -> None:
        self._name = name
        self._decoder = codecs.getincrementaldecoder("utf-8")()
        self._lines = self._run = 0
        self._letters = self._within = False
        self.longest = CHUNK
        self.quoted = self.late_quotes = False

    def add(self, chunk: bytes, final: bool = False) -> None:
        """Look at the next bytes.

        Raises
        ------
        DataError
            For a NUL, a line that is too long, and what is not UTF-8.
        """
        if b"\0" in chunk:
            line = self._lines + _breaks(chunk[: chunk.index(b"\0")]) + 1
            raise DataError(
                f"{self._name}, line {line}: found a NUL byte, which text never has. Is it a text "
                "file? Give encoding= if it is UTF-16 or UTF-32."
            )
        self._decode(chunk, final)
        if not self.late_quotes and b'"' in chunk:
            self.quoted = True
            self.late_quotes = _LATE_QUOTE.search(chunk) is not None
        self._measure(chunk)
        self._lines += _breaks(chunk)

    def _decode(self, chunk: bytes, final: bool) -> None:
        if chunk.isascii() and not self._within and not final:
            return
        try:
            self._letters |= not self._decoder.decode(chunk, final).isascii()
            self._within = bool(self._decoder.getstate()[0])
        except UnicodeDecodeError as error:
            before = error.object[: error.start]
            line = self._lines + _breaks(before) + 1
            raise NotUtf8Error(
                f"{self._name}, line {line}: expected UTF-8, found byte "
                f"0x{error.object[error.start]:02x}. Save the file as UTF-8, or give encoding=.",
                self._letters or not before.isascii(),
            ) from error

    def _measure(self, chunk: bytes) -> None:
        ends = [at for at in (chunk.find(b"\n"), chunk.find(b"\r")) if at >= 0]
        self._run += min(ends, default=len(chunk))
        self.longest = max(self.longest, self._run)
        if self.longest > _LONGEST_LINE:
            raise DataError(
                f"{self._name}, line {self._lines + 1}: expected lines of at most {_LONGEST_LINE:,}"
                " bytes, found a longer one. Is it a table, with one row per line?"
            )
        if ends:
            self._run = len(chunk) - 1 - max(chunk.rfind(b"\n"), chunk.rfind(b"\r"))


def _breaks(chunk: bytes) -> int:
    """The lines that end in a chunk, by any of the three line ends."""
    return max(chunk.count(b"\n"), chunk.count(b"\r"))
