"""Optional packages: imported where they are used, with an error that names the extra."""

from importlib import import_module
from types import ModuleType

from xpnet.errors import MissingDependencyError

__all__ = ["require"]


def require(module: str, extra: str | None, purpose: str) -> ModuleType:
    """Import an optional module, or say which extra of xpnet installs it.

    Parameters
    ----------
    module : str
        Name of the module, such as ``"matplotlib.pyplot"``.
    extra : str or None
        The extra that installs it, such as ``"plot"``; None for a package that belongs to no extra.
    purpose : str
        What it is needed for; the error message starts with it.

    Raises
    ------
    MissingDependencyError
        If the module cannot be imported.
    """
    try:
        return import_module(module)
    except ImportError as error:
        top = module.partition(".")[0]
        wanted = top if extra is None else f"'xpnet[{extra}]'"
        raise MissingDependencyError(
            f"{purpose} needs {top!r}, which could not be imported ({error}). "
            f"Install it with: pip install {wanted}"
        ) from error
