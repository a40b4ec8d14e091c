"""One network on every array library that works here: same seed, same losses up to rounding.

xpnet's ops are written against the Python Array API, so the library is only a setting. xpnet draws
weights, shuffles and dropout masks from the seed. The network learns which of three spiral arms a
point is on. The seconds are the median of all epochs, because the first epoch also compiles.
"""

from importlib import import_module
from importlib.util import find_spec
from statistics import median

import numpy as np
from support import options, table

import xpnet as xn


def libraries() -> dict[str, tuple[object, str]]:
    """The `backend` and the first device of each library that works here."""
    usable = [status for status in xn.backends.status() if status.usable]
    found = {s.name: (s.name, s.devices[0] if s.devices else "gpu") for s in usable}
    if find_spec("array_api_strict"):  # has only what the standard has
        found["array_api_strict"] = import_module("array_api_strict"), "cpu"
    return found


def spirals(points: int = 600) -> tuple[np.ndarray, np.ndarray]:
    """Points on three arms, with some noise, and the number of each point's arm."""
    rng, arm = np.random.default_rng(0), np.arange(points) % 3
    radius = rng.uniform(0.1, 1, points)
    angle = 4 * radius + arm * 2 * np.pi / 3 + rng.normal(0, 0.15, points)
    return np.stack([radius * np.cos(angle), radius * np.sin(angle)], 1).astype("float32"), arm


def trained(backend: object, epochs: int) -> tuple[float, float, float]:
    """The last epoch's loss and accuracy, and the median seconds per epoch."""
    net = xn.Sequential(xn.Dense(32, "tanh"), xn.Dropout(0.1), xn.Dense(32, "tanh"), xn.Dense(3))
    model = xn.Model(net, optimizer=xn.SGD(0.1, momentum=0.9), backend=backend, seed=1)
    found = model.fit(*spirals(), epochs=epochs, batch_size=32, verbose=False)
    return found["loss"][-1], found["accuracy"][-1], median(found["seconds"])


def main() -> None:
    epochs = 5 if options(__doc__.splitlines()[0]).quick else 20
    rows = [(name, at, *trained(backend, epochs)) for name, (backend, at) in libraries().items()]
    print(table([("library", "device", "loss", "accuracy", "s per epoch"), *rows]))
    losses = np.array([row[2] for row in rows])
    far = float(np.max(np.abs(losses / losses[0] - 1)))
    print(f"largest relative difference of the losses: {far:.1e}")
    assert far < 1e-4, "the libraries differ by more than rounding"


if __name__ == "__main__":
    main()
