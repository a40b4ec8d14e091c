"""PyTorch's CUDA graphs, with a stand-in for ``torch.cuda``: when calls are made and captured."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import xpnet as xn
from xpnet.backends import get
from xpnet.lowering.torch_graph import CapturedCalls

torch = pytest.importorskip("torch", reason="PyTorch is not installed")


class Captured:
    """A graph of the stand-in: it does not compute while it records."""

    def __init__(self, cuda: "StandIn") -> None:
        self.cuda, self.replays = cuda, 0

    def replay(self) -> None:
        self.replays += 1
        for call in self.cuda.recorded:
            call()


class StandIn:
    """As much of ``torch.cuda`` as graphs need, and the order of what is asked of it."""

    def __init__(self, broken: bool = False) -> None:
        self.log: list[str] = []
        self.recorded: list[Any] = []
        self.capturing, self.broken = False, broken

    def wait_stream(self, other: Any) -> None:
        self.log.append("wait")

    def current_stream(self) -> "StandIn":
        return self

    Stream = current_stream

    def CUDAGraph(self) -> Captured:
        self.graphs = Captured(self)
        return self.graphs

    @contextmanager
    def device(self, _: Any) -> Iterator[None]:
        yield

    @contextmanager
    def stream(self, _: Any) -> Iterator[None]:
        self.log.append("side")
        yield

    @contextmanager
    def graph(self, graph: Any, capture_error_mode: str) -> Iterator[None]:
        self.log.append(f"capture {capture_error_mode}")
        self.capturing = True
        try:
            yield
        finally:
            self.capturing = False
        if self.broken:
            raise RuntimeError("operation not permitted\nwhen a stream is capturing")

    def call(self, function: Any) -> Any:
        """A call on the device: a capture records it and computes nothing."""

        def run() -> None:
            self.recorded.append(function) if self.capturing else function()

        return run


class OnStandIn:
    """A backend on the stand-in."""

    device = "cuda:0"

    def __init__(self, cuda: StandIn) -> None:
        self.torch = type("Torch", (), {"cuda": cuda})


@pytest.mark.smoke
@pytest.mark.parametrize("broken", [False, True])
def test_calls_become_a_graph_in_the_second_run(broken: bool, caplog: Any) -> None:
    caplog.set_level("INFO", logger="xpnet")
    cuda, done = StandIn(broken), []
    calls = CapturedCalls(
        OnStandIn(cuda), [cuda.call(lambda i=i: done.append(i)) for i in range(3)]
    )
    for run in range(1, 5):
        calls.run()
        assert done == [0, 1, 2] * run
    assert cuda.log == ["wait", "side", "wait", "capture thread_local"]
    assert cuda.graphs.replays == (0 if broken else 3)
    assert ("without a CUDA graph: operation not permitted when" in caplog.text) is broken


def _fitted() -> xn.Model:
    rng = np.random.default_rng(0)
    net = xn.Sequential(xn.Dense(8, "relu"), xn.Dropout(0.2), xn.Dense(3))
    fitted = xn.Model(net, backend="torch")
    fitted.fit(rng.normal(size=(48, 6)), rng.integers(0, 3, 48), epochs=3, batch_size=16)
    return fitted


def test_a_plan_on_a_gpu_is_one_graph(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replays read what changes: the batch, the number of the step, the coefficients."""
    whole, graphs, made = _fitted(), [], CapturedCalls.__init__

    def on_stand_in(self: CapturedCalls, backend: Any, calls: Any) -> None:
        graphs.append(StandIn())
        made(self, OnStandIn(graphs[-1]), [graphs[-1].call(call) for call in calls])

    monkeypatch.setattr(CapturedCalls, "__init__", on_stand_in)
    monkeypatch.setattr(get("torch"), "lowering", "torch")
    one: Any = _fitted()
    assert {len(p.plan.calls) for p in one._engine.programs._made.values()} == {1}
    assert max(cuda.graphs.replays for cuda in graphs if cuda.recorded) == 8  # of nine steps
    for name, array in one.state_dict().items():
        torch.testing.assert_close(array, whole.state_dict()[name], rtol=0, atol=0)
