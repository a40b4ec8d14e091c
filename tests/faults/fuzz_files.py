"""Read files that were changed at random: ``fuzz_files.py KIND MINUTES [SEED [FILES]]``.

KIND is onnx, npz, csv or checkpoint; ``fuzz_load.py`` does the same with models. Each file must be
read or raise an error of xpnet's, within 5 seconds and 10 times its size plus 50 MB of memory.
What does not is kept as ``fuzz_KIND_failed.bin`` in the present folder.
"""

import json
import random
import resource
import struct
import sys
import threading
import time
import warnings
from math import inf
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np

import xpnet as xn
from xpnet.errors import DivergedError, XpnetError

SECONDS = 5.0


def onnx_file(path: Path, rng: random.Random) -> None:
    last = rng.choice([xn.Dense(2), xn.Dense(2, "softmax"), xn.Dense(2, "gelu")])
    net = xn.Sequential(xn.Dense(3, "relu"), xn.BatchNorm(), xn.Dropout(0.1), last)
    xn.exchange.to_onnx(xn.Model(net, "mse", input_shape=4).build(), path)


def npz_file(path: Path, rng: random.Random) -> None:
    X = np.arange(24.0).reshape(6, 4).astype(rng.choice(["f4", "f8", "u1", ">i2"]))
    write = rng.choice([np.savez, np.savez_compressed])
    with path.open("wb") as stream:
        write(stream, X=X, y=rng.choice([np.arange(6), np.array(list("aababb"))]))


def csv_file(path: Path, rng: random.Random) -> None:
    rows = ["size,color,day,target"]
    rows += [f"{i / 7},{rng.choice(['red', 'blue'])},2024-01-{i + 1:02},{i % 2}" for i in range(20)]
    path.write_bytes(rng.choice(["\n", "\r\n"]).join(rows).encode(rng.choice(["utf-8", "utf-16"])))


def _fit(model: xn.Model, **more: Any) -> None:
    X = np.arange(24.0, dtype="f").reshape(6, 4) / 24
    callbacks = [xn.EarlyStopping("loss"), xn.KeepBest("loss"), *more.pop("callbacks", [])]
    model.fit(X, [0, 1, 0, 1, 1, 0], epochs=3, verbose=False, callbacks=callbacks, **more)


def checkpoint_file(path: Path, rng: random.Random) -> None:
    with TemporaryDirectory() as folder:
        _fit(MODEL(), callbacks=[xn.Checkpoint(folder)])
        newest = max(Path(folder).glob("*.safetensors"))
        path.write_bytes(rng.choice([*Path(folder).glob("*.safetensors"), newest]).read_bytes())


def MODEL() -> xn.Model:
    return xn.Model(xn.Sequential(xn.Dense(3, "relu"), xn.BatchNorm(), xn.Dense(2)))


def read_checkpoint(path: Path) -> None:
    """Resume; an error must leave the parameters, the optimizer and the counters as they were."""
    model = MODEL().build(4)
    state = model.engine.state
    before = {name: np.array(vector) for name, vector in state.vectors.items()}
    rate = model.engine.optimizer.learning_rate
    try:
        _fit(model, resume_from=path)
    except DivergedError:  # the file was read, and its numbers are too large to train with
        raise
    except XpnetError:
        after = model.engine.state
        assert all(np.array_equal(after.vectors[name], old) for name, old in before.items())
        assert (after.epoch, after.step, after.updates) == (0, 0, 0)
        assert model.engine.optimizer.learning_rate == rate
        raise


def read_csv(path: Path) -> None:
    """The table as the estimators and the command line read it."""
    table = xn.tabular.read(path)
    schema = xn.tabular.Schema.infer(table, [*table.columns][-1])
    schema.encode(table)
    target: Any = schema.target
    target.encode(table[target.name])


KINDS: dict[str, Any] = {
    "onnx": (onnx_file, lambda path: xn.exchange.from_onnx(path, loss="mse")),
    "npz": (npz_file, xn.datasets.read_table),
    "csv": (csv_file, read_csv),
    "checkpoint": (checkpoint_file, read_checkpoint),
}
ENDINGS = {"onnx": ".onnx", "npz": ".npz", "csv": ".csv", "checkpoint": ".safetensors"}


