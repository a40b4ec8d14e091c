"""One process of the contest: all measurements with one number of threads.

    python -m contest.worker THREADS SETTINGS

`peers.py` starts it with the environment of `contest.environment`. SETTINGS is a JSON object. So is
the answer, which is the last line on standard output.
"""

from __future__ import annotations

import json
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from common import SIZES, Size, machine

from contest import rules
from contest.environment import confine

PACKAGES = "torch jax keras scikit-learn skorch onnxruntime llvmlite mkl".split()
REST = 0.03  # seconds after which idle threads stop spinning
PREDICTED = (1, 10_000)


def versions() -> dict[str, str]:
    """Versions of the installed packages."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def sizes(names: list[str]) -> list[Size]:
    """The sizes whose names start with one of these; all sizes if none is given."""
    return [size for size in SIZES if not names or size.name.startswith(tuple(names))]


def work(threads: int, only: list[str], names: list[str], rounds: int, parts: list[str]) -> Any:
    """Time all requested parts."""
    pause = REST if threads > 1 else 0.0
    tables: list[dict[str, Any]] = []
    absent: dict[str, str] = {}
    for size in sizes(names):
        if "steps" in parts:
            print(f"{threads} threads: a step of {size.name}", file=sys.stderr, flush=True)
            found, missing = rules.steps(size, rounds, only, pause)
            tables.append({"name": f"a step of {size.name}", "rows": found})
            absent |= missing
        for rows in PREDICTED if "predictions" in parts else ():
            title = (
                f"prediction of {rows:,} row{'s' * (rows > 1)} by {'-'.join(map(str, size.units))}"
            )
            print(f"{threads} threads: {title}", file=sys.stderr, flush=True)
            found, missing = rules.predictions(size, rows, rounds, only, pause)
            tables.append({"name": title, "rows": found})
            absent |= missing
    return {"tables": tables, "absent": absent}


def main() -> None:
    threads, given = int(sys.argv[1]), json.loads(sys.argv[2])
    confined = confine(threads)
    if "torch" in versions():
        import torch

        torch.set_num_threads(threads)
    found = work(threads, **given)
    info = {**machine(), **versions(), "confined to as many cores": confined}
    print(json.dumps({"machine": info, **found}))


if __name__ == "__main__":
    main()
