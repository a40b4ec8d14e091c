"""Load files that were changed at random: ``fuzz_load.py MINUTES [SEED [FILES]]``.

Each must load or raise an error of xpnet's, within a second and little memory. What does not is
kept as ``fuzz_load_failed.bin`` in the present folder.
"""

import json
import random
import resource
import struct
import sys
import time
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory

import xpnet as xn
from xpnet.errors import XpnetError

MEMORY, SECONDS = 1_500_000_000, 5.0  # bytes of address space more than at the start; a load


def original(folder: Path, rng: random.Random) -> bytes:
    """A real file, one of a few."""
    shared = xn.Dense(3, "prelu")
    nets = [
        xn.Sequential(
            xn.Dense(3, "relu"), shared, xn.Residual(shared, xn.BatchNorm()), xn.Dense(2)
        ),
        xn.Sequential(
            xn.Maxout(3), xn.Concat(xn.ReLU(), xn.Dropout(0.1)), xn.ops.tanh, xn.Dense(2)
        ),
        xn.Dense(2, kernel_penalty=xn.L2(0.1), kernel_constraint=xn.MaxNorm(2)),
    ]
    optimizers = [xn.Adam(xn.Warmup(xn.CosineDecay(0.1, 3), 1)), xn.SGD(momentum=0.9), xn.LBFGS()]
    model = xn.Model(rng.choice(nets), xn.losses.focal(), rng.choice(optimizers), input_shape=2)
    model.save(folder / "m", optimizer_state=rng.random() < 0.5, preprocessing={"columns": ["a"]})
    return (folder / "m").read_bytes()


def changed_bytes(raw: bytes, rng: random.Random) -> bytes:
    """Bytes set, cut out, put in and repeated."""
    content = bytearray(raw)
    for _ in range(rng.randint(1, 6)):
        place, length = rng.randrange(len(content) + 1), rng.randint(1, 60)
        content[place : place + rng.choice([0, 1, 1, length])] = rng.choice(
            [rng.randbytes(1), rng.randbytes(length), bytes(content[place : place + length]), b""]
        )
    return bytes(content)


def changed_parts(raw: bytes, rng: random.Random) -> bytes:
    """Values of the header's and the description's JSON put elsewhere, or replaced."""
    length = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8 : 8 + length])
    described = json.loads(header["__metadata__"]["xpnet"])
    for _ in range(rng.randint(1, 4)):
        _mix(described if rng.random() < 0.8 else header, rng)
    if isinstance(header.get("__metadata__"), dict):
        header["__metadata__"]["xpnet"] = json.dumps(described)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + raw[8 + length :]


def _mix(value, rng):
    slots = [*_slots(value)]
    if not slots:
        return
    (place, key), (other, other_key) = rng.choice(slots), rng.choice(slots)
    odd = [None, True, -1, 0, 3, 1.5, 2**63, 10**18, 1e308, "", "x", [], {}, {"same": 1}]
    kinds = [
        "Dense",
        "Sequential",
        "Concat",
        "Adam",
        "L1",
        "losses.huber",
        "init.normal",
        "MaxNorm",
    ]
    odd += [{"kind": rng.choice(kinds), "settings": {}}, {"ref": "ops.reshape"}]
    new = json.loads(json.dumps(rng.choice([other[other_key], rng.choice(odd)])))
    place[key] = new
    if isinstance(place, dict) and rng.random() < 0.2:
        del place[key]


def _slots(value):
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in items:
        yield value, key
        if isinstance(item, dict | list):
            yield from _slots(item)


def main(minutes: float, seed: int = 0, files: float = inf) -> int:
    """Run; returns how many files were tried."""
    rng, tried, loaded, slowest = random.Random(seed), 0, 0, 0.0
    xn.MLP([2, 2]).build()
    used = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (used + MEMORY, used + MEMORY))
    end = time.monotonic() + 60 * minutes
    with TemporaryDirectory() as folder:
        path = Path(folder) / "changed"
        while time.monotonic() < end and tried < files:
            if tried % 200 == 0:
                raw = original(Path(folder), rng)
            content = rng.choice([changed_bytes, changed_parts])(raw, rng)
            path.write_bytes(content)
            start, tried = time.monotonic(), tried + 1
            try:
                xn.load(path)
                loaded += 1
            except XpnetError:
                pass
            except BaseException:
                Path("fuzz_load_failed.bin").write_bytes(content)
                raise
            took = time.monotonic() - start
            slowest = max(slowest, took)
            assert took < SECONDS, took
            assert path.read_bytes() == content
    print(f"{tried:,} files, of which {loaded:,} loaded; slowest {slowest:.2f} s")
    return tried


if __name__ == "__main__":
    main(float(sys.argv[1]), *map(int, sys.argv[2:]))
