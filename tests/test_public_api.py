"""What the package offers: these names and no others, each with its documentation."""

import ast
import importlib.util
import inspect
from importlib import metadata, resources
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from support.each import Each

import xpnet

PUBLIC = [
    "ELU",
    "GELU",
    "L1",
    "L2",
    "LBFGS",
    "MLP",
    "SELU",
    "SGD",
    "Adadelta",
    "Adagrad",
    "Adam",
    "AdamW",
    "Add",
    "Average",
    "BatchNorm",
    "CSVLog",
    "Callback",
    "Checkpoint",
    "Concat",
    "CosLog",
    "CosineDecay",
    "CosineRestarts",
    "Dense",
    "Distributed",
    "Dropout",
    "EarlyStopping",
    "EmbedColumns",
    "Embedding",
    "ExponentialDecay",
    "FitContext",
    "FlatCosine",
    "Flatten",
    "GaussianNoise",
    "GradientMonitor",
    "HardSigmoid",
    "HardTanh",
    "History",
    "Identity",
    "InverseScaling",
    "InverseTimeDecay",
    "JSONLinesLog",
    "KeepBest",
    "Layer",
    "LayerNorm",
    "LeakyReLU",
    "LearnedScale",
    "Linear",
    "Lion",
    "LogSigmoid",
    "LogSoftmax",
    "MaxNorm",
    "Maxout",
    "Mish",
    "Model",
    "Multiply",
    "Nadam",
    "OneCycle",
    "OptunaPruning",
    "PReLU",
    "ParametricActivation",
    "PeriodicEmbedding",
    "PolynomialDecay",
    "PrepareColumns",
    "RAdam",
    "RMSprop",
    "ReLU",
    "ReduceOnPlateau",
    "Residual",
    "Sequential",
    "SiLU",
    "Sigmoid",
    "Softmax",
    "Softplus",
    "Softsign",
    "Standardize",
    "Step",
    "StepDecay",
    "Tanh",
    "TensorBoard",
    "UnitNorm",
    "Warmup",
    "backends",
    "data",
    "datasets",
    "errors",
    "exchange",
    "init",
    "load",
    "losses",
    "ops",
    "plot",
    "register",
    "tabular",
    "testing",
    "value_and_grad",
]

# Not in a star import, which must do without scikit-learn.
ON_DEMAND = ["MLPClassifier", "MLPRegressor", "TabularClassifier", "TabularRegressor"]

