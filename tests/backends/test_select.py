"""Which backend: by name, by namespace, by the arrays given, by the environment."""

import logging
import math
import warnings
from types import ModuleType
from typing import Any

import array_api_compat.numpy
import array_api_strict
import numpy as np
import pytest

import xpnet
from xpnet.backends import backend_of, cuda, get, resolve, select
from xpnet.backends.cpu import NumpyBackend
from xpnet.backends.data_types import check_float, dtype_name
from xpnet.backends.generic import GenericBackend
from xpnet.errors import (
    BackendFallbackWarning,
    BackendUnavailableError,
    DataError,
    DTypeError,
    UnknownNameError,
)


@pytest.fixture
def no_cupy(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A machine without CuPy; counts the attempts to import it."""
    attempts: list[int] = []

    def load() -> ModuleType:
        attempts.append(1)
        raise ImportError("No module named 'cupy'")

    monkeypatch.setattr(cuda, "load", load)
    return attempts


class TestByName:
    def test_numpy(self) -> None:
        assert isinstance(get("numpy"), NumpyBackend)

    def test_the_same_object_every_time(self) -> None:
        assert get("numpy") is get("numpy")

    def test_a_backend_is_itself(self) -> None:
        assert get(get("numpy")) is get("numpy")

    @pytest.mark.parametrize(
        ("name", "near"), [("nunpy", "numpy"), ("cupi", "cupy"), ("cuda", "cupy"), ("aut", "auto")]
    )
    def test_an_unknown_name_suggests_the_nearest(self, name: str, near: str) -> None:
        with pytest.raises(UnknownNameError, match=f"unknown backend '{name}'.*mean '{near}'"):
            get(name)

    def test_an_unknown_name_lists_the_valid_ones(self) -> None:
        with pytest.raises(
            ValueError, match="Valid names: any Array API namespace, auto, cupy, jax, numpy, torch"
        ):
            get("tensorflow")

    @pytest.mark.parametrize("spec", [3, 1.5, object(), ["numpy"]])
    def test_what_is_neither_name_nor_namespace(self, spec: Any) -> None:
        with pytest.raises(UnknownNameError, match="any Array API namespace"):
            get(spec)


class TestByNamespace:
    @pytest.mark.parametrize("xp", [np, array_api_compat.numpy])
    def test_numpy_and_its_wrapper_are_the_numpy_backend(self, xp: ModuleType) -> None:
        assert get(xp) is get("numpy")

    def test_another_library(self) -> None:
        backend = get(array_api_strict)
        assert isinstance(backend, GenericBackend)
        assert backend.name == "array_api_strict"
        assert backend.xp is array_api_strict
        assert get(array_api_strict) is backend

    def test_torch_comes_wrapped(self) -> None:
        torch = pytest.importorskip("torch")
        backend = get(torch)
        assert backend.name == "torch"
        assert backend.xp.__name__ == "array_api_compat.torch"

    def test_a_module_that_has_no_arrays(self) -> None:
        with pytest.raises(UnknownNameError, match="unknown backend 'math'"):
            get(math)

    def test_cupy_as_a_module_is_probed_like_its_name(self, no_cupy: list[int]) -> None:
        with pytest.raises(BackendUnavailableError, match="cannot be imported"):
            get(ModuleType("cupy"))

    def test_a_fallback_is_not_remembered_for_the_module(
        self, no_cupy: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        module = ModuleType("cupy")
        monkeypatch.setenv("XPNET_FALLBACK", "numpy")
        with pytest.warns(BackendFallbackWarning):
            assert get(module).name == "numpy"
        monkeypatch.delenv("XPNET_FALLBACK")
        with pytest.raises(BackendUnavailableError):
            get(module)


class TestByArrays:
    def test_numpy_arrays_and_scalars(self) -> None:
        assert backend_of(np.ones(2)) is get("numpy")
        assert backend_of(np.float32(1)) is get("numpy")

    def test_arrays_of_another_library(self) -> None:
        backend = backend_of(array_api_strict.ones(2))
        assert backend is not None
        assert backend.name == "array_api_strict"

    def test_torch_tensors(self) -> None:
        torch = pytest.importorskip("torch")
        backend = backend_of(torch.ones(2))
        assert backend is not None
        assert backend.name == "torch"

    @pytest.mark.parametrize("x", [None, 1, 2.5, [1, 2], (1.0,), "text", {"a": 1}])
    def test_no_library(self, x: Any) -> None:
        assert backend_of(x) is None

    def test_something_with_a_dtype_and_a_shape_that_is_no_array(self) -> None:
        class Table:
            dtype, shape = "float32", (2, 2)

        assert backend_of(Table()) is None

    def test_the_arrays_decide_where_nothing_else_is_said(self) -> None:
        assert resolve(None, array_api_strict.ones(2), [1, 2]).name == "array_api_strict"

    def test_numpy_where_there_are_no_arrays(self) -> None:
        assert resolve(None) is resolve(None, [1.0], None) is get("numpy")

    def test_a_setting_wins_over_the_arrays(self) -> None:
        assert resolve("numpy", array_api_strict.ones(2)) is get("numpy")

    @pytest.mark.parametrize("spec", [None, "numpy"])
    def test_arrays_of_two_libraries_are_refused(self, spec: Any) -> None:
        with pytest.raises(DataError, match=r"\(array_api_strict, numpy\): convert them to one"):
            resolve(spec, np.ones(2), array_api_strict.ones(2))

    def test_a_model_refuses_them_before_it_is_built(self) -> None:
        model = xpnet.MLP([2, 2])
        with pytest.raises(DataError, match="different libraries"):
            model.fit(np.ones((4, 2), "float32"), array_api_strict.zeros(4))
        assert not model.built

    def test_a_model_follows_its_first_data(self) -> None:
        xp = array_api_strict
        X, y = xp.ones((4, 2), dtype=xp.float32), xp.zeros(4, dtype=xp.int64)
        model = xpnet.MLP([2, 2])
        model.fit(X, y, epochs=1, verbose=False)
        assert model.backend is get(xp)
        assert backend_of(model.predict(X)) is get(xp)


class TestEnvironment:
    def test_backend_for_objects_given_none(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XPNET_BACKEND", "numpy")
        assert resolve(None, array_api_strict.ones(2)) is get("numpy")

    def test_a_setting_wins_over_it(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XPNET_BACKEND", "numpy")
        assert resolve(array_api_strict).name == "array_api_strict"

    def test_empty_is_unset(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XPNET_BACKEND", "")
        assert resolve(None, array_api_strict.ones(2)).name == "array_api_strict"

    def test_a_wrong_name_is_an_error(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("XPNET_BACKEND", "nunpy")
        with pytest.raises(UnknownNameError, match=r"'nunpy'.*mean 'numpy'"):
            resolve(None)

    def test_cupy_by_it_fails_like_cupy_by_name(
        self, no_cupy: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("XPNET_BACKEND", "cupy")
        with pytest.raises(BackendUnavailableError):
            xpnet.MLP([2, 2]).build()


class TestFallback:
    def test_warns_once_and_runs_on_numpy(
        self, no_cupy: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("XPNET_FALLBACK", "numpy")
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            first = xpnet.Model(xpnet.Dense(2), backend="cupy", input_shape=3).build()
            second = get("cupy")
        assert first.backend is second is get("numpy")
        assert [w.category for w in caught] == [BackendFallbackWarning]
        text = str(caught[0].message)
        assert "No module named 'cupy'" in text
        assert "using NumPy because XPNET_FALLBACK=numpy" in text

    def test_a_wrong_value_is_an_error(
        self, no_cupy: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("XPNET_FALLBACK", "nunpy")
        with pytest.raises(UnknownNameError, match=r"XPNET_FALLBACK 'nunpy'.*mean 'numpy'"):
            get("cupy")

    def test_other_backends_do_not_care(
        self, no_cupy: list[int], monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("XPNET_FALLBACK", "numpy")
        assert get("numpy").name == get("auto").name == "numpy"


class TestAuto:
    def test_falls_to_numpy_and_says_so(
        self, no_cupy: list[int], caplog: pytest.LogCaptureFixture
    ) -> None:
        with caplog.at_level(logging.INFO, logger="xpnet"):
            assert get("auto") is get("numpy")
        assert "'auto' chose numpy" in caplog.text
        assert "No module named 'cupy'" in caplog.text

    def test_takes_cupy_where_it_works(self, cupy: Any, caplog: pytest.LogCaptureFixture) -> None:
        with caplog.at_level(logging.INFO, logger="xpnet"):
            assert get("auto").name == "cupy"
        assert "'auto' chose cupy (cupy: works)" in caplog.text


class TestProbing:
    def test_once_a_process(self, no_cupy: list[int]) -> None:
        for _ in range(3):
            xpnet.backends.status()
            get("auto")
            with pytest.raises(BackendUnavailableError):
                get("cupy")
        assert no_cupy == [1]

    def test_not_before_it_is_needed(self, no_cupy: list[int]) -> None:
        X, y = np.ones((4, 2), "float32"), np.zeros(4, "int64")
        xpnet.MLP([2, 2]).fit(X, y, epochs=1, verbose=False)
        get("numpy")
        resolve(None, X)
        assert no_cupy == []


class TestStatus:
    def test_without_cupy(self, no_cupy: list[int]) -> None:
        numpy, cupy, *_ = xpnet.backends.status()
        assert numpy == select.Status("numpy", np.__version__, True, "works", ("cpu",))
        assert (cupy.name, cupy.version, cupy.usable) == ("cupy", None, False)
        assert "No module named 'cupy'" in cupy.reason
        assert "pip install 'xpnet[cuda13]'" in cupy.reason
        assert "'xpnet[cuda12]'" in cupy.reason

    def test_with_cupy(self, cupy: Any) -> None:
        assert xpnet.backends.status()[1] == select.Status("cupy", "14.2.0", True, "works")


class TestTypes:
    def test_names_of_any_library(self) -> None:
        torch = pytest.importorskip("torch")
        for dtype in (np.dtype("float32"), array_api_strict.float32, torch.float32, "float32"):
            assert dtype_name(dtype) == "float32"

    @pytest.mark.parametrize("dtype", ["float32", np.float32, np.dtype("float32")])
    def test_float(self, dtype: Any) -> None:
        assert check_float(dtype) == "float32"

    @pytest.mark.parametrize("dtype", ["float16", "int64", int, None, ["float32"], np.int32])
    def test_what_cannot_be_trained_in(self, dtype: Any) -> None:
        with pytest.raises(DTypeError, match="must be one of 'float32', 'float64'"):
            check_float(dtype)
