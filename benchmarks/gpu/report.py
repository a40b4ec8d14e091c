"""The report: parts that run one after another within a budget, written as they run.

``report.json`` holds

- ``schema`` (1), ``when``, ``command``, ``environment``, ``budget`` in seconds,
- ``ceilings``: ``copy`` in bytes per second, and for each precision the operations per second of
  the largest matrix product that was measured,
- ``parts``: by name ``status`` (``"running"``, ``"done"``, ``"stopped"`` at its limit,
  ``"failed"`` or ``"skipped"``), ``seconds``, ``limit``, ``rows`` (one dict per measurement), and
  ``error``, ``traceback`` or ``reason``. A row that could not be measured has an ``error`` too.

The file is rewritten after every row, so that measurements survive whatever ends the process. Each
part has its own process (`gpu.isolation`), because after an illegal access a process can no longer
use the GPU.
"""

from __future__ import annotations

import json
import os
import sys
import traceback
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from time import monotonic
from typing import Any

from gpu.cases import Scale
from gpu.device import Device
from gpu.limits import TimeIsUpError, limit

SCHEMA = 1
FILE = "report.json"
LEAST = 2.0  # a part with fewer seconds left is skipped

Row = dict[str, Any]


@dataclass
class Bench:
    """The argument of a part: the device, the scale, and the report so far."""

    device: Device
    scale: Scale
    report: Report
    clock: Callable[[], float] = monotonic
    end: float = float("inf")

    @property
    def left(self) -> float:
        """Seconds that the current part may still take."""
        return self.end - self.clock()


Part = Callable[[Bench], Iterator[Row]]


class Report:
    """The results, and the file that holds them.

    Parameters
    ----------
    folder : Path
    data : dict
        See above; `new` makes it, `load` reads it.
    """

    def __init__(self, folder: Path, data: dict[str, Any]) -> None:
        self.folder, self.data = folder, data

    @classmethod
    def new(cls, folder: Path, environment: Mapping[str, Any], budget: float) -> Report:
        """An empty report, in a folder that is created if necessary."""
        folder.mkdir(parents=True, exist_ok=True)
        return cls(
            folder,
            {
                "schema": SCHEMA,
                "when": datetime.now(UTC).isoformat(timespec="seconds"),
                "command": " ".join(sys.argv),
                "environment": dict(environment),
                "budget": budget,
                "ceilings": {},
                "parts": {},
            },
        )

    @classmethod
    def load(cls, folder: Path) -> Report:
        """The report in a folder."""
        return cls(folder, json.loads((folder / FILE).read_text(encoding="utf-8")))

    def save(self) -> None:
        """Write the JSON, whole or not at all."""
        target = self.folder / FILE
        draft = target.with_suffix(".part")
        draft.write_text(json.dumps(self.data, indent=1, default=str) + "\n", encoding="utf-8")
        os.replace(draft, target)

    @property
    def bad(self) -> list[str]:
        """Parts that failed or have a wrong result."""
        return [
            name
            for name, part in self.data["parts"].items()
            if part["status"] == "failed" or any(map(_wrong, part["rows"]))
        ]

    def begin(self, name: str, seconds: float) -> Row:
        """Record that a part runs; return its entry."""
        entry: Row = {"status": "running", "limit": round(seconds, 1), "rows": []}
        self.data["parts"][name] = entry
        self.save()
        return entry

    def skip(self, name: str, reason: str) -> None:
        """Record that a part did not run."""
        self.data["parts"][name] = {"status": "skipped", "reason": reason, "rows": []}
        self.save()

    def run(self, name: str, part: Part, bench: Bench, seconds: float) -> None:
        """Run one part in this process; record any exception."""
        entry, start = self.begin(name, seconds), bench.clock()
        bench.end = start + seconds
        try:
            with limit(seconds):
                for row in part(bench):
                    entry["rows"].append(row)
                    self.save()
            entry["status"] = "done"
        except TimeIsUpError as stopped:
            entry.update(status="stopped", error=str(stopped))
        except Exception as error:
            entry.update(status="failed", **describe(error))
        entry["seconds"] = round(bench.clock() - start, 2)
        self.save()


def run_parts(
    report: Report,
    weights: Mapping[str, float],
    run: Callable[[str, float], None],
    say: Callable[[str], None] = print,
    clock: Callable[[], float] = monotonic,
) -> None:
    """Run the parts in order; each may take its share of the remaining time.

    Parameters
    ----------
    report : Report
    weights : mapping of str to float
        A part's limit is the remaining time times its weight, divided by the sum of the remaining
        weights.
    run : callable
        Runs a part, given its name and limit, and records its entry in the report.
    say : callable
        Called with messages about progress.
    """
    budget, start, waiting = report.data["budget"], clock(), dict(weights)
    for name, weight in weights.items():
        left = budget - (clock() - start)
        seconds = left * weight / sum(waiting.values())
        del waiting[name]
        if seconds < LEAST:
            report.skip(name, f"its share of the budget of {budget:g} s is {max(seconds, 0):.1f} s")
        else:
            say(f"{name}: at most {seconds:.0f} s")
            run(name, seconds)
        entry = report.data["parts"][name]
        why = entry.get("error") or entry.get("reason") or ""
        say(f"{name}: {entry['status']}, {len(entry['rows'])} rows {why}".rstrip())


def _wrong(row: Row) -> bool:
    """Whether a result is wrong, or xpnet (not another library) failed."""
    return row.get("ok") is False or ("error" in row and row.get("library", "xpnet") == "xpnet")


def describe(error: BaseException) -> dict[str, str]:
    """An error as a dict for JSON."""
    text = "".join(traceback.format_exception(error))
    return {"error": f"{type(error).__name__}: {error}", "traceback": text[-6000:]}


def attempt(what: Row, measure: Callable[[], Row]) -> Row:
    """A row with the case and its measurement, or with the error that prevented it."""
    try:
        return {**what, **measure()}
    except Exception as error:
        return {**what, **describe(error)}
