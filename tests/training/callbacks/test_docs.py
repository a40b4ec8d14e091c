"""docs/callbacks.md: every example runs, and what is said of it is so."""

import re
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[3] / "docs" / "callbacks.md"


def section(title, names):
    """Run the blocks of one section; what they define and print."""
    text = re.split(r"^#+ ", DOCS.read_text("utf-8"), flags=re.MULTILINE)
    (found,) = [part for part in text if part.startswith(f"{title}\n")]
    printed = []
    names["print"] = lambda *values, sep=" ": printed.append(sep.join(map(str, values)))
    for block in re.findall(r"^```python\n(.*?)^```$", found, re.MULTILINE | re.DOTALL):
        exec(compile(block, DOCS.name, "exec"), names)
    return printed


@pytest.fixture(scope="module")
def start():
    pytest.importorskip("sklearn")
    if not DOCS.is_file():
        pytest.skip("there are no docs beside the tests")
    names = {}
    section("Callbacks", names)
    return names


@pytest.fixture
def names(start):
    return dict(start)


def test_the_first_example_stops_and_slows_down(start):
    stop, slower = start["stop"], start["slower"]
    assert stop.best_epoch + 5 == stop.stopped_epoch < 200
    assert slower.reductions


def test_a_schedule_from_a_metric(names):
    section("Your own callback", names)
    rates = names["history"]["learning_rate"]
    assert rates[0] == 0.1
    assert rates[-1] < 0.01


def test_a_training_that_goes_well(names):
    table, explained = section("Finding out what goes wrong", names)
    assert "layers.2.weight" in table
    assert explained == "[]"


def test_dead_relus(names):
    _, explained = section("Dead ReLUs", names)
    inactive = names["monitor"]["layers.0.weight"]["inactive"]
    assert (inactive[0], inactive[-1]) == (1 / 32, 1)
    assert explained.startswith("layers.0.weight (100%)")
    assert "units whose gradient is exactly 0" in explained


def test_vanishing_gradients(names):
    _, explained, mended = section("Vanishing gradients", names)
    assert "vanishing" in explained
    assert mended == "[]"


def test_exploding_gradients(names):
    _, error = section("Exploding gradients", names)
    first, last = (names["monitor"][f"layers.{i}.bias"]["gradient"][0] for i in (0, 24))
    assert first > 1e3 * last
    assert "the loss became" in error


def test_a_spike_of_the_loss(names):
    _, sentence = section("A spike of the loss", names)
    assert "layers.0.weight (norm" in sentence
    assert "in step 22)" in sentence
