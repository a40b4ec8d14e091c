"""A training step allocates no array.

Every array of these networks, down to a column of booleans, has at least `SMALLEST` bytes, and
tracemalloc sees every one that is made, also those that are dropped at once: they raise the
peak. What Python itself needs for a step (views, small numbers) stays under it.

NumPy's broadcasting functions borrow a buffer of 8192 elements while they run, which is no
array but counts in the peak: the tests make it small.
"""

import tracemalloc

import numpy as np
import pytest

import xpnet as xn

ROWS, WIDTH, SMALLEST = 4096, 8, 4096
RNG = np.random.default_rng(0)
X = RNG.normal(size=(4 * ROWS, WIDTH)).astype("float32")
LABELS = RNG.integers(0, WIDTH, 4 * ROWS)
REAL = RNG.normal(size=(4 * ROWS, WIDTH)).astype("float32")
SOFT = np.abs(REAL) / np.abs(REAL).sum(-1, keepdims=True)


@pytest.fixture(autouse=True)
def _small_buffers():
    before = np.setbufsize(128)
    yield
    np.setbufsize(before)


def net(n=WIDTH):
    f = xn.Dense(n, "tanh")
    gate = xn.Multiply(xn.Dense(n), xn.Dense(n, "sigmoid"))
    tail = xn.Sequential(xn.Softmax(), xn.Dense(n), xn.LogSoftmax(), xn.Dense(n))
    return xn.Sequential(xn.Dense(n, "relu"), xn.Residual(f, f), gate, xn.Concat(f, tail),
                         xn.Add(xn.Dense(n), xn.Dense(n)))  # fmt: skip


class Meter(xn.Callback):
    """Bytes at the peak of each step, above what was there when it began."""

    def __init__(self):
        self.peaks, self.base = [], None

    def on_step_end(self, model, step):
        if self.base is not None:
            self.peaks.append(tracemalloc.get_traced_memory()[1] - self.base)
        tracemalloc.reset_peak()
        self.base = tracemalloc.get_traced_memory()[0]

    def on_epoch_begin(self, model, epoch):
        self.base = None


def peaks(model, x, y, **settings):
    """Peaks of the steps after the first of each epoch, in a second fit."""
    settings = {"batch_size": ROWS, **settings}
    model.fit(x, y, epochs=1, **settings)
    meter = Meter()
    tracemalloc.start()
    try:
        model.fit(x, y, epochs=2, callbacks=[meter], **settings)
    finally:
        tracemalloc.stop()
    assert len(meter.peaks) >= 2
    return meter.peaks


OPTIMIZERS = {
    "sgd": lambda: xn.SGD(1e-3),
    "momentum": lambda: xn.SGD(1e-3, momentum=0.9),
    "nesterov": lambda: xn.SGD(1e-3, momentum=0.9, nesterov=True, weight_decay=1e-3),
    "adam": lambda: xn.Adam(weight_decay=1e-3),
    "all options": lambda: xn.AdamW(
        xn.Warmup(xn.CosineDecay(1e-3, 5), 1), clip_value=1.0, clip_norm=1.0, average_decay=0.9
    ),
    "global norm": lambda: xn.SGD(1e-3, clip_global_norm=1.0),
    **{
        kind.__name__: kind
        for kind in (xn.Adagrad, xn.Adadelta, xn.RMSprop, xn.Nadam, xn.RAdam, xn.Lion)
    },
    "centered": lambda: xn.RMSprop(centered=True, momentum=0.9),
    "amsgrad": lambda: xn.Adam(amsgrad=True),
}
ACTIVATIONS = """elu gelu gelu_tanh hard_sigmoid hard_tanh leaky_relu linear log_sigmoid mish prelu
    selu sigmoid silu softplus softsign tanh""".split()


