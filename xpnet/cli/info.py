"""`xpnet info`: what is installed, what works, and which settings are in force."""

import os
import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from xpnet import __version__, backends

__all__ = ["info"]

# Distributions, any of which brings the package, and what installs it.
_OPTIONAL = {
    "cupy": (("cupy-cuda13x", "cupy-cuda12x", "cupy"), "xpnet[cuda13]' or 'xpnet[cuda12]"),
    "scikit-learn": (("scikit-learn",), "xpnet[sklearn]"),
    "pooch": (("pooch",), "xpnet[datasets]"),
    "matplotlib": (("matplotlib",), "xpnet[plot]"),
}
_FOLDERS = ("mnist", "fashion-mnist")


def info() -> None:
    """Print it."""
    sections = {
        "Versions": [
            ("xpnet", f"{__version__}, in {Path(__file__).parents[1]}"),
            ("Python", f"{platform.python_version()} ({sys.executable})"),
            ("platform", f"{platform.platform()}, {os.cpu_count()} CPUs"),
        ],
        "Backends": [_backend(status) for status in backends.status()],
        "Optional packages": [_package(name) for name in _OPTIONAL],
        "Environment": _environment(),
        "Data folders": _data_folders(),
    }
    print("\n\n".join(f"{title}\n{_lines(rows)}" for title, rows in sections.items()))


def _lines(rows: list[tuple[str, str]]) -> str:
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"  {name.ljust(width)}  {text}" for name, text in rows)


def _backend(status: backends.Status) -> tuple[str, str]:
    reason = " ".join(status.reason.split())
    state = "usable" if status.usable else f"not usable: {reason}"
    return status.name, ", ".join(filter(None, (status.version, state)))


def _package(name: str) -> tuple[str, str]:
    distributions, extra = _OPTIONAL[name]
    for distribution in distributions:
        try:
            found = version(distribution)
        except PackageNotFoundError:
            continue
        return name, found if distribution == name else f"{found} ({distribution})"
    return name, f"not installed: pip install '{extra}'"


def _environment() -> list[tuple[str, str]]:
    found = sorted((k, v) for k, v in os.environ.items() if k.startswith("XPNET_"))
    return found or [("XPNET_*", "none is set")]


def _data_folders() -> list[tuple[str, str]]:
    root = os.environ.get("XPNET_DATA")
    local = _contents(Path(root).expanduser()) if root else "XPNET_DATA is not set"
    return [("given", local), ("cache", _cache())]


def _cache() -> str:
    """The folder of downloads, as `datasets` chooses it."""
    if folder := os.environ.get("XPNET_CACHE"):
        return _contents(Path(folder))
    try:
        import pooch
    except ImportError:
        return "none without pooch, which downloads"
    return _contents(Path(pooch.os_cache("xpnet")))


def _contents(folder: Path) -> str:
    if not folder.is_dir():
        return f"{folder} (does not exist)"
    held = [name for name in _FOLDERS if (folder / name).is_dir()]
    return f"{folder} (has {', '.join(held) or 'none of ' + ', '.join(_FOLDERS)})"