SUBMODULES = {
    "backends": [
        "Backend",
        "BackendLike",
        "PlannedBackend",
        "Status",
        "TracedBackend",
        "backend_of",
        "check_float",
        "dtype_name",
        "get",
        "is_float",
        "namespace_of",
        "resolve",
        "status",
    ],
    "errors": [
        "ArgumentError",
        "BackendFallbackWarning",
        "BackendUnavailableError",
        "DTypeError",
        "DataError",
        "DataWarning",
        "DatasetError",
        "DeviceMemoryError",
        "DistributedError",
        "DivergedError",
        "FormatError",
        "GraphError",
        "MissingDependencyError",
        "ResumeWarning",
        "ShapeError",
        "TrainingWarning",
        "UnknownNameError",
        "WriteError",
        "XpnetError",
        "XpnetWarning",
    ],
    "exchange": [
        "from_onnx",
        "from_sklearn",
        "from_torch",
        "register_skl2onnx",
        "to_onnx",
        "to_sklearn",
        "to_torch",
        "to_torch_state_dict",
    ],
    "init": [
        "DataInitializer",
        "Initializer",
        "constant",
        "get",
        "glorot_normal",
        "glorot_uniform",
        "he_normal",
        "he_uniform",
        "lecun_normal",
        "lecun_uniform",
        "normal",
        "ones",
        "orthogonal",
        "through_data",
        "truncated_normal",
        "uniform",
        "unit_variance",
        "zeros",
    ],
    "losses": [
        "Loss",
        "binary_cross_entropy",
        "binary_cross_entropy_with_logits",
        "binary_focal",
        "cross_entropy",
        "focal",
        "gaussian_nll",
        "get",
        "half_mean_squared_error",
        "hinge",
        "huber",
        "log_cosh",
        "mean_absolute_error",
        "mean_squared_error",
        "multiclass_hinge",
        "names",
        "poisson",
        "quantile",
        "residual_sum_of_squares",
        "softmax_cross_entropy",
    ],
    "ops": [
        "Op",
        "abs",
        "accuracy",
        "add",
        "affine",
        "as_index",
        "binary_accuracy",
        "binary_cross_entropy",
        "binary_cross_entropy_with_logits",
        "concat",
        "cos",
        "cross_entropy",
        "divide",
        "dropout",
        "elu",
        "embedding",
        "erf",
        "exp",
        "expm1",
        "fill_nan",
        "floor",
        "flush_to_zero",
        "focal",
        "gaussian_noise",
        "gelu",
        "gelu_tanh",
        "hard_sigmoid",
        "hard_tanh",
        "huber",
        "identity",
        "is_nan",
        "leaky_relu",
        "linear",
        "log",
        "log1p",
        "log_cosh",
        "log_sigmoid",
        "log_softmax",
        "matmul",
        "max",
        "max_norm",
        "maximum",
        "mean",
        "mean_squared_error",
        "minimum",
        "mish",
        "multiply",
        "negative",
        "one_hot",
        "pinball",
        "power",
        "prelu",
        "relu",
        "reshape",
        "scheduled_dropout",
        "scheduled_gaussian_noise",
        "selu",
        "sigmoid",
        "silu",
        "sin",
        "slice",
        "soft_accuracy",
        "soft_cross_entropy",
        "soft_top_k_accuracy",
        "softmax",
        "softmax_cross_entropy",
        "softplus",
        "softsign",
        "sqrt",
        "standardize_batch",
        "standardize_features",
        "step",
        "subtract",
        "sum",
        "sum_over_processes",
        "sum_squares",
        "sum_to",
        "tanh",
        "top_k_accuracy",
        "transpose",
        "unit_norm",
        "weighted_mean",
    ],
    "plot": [
        "confusion_matrix",
        "decision_boundary",
        "graph",
        "history",
        "images",
        "roc_curves",
        "weights",
    ],
    "testing": [
        "VARIANTS",
        "Application",
        "Guarded",
        "PoisonedBackend",
        "Variant",
        "append_vjp",
        "check_backend",
        "check_kernel",
        "check_layer",
        "check_op",
        "differentiable",
        "finite_differences",
        "guarded",
        "sum_to_shape",
        "trace_op",
        "usable_variants",
        "variant",
    ],
}


def _modules() -> list[str]:
    root = Path(inspect.getfile(xpnet)).parent
    found = []
    for path in sorted(root.rglob("*.py")):
        parts = ["xpnet", *path.relative_to(root).with_suffix("").parts]
        if parts[-1] != "__main__":
            found.append(".".join(parts[:-1] if parts[-1] == "__init__" else parts))
    return found


MODULES = _modules()


def _documented() -> dict[str, Any]:
    """Every public class and function, by the name under which it is reached."""
    found = {}
    for owner, names in {"": PUBLIC + ON_DEMAND, **SUBMODULES}.items():
        module = getattr(xpnet, owner) if owner else xpnet
        for name in names:
            value = getattr(module, name)
            if inspect.isclass(value) or inspect.isfunction(value):
                found[f"{owner}.{name}".strip(".")] = value
    return found


DOCUMENTED = _documented()


@pytest.mark.smoke
def test_the_package_offers_exactly_this() -> None:
    assert list(xpnet.__all__) == PUBLIC
    assert all(getattr(xpnet, name) is not None for name in PUBLIC)


def test_nothing_else_is_public_but_the_rooms() -> None:
    rooms = {name.split(".")[1] for name in MODULES if name != "xpnet"}
    known = {*PUBLIC, *ON_DEMAND, *rooms}
    others = {name for name in vars(xpnet) if not name.startswith("_")} - known
    assert others <= {"TYPE_CHECKING"}


def test_what_needs_scikit_learn_is_shown_and_no_more_than_that() -> None:
    assert set(dir(xpnet)) == {*PUBLIC, *ON_DEMAND, "__version__"}


def test_a_name_that_it_has_not() -> None:
    with pytest.raises(AttributeError, match="module 'xpnet' has no attribute 'Dens'"):
        getattr(xpnet, "Dens")  # noqa: B009 (a type checker sees the other)