def changed_bytes(raw: bytes, rng: random.Random) -> bytes:
    """Bytes set, cut out, put in and repeated."""
    content = bytearray(raw)
    for _ in range(rng.randint(1, 6)):
        place, length = rng.randrange(len(content) + 1), rng.randint(1, 60)
        new = [rng.randbytes(1), rng.randbytes(length), content[place : place + length], b""]
        new += [b"\xff\xff\xff\xff\x0f", b"\0" * length, content[:length] * rng.randint(1, 30)]
        content[place : place + rng.choice([0, 1, 1, length])] = bytes(rng.choice(new))
    return bytes(content)


def changed_values(raw: bytes, rng: random.Random) -> bytes:
    """Values of a checkpoint's JSON put elsewhere, or replaced."""
    length = struct.unpack("<Q", raw[:8])[0]
    header = json.loads(raw[8 : 8 + length])
    described = json.loads(header["__metadata__"]["xpnet"])
    for _ in range(rng.randint(1, 4)):
        slots = [*_slots(described["state"])]
        (place, key), (other, other_key) = rng.choice(slots), rng.choice(slots)
        odd: list[Any] = [
            None,
            True,
            -1,
            0,
            1.5,
            2**63,
            10**400,
            1e308,
            "",
            "x",
            [],
            {},
            {"map": {}},
        ]
        odd += [{"array": "params"}, {"float": "nan"}, [1] * 50]
        place[key] = json.loads(json.dumps(rng.choice([other[other_key], rng.choice(odd)])))
        if isinstance(place, dict) and rng.random() < 0.2:
            del place[key]
    header["__metadata__"]["xpnet"] = json.dumps(described)
    text = json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + raw[8 + length :]


def _slots(value):
    items = value.items() if isinstance(value, dict) else enumerate(value)
    for key, item in [*items]:
        yield value, key
        if isinstance(item, dict | list):
            yield from _slots(item)


class Memory(threading.Thread):
    """Watches the memory of this process."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.most = 0
        self.start()

    @staticmethod
    def now() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * resource.getpagesize()

    def run(self) -> None:
        while True:
            self.most = max(self.most, self.now())
            time.sleep(0.01)


def main(kind: str, minutes: float, seed: int = 0, files: float = inf) -> int:
    """Run; returns how many files were tried."""
    warnings.simplefilter("ignore")
    make, read = KINDS[kind]
    rng, tried, good, slowest, most = random.Random(seed), 0, 0, 0.0, 0
    end, memory = time.monotonic() + 60 * minutes, Memory()
    with TemporaryDirectory() as folder:
        path = Path(folder) / f"changed{ENDINGS[kind]}"
        while time.monotonic() < end and tried < files:
            if tried % 100 == 0:
                make(path, rng)
                raw = path.read_bytes()
                read(path)
            changes = [changed_bytes, changed_values if kind == "checkpoint" else changed_bytes]
            content = rng.choice(changes)(raw, rng)
            path.write_bytes(content)
            memory.most = start_memory = memory.now()
            start, tried = time.monotonic(), tried + 1
            try:
                read(path)
                good += 1
            except XpnetError:
                pass
            except BaseException:
                Path(f"fuzz_{kind}_failed.bin").write_bytes(content)
                raise
            took, used = time.monotonic() - start, memory.most - start_memory
            slowest, most = max(slowest, took), max(most, used)
            if took > SECONDS or used > 10 * len(content) + 50_000_000:
                Path(f"fuzz_{kind}_failed.bin").write_bytes(content)
                raise AssertionError(f"{took:.1f} s and {used:,} bytes")
            assert path.read_bytes() == content
    print(f"{tried:,} files, of which {good:,} were read; {slowest:.2f} s, {most:,} bytes at most")
    return tried


if __name__ == "__main__":
    main(sys.argv[1], float(sys.argv[2]), *map(int, sys.argv[3:]))
