"""A test that loops over cases fails with the names of all that fail."""

import doctest

import pytest
from support import each as module
from support.each import Each


def test_its_example() -> None:
    assert doctest.testmod(module).failed == 0


def test_what_raises_instead_of_failing_is_named_too() -> None:
    each = Each()
    for name, action in (("divides", lambda: 1 / 0), ("refuses", lambda: pytest.fail("not this"))):
        with each(name):
            action()
    assert each.summary() == (
        "2 cases failed:\n[divides] ZeroDivisionError: division by zero\n[refuses] Failed: not this"
    )


def test_a_skip_is_not_a_failure(each: Each) -> None:
    with pytest.raises(pytest.skip.Exception), each("skipped"):
        pytest.skip("no library")


@pytest.mark.xfail(strict=True, raises=AssertionError, reason="one of its cases fails")
def test_a_test_fails_with_its_cases(each: Each) -> None:
    with each("wrong"):
        assert [] == [1]
