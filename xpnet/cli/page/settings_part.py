"""The part of a report about what was used: the network, its settings, versions."""

import platform
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from xpnet import __version__
from xpnet.cli.page.markup import element, table
from xpnet.cli.page.skeleton import Section, section
from xpnet.tabular.table_model import TableModel

__all__ = ["settings_part"]

_PACKAGES = ("numpy", "scikit-learn")


def settings_part(model: TableModel, path: str, command: str) -> Section:
    """The network, its settings, versions, and how the report was made."""
    network = model.model
    backend = network.engine.backend.name
    rows = [
        ("model", f"{path} ({Path(path).stat().st_size:,} bytes)"),
        ("loss", network.config.loss.name),
        ("optimizer", repr(network.optimizer)),
        ("parameters", f"{network.network.table.size:,}"),
        ("epochs trained", f"{network.epoch:,}"),
        ("type and backend", f"{network.dtype} on {backend}"),
        ("seed", network.seed),
        ("versions", ", ".join(_versions())),
        ("report created", f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC"),
        ("command", element("code", command)),
    ]
    return section(
        "settings",
        "Settings",
        table(("setting", "value"), rows, kind="settings"),
        element("h3", "Network"),
        element("pre", network.summary(), tabindex="0"),
    )


def _versions() -> list[str]:
    """Versions of what computed the report."""
    found = [f"xpnet {__version__}", f"Python {platform.python_version()}"]
    for name in _PACKAGES:
        try:
            found.append(f"{name} {version(name)}")
        except PackageNotFoundError:  # it may be imported from somewhere else
            continue
    return found
