"""What type checkers see: wrong calls are flagged, right ones are not, and types have names."""

import ast
import inspect
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from textwrap import dedent
from typing import Any, get_args, get_type_hints

import pytest

import xpnet
from xpnet.backends.data_types import FLOATS
from xpnet.backends.precision import PRECISIONS
from xpnet.model_settings import ModelSettings
from xpnet.nn.dense import DenseSettings
from xpnet.typing import BackendName, DTypeName, Precision

ROOT = Path(__file__).parents[1]

CALLS = """
import numpy as np
import xpnet as xn

X, y = np.zeros((4, 2), "float32"), [0, 1, 0, 1]
model = xn.MLP([2, 3, 2], "relu", dropout=0.1, kernel_init=xn.init.he_normal())
xn.MLP([2, 2], loss=xn.losses.huber(), metrics=["r2", xn.losses.log_cosh()], frozen=["layers.0"])
model.fit(X, y)
model.fit(X, y, callbacks=[xn.KeepBest(), lambda model, epoch, logs: epoch > 3], verbose="auto")
model.fit(X, y, validation_data=(X, y), class_weight={0: 2.0}, resume_from="folder")
model.fit(X, y, epoch=3)  # wrong
model.fit(X, y, verbose="yes")  # wrong
model.fit(X, y, callbacks=[1])  # wrong
model.fit(X, y, validation_data=X)  # wrong
model.fit(X, y, resume_from=3)  # wrong
xn.load(3)  # wrong
xn.load("a.safetensors", backend="numpy").predict(X, batch_size=2)
loaded = xn.load("a.safetensors")
loaded.feature_names  # wrong
loaded.fit("t.csv", validation="v.csv")  # wrong
if isinstance(loaded, xn.tabular.TableModel):
    print(loaded.predict("new.csv"), loaded.feature_names, loaded.model.predict(X))
else:
    print(loaded.evaluate(X, y), loaded.preprocessing)
    loaded.feature_names  # wrong
xn.Model(xn.Dense(3), loss=3)  # wrong
xn.Model(xn.Dense(3), loss="mse", metrics=["r2"], dtype="float64", precision="tf32")
class Watch(xn.Callback):
    def on_safe_point(self, model: xn.Model, context: xn.FitContext) -> None:
        print(context.state.step, context.history[-1], context.batch, context.stopping)
        context.stop  # wrong
xn.MLP([2, 2], optimizer=xn.SGD(0.1), backend=np, dtype=np.float32, precision="tf32")
xn.MLP([2, 2], xn.PReLU, backend="cupy:1", dtype=np.dtype("float64"), input_shpe=3)  # wrong
xn.MLP([4, 2], optimzer="adam")  # wrong
xn.MLP([4, 2], optimizer=0.1)  # wrong
xn.MLP([4, 2], dtype="float16")  # wrong
xn.MLP([4, 2], precision="half")  # wrong
xn.MLP([4, 2], metrics="accuracy", seed="0")  # wrong
xn.Dens(3)  # wrong
xn.Dense(3, kernel_constraint=xn.MaxNorm(), kernel_penalty=xn.L2(1e-3))
xn.Dense(3, kernel_constraint=xn.L2(1e-3))  # wrong
xn.Dense(3, kernel_init=0.1)  # wrong
xn.Maxout(3, bias=False)
xn.Maxout(3, biass=False)  # wrong
xn.SGD(0.1, weigth_decay=0.1)  # wrong
xn.value_and_grad(xn.ops.sum, wrt="parameters", backend="numpy")(X)
xn.value_and_grad(xn.ops.sum, wrt="params")  # wrong
xn.value_and_grad(xn.ops.sum, backend=3)  # wrong
xn.ops.add(xn.ops.relu(X), 1.0)
xn.ops.relu(None)  # wrong
xn.backends.get("numpy"), xn.backends.get(np)
xn.backends.get(None)  # wrong
xn.plot.graph(model, "ops")
xn.plot.graph(model, "op")  # wrong
xn.plot.weights(None)  # wrong
xn.plot.confusion_matrix(y, X)
xn.exchange.from_onnx("a.onnx", loss="mse", dtype="float64")
xn.exchange.from_onnx("a.onnx", los="mse")  # wrong
xn.MLPClassifier(64, alpha=0.1, loss=xn.losses.hinge()).predict(X)
xn.MLPClassifier((64,), solver="adm")  # wrong
xn.MLPRegressor(hidden_layer_sizes=(64,), alhpa=0.1)  # wrong
reveal_type(xn.MLPClassifier())
reveal_type(xn.MLPRegressor())
""".lstrip()

WRONG = {n for n, line in enumerate(CALLS.splitlines(), 1) if line.endswith("# wrong")}


