"""Optional packages: imported where they are used, with an error that names the extra."""

from importlib import import_module
from types import ModuleType

from xpnet.errors import MissingDependencyError

__all__ = ["require"]


def require(module: str, extra: str, purpose: str) -> ModuleType:
    """Import an optional module, or say which extra of xpnet installs it.

    Parameters
    ----------
    module : str
        Name of the module, such as ``"matplotlib.pyplot"``.
    extra : str
        The extra that brings it, such as ``"plot"``.
    purpose : str
        What it is needed for; it opens the error message.

    Raises
    ------
    MissingDependencyError
        If the module cannot be imported.
    """
    try:
        return import_module(module)
    except ImportError as error:
        raise MissingDependencyError(
            f"{purpose} needs {module.partition('.')[0]!r}, which could not be imported ({error}). "
            f"Install it with: pip install 'xpnet[{extra}]'"
        ) from error
