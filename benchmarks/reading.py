"""Time, memory and installed size of reading tables: pyarrow, polars, pandas, and xpnet on pyarrow.

python benchmarks/reading.py [--rounds 3]

Every reading is a process of its own. The files are a generated one of 581,012 rows and 55 columns
of whole numbers, `adult.data.gz` from XPNET_DATA if it is there, and four rows of 6,000 and of
24,000 columns. Printed are the smallest figures of all rounds: seconds, and the peak memory above
that before reading, as a table in Markdown. Linux alone tells the peak.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.metadata import files, version
from pathlib import Path
from typing import Any

import numpy as np

READERS = [
    "pandas",
    "polars",
    "polars, text then numbers",
    "pyarrow",
    "pyarrow, text then numbers",
    "xpnet",
    "xpnet, with kinds and numbers",
]
PACKAGES = ["pandas", "polars", "polars-runtime-32", "pyarrow", "narwhals"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--child", nargs=2, metavar=("READER", "FILE"), help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.child:
        measure(*arguments.child)
        return
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores; ", end="")
    print(f"Python {platform.python_version()}, NumPy {np.__version__}\n")
    print("| package | version | installed, MB |\n|---|---|---|")
    for name in PACKAGES:
        print(f"| {name} | {version(name)} | {installed(name) / 1e6:.0f} |")
    with tempfile.TemporaryDirectory() as folder:
        for path in written(Path(folder)):
            report(path, arguments.rounds)


def written(folder: Path) -> list[Path]:
    """The files to read."""
    random = np.random.default_rng(0)
    numbers = random.integers(0, 4000, (581_012, 55))
    numbers[:, 10:] %= 2
    header = ",".join(f"c{i}" for i in range(55))
    np.savetxt(folder / "581,012 x 55.csv", numbers, "%d", ",", header=header, comments="")
    for columns in (6_000, 24_000):
        cells = random.normal(size=(4, columns)).round(4)
        header = ",".join(f"gene{i}" for i in range(columns))
        path = folder / f"4 x {columns:,}.csv"
        np.savetxt(path, cells, "%g", ",", header=header, comments="")
    adult = Path(os.environ.get("XPNET_DATA", "."), "adult", "adult.data.gz")
    return [*sorted(folder.iterdir(), key=lambda p: -p.stat().st_size), *[adult] * adult.is_file()]


def report(path: Path, rounds: int) -> None:
    """Measure every reader on a file, by turns."""
    results: dict[str, list[list[float]]] = {reader: [] for reader in READERS}
    for _ in range(rounds):
        for reader in READERS:
            command = [sys.executable, __file__, "--child", reader, str(path)]
            done = subprocess.run(command, capture_output=True, text=True, check=True)
            results[reader].append([float(word) for word in done.stdout.split()])
    print(f"\n{path.name}\n\n| | seconds | CPU seconds | import, s | memory, MB |")
    print("|---|---|---|---|---|")
    for reader, measured in results.items():
        wall, cpu, loading, memory = map(min, zip(*measured, strict=True))
        print(f"| {reader} | {wall:.2f} | {cpu:.2f} | {loading:.2f} | {memory:.0f} |", flush=True)


def measure(reader: str, path: str) -> None:
    """Read once; print the seconds, the CPU's seconds, those of the import, and the memory."""
    start = time.perf_counter()
    read = prepared(reader)
    loading = time.perf_counter() - start
    Path("/proc/self/clear_refs").write_text("5", encoding="ascii")  # the peak starts anew
    before = peak()
    start, cpu = time.perf_counter(), time.process_time()
    kept = read(path)
    wall, cpu = time.perf_counter() - start, time.process_time() - cpu
    print(wall, cpu, loading, (peak() - before) / 1024)
    del kept


def peak() -> int:
    """The peak memory of this process in KiB."""
    status = Path("/proc/self/status").read_text(encoding="ascii")
    return int(status.partition("VmHWM:")[2].split()[0])


def prepared(reader: str) -> Any:
    """The reader after its imports: a function of a path."""
    library, _, how = reader.partition(", ")
    if library == "pandas":
        import pandas as pd

        return lambda path: pd.read_csv(path, skipinitialspace=True)
    if library == "polars":
        return by_polars(bool(how))
    if library == "pyarrow":
        return by_pyarrow(bool(how))

    from xpnet.tabular import guess_kind, read

    def by_xpnet(path: str) -> Any:
        table = read(path)
        if how:
            kinds = {name: guess_kind(column)[0] for name, column in table.columns.items()}
            return [table[n].numbers() for n, kind in kinds.items() if kind == "number"], table
        return table

    return by_xpnet


def by_polars(text: bool) -> Any:
    import polars as pl

    def read(path: str) -> Any:
        frame = pl.read_csv(path, infer_schema=not text, infer_schema_length=10_000)
        parsed = [frame[name].cast(pl.Float64, strict=False) for name in frame.columns * text]
        return frame, parsed

    return read


def by_pyarrow(text: bool) -> Any:
    import pyarrow as pa
    import pyarrow.compute
    import pyarrow.csv as csv

    def read(path: str) -> Any:
        if not text:
            return csv.read_csv(path)
        names = csv.open_csv(path).schema.names
        options = csv.ConvertOptions(column_types=dict.fromkeys(names, pa.string()))
        table = csv.read_csv(path, convert_options=options)
        parsed = []
        for column in table.columns:
            try:
                parsed.append(column.cast(pa.float64()))
            except pa.ArrowInvalid:
                parsed.append(column.dictionary_encode())
        return table, parsed

    return read


def installed(name: str) -> int:
    """The bytes of a package's files."""
    paths = [Path(str(file.locate())) for file in files(name) or ()]
    return sum(path.stat().st_size for path in paths if path.is_file())


if __name__ == "__main__":
    main()
