"""The public functions of models and their parts, each with valid arguments."""

from collections.abc import Callable
from copy import deepcopy
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
from faults.junk_call import Call, Target
from faults.junk_ops import FLOATING, HUGE, OPS
from faults.junk_tables import TABLES
from faults.junk_tools import TOOLS

import xpnet as xn
from xpnet.nn import metrics

__all__ = ["TARGETS", "X", "y"]

X = np.linspace(-1, 1, 24, dtype="float32").reshape(8, 3)
y = np.arange(8) % 2
SETTINGS: dict[str, Any] = {
    "loss": "softmax_cross_entropy",
    "optimizer": "adam",
    "metrics": ["accuracy"],
    "backend": "numpy",
    "dtype": "float32",
    "seed": 0,
    "check_finite": True,
    "frozen": (),
    "precision": "float32",
}
OPTIONS = ("weight_decay", "clip_value", "clip_norm", "clip_global_norm", "average_decay")


@cache
def _fitted() -> xn.Model:
    net = xn.Sequential(xn.Dense(4), xn.BatchNorm(), xn.Dense(4), xn.Dense(2))
    model = xn.Model(
        net, optimizer=xn.Adam(average_decay=0.9), backend="numpy", frozen=("layers.2",)
    )
    model.fit(X, y, epochs=1, verbose=False)
    return model


def state_of(model: xn.Model) -> object:
    """All that a call could have changed."""
    config = model.config
    settings = (config.optimizer, repr(config.optimizer), config.frozen, model.preprocessing)
    if not model.built:
        return settings
    state = model.engine.state
    vectors = {name: np.array(vector).tobytes() for name, vector in state.vectors.items()}
    return settings, vectors, state.epoch, state.step, state.updates, state.awaiting, state.begun


def _fit(model: xn.Model) -> None:
    shape = model.config.input_shape
    samples = X if shape in (None, (3,)) else np.ones((8, *shape), "float32")
    model.fit(samples, y, epochs=2, batch_size=4, verbose=False)
    model.predict(samples)


def _method(name: str, *given: Any, built: bool = True, **named: Any) -> Target:
    def make(folder: Path) -> Call:
        model = deepcopy(_fitted()) if built else xn.Model(_fitted().config.net, backend="numpy")
        here = [folder / g if isinstance(g, Path) else g for g in given]
        return Call(getattr(model, name), (*here,), {**named}, state=lambda: state_of(model))

    return Target(f"Model.{name}{'' if built else ', not built'}", make)


def _inside(name: str, call: Callable[[xn.Model, Any], Any], valid: Any) -> Target:
    """Junk within an argument."""

    def make(folder: Path) -> Call:
        model = deepcopy(_fitted())
        huge = HUGE if "function" in name else ()
        more: dict[str, Any] = {"without": huge, "allowed": FLOATING if huge else ()}
        return Call(lambda junk: call(model, junk), (valid,), state=lambda: state_of(model), **more)

    return Target(name, make)


def _quiet(model: xn.Model, **settings: Any) -> None:
    model.fit(X, y, **{"epochs": 1, "verbose": False, **settings})


