"""Check a kernel against its definition, in memory that exposes stray reads and writes."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from xpnet.kernels import Kernel, Recorder
from xpnet.ops.record import Op, Vjp
from xpnet.testing.differences import Setting
from xpnet.testing.poison import Guarded, PoisonedBackend, guarded
from xpnet.typing import ArrayLike

__all__ = ["Application", "check_kernel"]

_TOLERANCE = {"float32": 2e-6, "float64": 1e-14}


@dataclass
class Application:
    """An op or a vjp applied to arrays, and the results of its definition.

    Attributes
    ----------
    record : Op or Vjp
    inputs : list of numpy.ndarray
    static : dict
        The settings.
    outputs : list of numpy.ndarray
        The definition's results: the output and, if there is one, the saved tensor.
    """

    record: Op | Vjp
    inputs: list[np.ndarray]
    static: dict[str, Any]
    outputs: list[np.ndarray]

    @classmethod
    def of(cls, record: Op | Vjp, inputs: Sequence[Any], static: dict[str, Any]) -> "Application":
        """Apply a record's definition in NumPy."""
        arrays = [np.asarray(x) for x in inputs]
        results = record.fn(np, *arrays, **static)
        results = results if isinstance(results, tuple) else (results,)
        return cls(record, arrays, static, [np.asarray(r) for r in results])

    def aliases(self, kernel: Kernel) -> list[int]:
        """Inputs whose memory the output may take, as declared, if shape and type are equal."""
        out = self.outputs[0]
        return [
            i
            for i in kernel.inplace[: len(self.inputs)]
            if self.inputs[i].shape == out.shape and self.inputs[i].dtype == out.dtype
        ]

    def bind(
        self,
        kernel: Kernel,
        backend: PoisonedBackend,
        alias: int | None = None,
        order: Literal["C", "F"] = "C",
    ) -> Callable[[], list[np.ndarray]]:
        """Bind the kernel; return a function that fills the inputs, runs it, copies the results.

        The inputs are filled after binding, as in a plan: a kernel that reads or copies them
        while it is bound gives a wrong result.

        Parameters
        ----------
        kernel : Kernel
        backend : PoisonedBackend
        alias : int, optional
            The input whose memory the output takes.
        order : {"C", "F"}
            The inputs' order in memory.
        """
        places = [guarded(a) for a in self.outputs]
        inputs = [np.zeros(a.shape, a.dtype, order=order) for a in self.inputs]
        if alias is not None:
            inputs[alias] = places[0].array
        recorder = Recorder(backend)
        recorder.bind(kernel.function, *(p.array for p in places), *inputs, **self.static)

        def run() -> list[np.ndarray]:
            backend.poison()
            self._fill(places, inputs)
            for call in recorder.calls:
                call()
            self._check_manners(places, inputs, alias)
            return [place.array.copy() for place in places]

        return run

    def _fill(self, places: list[Guarded], inputs: list[np.ndarray]) -> None:
        for place in places:
            place.poison()
        for array, data in zip(inputs, self.inputs, strict=True):
            array[...] = data

    def _check_manners(
        self, places: list[Guarded], inputs: list[np.ndarray], alias: int | None
    ) -> None:
        for i, (array, data) in enumerate(zip(inputs, self.inputs, strict=True)):
            if i != alias:
                np.testing.assert_array_equal(array, data, f"input {i} changed")
        for place in places:
            place.check()


def check_kernel(kernel: Kernel, record: Op | Vjp, *inputs: ArrayLike, **settings: Setting) -> None:
    """Check that a kernel gives its definition's results and touches nothing else.

    The kernel is bound to outputs full of NaN between two fences, and to inputs that are filled
    afterwards. It runs twice, which must give the same bits, then once over each input whose
    memory it declares that its output may take.

    Parameters
    ----------
    kernel : Kernel
        The result of ``xpnet.kernels.find(op, ("out",))``, or ``Kernel("out", function)``.
    record : Op or Vjp
        The op or the vjp that it computes, such as ``op.vjp_of(0)``.
    *inputs : array
        The op's inputs; for a vjp, the upstream gradient, then the arrays that it reads.
    **settings
        The definition's settings.

    Raises
    ------
    AssertionError
        If the values differ by more than rounding, or the kernel changes an input or writes
        outside its output.

    Examples
    --------
    >>> import numpy as np
    >>> from xpnet import ops
    >>> from xpnet.kernels import Kernel
    >>> def relu(k, out, x):
    ...     k(k.raw.maximum, x, 0, out=out)
    >>> check_kernel(Kernel("out", relu, inplace=(0,)), ops.relu, np.array([-1.0, 2.0]))
    """
    application, backend = Application.of(record, inputs, settings), PoisonedBackend()
    run = application.bind(kernel, backend)
    first, second = run(), run()
    _check_values(application, first, "")
    for a, b in zip(first, second, strict=True):
        np.testing.assert_array_equal(a, b, f"{record.name}: the second run")
    for i in application.aliases(kernel):
        got = application.bind(kernel, backend, alias=i)()
        _check_values(application, got, f" over input {i}")


def _check_values(application: Application, got: list[np.ndarray], how: str) -> None:
    for array, wanted in zip(got, application.outputs, strict=True):
        tolerance = _TOLERANCE.get(str(wanted.dtype), 0)
        np.testing.assert_allclose(
            array, wanted, tolerance, tolerance, err_msg=f"{application.record.name}{how}"
        )
