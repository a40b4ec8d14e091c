"""Matrix products as a layer uses them, by xpnet, CuPy and PyTorch."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from statistics import median
from typing import Any

import numpy as np

from gpu.device import Device
from gpu.report import Bench, Row, describe
from gpu.timing import spread, timed
from xpnet import ops
from xpnet.graph import Graph, Plan, Value

ORIENTATIONS = ("x w", "x^T g", "g w^T")
ROWS_CHECKED = 16
# Relative to the norm. 16-bit and tf32 operands have 8 and 11 bits; their errors average out.
TOLERANCE = {"float32": 1e-5, "tf32": 2e-3, "bfloat16": 1e-2, "float16": 2e-3}


class Operands:
    """The operands of a product, as stored on the host, and the expected result.

    Parameters
    ----------
    shape : (int, int, int)
        Rows, columns and inner length.
    orientation : {"x w", "x^T g", "g w^T"}
    """

    def __init__(self, shape: tuple[int, int, int], orientation: str) -> None:
        n, o, i = shape
        rng = np.random.default_rng(0)
        shapes = {"x w": [(n, i), (i, o)], "x^T g": [(i, n), (i, o)], "g w^T": [(n, i), (o, i)]}
        self.orientation = orientation
        self.a, self.b = (rng.standard_normal(s, dtype=np.float32) for s in shapes[orientation])
        a, b = self.oriented(self.a, self.b, np.transpose)
        self._wanted = a[:ROWS_CHECKED].astype(np.float64) @ b.astype(np.float64)

    def oriented(self, a: Any, b: Any, swap: Callable[[Any], Any]) -> tuple[Any, Any]:
        """The operands of the product in any library; one may be a transposed view."""
        if self.orientation == "x^T g":
            return swap(a), b
        return (a, swap(b)) if self.orientation == "g w^T" else (a, b)

    def error(self, found: Any) -> float:
        """The distance of a result's first rows from those in float64, relative to their norm."""
        return float(np.linalg.norm(found - self._wanted) / np.linalg.norm(self._wanted))


operands_of = lru_cache(maxsize=1)(Operands)


# The product, its first rows on the host, and its backend if that is not the device's.
Made = tuple[Callable[[], Any], Callable[[], Any], Any]


def xpnet_product(device: Device, operands: Operands, precision: str) -> Made:
    """The product as one of xpnet's plans runs it, with the casts that the precision needs."""
    backend, graph = device.backend_of(precision), Graph()
    pair = operands.a, operands.b
    inputs = [graph.input(n, v.shape, "float32") for n, v in zip("ab", pair, strict=True)]
    output = _symbolic(graph, *inputs, operands.orientation)
    plan = Plan(graph, backend, {}, [output])
    for value, array in zip(inputs, pair, strict=True):
        backend.write(plan.array(value), backend.asarray(array))
    return plan.run, lambda: backend.to_numpy(plan.array(output)[:ROWS_CHECKED]), backend


def _symbolic(graph: Graph, a: Value, b: Value, orientation: str) -> Value:
    """The product of two symbolic values; the transposed products are gradients, as in a step."""
    if orientation == "x w":
        product: Value = ops.matmul(a, b)
        return product
    index = ("g w^T", "x^T g").index(orientation)
    if orientation == "x^T g":
        ops.matmul(a, graph.input("w", (a.shape[1], b.shape[1]), "float32"))
    else:
        ops.matmul(graph.input("x", (a.shape[0], b.shape[0]), "float32"), b)
    node = graph.nodes[-1]
    return graph.append_vjp(ops.matmul.vjp_of(index), node, index, a if index == 0 else b)


def cupy_product(device: Device, operands: Operands, precision: str) -> Made:
    """The product by ``cupy.matmul`` (on the stand-in by ``numpy.matmul``)."""
    xp = device.backend.raw
    a, b = (device.array(v) for v in (operands.a, operands.b))
    if precision == "bfloat16":
        import ml_dtypes

        a, b = a.astype(ml_dtypes.bfloat16), b.astype(ml_dtypes.bfloat16)
    a, b = operands.oriented(a, b, lambda v: v.T)
    out = xp.empty((a.shape[0], b.shape[1]), dtype=a.dtype)

    def run() -> None:
        with _cupy_precision(device, precision):
            xp.matmul(a, b, out=out)

    return run, lambda: device.backend.to_numpy(out[:ROWS_CHECKED].astype("float32")), None


@contextmanager
def _cupy_precision(device: Device, precision: str) -> Iterator[None]:
    """Set CuPy's switch for TF32, which applies to the whole process."""
    if precision != "tf32":
        yield
        return
    from cupy._core import _routines_linalg as linalg

    before = linalg.get_compute_type("float32")
    linalg.set_compute_type("float32", linalg.COMPUTE_TYPE_TF32)
    try:
        yield
    finally:
        linalg.set_compute_type("float32", before)


def torch_product(device: Device, operands: Operands, precision: str) -> Made:
    """The product by ``torch.matmul``."""
    import torch

    where = "cuda" if device.name == "cupy" else "cpu"
    a, b = (torch.from_numpy(v).to(where) for v in (operands.a, operands.b))
    if precision == "bfloat16":
        a, b = a.bfloat16(), b.bfloat16()
    a, b = operands.oriented(a, b, lambda v: v.T)
    out = torch.empty((a.shape[0], b.shape[1]), dtype=a.dtype, device=where)

    def run() -> None:
        torch.set_float32_matmul_precision("high" if precision == "tf32" else "highest")
        torch.matmul(a, b, out=out)

    return run, lambda: out[:ROWS_CHECKED].float().cpu().numpy(), None


MAKERS = {"xpnet": xpnet_product, "cupy": cupy_product, "torch": torch_product}


def measure(
    bench: Bench, shape: tuple[int, int, int], orientation: str, precision: str
) -> list[Row]:
    """One row for each library: time, rate and error of a product, taken in turn."""
    operands, device = operands_of(shape, orientation), bench.device
    rows: dict[str, Row] = {}
    runs, backends = {}, {}
    for library, make in MAKERS.items():
        name = device.name if library == "cupy" else library
        row = {"shape": shape, "orientation": orientation, "precision": precision, "library": name}
        rows[name] = row
        try:
            run, result, backend = make(device, operands, precision)
            device.elapsed(run, backend)
            row["error_of_norm"] = operands.error(result())
            row["ok"] = row["error_of_norm"] < TOLERANCE[precision]
            runs[name], backends[name] = run, backend
        except Exception as error:
            row.update(describe(error))
    n, o, i = shape
    for name, times in timed(device, runs, bench.scale.seconds, backends).items():
        rows[name] |= {**spread(times), "rate": 2 * n * o * i / median(times)}
    return list(rows.values())
