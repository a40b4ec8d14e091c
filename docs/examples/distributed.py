"""One network, trained by one process or by several: the same losses up to rounding.

    python distributed.py
    mpiexec -n 4 python -m mpi4py distributed.py     # pip install "xpnet[mpi-wheel]"

All processes run this file. Each computes the gradient of its rows of every batch, and one sum over
the processes gives all of them the gradient of the whole batch. The first process then trains the
same network alone, and compares.
"""

from importlib.util import find_spec

import numpy as np
from support import options

import xpnet as xn


def ranks() -> tuple[int, int]:
    """The number of this process, and that of all; without MPI there is one."""
    if not find_spec("mpi4py"):
        return 0, 1
    try:
        from mpi4py import MPI
    except RuntimeError:  # mpi4py finds no MPI
        return 0, 1
    return MPI.COMM_WORLD.rank, MPI.COMM_WORLD.size


def trained(epochs: int, distributed: bool) -> np.ndarray:
    """The loss of each epoch on the digits, with dropout and batch normalization."""
    X, y, X_test, y_test = xn.datasets.digits()
    net = xn.Sequential(
        xn.Dense(64, bias=False), xn.BatchNorm(), xn.ReLU(), xn.Dropout(0.2), xn.Dense(10)
    )
    model = xn.Model(net, optimizer=xn.Adam(0.01), dtype="float64", seed=0)
    history = model.fit(
        X,
        y,
        epochs=epochs,
        batch_size=120,
        validation_data=(X_test, y_test),
        verbose=False,
        distributed=xn.Distributed(batch_norm="sync") if distributed else False,
    )
    print(f"validation accuracy {history['val_accuracy'][-1]:.3f}")
    return np.asarray(history["loss"])


def main() -> None:
    epochs = 3 if options(__doc__.splitlines()[0]).quick else 20
    rank, size = ranks()
    print(f"process {rank} of {size}", end=": ")
    together = trained(epochs, distributed=size > 1)
    if rank == 0:
        print("alone", end=": ")
        alone = trained(epochs, distributed=False)
        far = float(np.max(np.abs(together / alone - 1)))
        print(f"largest relative difference of the losses: {far:.1e}")
        assert far < 1e-9, "the processes differ from one by more than rounding"


if __name__ == "__main__":
    main()