MODEL = [
    Target(
        "Model",
        lambda _: Call(
            xn.Model, (xn.Sequential(xn.Dense(2)),), {**SETTINGS, "input_shape": 3}, use=_fit
        ),
    ),
    Target("MLP", lambda _: Call(xn.MLP, ([3, 4, 2],), {**SETTINGS}, use=_fit)),
    _method("fit", X, y, epochs=1, batch_size=4, verbose=False),
    _method("fit", X, y, epochs=1, batch_size=4, verbose=False, built=False),
    _method("train_on_batch", X, y),
    _method("train_on_batch", X, y, built=False),
    _method("predict", X),
    _method("predict", X, built=False),
    _method("evaluate", X, y),
    _method("plan", X, y),
    _method("build", 3),
    _method("build", 3, built=False),
    _method("initialize", X),
    _method("load_state_dict", _fitted().state_dict()),
    _method("save", Path("m.safetensors")),
    _method("freeze", "layers.0"),
    _method("unfreeze", "layers.2"),
    _inside("fit(callbacks=[.])", lambda m, junk: _quiet(m, callbacks=[junk]), xn.Callback()),
    _inside("fit(validation=(., y))", lambda m, junk: _quiet(m, validation_data=(junk, y)), X),
    _inside("fit(validation=(X, .))", lambda m, junk: _quiet(m, validation_data=(X, junk)), y),
    _inside("fit(class_weight={0: .})", lambda m, junk: _quiet(m, class_weight={0: junk}), 1.0),
    _inside("fit(class_weight=[., 1])", lambda m, junk: _quiet(m, class_weight=[junk, 1]), 1.0),
    _inside("fit(shuffle=())", lambda m, junk: _quiet(m, shuffle=lambda n: junk), np.arange(8)),
    _inside("predict([[., 1, 2]])", lambda m, junk: m.predict([[junk, 1.0, 2.0]]), 0.0),
    _inside("predict([., [1, 2, 3]])", lambda m, junk: m.predict([junk, [1.0, 2, 3]]), [0.0, 1, 2]),
    _inside("train_on_batch(y=[., ...])", lambda m, junk: m.train_on_batch(X[:2], [junk, 1]), 0),
    _inside("freeze(layer, .)", lambda m, junk: m.freeze("layers.1", junk), "layers.0"),
    _inside(
        "load_state_dict({name: .})",
        lambda m, junk: m.load_state_dict({**m.state_dict(), "layers.0.bias": junk}),
        np.zeros(4),
    ),
    _inside(
        "load_state_dict({.: array})",
        lambda m, junk: m.load_state_dict({**m.state_dict(), _key(junk): np.zeros(4)}),
        "layers.0.bias",
    ),
    _inside(
        "load_state_dict(only=[.])", lambda m, j: m.load_state_dict(m.state_dict(), [j]), "layers.0"
    ),
    _inside("epoch = .", lambda m, junk: setattr(m, "epoch", junk), 1),
    _inside("optimizer = .", lambda m, junk: setattr(m, "optimizer", junk), "sgd"),
    _inside("save(preprocessing={k: .})", lambda m, j: m.save("m", preprocessing={"a": j}), 1.0),
    _inside("function()(.)", lambda m, junk: m.function()(m.state_dict(), junk), X),
    _inside("function()(., x)", lambda m, junk: m.function()(junk, X), _fitted().state_dict()),
    _inside(
        "Model(metrics=[.])", lambda m, j: _fit(xn.Model(m.config.net, metrics=[j])), "accuracy"
    ),
    _inside("Model(frozen=[.])", lambda m, j: _fit(xn.Model(m.config.net, frozen=[j])), "layers.0"),
    _inside(
        "Model(input_shape=(.,))", lambda m, j: xn.Model(m.config.net, input_shape=(j,)).build(), 3
    ),
    _inside("MLP([3, ., 2])", lambda m, junk: xn.MLP([3, junk, 2]).build(), 4),
]


def _key(junk: Any) -> Any:
    try:
        hash(junk)
    except TypeError:
        return "layers.0.bias"
    return junk


def _layer(make: Callable[..., Any], *given: Any, **named: Any) -> Target:
    def use(layer: Any) -> None:
        _fit(xn.Model(xn.Sequential(xn.Dense(4), layer, xn.Dense(2)), backend="numpy"))

    return Target(make.__name__, lambda _: Call(make, given, {**named}, use=use))


def _first(make: Callable[..., Any], samples: Any, *given: Any, **named: Any) -> Target:
    """A layer of which the samples are the input."""

    def use(layer: Any) -> None:
        model = xn.Model(
            xn.Sequential(layer, xn.Flatten(), xn.Dense(2)), backend="numpy", check_finite=False
        )
        model.fit(samples, y, epochs=1, verbose=False)

    return Target(make.__name__, lambda _: Call(make, given, {**named}, use=use))


def _part(
    name: str, function: Callable[..., Any], where: Callable[[Any], xn.Model], *given: Any
) -> Target:
    """A loss, an initializer or the like, with the model that it is used in."""
    return Target(name, lambda _: Call(function, given, use=lambda made: _fit(where(made))))


def _dense(**settings: Any) -> xn.Model:
    return xn.Model(xn.Sequential(xn.Dense(4, **settings), xn.Dense(2)), backend="numpy")


CODES = np.array([[0, 1, 2]] * 8)
LAYERS = [
    *(_layer(getattr(xn, name)) for name in "ELU GELU LeakyReLU Linear Step PReLU".split()),
    *(_layer(getattr(xn, name)) for name in "BatchNorm LayerNorm Dropout GaussianNoise".split()),
    *(_layer(getattr(xn, n)) for n in "LearnedScale Flatten ReLU Softmax Identity".split()),
    *(_layer(getattr(xn, name), xn.Dense(4), xn.ReLU()) for name in ("Sequential", "Residual")),
    *(
        _layer(getattr(xn, n), xn.Dense(4), xn.ReLU())
        for n in "Add Average Concat Multiply".split()
    ),
    _layer(xn.Dense, 4),
    _layer(xn.Maxout, 4, activation=None, bias=True),
    _layer(xn.ParametricActivation, "relu"),
    _first(xn.Standardize, X, X.mean(0), X.std(0)),
    Target("Standardize.of", lambda _: Call(xn.Standardize.of, (X,), without=HUGE)),
    _first(xn.PeriodicEmbedding, X),
    _first(xn.Embedding, CODES, 3, 4),
    _first(xn.EmbedColumns, CODES, [3, 3]),
    _first(
        xn.PrepareColumns,
        np.zeros((8, 5)),
        1,
        1,
        1,
        (3,),
        (4,),
        marked=(0,),
        blanks=(0,),
    ),
    *(
        _part(name, getattr(xn, name), lambda made: _dense(kernel_penalty=made))
        for name in ("L1", "L2")
    ),
    *(
        _part(name, getattr(xn, name), lambda made: _dense(kernel_constraint=made))
        for name in ("MaxNorm", "UnitNorm")
    ),
    *(
        _part(
            f"init.{name}",
            getattr(xn.init, name),
            lambda made: _dense(kernel_init=made),
            *((0.1,) if name == "constant" else ()),
        )
        for name in xn.init.__all__
        if name not in ("get", "Initializer", "DataInitializer", "through_data")
    ),
    _part("init.get", xn.init.get, lambda made: _dense(kernel_init=made), "zeros"),
    _part("init.through_data", xn.init.through_data, lambda made: _dense(bias_init=made)),
]


