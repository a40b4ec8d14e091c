"""Small models that between them have every layer, activation, loss, optimizer and metric.

A test with an argument `entry` runs once for each. ``entry.model(backend)`` is a new model,
``entry.data()`` its data; the same on every backend.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

import xpnet as xn

ROWS, FEATURES, CLASSES = 70, 6, 3
ACTIVATIONS = """elu gelu gelu_tanh hard_sigmoid hard_tanh identity leaky_relu linear log_sigmoid
    log_softmax mish prelu relu selu sigmoid silu softmax softplus softsign tanh""".split()
LAYERS: dict[str, Callable[[], Any]] = {
    "batch norm": xn.BatchNorm,
    "layer norm": xn.LayerNorm,
    "standardize": lambda: xn.Standardize(range(8), range(1, 9)),
    "dropout": lambda: xn.Dropout(0.3),
    "noise": lambda: xn.GaussianNoise(0.1),
    "maxout": lambda: xn.Maxout(8, 3),
    "penalties": lambda: xn.Dense(8, kernel_penalty=xn.L1(0.01), bias_penalty=xn.L2(0.1)),
    "max norm": lambda: xn.Dense(8, kernel_constraint=xn.MaxNorm(0.8)),
    "unit norm": lambda: xn.Dense(8, kernel_constraint=xn.UnitNorm()),
    "no bias": lambda: xn.Dense(8, bias=False),
    "residual": lambda: xn.Residual(xn.Dense(8, "tanh"), xn.Dropout(0.1)),
    "gate": lambda: xn.Multiply(xn.Dense(8), xn.Dense(8, "sigmoid")),
    "scale": lambda: xn.LearnedScale(rate=6.0, decay=2.0),
    "parametric activation": lambda: xn.ParametricActivation("mish", rate=0.5),
    "periodic embedding": lambda: xn.PeriodicEmbedding(5, frequencies=6, std=0.5, decay=0.1),
    "prepare columns": lambda: xn.PrepareColumns(8, scaling="robust"),
    "average": lambda: xn.Average(xn.Dense(4, "tanh"), xn.Dense(4)),
    "sum and concat": lambda: xn.Concat(xn.Add(xn.Dense(4), xn.Dense(4)), xn.Dense(4)),
}
OPTIMIZERS: dict[str, Callable[[], Any]] = {
    "sgd": lambda: xn.SGD(0.05),
    "nesterov": lambda: xn.SGD(0.02, momentum=0.9, nesterov=True, weight_decay=0.01),
    "centered rmsprop": lambda: xn.RMSprop(centered=True, momentum=0.9),
    "amsgrad": lambda: xn.Adam(amsgrad=True, weight_decay=0.01),
    "clipped": lambda: xn.AdamW(
        xn.Warmup(xn.CosineDecay(0.01, 4), 1), clip_value=0.1, clip_norm=0.1, average_decay=0.9
    ),
    "global norm": lambda: xn.SGD(0.05, clip_global_norm=0.1),
    "lbfgs": xn.LBFGS,
    **{
        kind.__name__.lower(): kind
        for kind in (xn.Adagrad, xn.Adadelta, xn.RMSprop, xn.Adam, xn.Nadam, xn.RAdam, xn.Lion)
    },
}
ENDS = {"binary_cross_entropy": xn.Sigmoid, "cross_entropy": xn.Softmax}
METRICS = {"classes": ["accuracy", "top_2_accuracy"], "binary": ["accuracy"]}


@dataclass(frozen=True)
class Entry:
    """One model, named, and how its targets are made of random numbers."""

    name: str
    net: Callable[[], Any]
    loss: str = "softmax_cross_entropy"
    optimizer: Callable[[], Any] = xn.Adam
    ids: bool = False

    def __str__(self) -> str:
        return self.name

    def model(self, backend: Any, dtype: str = "float64", **settings: Any) -> xn.Model:
        metrics = METRICS.get(xn.losses.get(self.loss).target, ["r2", "mae"])
        return xn.Model(
            self.net(),
            self.loss,
            self.optimizer(),
            metrics=metrics,
            backend=backend,
            dtype=dtype,
            seed=3,
            **settings,
        )

    def data(self) -> tuple[Any, Any]:
        rng = np.random.default_rng(0)
        X = rng.integers(0, 9, (ROWS, 3)) if self.ids else rng.normal(size=(ROWS, FEATURES))
        real = rng.normal(size=(ROWS, CLASSES))
        target = xn.losses.get(self.loss).target
        return X, {
            "classes": real.argmax(axis=1),
            "binary": (real > 0).astype("float64"),
            "counts": np.abs(real).round(),
        }.get(target, real)


def _with(layer: Callable[[], Any]) -> Callable[[], Any]:
    return lambda: xn.Sequential(xn.Dense(8), layer(), xn.Dense(CLASSES))


def _ending(loss: str) -> Callable[[], Any]:
    units = CLASSES * (2 if loss == "gaussian_nll" else 1)
    end = [ENDS[loss]()] if loss in ENDS else []
    return lambda: xn.Sequential(xn.Dense(8, "tanh"), xn.Dense(units), *end)


def _tabular() -> Any:
    kinds, head = xn.Embedding(9, 4), xn.Dense(CLASSES)
    return lambda x: head(xn.Concat()(xn.Flatten()(kinds(x[:, :2])), x[:, 2:]))


def _embedded_columns() -> Any:
    columns, head = xn.EmbedColumns([9, 9], 4), xn.Dense(CLASSES)
    return lambda x: head(columns(xn.Concat()(x[:, 2:], x[:, :2])))


ZOO = [
    *(Entry(f"activation {name}", _with(lambda n=name: xn.Dense(8, n))) for name in ACTIVATIONS),
    *(Entry(f"layer {name}", _with(layer)) for name, layer in LAYERS.items()),
    *(
        Entry(f"loss {name}", _ending(name), name)
        for name in sorted(set(xn.losses.names()) - {"bce", "mae", "mse", "rss"})
    ),
    *(Entry(f"optimizer {n}", _with(xn.ReLU), optimizer=o) for n, o in OPTIMIZERS.items()),
    Entry("embedding", _tabular, ids=True),
    Entry("embedded columns", _embedded_columns, ids=True),
]
