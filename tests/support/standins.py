"""Fixtures that put the stand-in for CuPy in CuPy's place; a conftest imports those it wants."""

import importlib
import sys
from collections.abc import Iterator
from types import ModuleType
from typing import Any

import array_api_compat
import pytest

from support import standin_cupy
from xpnet.backends import select


def _clear() -> None:
    for cached in vars(select).values():
        clear = getattr(cached, "cache_clear", None)
        if clear is not None and cached.__module__ == select.__name__:
            clear()


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No probe remembered, no XPNET_* variable set; and so again afterwards."""
    monkeypatch.delenv("XPNET_BACKEND", raising=False)
    monkeypatch.delenv("XPNET_FALLBACK", raising=False)
    _clear()
    yield
    _clear()


def _ours(name: str) -> bool:
    return name.partition(".")[0] in ("cupy", "cupyx") or name.startswith("array_api_compat.cupy")


@pytest.fixture(scope="session")
def standin_modules() -> dict[str, ModuleType]:
    """The stand-in and array-api-compat's wrapper of it, made once and not left installed."""
    before = {name: sys.modules.pop(name) for name in list(sys.modules) if _ours(name)}
    wrapper = vars(array_api_compat).pop("cupy", None)
    try:
        sys.modules.update(standin_cupy.modules(standin_cupy))
        importlib.import_module("array_api_compat.cupy")
        return {name: found for name, found in sys.modules.items() if _ours(name)}
    finally:
        for name in list(filter(_ours, sys.modules)):
            del sys.modules[name]
        sys.modules.update(before)
        vars(array_api_compat).pop("cupy", None)
        if wrapper is not None:
            vars(array_api_compat)["cupy"] = wrapper


@pytest.fixture
def cupy(standin_modules: dict[str, ModuleType], monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """The stand-in, installed as ``cupy`` for this test, its counters at 0."""
    monkeypatch.setenv("XPNET_FAST", "0")  # it compiles nothing: CuPy's own functions alone
    for name in list(filter(_ours, sys.modules)):
        monkeypatch.delitem(sys.modules, name)
    for name, module in standin_modules.items():
        monkeypatch.setitem(sys.modules, name, module)
    wrapper = standin_modules["array_api_compat.cupy"]
    monkeypatch.setattr(array_api_compat, "cupy", wrapper, raising=False)
    standin = standin_modules["cupy"]
    standin._reset()
    yield standin
    standin._reset()
