"""Requests to `xpnet serve` on the loopback address: how many per second, and how long they take.

    python benchmarks/serving.py [--rate 1000] [--seconds 20] [--connections 16] [--json FILE]
        [--markdown FILE]

A model of 14 columns (six numbers, eight categories, as in the census table "adult") is trained on
made-up rows and served by a process of its own. The clients are one other process. *At a rate*,
requests are due at fixed times, and a latency counts from when a request was due, so that a slow
answer also delays those after it. *In turn*, each connection makes its next request when it has the
answer to the last one: that shows how many are possible.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import platform
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import http_load
import numpy as np
from common import machine
from contest.arguments import count, written

import xpnet as xn

ROWS = 4000
_CHOICES = (9, 16, 7, 15, 6, 5, 2, 42)  # categories of each column
_LISTED = ("starlette", "uvicorn", "h11", "httptools", "uvloop", "numpy", "llvmlite")


def table(rows: int, seed: int = 0) -> dict[str, Any]:
    """Made-up rows with a target that depends on both kinds of columns."""
    rng = np.random.default_rng(seed)
    numbers = rng.normal(size=(6, rows)).round(4) * 10.0 ** np.arange(6)[:, None]
    columns: dict[str, Any] = {f"number {i}": column.tolist() for i, column in enumerate(numbers)}
    for i, choices in enumerate(_CHOICES):
        codes = rng.integers(choices, size=rows)
        columns[f"category {i}"] = [f"choice {code}" for code in codes.tolist()]
    score = numbers[0] + numbers[1] / 10 + (codes % 3 - 1)
    columns["income"] = np.where(score > 0.5, ">50K", "<=50K").tolist()
    return columns


def model() -> Any:
    """A trained model."""
    rows = table(ROWS)
    schema = xn.tabular.Schema.infer(rows, target="income")
    layers = [layer for _ in range(3) for layer in (xn.Dense(256), xn.SELU())]
    made = xn.tabular.TableModel.of(rows, schema, xn.Sequential(*layers, xn.Dense(2)), seed=0)
    made.fit(rows, epochs=3)
    return made


@contextmanager
def served(path: Path, *options: str) -> Iterator[tuple[str, int, int]]:
    """Run `xpnet serve` on a free port: host, port and process id."""
    command = [sys.executable, "-m", "xpnet", "serve", str(path), "--port", "0", *options]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            told = re.search(r"http://(\S+):(\d+)", server.stdout.readline())
            assert told is not None, "the server did not start"
            yield told[1], int(told[2]), server.pid
        finally:
            server.terminate()


def request(body: bytes, kind: str) -> bytes:
    """An HTTP request for predictions."""
    head = (
        "POST /predict HTTP/1.1\r\nHost: 127.0.0.1\r\n"
        f"Content-Type: {kind}\r\nContent-Length: {len(body)}"
    )
    return head.encode() + b"\r\n\r\n" + body


def requests() -> dict[str, bytes]:
    """Requests of different sizes and forms, by name."""
    rows = table(1000, seed=1)
    del rows["income"]
    names = list(rows)
    one = {name: values[0] for name, values in rows.items()}
    lines = [
        ",".join(names),
        *(",".join(map(str, row)) for row in zip(*rows.values(), strict=True)),
    ]
    csv = "\n".join(lines).encode()
    return {
        "one row": request(json.dumps(one).encode(), "application/json"),
        "1,000 rows, JSON columns": request(json.dumps(rows).encode(), "application/json"),
        "1,000 rows, CSV": request(csv, "text/csv"),
    }


def cpu_seconds(pid: int) -> float:
    """CPU time of a process so far; NaN where the system does not tell."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return float("nan")
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def run(arguments: argparse.Namespace, address: tuple[str, int, int]) -> list[dict[str, Any]]:
    """All measurements."""
    host, port, pid = address
    asked, seconds = requests(), arguments.seconds
    one, found = asked["one row"], []

    def measure(what: str, how: str, connections: int, coroutine: Any) -> None:
        before = cpu_seconds(pid)
        measured = asyncio.run(coroutine)
        found.append(
            {
                "requests": what,
                "how": how,
                "connections": connections,
                "per_second": round(measured.rate, 1),
                **{f"p{p}_ms": round(measured.percentile(p / 100), 2) for p in (50, 90, 99)},
                "max_ms": round(measured.percentile(1), 2),
                "server_cores": round((cpu_seconds(pid) - before) / measured.seconds, 2),
                "statuses": dict(measured.statuses),
            }
        )
        print(line(found[-1]), flush=True)

    asyncio.run(http_load.in_turn(host, port, one, 8, 2))  # not timed
    many = arguments.connections
    for rate in arguments.rate:
        run_at = http_load.at_a_rate(host, port, one, many, rate, seconds)
        measure("one row", f"{rate:,}/s", many, run_at)
    for connections in (1, many, 8 * many):
        in_turn = http_load.in_turn(host, port, one, connections, seconds / 2)
        measure("one row", "in turn", connections, in_turn)
    for name in list(asked)[1:]:
        measure(name, "in turn", 2, http_load.in_turn(host, port, asked[name], 2, seconds / 4))
    return found


HEADER = (
    "| requests | how | connections | per second | p50, ms | p90, ms | p99, ms | longest, ms "
    "| server's cores | statuses |\n|" + "---|" * 10
)


def line(row: dict[str, Any]) -> str:
    """A row of the table."""
    statuses = ", ".join(f"{status}: {n:,}" for status, n in row["statuses"].items())
    values = [*list(row.values())[:-1], statuses]
    return f"| {' | '.join(f'{v:,}' if isinstance(v, float | int) else v for v in values)} |"


def versions() -> dict[str, str]:
    """The versions of what serves."""
    found = {"Python": platform.python_version(), "xpnet": xn.__version__}
    for name in _LISTED:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "not installed"
    return found


def report(found: list[dict[str, Any]], other_load: float) -> str:
    """The results and how they were measured, as Markdown."""
    named = ", ".join(f"{name} {number}" for name, number in versions().items())
    about = (__doc__ or "").partition("\n\n")[2]
    where = (
        f"{machine()['cpu']}; clients and server share its cores. {named}. Load average of other "
        f"work before the start: {other_load:.1f}."
    )
    rows = "\n".join(map(line, found))
    title = "# Requests to `xpnet serve` on the loopback address"
    return "\n\n".join([title, about.strip("\n"), where, f"{HEADER}\n{rows}\n"])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rate", type=count, nargs="+", default=[1000], help="requests per second")
    parser.add_argument("--seconds", type=float, default=20.0, help="length of a measurement")
    parser.add_argument("--connections", type=count, default=16)
    parser.add_argument("--json", type=written, metavar="FILE")
    parser.add_argument("--markdown", type=written, metavar="FILE")
    arguments = parser.parse_args()
    other_load = os.getloadavg()[0]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "income.safetensors"
        model().save(path)
        print(HEADER)
        with served(path) as address:
            found = run(arguments, address)
    if arguments.json:
        about = {"machine": machine(), "versions": versions(), "other_load": other_load}
        Path(arguments.json).write_text(json.dumps({**about, "results": found}, indent=1) + "\n")
    if arguments.markdown:
        Path(arguments.markdown).write_text(report(found, other_load))


if __name__ == "__main__":
    main()
