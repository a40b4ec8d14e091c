"""The library's exceptions. Each says what was expected, what came, and what to do.

Every exception derives from `XpnetError` and from the built-in class that a caller would
expect, so both ``except xpnet.errors.XpnetError`` and ``except ValueError`` work.
"""

from collections.abc import Iterable

__all__ = [
    "ArgumentError",
    "BackendFallbackWarning",
    "BackendUnavailableError",
    "DTypeError",
    "DataError",
    "DatasetError",
    "DeviceMemoryError",
    "DivergedError",
    "FormatError",
    "GraphError",
    "MissingDependencyError",
    "ShapeError",
    "UnknownNameError",
    "XpnetError",
]


class XpnetError(Exception):
    """Base class of everything that xpnet raises on purpose."""


class ArgumentError(XpnetError, ValueError):
    """An argument has a value outside of what it may be (a learning rate of -1)."""


def nearest(name: str, names: Iterable[str]) -> str | None:
    """The name that was probably meant: equal but for case, begun by it, or alike."""
    from difflib import get_close_matches

    text, lower = name.lower(), {n.lower(): n for n in names}
    begun = [n for n in lower if n.startswith(text) and len(text) > 1]
    within = [n for n in lower if (text in n or n in text) and min(len(text), len(n)) > 2]
    alike = get_close_matches(text, lower, n=1, cutoff=0.5)
    near = [*(n for n in lower if n == text), *begun, *alike, *within]
    return lower[near[0]] if near else None


class UnknownNameError(ArgumentError):
    """A name (of a loss, an activation, a backend, ...) is not one that xpnet knows."""

    def __init__(self, kind: str, name: object, valid: Iterable[str]) -> None:
        names = sorted(valid)
        near = nearest(str(name), names)
        hint = "" if near is None else f" Did you mean {near!r}?"
        super().__init__(f"unknown {kind} {name!r}.{hint} Valid names: {', '.join(names)}.")


class DTypeError(XpnetError, TypeError):
    """An array or a setting has the wrong data type."""


class ShapeError(XpnetError, ValueError):
    """An array or a symbolic value has the wrong shape."""


class DataError(XpnetError, ValueError):
    """Data given by the user cannot be used (NaN, labels out of range, no rows, ...)."""


class GraphError(XpnetError, ValueError):
    """A traced function is not one that can be differentiated or run."""


class BackendUnavailableError(XpnetError, RuntimeError):
    """The backend asked for cannot run here; the message gives the reason and the mend."""


class DeviceMemoryError(XpnetError, MemoryError):
    """A GPU has no room for what is to be put there.

    The model can be used as before: what it had computed with is given back.

    Attributes
    ----------
    asked, free, total : int or None
        Bytes that were asked for, that nothing uses, and that the device has, where known.
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
    """An optional package is not installed; the message names the extra that brings it."""


class DatasetError(XpnetError, OSError):
    """A dataset's file is missing, damaged or cannot be downloaded."""


class FormatError(XpnetError, ValueError):
    """A file cannot be written or read, or is not what it should be."""


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


class BackendFallbackWarning(UserWarning):
    """The backend asked for cannot run, and ``XPNET_FALLBACK`` chose another."""
