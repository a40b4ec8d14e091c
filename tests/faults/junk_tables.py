"""Tables and estimators."""

from collections.abc import Callable
from copy import deepcopy
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from faults.junk_call import CONTRACT, Call, Target

import xpnet as xn
from xpnet.tabular import Feature, Prepared, Schema, TableModel, as_table
from xpnet.tabular import Target as TableTarget

__all__ = ["TABLES"]

HUGE = "array of 10**12 rows"  # is computed with for hours, or its result fits nowhere

ROWS: dict[str, Any] = {
    "city": ["Rome", "Oslo", "Bonn", None] * 3,
    "age": [*range(20, 32)],
    "member": [True, False, None] * 4,
    "since": np.datetime64("2020-01-01T06") + np.arange(12) * np.timedelta64(13, "h"),
    "rich": ["yes", "no"] * 6,
}
X = np.linspace(-1, 1, 36).reshape(12, 3)
LABELS, VALUES = np.arange(12) % 2, np.linspace(0, 1, 12)


@cache
def _schema() -> Schema:
    return Schema.infer(ROWS, "rich")


@cache
def _model() -> TableModel:
    net = xn.Sequential(xn.Dense(4, "relu"), xn.Dense(2))
    model = TableModel.of(ROWS, _schema(), net, backend="numpy")
    model.fit(ROWS, epochs=1, verbose=False)
    return model


def _bits(model: TableModel) -> object:
    state = model.model.engine.state
    return {n: np.array(v).tobytes() for n, v in state.vectors.items()}, state.epoch, state.updates


def _plain(name: str, function: Callable[..., Any], *given: Any, **named: Any) -> Target:
    return Target(name, lambda _: Call(function, given, {**named}, without=(HUGE,)))


def _method(name: str, *given: Any, **named: Any) -> Target:
    def make(folder: Path) -> Call:
        model = deepcopy(_model())
        here = [folder / g if isinstance(g, Path) else g for g in given]
        function = getattr(model, name)
        return Call(function, (*here,), {**named}, state=lambda: _bits(model))

    return Target(f"TableModel.{name}", make)


def _csv(folder: Path) -> Path:
    path = folder / "rows.csv"
    if not path.exists():
        path.write_text("a,b\n" + "".join(f"{i},{i % 2}\n" for i in range(9)))
    return path


def _column(name: str = "age") -> Any:
    return as_table(ROWS)[name]


def _of_table(name: str, *given: Any) -> Target:
    return Target(f"Table.{name}", lambda _: Call(getattr(as_table(ROWS), name), given))


@cache
def _encoded() -> Any:
    return _schema().encode(as_table(ROWS))


@cache
def _target() -> TableTarget:
    return TableTarget.infer(as_table(ROWS), _column("rich"))


def _schema_with(key: str) -> Target:
    """A description of a schema with junk under one key."""
    described = _schema().to_dict()

    def read(junk: Any) -> Schema:
        return Schema.from_dict({**described, key: junk})

    return _plain(f"Schema.from_dict({{{key}: .}})", read, described[key])