def checked(command: list[str], tmp_path: Path) -> str:
    """What a type checker prints about the calls."""
    file = tmp_path / "calls.py"
    file.write_text(CALLS, "utf-8")
    paths = {"MYPYPATH": str(ROOT)}
    done = subprocess.run(
        [*command, str(file)], cwd=ROOT, env=os.environ | paths, capture_output=True, text=True
    )
    assert done.returncode == 1, done.stdout + done.stderr
    return done.stdout


def test_mypy_flags_the_wrong_calls_and_no_others(tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    told = checked([sys.executable, "-m", "mypy"], tmp_path)
    flagged = [line.split(":") for line in told.splitlines() if ": error:" in line]
    assert {Path(file).name for file, *_ in flagged} == {"calls.py"}
    assert {int(number) for _, number, *_ in flagged} == WRONG, told
    for kind in ("classifier.MLPClassifier", "regressor.MLPRegressor"):
        assert f'Revealed type is "xpnet.estimators.{kind}"' in told


def _pyright_works() -> bool:
    found = shutil.which("pyright")
    return (
        found is not None
        and not subprocess.run([found, "--version"], capture_output=True).returncode
    )


def test_pyright_flags_the_wrong_calls_and_no_others(tmp_path: Path) -> None:
    if not _pyright_works():
        pytest.skip("pyright is not installed, or needs the network")
    told = checked(["pyright", "--outputjson", "--pythonpath", sys.executable], tmp_path)
    found = json.loads(told)["generalDiagnostics"]
    errors = [d for d in found if d["severity"] == "error"]
    assert {d["range"]["start"]["line"] + 1 for d in errors} == WRONG, errors
    said = " ".join(d["message"] for d in found)
    for kind in ("MLPClassifier", "MLPRegressor"):
        assert f'Type of "xn.{kind}()" is "{kind}"' in said


def test_settings_are_those_of_what_takes_them() -> None:
    model = set(inspect.signature(xpnet.Model).parameters) - {"net", "input_shape"}
    assert set(get_type_hints(ModelSettings)) == model
    dense = set(inspect.signature(xpnet.Dense).parameters) - {"units"}
    assert set(get_type_hints(DenseSettings)) == dense


def test_literals_are_what_is_accepted() -> None:
    assert get_args(DTypeName) == FLOATS
    assert get_args(Precision) == PRECISIONS
    assert set(get_args(BackendName)) == {s.name for s in xpnet.backends.status()} | {"auto"}


# Parameters that may be anything, and why.
ALLOWED = {
    "Layer.forward(args, kwargs)": "a subclass says what it takes",
    "TableModel.fit(settings)": "those of Model.fit, which checks them",
    "register(name)": "its overloads have types, which are what is seen",
}


def _public() -> list[Any]:
    """The public classes and functions, as users reach them from the package."""
    rooms = [getattr(xpnet, name) for name in xpnet.__all__ if name in xpnet._ROOMS]
    named = [(m, n) for m in (xpnet, xpnet.init, xpnet.losses, *rooms) for n in m.__all__]
    found = [getattr(module, name) for module, name in named]
    return [thing for thing in found if inspect.isclass(thing) or inspect.isfunction(thing)]


def _functions(thing: Any) -> Iterator[tuple[str, Any]]:
    """A function, or the public ones of a class and its bases, by name."""
    if inspect.isfunction(thing):
        yield thing.__name__, thing
        return
    for kind in thing.__mro__:
        for name, method in vars(kind).items():
            if inspect.isfunction(method) and kind.__module__.startswith("xpnet."):
                if name in ("__init__", "__call__"):
                    yield kind.__name__, method
                elif not name.startswith("_"):
                    yield f"{kind.__name__}.{name}", method


def nameless(function: Any) -> list[str]:
    """The parameters that are written as `Any`: at run time `Array` is no other thing."""
    try:
        source = dedent(inspect.getsource(function))
    except OSError:  # a method that dataclass wrote
        return []
    tree = ast.parse(source)
    given = next(n for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)).args
    rest = [a for a in (given.vararg, given.kwarg) if a is not None]
    written = [*given.posonlyargs, *given.args, *given.kwonlyargs, *rest]
    types = {a.arg: ast.unparse(a.annotation).split(" | ") for a in written if a.annotation}
    return [name for name, parts in types.items() if "Any" in parts]


def test_parameters_have_types_with_names() -> None:
    found = {
        f"{name}({', '.join(bare)})"
        for thing in _public()
        for name, function in _functions(thing)
        if (bare := nameless(function))
    }
    assert found == set(ALLOWED), "name the types of these, and take those that have one off"


def test_parameters_of_estimators_have_types_with_names() -> None:
    pytest.importorskip("sklearn", minversion="1.9")
    for kind in (xpnet.MLPClassifier, xpnet.MLPRegressor):
        assert [n for n, function in _functions(kind) if nameless(function)] == []


def test_the_check_sees_any() -> None:
    def bad(x: Any, y: int | Any, z: list[Any], *rest: Any, w: object) -> None: ...

    assert nameless(bad) == ["x", "y", "rest"]
