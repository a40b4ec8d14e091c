"""`xpnet info`: what is installed, what works, and which settings are in force."""

import os
import platform
import sys
from difflib import get_close_matches
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from xpnet import __version__, backends
from xpnet.datasets.fetch import Source
from xpnet.datasets.images import FASHION_MNIST, MNIST

__all__ = ["info"]

# Distributions, any of which brings the package, and what installs it.
_OPTIONAL = {
    "cupy": (("cupy-cuda13x", "cupy-cuda12x", "cupy"), "xpnet[cuda13]' or 'xpnet[cuda12]"),
    "scikit-learn": (("scikit-learn",), "xpnet[sklearn]"),
    "pooch": (("pooch",), "xpnet[datasets]"),
    "matplotlib": (("matplotlib",), "xpnet[plot]"),
}
_SETTINGS = ("XPNET_BACKEND", "XPNET_CACHE", "XPNET_DATA", "XPNET_FALLBACK")
_SOURCES = (MNIST, FASHION_MNIST)


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
    return [(k, v + _unknown(k)) for k, v in found] or [("XPNET_*", "none is set")]


def _unknown(name: str) -> str:
    if name in _SETTINGS:
        return ""
    near = get_close_matches(name, _SETTINGS, n=1, cutoff=0.8)
    return (
        f" (unknown, ignored; {f'did you mean {near[0]}?' if near else 'not a setting of xpnet'})"
    )


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
    held = ", ".join(filter(None, (_held(folder, source) for source in _SOURCES)))
    return f"{folder} (has {held or 'none of ' + ', '.join(s.folder for s in _SOURCES)})"


def _held(folder: Path, source: Source) -> str:
    """Name the data set if its files are there, and say so if only some are."""
    files = list(source.sha256)
    found = sum((folder / source.folder / file).is_file() for file in files)
    partly = f" ({found} of its {len(files)} files)" if found < len(files) else ""
    return f"{source.folder}{partly}" if found else ""
