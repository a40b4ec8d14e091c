"""Backends that write into given memory: NumPy, and CuPy's stand-in."""

from typing import Any

import numpy as np
import pytest

from xpnet.backends import get
from xpnet.backends.base import PlannedBackend


@pytest.fixture(params=["numpy", "cupy"])
def backend(request: pytest.FixtureRequest, cupy: Any) -> PlannedBackend:
    found = get(request.param)
    assert isinstance(found, PlannedBackend)
    return found


@pytest.mark.smoke
def test_a_view_is_a_part_of_the_arena(backend: PlannedBackend) -> None:
    arena = backend.arena(256)
    a = backend.view(arena, 64, (2, 3), "float32")
    b = backend.view(arena, 64, (6,), "float32")
    assert (tuple(a.shape), str(a.dtype)) == ((2, 3), "float32")
    backend.write(a, backend.asarray(np.arange(6).reshape(2, 3), "float32"))
    assert backend.to_numpy(b).tolist() == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("dtype", ["float32", "float64", "int64", "bool"])
@pytest.mark.parametrize("shape", [(), (1,), (3,), (2, 0), (0,), (2, 3, 4)])
def test_views_of_every_shape_and_type(
    backend: PlannedBackend, shape: tuple[int, ...], dtype: str
) -> None:
    view = backend.view(backend.arena(512), 128, shape, dtype)
    assert (tuple(view.shape), str(view.dtype)) == (shape, dtype)
    backend.write(view, 1)
    assert backend.to_numpy(view).tolist() == np.ones(shape, dtype).tolist()


def test_an_empty_arena(backend: PlannedBackend) -> None:
    assert backend.arena(0).shape[0] == 0


@pytest.mark.parametrize("dtype", ["float32", "int64"])
def test_gather_writes_the_rows_into_place(backend: PlannedBackend, dtype: str) -> None:
    source = backend.asarray(np.arange(8).reshape(4, 2), dtype)
    out = backend.zeros((3, 2), dtype)
    backend.gather(source, out)(backend.asarray([3, 0, 3], "int64"))
    assert backend.to_numpy(out).tolist() == [[6, 7], [0, 1], [6, 7]]


def test_write_broadcasts_numbers(backend: PlannedBackend) -> None:
    out = backend.zeros((2, 2), "float32")
    backend.write(out, 2.5)
    assert backend.to_numpy(out).tolist() == [[2.5, 2.5], [2.5, 2.5]]


def test_copy_take_zeros(backend: PlannedBackend) -> None:
    x = backend.asarray([1.0, 2.0], "float64")
    y = backend.copy(x)
    backend.write(y, 0)
    assert backend.to_numpy(x).tolist() == [1.0, 2.0]
    assert backend.to_numpy(backend.take(x, backend.asarray([1], "int64"))).tolist() == [2.0]
    assert backend.to_numpy(backend.zeros((2,), "int64")).tolist() == [0, 0]


def test_owns_only_its_own(backend: PlannedBackend) -> None:
    other = get("cupy" if backend.name == "numpy" else "numpy")
    assert backend.owns(backend.zeros((1,), "float32"))
    assert not backend.owns(other.zeros((1,), "float32"))
    assert not backend.owns([1.0])


def test_put_take_and_argmax_of_the_raw_functions(backend: PlannedBackend) -> None:
    raw = backend.raw
    x = backend.asarray([[1.0, 5.0, 2.0], [7.0, 0.0, 3.0]], "float32")
    best = backend.zeros((2,), "int64")
    raw.argmax(x, axis=-1, out=best)
    assert backend.to_numpy(best).tolist() == [1, 0]
    picked = backend.zeros((2,), "float32")
    raw.take(x.reshape(-1), backend.asarray([1, 3], "int64"), out=picked)
    assert backend.to_numpy(picked).tolist() == [5.0, 7.0]
    raw.put(x.reshape(-1), backend.asarray([0, 5], "int64"), picked)
    assert backend.to_numpy(x).tolist() == [[5.0, 5.0, 2.0], [7.0, 0.0, 7.0]]


def test_synchronize(backend: PlannedBackend) -> None:
    assert backend.synchronize() is None
