"""scikit-learn's own tests of its multilayer perceptrons, run against ours: the import is changed.

What is excepted, and why, is in this table and in docs/sklearn.md. Private names that have a public
one here are replaced by it, so that their tests run too.
"""

from importlib.util import find_spec
from pathlib import Path
from types import ModuleType

import pytest

pytest.importorskip("sklearn", minversion="1.9")

EXCEPTED = {
    "test_gradient": "calls _loss_grad_lbfgs, a private method; ours are in tests/graph",
}
REPLACED = {
    "from sklearn.neural_network import MLPClassifier": "from xpnet import MLPClassifier",
    "_optimizer.learning_rate": "learning_rate_",  # a public attribute here
}


def _module() -> ModuleType:
    """The installed test module, with our estimators."""
    spec = find_spec("sklearn.neural_network.tests.test_mlp")
    assert spec is not None
    assert spec.origin is not None
    source = Path(spec.origin).read_text("utf-8")
    for old, new in REPLACED.items():
        assert old in source, old
        source = source.replace(old, new)
    module = ModuleType("sklearn_test_mlp")
    exec(compile(source, spec.origin, "exec"), vars(module))
    return module


MODULE = _module()
TESTS = {name: test for name, test in vars(MODULE).items() if name.startswith("test_")}
globals().update({name: test for name, test in TESTS.items() if name not in EXCEPTED})

# Their own run does not turn warnings into errors.
pytestmark = pytest.mark.filterwarnings("default")


@pytest.fixture
def global_random_seed() -> int:
    """Of scikit-learn's conftest."""
    return 42


def test_it_is_our_estimators_that_are_tested() -> None:
    assert MODULE.MLPClassifier.__module__.startswith("xpnet.")
    assert MODULE.MLPRegressor.__module__.startswith("xpnet.")


def test_every_exception_exists_and_is_documented() -> None:
    assert set(EXCEPTED) <= set(TESTS)
    page = Path(__file__).parents[2] / "docs" / "sklearn.md"
    if page.exists():
        assert [name for name in EXCEPTED if f"`{name}`" not in page.read_text("utf-8")] == []
