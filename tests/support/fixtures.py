"""Fixtures of more than one room; a conftest imports those it wants."""

from collections.abc import Callable
from typing import Any

import pytest

from support.applications import applications as apply


@pytest.fixture
def applications() -> Callable[..., Any]:
    """``applications(case, n, dtype)``: the case's op and each of its vjps, applied."""
    return apply
