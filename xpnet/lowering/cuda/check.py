"""Whether cuBLASLt computes on this device what xpnet means: tried, not assumed.

The product must be right, and right again when a captured graph replays it on other numbers. An
epilogue is used only if it gives what the plain calls give, NaN and 0 included: where ReLU's
turns NaN into 0, it would hide a diverged model, and then the bias alone is left to cuBLASLt.
"""

from collections.abc import Callable, Iterator
from math import pi, sqrt
from typing import Any

from xpnet.lowering.cuda.cublaslt import Lt
from xpnet.lowering.cuda.epilogue import auxiliary, bind
from xpnet.lowering.cuda.precision import Casts
from xpnet.lowering.reading import Operand

__all__ = ["check"]

_SIZES = ((48, 64, 32), (256, 512, 384))  # rows, inputs, outputs


def check(cupy: Any, lt: Lt, precision: str) -> list[str]:
    """Set `Lt.epilogues` to those that are right; returns what is wrong with the others.

    Raises
    ------
    RuntimeError
        If the plain product, or its replay in a graph, is wrong or impossible.
    """
    passed: set[str] = set()
    failed: dict[str, str] = {}
    for size in _SIZES:
        _check_graph(_Product(cupy, lt, precision, *size))
        for names, trial in _Trials(cupy, lt, precision, size):
            try:
                wrong = "" if trial() else "gives other numbers than the plain calls"
            except Exception as error:  # what the library raises for what it cannot do
                wrong = f"{type(error).__name__}: {error}"
            passed |= set(names)
            if wrong:
                failed |= dict.fromkeys(names, wrong)
    lt.epilogues = frozenset(passed - failed.keys())
    return [f"{name}: {reason}" for name, reason in failed.items()]


class _Product:
    """A product on test data: whole numbers, so that it is exact in every precision."""

    def __init__(self, cupy: Any, lt: Lt, precision: str, *size: int) -> None:
        self.cupy, self._lt, self._precision = cupy, lt, precision
        rows, inputs, outputs = size
        self.a = _whole(cupy, rows * inputs, 7).reshape(rows, inputs)
        self.b = _whole(cupy, inputs * outputs, 5).reshape(inputs, outputs)
        self.out = cupy.empty((rows, outputs), dtype="float32")
        self.sums = cupy.empty(outputs, dtype="float32")

    @property
    def plain(self) -> Any:
        """The product by CuPy."""
        return self.cupy.matmul(self.a, self.b)

    def bound(self, epilogue: str = "", bias: Any = None, aux: Any = None) -> Callable[[], None]:
        """The product by cuBLASLt, as a call."""
        half = self._precision in ("bfloat16", "float16")
        found = bind(
            self._lt,
            *self._operands(),
            self._precision,
            epilogue,
            None if bias is None else _operand(bias),
            aux,
            Casts(self._precision) if half else None,
        )
        if found is None:
            raise RuntimeError(f"cuBLASLt has no product of this kind in {self._precision}")
        return found

    def run(self, epilogue: str, bias: Any = None, aux: Any = None) -> Any:
        """Its result, with an epilogue."""
        self.bound(epilogue, bias, aux)()
        return self.out

    def aux(self, epilogue: str) -> Any:
        """Memory for what an epilogue keeps."""
        return auxiliary(*self._operands(), epilogue)

    def _operands(self) -> tuple[Operand, Operand, Operand]:
        return _operand(self.a), _operand(self.b), _operand(self.out)


