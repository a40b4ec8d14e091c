"""Fork while other threads train and compile: every child must work, with all BLAS threads.

    python tests/faults/forks.py [--forks 1000]

Each child predicts with the model that another thread trains, trains it and a new one, and looks
at the number of BLAS threads. A child that does not end within a minute hangs.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import signal
import sys
import threading
import time
import traceback

import numpy as np

import xpnet as xn
from xpnet.lowering.cpu.pool import numpys

THREADS, PATIENCE = 2, 60.0
DONE = threading.Event()
X, Y = np.random.default_rng(0).normal(size=(2000, 20)).astype("float32"), np.arange(2000) % 3


def train(model: xn.Model, batch_size: int) -> None:
    while not DONE.is_set():
        model.fit(X, Y, epochs=2, batch_size=batch_size, verbose=False)


def compile_more() -> None:
    width = 5
    while not DONE.is_set():
        width += 1
        xn.MLP([20, width, 3]).fit(X[:200], Y[:200], epochs=1, batch_size=50, verbose=False)


def child(model: xn.Model, threads: int) -> None:
    assert numpys()._ask() == threads, "the BLAS is limited"
    model.predict(X[:1])
    model.predict(X)
    model.fit(X[:300], Y[:300], epochs=1, verbose=False)
    xn.MLP([20, 9, 3]).fit(X[:300], Y[:300], epochs=1, verbose=False)
    assert numpys()._ask() == threads, "the BLAS stays limited"


def fork(model: xn.Model, threads: int) -> None:
    process = os.fork()
    if process == 0:
        faulthandler.register(signal.SIGUSR1, all_threads=True)
        try:
            child(model, threads)
        except BaseException:
            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    end = time.monotonic() + PATIENCE
    while time.monotonic() < end:
        found, status = os.waitpid(process, os.WNOHANG)
        if found:
            if status:
                sys.exit("a child failed")
            return
        time.sleep(0.002)
    os.kill(process, signal.SIGUSR1)  # it prints where it hangs
    time.sleep(1)
    os.kill(process, signal.SIGKILL)
    os.waitpid(process, 0)
    sys.exit("a child hangs")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--forks", type=int, default=1000)
    options = parser.parse_args()
    numpys()._give(THREADS)
    threads = numpys()._ask()
    models = xn.MLP([20, 32, 3]), xn.MLP([20, 48, 3])
    for model in models:
        model.fit(X, Y, epochs=1, verbose=False)
    work = [
        threading.Thread(target=train, args=pair, daemon=True)
        for pair in zip(models, (32, 200), strict=True)
    ]
    work.append(threading.Thread(target=compile_more, daemon=True))
    for thread in work:
        thread.start()
    try:
        for _ in range(options.forks):
            fork(models[0], threads)
    finally:
        DONE.set()
    for thread in work:
        thread.join()
    print(json.dumps({"forks": options.forks, "hung": 0}))


if __name__ == "__main__":
    main()
