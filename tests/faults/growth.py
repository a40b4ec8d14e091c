"""Train and predict with ever new widths, rates and batch sizes: memory and maps must not grow.

    python tests/faults/growth.py [--count 10000]

Code is shared by loops that differ in numbers and widths only, and freed when nothing calls it.
"""

from __future__ import annotations

import argparse
import ctypes
import gc
import json
import random
from pathlib import Path

import numpy as np

import xpnet as xn

X = np.random.default_rng(0).normal(size=(40, 8)).astype("float32")
Y = np.arange(40) % 3


def one(i: int) -> None:
    """A model like no other."""
    net = xn.Sequential(xn.Dense(4 + i, "relu"), xn.Dropout(0.1 + i / 1e5), xn.Dense(3))
    model = xn.Model(net, optimizer=xn.AdamW(1e-3, weight_decay=0.01 + i / 1e5))
    model.fit(X, Y, epochs=1, batch_size=5 + i % 35, verbose=False)
    model.predict(X[: 1 + i % 40])


def measured() -> tuple[float, int]:
    """Megabytes in memory, and memory maps.

    The C library keeps memory that was freed, and memory of many sizes in pieces: it is asked to
    return what it can.
    """
    gc.collect()
    ctypes.CDLL(None).malloc_trim(0)
    resident = int(Path("/proc/self/statm").read_text().split()[1]) * 4096 / 1e6
    return resident, Path("/proc/self/maps").read_text().count("\n")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=10_000)
    count = parser.parse_args().count
    kinds = random.Random(0).sample(range(60 + count), 60 + count)  # large and small ones
    for i in kinds[:60]:  # what is kept is there
        one(i)
    before = measured()
    for i in kinds[60:]:
        one(i)
    after = measured()
    found = {"MB": round(after[0] - before[0], 1), "maps": after[1] - before[1]}
    print(json.dumps({"count": count, **found}))


if __name__ == "__main__":
    main()