@pytest.mark.parametrize("module", SUBMODULES)
def test_submodules_offer_exactly_this(module: str) -> None:
    found = getattr(xpnet, module)
    assert list(found.__all__) == SUBMODULES[module]


COMPILED = "xpnet.lowering.cpu."


def test_every_module_says_what_it_is_and_offers_what_it_has(each: Each) -> None:
    for name in (name for name in MODULES if not name.startswith(COMPILED)):
        with each(name):
            _check_offers(name)


def test_every_module_that_compiles_says_what_it_is_and_offers_what_it_has(each: Each) -> None:
    pytest.importorskip("llvmlite", reason="the extra 'fast' is not installed")
    for name in (name for name in MODULES if name.startswith(COMPILED)):
        with each(name):
            _check_offers(name)


def _check_offers(name: str) -> None:
    module = importlib.import_module(name)
    assert module.__doc__
    assert module.__doc__.strip()
    offered = list(getattr(module, "__all__", ()))
    assert len(offered) == len(set(offered))
    assert [n for n in offered if not hasattr(module, n)] == []


def test_every_public_class_and_function_is_documented(each: Each) -> None:
    for name, value in DOCUMENTED.items():
        with each(name):
            assert value.__doc__, "no docstring of its own"
            summary = (inspect.getdoc(value) or "").partition("\n\n")[0]
            assert summary.endswith((".", ":")), f"the summary is a sentence: {summary!r}"


# Sections in the order in which numpydoc wants them.
_SECTIONS = [
    "Parameters",
    "Attributes",
    "Returns",
    "Yields",
    "Raises",
    "Warns",
    "See Also",
    "Notes",
    "References",
    "Examples",
]


def _sections(doc: str) -> list[str]:
    lines = doc.splitlines()
    return [a for a, b in pairwise(lines) if a and b and set(b) == {"-"} and len(b) == len(a)]


def test_docstrings_have_numpydoc_sections_in_order(each: Each) -> None:
    for name, value in DOCUMENTED.items():
        with each(name):
            found = _sections(inspect.getdoc(value) or "")
            places = [_SECTIONS.index(section) for section in found]
            assert places == sorted(places)


TAKE_SETTINGS = """MLP Dense Model value_and_grad backends.get SGD Adagrad Adadelta RMSprop
    Adam AdamW Nadam RAdam Lion StepDecay ExponentialDecay InverseTimeDecay InverseScaling
    PolynomialDecay CosLog CosineDecay CosineRestarts FlatCosine OneCycle Warmup
    MLPClassifier MLPRegressor""".split()


def test_what_takes_settings_lists_each_of_them(each: Each) -> None:
    for name in TAKE_SETTINGS:
        with each(name):
            value = DOCUMENTED[name]
            doc = inspect.getdoc(value) or ""
            assert "Parameters" in _sections(doc)
            listed = doc.partition("Parameters\n----------")[2]
            missing = [p for p in inspect.signature(value).parameters if p not in listed]
            assert missing == []


def test_every_exception_is_xpnets_and_a_builtin_one() -> None:
    base = xpnet.errors.XpnetError
    for name in SUBMODULES["errors"]:
        error = getattr(xpnet.errors, name)
        if issubclass(error, Warning):
            assert issubclass(error, UserWarning)
        else:
            assert issubclass(error, base)
            builtin = [c for c in error.__mro__ if c.__module__ == "builtins"]
            assert error is base or builtin[0] is not Exception, name


def test_version() -> None:
    assert xpnet.__version__ == "0.2.0"


def test_version_is_the_installed_one() -> None:
    try:
        installed = metadata.version("xpnet")
    except metadata.PackageNotFoundError:
        pytest.skip("xpnet is not installed, it is imported from a checkout")
    assert installed == xpnet.__version__


def test_types_are_shipped() -> None:
    assert resources.files("xpnet").joinpath("py.typed").is_file()


def test_public_functions_are_annotated() -> None:
    bare = []
    for name in MODULES:
        spec = importlib.util.find_spec(name)
        assert spec is not None
        assert spec.origin is not None
        source = Path(spec.origin).read_text("utf-8")
        functions = (n for n in ast.walk(ast.parse(source)) if isinstance(n, ast.FunctionDef))
        bare += [f"{name}.{f.name}" for f in functions if f.returns is None]
    assert bare == []
