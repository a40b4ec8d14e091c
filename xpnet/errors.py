"""The library's exceptions. Each says what was expected, what was given, and what to do.

Every exception derives from `XpnetError` and from the built-in class that a caller would
expect, so both ``except xpnet.errors.XpnetError`` and ``except ValueError`` work.
"""

from collections.abc import Iterable
from reprlib import Repr
from unicodedata import category

__all__ = [
    "ArgumentError",
    "BackendFallbackWarning",
    "BackendUnavailableError",
    "DTypeError",
    "DataError",
    "DataWarning",
    "DatasetError",
    "DeviceMemoryError",
    "DistributedError",
    "DivergedError",
    "FormatError",
    "GraphError",
    "MissingDependencyError",
    "ResumeWarning",
    "ShapeError",
    "TrainingWarning",
    "UnknownNameError",
    "WriteError",
    "XpnetError",
    "XpnetWarning",
]


_BRIEF = Repr()  # longer than Python's own: whole settings, and the beginnings of large ones
_BRIEF.maxlevel = 4
_BRIEF.maxlist = _BRIEF.maxtuple = _BRIEF.maxdict = _BRIEF.maxset = _BRIEF.maxfrozenset = 20
_BRIEF.maxdeque = _BRIEF.maxarray = 20
_BRIEF.maxstring = _BRIEF.maxlong = _BRIEF.maxother = 400
_LONGEST = 100  # letters of a name that are compared with others
_SAFE = "\n\t\u200c\u200d"  # the last two stand between letters of some languages


def printable(text: str) -> str:
    r"""A text from a file with what could affect a terminal as escape sequences, ``\x1b``.

    These are control characters, those that turn the direction of writing, and lone surrogates.
    """
    if text.isprintable():
        return text
    return "".join(
        c if c.isprintable() or c in _SAFE or category(c) == "Zs" else ascii(c)[1:-1] for c in text
    )


def in_brief(value: object) -> str:
    """A value as a message quotes it: like `repr`, but short, and of objects that `repr` fails on.

    Lists may contain themselves or be very deep, numbers may have too many digits for Python.
    """
    try:
        return _BRIEF.repr(value)
    except Exception:
        return f"an object of the class {type(value).__qualname__}"


class XpnetError(Exception):
    """Base class of xpnet's exceptions. Its text can be shown in a terminal, whatever it quotes."""

    def __str__(self) -> str:
        return printable(super().__str__())


class ArgumentError(XpnetError, ValueError):
    """An argument has a value that is not allowed (a learning rate of -1)."""


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The name that was probably meant: equal except for case, starting with it, or similar."""
    from difflib import get_close_matches

    text, lower = name[:_LONGEST].lower(), {n.lower(): n for n in names}
    longer = [n for n in lower if n.startswith(text) and len(text) > 1]
    within = [n for n in lower if (text in n or n in text) and min(len(text), len(n)) > 2]
    alike = get_close_matches(text, lower, n=1, cutoff=0.5)
    near = [*(n for n in lower if n == text), *longer, *alike, *within]
    return lower[near[0]] if near else None


class UnknownNameError(ArgumentError):
    """xpnet does not know a name (of a loss, an activation, a backend, ...)."""

    def __init__(self, kind: str, name: object, valid: Iterable[str]) -> None:
        names = sorted(valid)
        near = nearest(name, names) if isinstance(name, str) else None
        hint = "" if near is None else f" Did you mean {near!r}?"
        super().__init__(f"unknown {kind} {in_brief(name)}.{hint} Valid names: {', '.join(names)}.")


class DTypeError(XpnetError, TypeError):
    """An array or a setting has the wrong data type."""


class ShapeError(XpnetError, ValueError):
    """An array or a symbolic value has the wrong shape."""


class DataError(XpnetError, ValueError):
    """Data given by the user cannot be used (NaN, labels out of range, no rows, ...)."""


class GraphError(XpnetError, ValueError):
    """A traced function cannot be differentiated or run."""


class BackendUnavailableError(XpnetError, RuntimeError):
    """The requested backend cannot run here; the message gives the reason and the remedy."""


class DeviceMemoryError(XpnetError, MemoryError):
    """A GPU does not have enough free memory.

    The model can be used as before: its working memory is freed first.

    Attributes
    ----------
    asked, free, total : int or None
        Bytes requested, free, and in total on the device, where known.
    """

    def __init__(
        self,
        message: str,
        asked: int | None = None,
        free: int | None = None,
        total: int | None = None,
    ) -> None:
        super().__init__(message)
        self.asked, self.free, self.total = asked, free, total


class MissingDependencyError(XpnetError, ImportError):
    """An optional package is not installed; the message names the extra that installs it."""


class DatasetError(XpnetError, OSError):
    """A dataset's file is missing, damaged or cannot be downloaded."""


class FormatError(XpnetError, ValueError):
    """A file cannot be written or read, or has the wrong format."""


class WriteError(FormatError, OSError):
    """A file cannot be written: the disk is full, or its folder is missing or read-only."""


class DistributedError(XpnetError, RuntimeError):
    """Another process of a distributed fit failed, or holds other parameters."""


class DivergedError(XpnetError, ArithmeticError):
    """The training loss became NaN or infinite.

    Attributes
    ----------
    epoch, step : int
        Where it happened, both counted from 1; ``step`` counts within the epoch.
    """

    def __init__(self, message: str, epoch: int, step: int) -> None:
        super().__init__(message)
        self.epoch = epoch
        self.step = step


class XpnetWarning(UserWarning):
    """Base class of xpnet's warnings."""


class BackendFallbackWarning(XpnetWarning):
    """The requested backend cannot run, and ``XPNET_FALLBACK`` chose another."""


class ResumeWarning(XpnetWarning):
    """A fit is resumed under other conditions, so its bits may differ from an unbroken fit's."""


class DataWarning(XpnetWarning):
    """Data can be used, but something about them is probably not what was meant."""


class TrainingWarning(XpnetWarning):
    """A fit ended too early, or its data are badly scaled; the message names the remedy."""