def _with_loss(loss: Any) -> None:
    kind = loss.target
    outputs = 1 if kind == "binary" else 2
    model = xn.MLP([3, 4, outputs], loss=loss, backend="numpy")
    targets = np.ones((8, 2), "float32") if kind not in ("classes", "binary", "any") else y
    model.fit(X, targets, epochs=1, verbose=False)


def _plain(*args: Any) -> Any:
    return xn.ops.mean(args[0], axis=-1)


LOSSES = [
    *(
        Target(f"losses.{n}", lambda _, n=n: Call(getattr(xn.losses, n), use=_with_loss))
        for n in "binary_focal focal huber softmax_cross_entropy".split()
    ),
    Target("losses.quantile", lambda _: Call(xn.losses.quantile, (0.5,))),
    Target("losses.get", lambda _: Call(xn.losses.get, ("huber",))),
    Target("losses.Loss", lambda _: Call(xn.losses.Loss, ("own", _plain, "any"))),
    Target(
        "get_metrics",
        lambda _: Call(metrics.get_metrics, (["accuracy"], xn.losses.softmax_cross_entropy())),
    ),
    Target("Metric", lambda _: Call(metrics.Metric, ("own", _plain, _plain))),
    Target("loss_metric", lambda _: Call(metrics.loss_metric, (xn.losses.huber(),))),
]


def _with_optimizer(optimizer: Any) -> None:
    model = xn.MLP([3, 4, 2], optimizer=optimizer, backend="numpy")
    model.fit(X, y, epochs=2, verbose=False)
    repr(model)


def _schedule(name: str, *given: Any) -> Target:
    def use(schedule: Any) -> None:
        _with_optimizer(xn.SGD(schedule))

    return Target(name, lambda _: Call(getattr(xn, name), given, use=use))


RATES = "CosLog CosineDecay CosineRestarts FlatCosine OneCycle".split()
OPTIMIZERS = [
    *(
        Target(n, lambda _, n=n: Call(getattr(xn, n), use=_with_optimizer, more=OPTIONS))
        for n in "SGD Adadelta Adagrad Adam AdamW Lion Nadam RAdam RMSprop".split()
    ),
    Target("LBFGS", lambda _: Call(xn.LBFGS, use=_with_optimizer)),
    *(_schedule(name, 0.1, 5) for name in RATES),
    _schedule("ExponentialDecay", 0.1, 0.5),
    _schedule("InverseScaling", 0.1),
    _schedule("InverseTimeDecay", 0.1, 0.5),
    _schedule("PolynomialDecay", 0.1, 0.01, 5),
    _schedule("StepDecay", 0.1),
    _schedule("Warmup", xn.CosineDecay(0.1, 5), 2),
    *(
        Target(f"{name}()", lambda _, name=name: Call(getattr(xn, name)(0.1, 5), (1.0,)))
        for name in RATES
    ),
    Target("Adam.rate", lambda _: Call(xn.Adam().rate, (1,))),
]


def _callback(name: str, *given: Any, **named: Any) -> Target:
    def make(folder: Path) -> Call:
        model = deepcopy(_fitted())
        here = [folder / g if isinstance(g, Path) else g for g in given]

        def use(callback: Any) -> None:
            more: dict[str, Any] = {"validation_data": (X, y)}
            model.fit(X, y, epochs=2, verbose=False, callbacks=[callback], **more)

        return Call(getattr(xn, name), (*here,), {**named}, use=use)

    return Target(name, make)


def _monitored() -> xn.GradientMonitor:
    monitor = xn.GradientMonitor(1)
    deepcopy(_fitted()).fit(X, y, epochs=2, verbose=False, callbacks=[monitor])
    return monitor


CALLBACKS = [
    *(_callback(n) for n in "EarlyStopping KeepBest ReduceOnPlateau GradientMonitor".split()),
    _callback("CSVLog", Path("log.csv"), overwrite=True),
    _callback("JSONLinesLog", Path("log.jsonl"), overwrite=True),
    _callback("Checkpoint", Path("checkpoints")),
    _callback("TensorBoard", Path("board")),
    Target("GradientMonitor.explain", lambda _: Call(_monitored().explain)),
    Target("History.append", lambda _: Call(xn.History().append, ({"loss": 1.0},))),
]

TARGETS = [*MODEL, *LAYERS, *LOSSES, *OPTIMIZERS, *CALLBACKS, *OPS, *TOOLS, *TABLES]
