"""Files, functions and classes are small enough to be read, and files are told apart by name."""

import ast
from collections import Counter

import pytest

pytest.importorskip("anatomy", reason="there are no benchmarks beside the tests")

from anatomy.imports import MODULES
from anatomy.sizes import (
    ATTRIBUTES,
    LONGEST_FILE,
    LONGEST_FUNCTION,
    SETTINGS,
    Class,
    classes,
    files,
    functions,
    lines_of,
)

# Files and classes that are larger, and why; what no longer is must leave the list.
LARGER = {
    "xpnet/model.py": "the public face: to cut its class would make a base class with one child",
    "xpnet.nn.dense.Dense": "its attributes are its settings, from which files are written",
}


def large_files() -> set[str]:
    return {path for path, lines in files().items() if lines > LONGEST_FILE}


def large_classes() -> set[str]:
    return {str(found) for found in classes() if len(found.counted) > found.limit}


@pytest.mark.smoke
def test_files_are_of_a_size_to_be_read() -> None:
    assert len(files()) > 200
    assert large_files() <= LARGER.keys()


def test_functions_are_of_a_size_to_be_read() -> None:
    assert len(functions()) > 1000
    assert not {name: lines for name, lines in functions().items() if lines > LONGEST_FUNCTION}


def test_classes_have_few_attributes() -> None:
    assert len(classes()) > 200
    assert large_classes() <= LARGER.keys()


def test_the_list_of_what_is_too_large_is_short() -> None:
    assert large_files() | large_classes() >= LARGER.keys(), "these can leave the list"


def test_no_two_files_have_one_name() -> None:
    count = Counter(path.name for path in MODULES.values() if path.name != "__init__.py")
    assert not [name for name, times in count.items() if times > 1]


@pytest.mark.parametrize(
    ("source", "lines"),
    [
        ("def f():\n    return 1", 2),
        ('def f():\n    """Say.\n\n    More.\n    """\n    return 1', 2),
        ("@cache\ndef f(\n    x,\n):\n\n    return 1", 5),
        ("class A:\n    async def f():\n        pass", 2),
    ],
)
def test_lines_of_a_function(source: str, lines: int) -> None:
    kinds = ast.FunctionDef | ast.AsyncFunctionDef
    (found,) = (node for node in ast.walk(ast.parse(source)) if isinstance(node, kinds))
    assert lines_of(found) == lines


def test_attributes_are_those_of_the_bases_too() -> None:
    by_name = {str(found): found for found in classes()}
    adam, graph = by_name["xpnet.optim.adam.AdamW"], by_name["xpnet.graph.graph.Graph"]
    assert {"_schedule", "beta1", "clip_norm"} <= adam.attributes
    assert "learning_rate" not in adam.attributes, "a property"
    assert {"learning_rate", "amsgrad", "weight_decay"} <= adam.parameters
    assert {"nodes", "settings"} <= graph.attributes
    assert "noise" not in graph.attributes
    assert by_name["xpnet.nn.losses.loss.Loss"].frozen
    assert not adam.frozen


def test_what_only_holds_settings_may_have_more_of_them() -> None:
    by_name = {str(found): found.limit for found in classes()}
    assert by_name["xpnet.optim.adam.Nadam"] == by_name["xpnet.nn.losses.loss.Loss"] == SETTINGS
    assert (
        by_name["xpnet.graph.graph.Graph"]
        == by_name["xpnet.optim.optimizer.Optimizer"]
        == ATTRIBUTES
    )


def test_what_scikit_learn_prescribes_does_not_count() -> None:
    attributes, parameters = frozenset({"alpha", "coefs_", "_head"}), frozenset({"alpha"})
    assert Class("xpnet.estimators.x", "X", attributes, parameters).counted == {"_head"}
    assert Class("xpnet.nn.x", "X", attributes, parameters).counted == attributes