TABULAR = [
    _plain("tabular.as_table", as_table, ROWS),
    _plain("tabular.as_table({a: .})", lambda junk: as_table({"a": junk, "b": [1, 2]}), [1, 2]),
    _plain("tabular.as_table([{a: .}])", lambda j: as_table([{"a": j}, {"a": 1}]), 1),
    _plain("tabular.as_table({.: list})", lambda j: as_table({_key(j): [1, 2]}), "a"),
    Target("tabular.read", lambda folder: Call(xn.tabular.read, (_csv(folder),))),
    _plain("tabular.guess_kind", xn.tabular.guess_kind, _column()),
    _plain("tabular.dependence", xn.tabular.dependence, _model(), ROWS),
    _plain("tabular.importance", xn.tabular.importance, _model(), ROWS),
    _plain("Schema.infer", Schema.infer, ROWS, "rich"),
    _plain(
        "Schema.infer(kinds={a: .})",
        lambda j: Schema.infer(ROWS, "rich", kinds={"age": j}),
        "number",
    ),
    _plain("Schema.infer(drop=[.])", lambda j: Schema.infer(ROWS, "rich", drop=[j]), "age"),
    _plain("Schema.of_kind", _schema().of_kind, "number"),
    _plain("Schema.encode", _schema().encode, as_table(ROWS)),
    _plain("Schema.target_of", _schema().target_of, as_table(ROWS)),
    _plain("Schema.from_dict", Schema.from_dict, _schema().to_dict()),
    *map(_schema_with, _schema().to_dict()),
    _plain("Feature", Feature, "a", "number"),
    _plain("Feature.of", Feature.of, _column(), _column()),
    _plain("Feature.from_dict", Feature.from_dict, _schema().to_dict()["features"][0]),
    _plain("Feature.encode", Feature.of(_column(), _column()).encode, _column()),
    _plain("Target", TableTarget, "y"),
    _plain("Target.infer", TableTarget.infer, as_table(ROWS), _column("rich")),
    _plain("Target.of_values", TableTarget.of_values, "y", VALUES),
    _plain("Target.encode", _target().encode, _column("rich")),
    _plain("Target.labels", _target().labels, LABELS),
    _plain("Target.scaled", TableTarget.of_values("y", VALUES).scaled, VALUES),
    _plain("Target.unscaled", TableTarget.of_values("y", VALUES).unscaled, VALUES),
    _plain("Target.from_dict", TableTarget.from_dict, _target().to_dict()),
    _plain("Prepared.of", Prepared.of, _schema(), _encoded()),
    _plain("TableModel.of", TableModel.of, ROWS, _schema(), xn.Sequential(xn.Dense(2)), seed=0),
    _plain("TableModel", TableModel, _schema(), _model().prepared, _model().model),
    _of_table("take", [0, 1]),
    _of_table("select", ["age"]),
    _of_table("without", "age"),
    _of_table("__getitem__", "age"),
    _of_table("place", 1, "age"),
    _method("fit", ROWS, epochs=1, verbose=False, batch_size=4),
    *(_method(n, ROWS) for n in "samples inputs true predict predict_proba outputs".split()),
    _method("evaluate", ROWS),
    _method("inputs_of", _encoded()),
    _method("outputs_of", _encoded()),
    _method("probabilities_of", np.ones((3, 2))),
    _method("save", Path("t.safetensors")),
]


def _key(junk: Any) -> Any:
    try:
        hash(junk)
    except TypeError:
        return "a"
    return junk


def _made(kind: Any, y: Any, **settings: Any) -> Target:
    """Junk for the constructor, which `fit` refuses."""

    def make(_: Path) -> Call:
        def fit(**given: Any) -> None:
            kind(**{**settings, **given}).fit(X, y)

        return Call(
            fit,
            (),
            kind(**settings).get_params(),
            allowed=(CONTRACT, "UserWarning"),
            without=(HUGE,),
        )

    return Target(f"{kind.__name__}.fit after its constructor", make)


def _fitted(kind: Any, y: Any, **settings: Any) -> list[Target]:
    """Junk for the methods of a fitted estimator."""
    fitted = kind(**settings).fit(X, y)
    more = {"fit": (X, y), "partial_fit": (X, y), "score": (X, y), "initialize": (X, y)}
    names = "fit partial_fit initialize predict predict_proba predict_log_proba score transform"

    def target(name: str) -> Target:
        def make(_: Path) -> Call:
            estimator = deepcopy(fitted)
            return Call(
                getattr(estimator, name),
                more.get(name, (X,)),
                state=lambda: _learned(estimator),
                allowed=(CONTRACT, "UserWarning"),
                without=(HUGE,),
            )

        return Target(f"{kind.__name__}.{name}", make)

    return [target(name) for name in names.split() if hasattr(fitted, name)]


def _learned(estimator: Any) -> object:
    found = estimator.__dict__
    arrays: dict[int, object] = {
        n: np.array(a).tobytes() for n, a in enumerate(found.get("coefs_", ()))
    }
    if "table_model_" in found:
        arrays |= {-1: repr(_bits(found["table_model_"]))}
    return arrays, sorted(found), estimator.n_features_in_


def _estimators() -> list[Target]:
    if find_spec("sklearn") is None:
        return []
    quick: dict[str, Any] = {"hidden_layer_sizes": (4,), "max_iter": 2, "backend": "numpy"}
    tables: dict[str, Any] = {"max_epochs": 2, "hidden": 4, "threads": 1, "random_state": 0}
    rows = [
        (xn.MLPClassifier, LABELS, {**quick, "tol": 10.0, "n_iter_no_change": 1}),
        (xn.MLPRegressor, VALUES, {**quick, "tol": 10.0, "n_iter_no_change": 1}),
        (xn.TabularClassifier, LABELS, tables),
        (xn.TabularRegressor, VALUES, tables),
    ]
    found: list[Target] = []
    for kind, y, settings in rows:
        found += [_made(kind, y, **settings), *_fitted(kind, y, **settings)]
    return found


TABLES = [*TABULAR, *_estimators()]
