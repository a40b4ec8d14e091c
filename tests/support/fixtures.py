"""Fixtures of more than one room; a conftest imports those it wants."""

from collections.abc import Callable
from typing import Any

import pytest

from support import applications as applied


@pytest.fixture
def applications() -> Callable[..., Any]:
    """``applications(case, n, dtype)``: the case's op and each of its vjps, applied."""
    return applied.applications


@pytest.fixture
def variations() -> Callable[..., Any]:
    """``variations(case, n, dtype, changes)``: the same for several changes of the inputs."""
    return applied.variations
