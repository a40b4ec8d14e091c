"""Applications of ops and vjps to arrays, and memory in which a kernel's manners show."""

from dataclasses import dataclass
from typing import Any

import numpy as np
import pytest

from xpnet.graph import interpret
from xpnet.kernels import Recorder
from xpnet.ops.record import PASS
from xpnet.ops.registry import REGISTRY, UPDATES

GUARD = 64  # bytes in front and behind


@dataclass
class Guarded:
    """An array full of NaN bytes between two bands that nobody may write to."""

    array: np.ndarray
    memory: np.ndarray

    def check(self) -> None:
        assert (self.memory[:GUARD] == 0xA5).all(), "wrote in front of the output"
        assert (self.memory[-GUARD:] == 0xA5).all(), "wrote behind the output"


def guarded(like: Any) -> Guarded:
    size = like.size * like.dtype.itemsize
    memory = np.full(2 * GUARD + size, 0xA5, "uint8")
    inside = memory[GUARD : GUARD + size]
    inside[...] = 0xFF
    return Guarded(inside.view(like.dtype).reshape(like.shape), memory)


@dataclass
class Application:
    """A record (an op, a vjp) applied to arrays, and what its definition gives for them."""

    record: Any
    inputs: list[np.ndarray]
    static: dict[str, Any]
    outputs: list[np.ndarray]

    def aliases(self, kernel: Any) -> list[int]:
        """Inputs whose memory the output may take: declared so, and of its shape and type."""
        out = self.outputs[0]
        return [
            i
            for i in kernel.inplace[: len(self.inputs)]
            if self.inputs[i].shape == out.shape and self.inputs[i].dtype == out.dtype
        ]

    def bind(self, kernel: Any, backend: Any, alias: int | None = None, order: str = "C") -> Any:
        """Bind the kernel; returns what fills the inputs and runs it.

        The inputs' data come after the binding, as in a plan: a kernel that looked at them,
        or copied them, while it was bound would give a wrong result.
        """
        places = [guarded(a) for a in self.outputs]
        inputs = [np.zeros(a.shape, a.dtype, order=order) for a in self.inputs]
        if alias is not None:
            inputs[alias] = places[0].array
        recorder = Recorder(backend)
        recorder.bind(kernel.function, *(p.array for p in places), *inputs, **self.static)

        def run() -> list[np.ndarray]:
            backend.poison()
            for place in places:
                place.array.view("uint8" if place.array.ndim else place.array.dtype)[...] = 0xFF
            for array, data in zip(inputs, self.inputs, strict=True):
                array[...] = data
            for call in recorder.calls:
                call()
            for i, (array, data) in enumerate(zip(inputs, self.inputs, strict=True)):
                if i != alias:
                    np.testing.assert_array_equal(array, data, f"input {i} mutated")
            for place in places:
                place.check()
            return [place.array.copy() for place in places]

        return run


@pytest.fixture
def applications(cases):
    """``applications(case, n, dtype)``: the case's op and each of its vjps, applied."""

    def make(case, n, dtype, change=lambda array: array):
        graph, node, feeds = cases.trace(case, n, dtype)
        for index in cases.differentiable(case):
            cases.append_vjp(graph, node, index, feeds)
        feeds = {v: change(a) if a.dtype.kind == "f" else a for v, a in feeds.items()}
        nodes = graph.nodes
        values = [v for m in nodes for v in (*m.inputs, m.output, m.residual) if v is not None]
        with np.errstate(all="ignore"):
            arrays = dict(zip(values, interpret(graph, np, feeds, values), strict=True))
        return [
            Application(
                m.record,
                [np.asarray(arrays[v]) for v in m.inputs],
                m.static,
                [np.asarray(arrays[v]) for v in (m.output, m.residual) if v is not None],
            )
            for m in nodes
        ]

    return make


@pytest.fixture
def every_record():
    """Everything that a plan or an optimiser may have to find a kernel for."""
    vjps = [v for op in REGISTRY.values() for v in op.vjps if v not in (None, PASS)]
    return [*REGISTRY.values(), *vjps, *UPDATES.values()]
