"""Predict single rows from several threads: how long each waits, and whether each is right.

    python tests/faults/predictions.py [--count 1000000] [--threads 8] [--train]

With ``--train``, another thread trains the model meanwhile; then only whole parameters may be
seen: all weights are equal after every step, so the numbers of an output are equal, too.
"""

from __future__ import annotations

import argparse
import json
import sys
import threading
import time

import numpy as np

import xpnet as xn


def fixed() -> tuple[xn.Model, np.ndarray, np.ndarray]:
    """A model, rows, and the right output of each."""
    X = np.random.default_rng(0).normal(size=(256, 20)).astype("float32")
    model = xn.MLP([20, 64, 64, 3]).build()
    return model, X, np.stack([model.predict(X[i : i + 1])[0] for i in range(len(X))])


@xn.register
def linear(z, t):
    return xn.ops.sum(z, axis=-1) + 0 * xn.ops.sum(t, axis=-1)


def moving() -> xn.Model:
    """A model whose weights are all equal, however long it trains."""
    net = xn.Dense(5000, bias=False, kernel_init=xn.init.constant(1.0))
    return xn.Model(net, loss=linear, optimizer=xn.SGD(1e-3), input_shape=1, metrics=[])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--threads", type=int, default=8)
    parser.add_argument("--train", action="store_true")
    options = parser.parse_args()
    each, done, waits, wrong = options.count // options.threads, threading.Event(), [], []
    model, X, wanted = fixed()
    if options.train:
        model, X = moving(), np.ones((64, 1), "float32")
        model.fit(X, X, epochs=1, batch_size=1, verbose=False)
        model.predict(X[:1])

    def work(k: int) -> None:
        own = np.empty(each)
        for j in range(each):
            i = (7 * j + k) % len(X)
            start = time.perf_counter()
            found = model.predict(X[i : i + 1])[0]
            own[j] = time.perf_counter() - start
            right = (found == found[0]).all() if options.train else (found == wanted[i]).all()
            if not right:
                wrong.append((k, j))
        waits.append(own)

    def train() -> None:
        while not done.is_set():
            model.fit(X, X, epochs=1, batch_size=1, verbose=False)

    trainer = threading.Thread(target=train)
    threads = [threading.Thread(target=work, args=(k,)) for k in range(options.threads)]
    if options.train:
        trainer.start()
    start = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    seconds = time.perf_counter() - start
    done.set()
    if options.train:
        trainer.join()
    if wrong or len(waits) != options.threads:
        sys.exit(f"{len(wrong)} predictions are wrong, {len(waits)} threads ended well")
    found = np.concatenate(waits)
    report = {
        "predictions": len(found),
        "per second": round(len(found) / seconds),
        "p99 ms": round(1e3 * float(np.percentile(found, 99)), 3),
        "longest ms": round(1e3 * float(found.max()), 1),
        "wrong": 0,
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
