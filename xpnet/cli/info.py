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
from xpnet.errors import XpnetError

__all__ = ["info"]

# Distributions that provide the package, and the extra or package that installs one of them.
_OPTIONAL = {
    "cupy": (("cupy-cuda13x", "cupy-cuda12x", "cupy"), "xpnet[cuda13]' or 'xpnet[cuda12]"),
    "scikit-learn": (("scikit-learn",), "xpnet[sklearn]"),
    "pooch": (("pooch",), "xpnet[datasets]"),
    "matplotlib": (("matplotlib",), "xpnet[plot]"),
    "llvmlite": (("llvmlite",), "xpnet[fast]"),
    "mkl": (("mkl",), "xpnet[mkl]"),
    "uvicorn": (("uvicorn",), "xpnet[serve]"),
}
# Each with its allowed values; None for folders and for what is checked elsewhere.
_SETTINGS: dict[str, tuple[str, ...] | None] = {
    "XPNET_BACKEND": None,
    "XPNET_BLAS": ("auto", "numpy", "mkl"),
    "XPNET_CACHE": None,
    "XPNET_DATA": None,
    "XPNET_FALLBACK": ("numpy",),
    "XPNET_FAST": ("0", "1"),
    "XPNET_NUM_THREADS": None,
}
_FAST = " (pip install 'xpnet[fast]' compiles them)"
_PRODUCT = (128, 512, 512)  # a typical size
_SOURCES = (MNIST, FASHION_MNIST)


def info() -> None:
    """Print the information."""
    sections = {
        "Versions": [
            ("xpnet", f"{__version__}, in {Path(__file__).parents[1]}"),
            ("Python", f"{platform.python_version()} ({sys.executable})"),
            ("platform", f"{platform.platform()}, {os.cpu_count()} CPUs"),
        ],
        "Backends": [_backend(status) for status in backends.status()],
        "NumPy's steps": [
            ("compiled steps", f"{_compiled()}; products by: {_products()}"),
            ("threads", _threads()),
        ],
        "Optional packages": [_package(name) for name in _OPTIONAL],
        "Environment": _environment(),
        "Data folders": _data_folders(),
    }
    print("\n\n".join(f"{title}\n{_lines(rows)}" for title, rows in sections.items()))


def _lines(rows: list[tuple[str, str]]) -> str:
    width = max(len(name) for name, _ in rows)
    return "\n".join(f"  {name.ljust(width)}  {text}" for name, text in rows)


def _backend(status: backends.Status) -> tuple[str, str]:
    """Its version, and its devices here, or why it cannot be used."""
    where = f" on {', '.join(status.devices)}" if status.devices else ""
    state = f"usable{where}" if status.usable else f"not usable: {_tidy(status.reason)}"
    return status.name, ", ".join(filter(None, (status.version, state)))


def _tidy(text: str) -> str:
    """The text on one line."""
    return " ".join(text.split())


def _compiled() -> str:
    """Whether NumPy's calls become machine code here, and if not, why."""
    try:
        backend = backends.get("numpy")
        if not backend.compiles:
            off = os.environ.get("XPNET_FAST") == "0"
            return "no, XPNET_FAST=0" if off else "no, llvmlite is missing" + _FAST
        from xpnet.lowering.cpu import compile_tasks  # noqa: F401
    except XpnetError as error:
        return f"no, {error}".rstrip(".")
    except Exception as error:  # a broken LLVM may raise anything
        return f"no, llvmlite cannot be imported: {_tidy(str(error))}{_FAST}"
    return "yes"


def _products() -> str:
    """The library that multiplies matrices; in compiled steps ``XPNET_BLAS`` chooses it."""
    try:
        from xpnet.lowering.cpu import best_blas, blas

        own, found = blas.entry("float32"), best_blas.best("float32", *_PRODUCT, threads=1)
        if not _compiled().startswith("yes"):
            found = own
        elif own and found and best_blas.said() == "auto" and found is not own:
            return f"{_tidy(own.library)}, wide ones on one thread by {_tidy(found.library)}"
    except XpnetError as error:
        return str(error).rstrip(".")
    except Exception as error:  # a broken BLAS must not hide the rest either
        return f"unknown: {_tidy(str(error))}"
    return _tidy(found.library) if found else "NumPy's own BLAS, called through NumPy"


def _threads() -> str:
    """How many threads share a step here, and why."""
    if not _compiled().startswith("yes"):
        return "steps that are not compiled are not shared by threads"
    from xpnet.lowering.cpu import thread_count

    try:
        most, cores = thread_count.allowed(), thread_count.cores()
    except XpnetError as error:
        return str(error).rstrip(".")
    have = f"{cores} core{'s' if cores > 1 else ''}"
    if not thread_count.available():
        why = "here threads cannot wait for each other"
    elif os.environ.get("XPNET_NUM_THREADS", "").strip():
        why = f"XPNET_NUM_THREADS says so; this process may use {have}"
    elif most < cores:
        why = f"NumPy's BLAS has no more, although this process may use {have}"
    else:
        why = f"this process may use {have}"
    return f"{f'at most {most} share' if most > 1 else 'one makes'} a step: {why}"


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
    return [(k, v + _remark(k, v)) for k, v in found] or [("XPNET_*", "none is set")]


def _remark(name: str, value: str) -> str:
    """What is wrong with a setting, in parentheses."""
    if name not in _SETTINGS:
        near = get_close_matches(name, _SETTINGS, n=1, cutoff=0.8)
        guess = f"did you mean {near[0]}?" if near else "not a setting of xpnet"
        return f" (unknown, ignored; {guess})"
    known = _SETTINGS[name]
    if known and value and value not in known:
        return f" (wrong: it must be {' or '.join(known)})"
    return ""


def _data_folders() -> list[tuple[str, str]]:
    root = os.environ.get("XPNET_DATA")
    local = _contents(Path(root).expanduser()) if root else "XPNET_DATA is not set"
    return [("given", local), ("cache", _cache())]


def _cache() -> str:
    """The download folder, as `datasets` chooses it."""
    if folder := os.environ.get("XPNET_CACHE"):
        return _contents(Path(folder))
    try:
        import pooch
    except ImportError:
        return "none: pooch, which downloads the files, is not installed"
    return _contents(Path(pooch.os_cache("xpnet")))


def _contents(folder: Path) -> str:
    if not folder.is_dir():
        return f"{folder} (does not exist)"
    held = ", ".join(filter(None, (_held(folder, source) for source in _SOURCES)))
    return f"{folder} (has {held or 'none of ' + ', '.join(s.folder for s in _SOURCES)})"


def _held(folder: Path, source: Source) -> str:
    """Name the data set if its files exist, and say so if only some do."""
    files = list(source.sha256)
    found = sum((folder / source.folder / file).is_file() for file in files)
    partly = f" ({found} of its {len(files)} files)" if found < len(files) else ""
    return f"{source.folder}{partly}" if found else ""
