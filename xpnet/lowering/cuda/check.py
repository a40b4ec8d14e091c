"""Test whether cuBLASLt is correct on this device.

The three products of a layer must be correct, also for awkward sizes and addresses, and also when a
captured graph replays them on other numbers. float32 must not lose digits. An epilogue is used only
if it equals the plain calls, including 0.

``bias`` and ``relu_bias``, which predictions use, must also keep NaN. cuBLASLt 12's ReLU turned NaN
into 0, and a prediction would hide a diverged model. ``relu_aux_bias`` and the two backward
epilogues are used only in training, and are checked on finite numbers. There, NaN cannot stay
hidden: a parameter that is NaN stays NaN, and the parameters are checked at the end of each epoch
(`xpnet.training.epoch_record`); a sample that is NaN makes the first layer's gradient NaN.

Operands and results are made and compared on the host. CuPy would compile a kernel for each
function and type that made or compared them, which takes about 25 s on a machine's first use.
Sums of small whole numbers are exact in any order and precision.
"""

from collections.abc import Callable, Iterator
from typing import Any, NamedTuple

import numpy as np

from xpnet.lowering.cuda.cublaslt import Lt
from xpnet.lowering.cuda.epilogue import auxiliary, bind
from xpnet.lowering.cuda.sixteen_bit import Casts
from xpnet.lowering.reading import Operand

__all__ = ["check"]

_SIZES = ((48, 64, 32), (256, 512, 384))  # rows, inputs, outputs
_ODD = (33, 17, 10)


def check(cupy: Any, lt: Lt, precision: str) -> list[str]:
    """Set `Lt.epilogues` to the correct ones; return what is wrong with the others.

    Raises
    ------
    RuntimeError
        If a plain product, or its replay in a graph, is wrong or impossible.
    """
    for a, b in _operands(cupy):
        _check_graph(lt, _Product(cupy, lt, precision, a, b))
    if precision == "float32":
        _check_digits(cupy, lt)
    passed: set[str] = set()
    failed: dict[str, str] = {}
    for size in (*_SIZES, _ODD):
        for names, trial in _Trials(cupy, lt, precision, size):
            try:
                wrong = "" if trial() else "gives other numbers than the plain calls"
            except Exception as error:  # the library raises for unsupported products
                wrong = f"{type(error).__name__}: {error}"
            passed |= set(names)
            if wrong:
                failed |= dict.fromkeys(names, wrong)
    lt.epilogues = frozenset(passed - failed.keys())
    return [f"{name}: {reason}" for name, reason in failed.items()]


class _Matrix(NamedTuple):
    """The same numbers in the same layout on the host and on the device."""

    host: Any
    device: Any

    @property
    def T(self) -> "_Matrix":
        """The transposed matrix."""
        return _Matrix(self.host.T, self.device.T)

    def send(self) -> None:
        """Copy the numbers to the device."""
        self.device.set(self.host)


class _Product:
    """The product of two matrices of whole numbers, which is exact in every precision."""

    def __init__(self, cupy: Any, lt: Lt, precision: str, a: _Matrix, b: _Matrix) -> None:
        self.cupy, self._lt, self._precision = cupy, lt, precision
        self.a, self.b = a, b
        self.out = cupy.empty((a.host.shape[0], b.host.shape[1]), dtype="float32")
        self.sums = cupy.empty(b.host.shape[1], dtype="float32")

    @property
    def plain(self) -> Any:
        """The product from NumPy."""
        return self.a.host @ self.b.host

    def bound(self, epilogue: str = "", bias: Any = None, aux: Any = None) -> Callable[[], None]:
        """The product from cuBLASLt, as a call."""
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

    def run(self, epilogue: str = "", bias: Any = None, aux: Any = None) -> Any:
        """Its result with an epilogue, on the host."""
        self.bound(epilogue, bias, aux)()
        return self.out.get()

    def aux(self) -> Any:
        """Memory for the bits that the forward epilogue keeps."""
        return auxiliary(*self._operands())

    def _operands(self) -> tuple[Operand, Operand, Operand]:
        return _operand(self.a.device), _operand(self.b.device), _operand(self.out)


def _placed(cupy: Any, numbers: Any, shape: tuple[int, ...], skipped: int = 0) -> _Matrix:
    """Numbers as a matrix, after some skipped elements of memory."""
    flat = numbers.astype("float32")
    host, device = (x[skipped:].reshape(shape) for x in (flat, cupy.asarray(flat)))
    return _Matrix(host, device)


def _whole(cupy: Any, rows: int, columns: int, period: int, skipped: int = 0) -> _Matrix:
    """Small whole numbers around 0, repeated."""
    numbers = np.arange(skipped + rows * columns) % period - period // 2
    return _placed(cupy, numbers, (rows, columns), skipped)