def _whole(cupy: Any, count: int, period: int) -> Any:
    """Small whole numbers around 0, over and over."""
    return (cupy.remainder(cupy.arange(count), period) - period // 2).astype("float32")


def _operand(x: Any) -> Operand:
    return Operand(x, int(x.data.ptr), x.shape, x.strides, x.dtype.name, x.dtype.itemsize)


def _check_graph(product: _Product) -> None:
    """Run the product, capture it, and replay it on other numbers."""
    cupy = product.cupy
    run = product.bound()
    cupy.cuda.get_current_stream().synchronize()
    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        run()
        if not _same(cupy, product.out, product.plain):
            raise RuntimeError("cuBLASLt's product is wrong")
        stream.begin_capture()
        try:
            run()
        finally:
            graph = stream.end_capture()
        product.a[...] = product.a + 1.0
        product.out[...] = 0.0
        graph.launch(stream)
        if not _same(cupy, product.out, product.plain):
            raise RuntimeError("cuBLASLt's product is wrong when a CUDA graph replays it")


class _Trials:
    """The epilogues that stand or fall together, each with what tries them."""

    def __init__(self, cupy: Any, lt: Lt, precision: str, size: tuple[int, int, int]) -> None:
        rows, _, outputs = size
        self._cupy = cupy
        self._front = _Product(cupy, lt, precision, *size)
        self._back = _Product(cupy, lt, precision, rows, outputs, outputs)
        self._clean = _Product(cupy, lt, precision, *size)
        self._bias = _whole(cupy, outputs, 3)
        self._front.a[0] = 0.0  # sums that are exactly 0, where the bias is
        self._front.a[1] = float("nan")

    def __iter__(self) -> Iterator[tuple[tuple[str, ...], Callable[[], bool]]]:
        yield ("bias",), self._try_bias
        yield ("relu_bias",), self._try_relu
        yield ("relu_aux_bias", "drelu", "drelu_bgrad"), self._try_relu_back
        yield ("gelu_bias",), self._try_gelu
        yield ("gelu_aux_bias", "dgelu", "dgelu_bgrad"), self._try_gelu_back
        yield ("bgradb",), self._try_sum

    @property
    def _plain(self) -> Any:
        return self._front.plain + self._bias

    def _try_bias(self) -> bool:
        return _same(self._cupy, self._front.run("bias", self._bias), self._plain)

    def _try_relu(self, name: str = "relu_bias", aux: Any = None) -> bool:
        wanted = self._cupy.maximum(self._plain, 0.0)
        return _same(self._cupy, self._front.run(name, self._bias, aux), wanted)

    def _try_relu_back(self) -> bool:
        aux = self._front.aux("relu_aux_bias")
        slope = (self._plain > 0).astype("float32")
        return self._try_relu("relu_aux_bias", aux) and self._gradient("drelu", aux, slope)

    def _try_gelu(self, name: str = "gelu_bias", aux: Any = None) -> bool:
        wanted = _gelu(self._cupy, self._plain)[0]
        return _near(self._cupy, self._front.run(name, self._bias, aux), wanted)

    def _try_gelu_back(self) -> bool:
        aux = self._front.aux("gelu_aux_bias")
        slope = _gelu(self._cupy, self._plain)[1]
        return self._try_gelu("gelu_aux_bias", aux) and self._gradient("dgelu", aux, slope)

    def _gradient(self, name: str, aux: Any, slope: Any) -> bool:
        """Whether the backward epilogues multiply by this slope, and sum."""
        back = self._back
        wanted = back.plain * slope
        good = _near(self._cupy, back.run(name, None, aux), wanted)
        good = good and _near(self._cupy, back.run(f"{name}_bgrad", back.sums, aux), wanted)
        return good and _near(self._cupy, back.sums, wanted.sum(axis=0))

    def _try_sum(self) -> bool:
        clean = self._clean
        good = _same(self._cupy, clean.run("bgradb", clean.sums), clean.plain)
        return good and _same(self._cupy, clean.sums, clean.b.sum(axis=0))


def _gelu(cupy: Any, x: Any) -> tuple[Any, Any]:
    """GELU by tanh, and its derivative."""
    scale, cubic = sqrt(2 / pi), 0.044715
    t = cupy.tanh(scale * (x + cubic * x**3))
    return x * (1 + t) / 2, (1 + t) / 2 + x * (1 - t * t) * scale * (1 + 3 * cubic * x * x) / 2


def _same(cupy: Any, found: Any, wanted: Any) -> bool:
    """Equal numbers, and NaN in the same places."""
    return bool(cupy.all((found == wanted) | (cupy.isnan(found) & cupy.isnan(wanted))))


def _near(cupy: Any, found: Any, wanted: Any) -> bool:
    near = abs(found - wanted) <= 1e-4 * (1 + abs(wanted))
    return bool(cupy.all(near | (cupy.isnan(found) & cupy.isnan(wanted))))
