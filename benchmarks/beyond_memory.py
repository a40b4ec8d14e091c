"""What training from data that are not in memory costs: memory, cold reads, CPU time.

    python benchmarks/beyond_memory.py --folder DIR --gigabytes 6
    python benchmarks/beyond_memory.py --folder DIR --only formats

Each measurement runs in a process of its own. `map` writes a .npy file of this size, and trains on
it in order and shuffled in blocks, cold: the system's copy of the file is dropped before. It
reports rows per second and the largest anonymous memory (RssAnon), beside that of the same process
before the fit. `formats` compares the CPU time of two epochs from zarr and h5py with that from an
array in memory; the runs take turns, and the median of the ratios counts. All files are deleted.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from threading import Event, Thread

import numpy as np

COLUMNS, BATCH = 784, 128


def anonymous() -> float:
    """Anonymous memory of this process in GB."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("RssAnon"):
            return int(line.split()[1]) / 1e6
    return float("nan")


class Peak:
    """The largest anonymous memory within a ``with``."""

    def __enter__(self) -> "Peak":
        self.most, self._done = anonymous(), Event()
        self._thread = Thread(target=self._watch, daemon=True)
        self._thread.start()
        return self

    def _watch(self) -> None:
        while not self._done.wait(0.02):
            self.most = max(self.most, anonymous())

    def __exit__(self, *_: object) -> None:
        self._done.set()
        self._thread.join()


def drop(path: Path) -> None:
    """Let the system forget its copy of a file."""
    descriptor = os.open(path, os.O_RDONLY)
    os.fsync(descriptor)
    os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
    os.close(descriptor)


def write(path: Path, rows: int) -> None:
    """Write random numbers, a part at a time."""
    out = np.lib.format.open_memmap(path, "w+", dtype="float32", shape=(rows, COLUMNS))
    part = np.random.default_rng(0).random((4096, COLUMNS), dtype="float32")
    for start in range(0, rows, len(part)):
        out[start : start + len(part)] = part[: rows - start]
    out.flush()
    del out


def fit(path: Path, how: str) -> dict[str, float]:
    """Train one epoch on a cold file."""
    import xpnet as xn

    rows = np.load(path, mmap_mode="r").shape[0]
    y = np.arange(rows) % 10
    model = xn.MLP([COLUMNS, 32, 10], optimizer="sgd").build()
    small = np.zeros((512, COLUMNS), "float32")
    model.fit(small, y[:512], epochs=2, batch_size=BATCH, verbose=False)  # compile
    drop(path)
    before, start = anonymous(), time.perf_counter()
    with Peak() as peak:
        model.fit(
            xn.data.open(path), y, epochs=1, batch_size=BATCH, shuffle=how != "in order",
            verbose=False,
        )  # fmt: skip
    seconds = time.perf_counter() - start
    return {"rows/s": rows / seconds, "GB before": before, "GB at most": peak.most}


def formats(folder: Path, hidden: int, repeats: int) -> dict[str, float]:
    """CPU time of two epochs from each format, as a multiple of that from memory."""
    import h5py
    import zarr

    import xpnet as xn

    rows = 60_000
    rng = np.random.default_rng(0)
    X = rng.integers(0, 256, (rows, COLUMNS)).astype("float32")
    X *= rng.random((rows, COLUMNS)) < 0.2  # as sparse as pictures of digits
    X /= 255
    y = np.arange(rows) % 10
    file = h5py.File(folder / "x.h5", "w")
    blocks = xn.data.Blocks(1024, 16)
    chunks = (1024, COLUMNS)
    sources = {
        "memory": X,
        "h5py": file.create_dataset("x", data=X),
        "h5py in chunks": file.create_dataset("c", data=X, chunks=chunks),
        "zarr": zarr.create_array(str(folder / "x.zarr"), data=X, chunks=chunks),
    }
    np.save(folder / "x.npy", X)
    sources["npy"] = folder / "x.npy"
    models = {name: xn.MLP([COLUMNS, hidden, 10], optimizer="sgd") for name in sources}
    seconds: dict[str, list[float]] = {name: [] for name in sources}
    for turn in range(repeats + 1):
        for name, source in sources.items():
            data = source if name == "memory" else xn.data.open(source)
            start = time.process_time()
            models[name].fit(data, y, epochs=2, batch_size=BATCH, shuffle=blocks, verbose=False)
            if turn:  # the first compiles
                seconds[name].append(time.process_time() - start)
    base = seconds["memory"]
    found = {"seconds in memory": statistics.median(base)}
    for name, own in seconds.items():
        ratios = [a / b for a, b in zip(own, base, strict=True)]
        found[name] = round(statistics.median(ratios), 3)
    return found


def alone(*arguments: str) -> dict[str, float]:
    """A measurement in a process of its own."""
    command = [sys.executable, __file__, *arguments]
    return dict(json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout))


def main() -> None:
    """Measure, and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--folder", type=Path, default=Path(tempfile.gettempdir()))
    parser.add_argument("--gigabytes", type=float, default=6.0)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--only", choices=["map", "formats"])
    parser.add_argument("--fit", nargs=2, help=argparse.SUPPRESS)
    parser.add_argument("--formats", nargs=2, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.fit:
        print(json.dumps(fit(Path(given.fit[0]), given.fit[1])))
        return
    if given.formats:
        print(json.dumps(formats(Path(given.formats[0]), int(given.formats[1]), given.repeats)))
        return
    with tempfile.TemporaryDirectory(dir=given.folder) as name:
        folder = Path(name)
        if given.only != "formats":
            path, rows = folder / "x.npy", int(given.gigabytes * 1e9 / (4 * COLUMNS))
            write(path, rows)
            print(f"{path.stat().st_size / 1e9:.2f} GB, {rows} rows")
            for how in ["in order", "shuffled"] * given.repeats:
                print(how, {k: round(v, 3) for k, v in alone("--fit", str(path), how).items()})
            path.unlink()
        if given.only != "map":
            for hidden in (32, 128, 512):
                inner = folder / str(hidden)
                inner.mkdir()
                repeats = "--repeats", str(given.repeats)
                print(hidden, alone("--formats", str(inner), str(hidden), *repeats))


if __name__ == "__main__":
    main()