def _operand(x: Any) -> Operand:
    return Operand(x, int(x.data.ptr), x.shape, x.strides, x.dtype.name, x.dtype.itemsize)


def _operands(cupy: Any) -> Iterator[tuple[_Matrix, _Matrix]]:
    """The products x w, x^T g and g w^T; the last at addresses aligned to only 4 bytes."""
    for (n, i, o), skipped in (*((size, 0) for size in (*_SIZES, _ODD)), (_ODD, 1)):
        x = _whole(cupy, n, i, 7, skipped)
        w = _whole(cupy, i, o, 5, skipped)
        g = _whole(cupy, n, o, 3, skipped)
        yield x, w
        yield x.T, g
        yield g, w.T


def _check_graph(lt: Lt, product: _Product) -> None:
    """Run the product, capture it, and replay it on other numbers."""
    cupy = product.cupy
    run = product.bound()
    cupy.cuda.get_current_stream().synchronize()
    stream = cupy.cuda.Stream(non_blocking=True)
    with stream:
        run()
        if not _same(product.out.get(), product.plain):
            raise RuntimeError("cuBLASLt's product is wrong")
        stream.begin_capture()
        try:
            run()
        finally:
            graph = stream.end_capture()
        np.add(product.a.host, 1.0, out=product.a.host)
        product.a.send()
        product.out.set(np.zeros_like(product.plain))
        graph.launch(stream)
        if not _same(product.out.get(), product.plain):
            raise RuntimeError("cuBLASLt's product is wrong when a CUDA graph replays it")
    stream.synchronize()
    lt.forget(stream.ptr)


def _check_digits(cupy: Any, lt: Lt) -> None:
    """Multiply by 1 numbers that TF32 would round; their sums are exact in float32."""
    number = 1.0 + 2.0**-13
    for n, i, o in _SIZES:
        for left, right in ((number, 1.0), (1.0, number)):
            a = _placed(cupy, np.full(n * i, left), (n, i))
            b = _placed(cupy, np.full(i * o, right), (i, o))
            if not _same(_Product(cupy, lt, "float32", a, b).run(), i * number):
                raise RuntimeError("cuBLASLt rounds the operands of a float32 product")


class _Trials:
    """Groups of epilogues that are used together, each with its test."""

    def __init__(self, cupy: Any, lt: Lt, precision: str, size: tuple[int, int, int]) -> None:
        n, i, o = size

        def product(inputs: int) -> _Product:
            a, b = _whole(cupy, n, inputs, 7), _whole(cupy, inputs, o, 5)
            return _Product(cupy, lt, precision, a, b)

        self._diverged, self._front, self._back = product(i), product(i), product(o)
        self._bias = _whole(cupy, 1, o, 3)
        self._diverged.a.host[1] = np.nan
        for forward in (self._diverged, self._front):
            forward.a.host[0] = 0.0  # sums that are exactly 0 where the bias is 0
            forward.a.send()

    def __iter__(self) -> Iterator[tuple[tuple[str, ...], Callable[[], bool]]]:
        yield ("bias",), self._try_bias
        yield ("relu_bias",), self._try_relu
        yield ("relu_aux_bias", "drelu"), self._try_relu_back
        yield ("drelu_bgrad",), self._try_sums

    def _try_bias(self) -> bool:
        return self._forward(self._diverged, "bias", _unchanged)

    def _try_relu(self) -> bool:
        return self._forward(self._diverged, "relu_bias", _relu)

    def _try_relu_back(self) -> bool:
        aux, back = self._front.aux(), self._back
        good = self._forward(self._front, "relu_aux_bias", _relu, aux)
        return good and _same(back.run("drelu", None, aux), back.plain * self._slope)

    def _try_sums(self) -> bool:
        aux, back = self._front.aux(), self._back
        good = self._forward(self._front, "relu_aux_bias", _relu, aux)
        wanted, found = back.plain * self._slope, back.run("drelu_bgrad", back.sums, aux)
        return good and _same(found, wanted) and _same(back.sums.get(), wanted.sum(axis=0))

    def _forward(
        self, product: _Product, epilogue: str, function: Callable[[Any], Any], aux: Any = None
    ) -> bool:
        """Whether an epilogue adds the bias and then computes a function."""
        found = product.run(epilogue, self._bias.device, aux)
        return _same(found, function(product.plain + self._bias.host))

    @property
    def _slope(self) -> Any:
        return (self._front.plain + self._bias.host > 0).astype("float32")


def _unchanged(x: Any) -> Any:
    return x


def _relu(x: Any) -> Any:
    return np.maximum(x, 0.0)


def _same(found: Any, wanted: Any) -> bool:
    """Equal numbers, and NaN in the same places."""
    return np.array_equal(found, np.broadcast_to(wanted, found.shape), equal_nan=True)
