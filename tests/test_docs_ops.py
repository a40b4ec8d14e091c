"""docs/ops.md: the equations of every op and update rule, as the docstrings have them now."""

import importlib.util
from pathlib import Path
from types import ModuleType

import pytest

from xpnet import ops
from xpnet.ops.op_registry import REGISTRY, UPDATES
from xpnet.ops.record import PASS

DOCS = Path(__file__).parents[1] / "docs"
pytestmark = pytest.mark.skipif(not DOCS.is_dir(), reason="there is no docs beside the tests")


@pytest.fixture(scope="module")
def maker() -> ModuleType:
    spec = importlib.util.spec_from_file_location("make_ops", DOCS / "make_ops.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def test_the_page_is_up_to_date(maker):
    assert maker.PAGE.read_text("utf-8") == maker.page(), "run python docs/make_ops.py"


def test_every_op_and_rule_has_a_row_with_its_equations(maker):
    rows = [line for line in maker.page().splitlines() if line.startswith("| `")]
    names = [row.removeprefix("| `").partition("(")[0] for row in rows]
    assert sorted(names) == sorted([*REGISTRY, *UPDATES])
    for op in REGISTRY.values():
        row = rows[names.index(op.name)]
        for vjp in {*op.vjps} - {None, PASS}:
            assert maker.equation(vjp.fn).partition(" = ")[2] in row


def test_a_shared_vjp_names_the_input_of_the_op_that_is_shown(maker):
    assert maker.backward(ops.subtract) == "`ga = gy`<br>`gb = -gy`"
    assert maker.backward(ops.negative) == "`gx = -gy`"
    assert maker.backward(ops.accuracy) == "none"


def test_cells_survive_bars_and_backticks(maker):
    assert maker.code("y = `|x|`") == r"`y = \|x\|`"


def test_a_function_without_a_docstring_is_refused(maker):
    with pytest.raises(ValueError, match="has no docstring"):
        maker.equation(lambda xp, x: x)