@pytest.mark.parametrize("optimizer", OPTIMIZERS)
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_optimizers(optimizer, dtype):
    # Here every matrix of parameters is large too.
    model = xn.Model(net(64), optimizer=OPTIMIZERS[optimizer](), dtype=dtype)
    x = np.tile(X[:64], (1, 64 // WIDTH)).astype(dtype)
    assert max(peaks(model, x, LABELS[:64], batch_size=16)) < SMALLEST


TARGETS = {"classes": LABELS, "binary": (REAL > 0).astype("float32"), "real": REAL,
           "counts": np.abs(REAL)}  # fmt: skip


@pytest.mark.parametrize("name", sorted(set(xn.losses.names()) - {"bce", "mae", "mse", "rss"}))
def test_losses(name):
    loss = xn.losses.get(name)
    end = {"binary_cross_entropy": xn.Sigmoid(), "cross_entropy": xn.Softmax()}.get(name)
    y = TARGETS[loss.target]
    wide = WIDTH * (2 if name == "gaussian_nll" else 1)
    layers = [net(), xn.Dense(wide), *([end] if end else [])]
    model = xn.Model(xn.Sequential(*layers), loss, xn.SGD(1e-6))
    assert max(peaks(model, X, y)) < SMALLEST


@pytest.mark.parametrize(
    ("loss", "y"),
    [
        ("softmax_cross_entropy", SOFT),
        ("binary_cross_entropy_with_logits", SOFT),
        (xn.losses.softmax_cross_entropy(label_smoothing=0.1), LABELS),
        (lambda z, t: xn.ops.mean((z - t) * (z - t) + 1.0, axis=-1), REAL),
    ],
    ids=["soft labels", "soft binary", "smoothed", "own"],
)
def test_other_targets(loss, y):
    metrics = [] if y is LABELS else ["mean_squared_error"]
    assert max(peaks(xn.Model(net(), loss, metrics=metrics), X, y)) < SMALLEST


def test_metrics():
    for loss, y, names in (("mse", REAL, ["r2", "mae"]), ("focal", LABELS, ["top_3_accuracy"])):
        model = xn.Model(net(), loss, xn.SGD(1e-6), metrics=names)
        assert max(peaks(model, X, y)) < SMALLEST


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_activations(activation):
    model = xn.Model(xn.Sequential(xn.Dense(WIDTH, activation), xn.Dense(WIDTH)))
    assert max(peaks(model, X, LABELS)) < SMALLEST


LAYERS = {
    "batch norm": lambda: xn.BatchNorm(),
    "layer norm": lambda: xn.LayerNorm(),
    "dropout": lambda: xn.Dropout(0.3),
    "noise": lambda: xn.GaussianNoise(0.1),
    "maxout": lambda: xn.Maxout(WIDTH, 3),
    "penalties": lambda: xn.Dense(64, kernel_penalty=xn.L1(0.1), bias_penalty=xn.L2(0.1)),
    "max norm": lambda: xn.Dense(64, kernel_constraint=xn.MaxNorm(1.0)),
    "unit norm": lambda: xn.Dense(64, kernel_constraint=xn.UnitNorm()),
    "no bias": lambda: xn.Dense(WIDTH, bias=False),
}


@pytest.mark.parametrize("layer", LAYERS)
def test_layers(layer):
    model = xn.Model(xn.Sequential(xn.Dense(WIDTH), LAYERS[layer](), xn.Dense(WIDTH)))
    assert max(peaks(model, X, LABELS)) < SMALLEST


def test_embedding():
    net = xn.Sequential(xn.Embedding(64, 16), xn.Flatten(), xn.Dense(WIDTH))
    ids = RNG.integers(0, 64, (4 * ROWS, 3))
    # `numpy.add.at` borrows a buffer of one size; the smallest array here has 12,288 bytes.
    assert max(peaks(xn.Model(net), ids, LABELS)) < 2 * SMALLEST


@pytest.mark.parametrize("shuffle", [True, False])
def test_with_weights(shuffle):
    w = RNG.uniform(0, 1, 4 * ROWS).astype("float32")
    found = peaks(xn.Model(net()), X, LABELS, sample_weight=w, shuffle=shuffle)
    assert max(found) < SMALLEST


@pytest.mark.parametrize("layout", ["C", "Fortran", "Fortran float64", "columns", "labels"])
def test_any_layout_of_the_data(layout):
    x, y = X, LABELS
    if layout.startswith("Fortran"):
        x = np.asfortranarray(x.astype(layout.split()[-1] if " " in layout else "float32"))
    elif layout == "columns":
        x = np.repeat(x, 2, axis=1)[:, ::2]
    elif layout == "labels":
        y = np.stack([y, y], axis=1)[:, 0]
    assert max(peaks(xn.Model(xn.Dense(WIDTH)), x, y)) < SMALLEST


def numpy_bytes():
    """Bytes that NumPy's arrays hold now."""
    domain = tracemalloc.DomainFilter(True, np.lib.tracemalloc_domain)
    stats = tracemalloc.take_snapshot().filter_traces([domain]).statistics("filename")
    return sum(s.size for s in stats)


def test_nothing_is_left_behind_by_many_steps():
    held = {}

    class Watch(xn.Callback):
        def on_step_end(self, model, step):
            if step in (70, 120):
                held[step] = numpy_bytes()

    model = xn.Model(net())
    model.fit(X, LABELS, epochs=1, batch_size=256)  # 64 steps
    tracemalloc.start()
    try:
        model.fit(X, LABELS, epochs=1, batch_size=256, callbacks=[Watch()])
    finally:
        tracemalloc.stop()
    assert held[120] == held[70]


@pytest.mark.parametrize("check_finite", [True, False])
def test_train_on_batch_allocates_only_single_numbers(check_finite):
    x, y = X, LABELS  # a column of booleans has 16 KiB; coverage needs 5 while it measures
    model = xn.Model(net(), check_finite=check_finite)
    model.train_on_batch(x, y)
    tracemalloc.start()
    try:
        model.train_on_batch(x, y)
        kept, most = numpy_bytes(), 0
        for _ in range(30):
            tracemalloc.reset_peak()
            base = tracemalloc.get_traced_memory()[0]
            model.train_on_batch(x, y)
            most = max(most, tracemalloc.get_traced_memory()[1] - base)
        assert numpy_bytes() == kept
    finally:
        tracemalloc.stop()
    assert most < len(x)  # the loss, the lowest and the highest label
