"""The history of a fit: the loss and metrics of each epoch."""

from collections.abc import Iterator, Mapping
from typing import Any

from xpnet.arguments import instance

__all__ = ["History"]


class History:
    """A table with one row per epoch.

    Columns are ``epoch`` (counted from 1 over the model's life), ``loss``, the metrics, the same
    prefixed with ``val_`` if validation data were given, ``learning_rate`` and ``seconds``.
    ``history["loss"]`` is a column, ``history[-1]`` a row.

    Attributes
    ----------
    interrupted : str or None
        ``"SIGINT"`` if that signal (Ctrl-C) ended the fit, else None.
    converged : bool or None
        Whether L-BFGS ended because a tolerance was met; None with other optimizers.
    """

    interrupted: str | None = None
    converged: bool | None = None

    def __init__(self) -> None:
        self._rows: list[dict[str, float]] = []

    def append(self, row: dict[str, float]) -> None:
        """Add an epoch."""
        self._rows.append(dict(instance("a row", row, Mapping, "a dict of numbers by column")))

    def __len__(self) -> int:
        return len(self._rows)

    def __iter__(self) -> Iterator[dict[str, float]]:
        return iter(self._rows)

    def __getitem__(self, key: str | int | slice) -> Any:
        if isinstance(key, int | slice):
            return self._rows[key]
        if not self._rows or key not in self._rows[0]:
            raise KeyError(f"{key!r}: the columns are {', '.join(self.columns) or 'none yet'}")
        return [row[key] for row in self._rows]

    @property
    def columns(self) -> tuple[str, ...]:
        """Names of the columns."""
        return tuple(self._rows[0]) if self._rows else ()

    def to_dict(self) -> dict[str, list[float]]:
        """The columns as lists, ready for JSON or a data frame."""
        return {name: self[name] for name in self.columns}

    def __str__(self) -> str:
        """A table for people."""
        if not self._rows:
            return "no epochs yet"
        cells = [list(self.columns)]
        cells += [[_show(name, row[name]) for name in self.columns] for row in self._rows]
        widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
        return "\n".join(
            "  ".join(text.rjust(width) for text, width in zip(line, widths, strict=True))
            for line in cells
        )

    def __repr__(self) -> str:
        return f"<History of {len(self)} epochs: {', '.join(self.columns)}>"


def _show(name: str, value: float) -> str:
    if name == "epoch":
        return str(int(value))
    return f"{value:.2g}" if name == "seconds" else f"{value:.4g}"
