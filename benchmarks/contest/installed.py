"""The disk space of a library, including all its dependencies."""

from __future__ import annotations

import tomllib
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]
LIBRARIES = {
    "xpnet": ["xpnet"],
    "xpnet[fast]": ["xpnet[fast]"],
    "scikit-learn": ["scikit-learn"],
    "torch": ["torch"],
    "jax": ["jax"],
    "skorch": ["skorch", "torch"],  # it does not require PyTorch itself
}


def sizes() -> dict[str, dict[str, Any]]:
    """The size of each installed library in MB, and its number of distributions."""
    found: dict[str, dict[str, Any]] = {}
    for name, roots in LIBRARIES.items():
        try:
            parts = closure(roots)
        except PackageNotFoundError as error:
            found[name] = {"reason": f"{error.name} is not installed"}
        else:
            found[name] = {"MB": sum(parts.values()) / 1e6, "distributions": len(parts)}
    return found


def closure(wanted: list[str]) -> dict[str, int]:
    """The size in bytes of each distribution that these requirements install, by name."""
    from packaging.requirements import Requirement

    found: dict[str, int] = {}
    seen: set[tuple[str, str]] = set()
    queue = [Requirement(text) for text in wanted]
    while queue:
        requirement = queue.pop()
        name = requirement.name.lower().replace("_", "-")
        for extra in ("", *requirement.extras):
            if (name, extra) in seen:
                continue
            seen.add((name, extra))
            size, needs = _contents(name)
            found[name] = size
            queue += [
                r
                for r in map(Requirement, needs)
                if (r.marker is None or r.marker.evaluate({"extra": extra}))
                and (not extra or (r.marker is not None and "extra" in str(r.marker)))
            ]
    return found


def _contents(name: str) -> tuple[int, list[str]]:
    """The size of a distribution's files in bytes, and its requirements."""
    if name == "xpnet":
        return _ours()
    found = distribution(name)
    files = [Path(str(found.locate_file(file))) for file in found.files or ()]
    return sum(f.stat().st_size for f in files if f.is_file()), found.requires or []


def _ours() -> tuple[int, list[str]]:
    """The same for xpnet's checkout, which need not be installed."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    extras = project["optional-dependencies"].items()
    optional = [_for_extra(need, extra) for extra, needs in extras for need in needs]
    size = sum(file.stat().st_size for file in (ROOT / "xpnet").rglob("*.py"))
    return size, [*project["dependencies"], *optional]


def _for_extra(need: str, extra: str) -> str:
    """A requirement in the form that metadata use for an extra."""
    name, _, marker = need.partition(";")
    condition = f"({marker.strip()}) and " if marker else ""
    return f"{name.strip()} ; {condition}extra == '{extra}'"
