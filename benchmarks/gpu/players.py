"""PyTorch and JAX with the same steps on the same device, each as fast as its documentation allows.

All gather each batch from data on the device by indices on the device, and return the loss. 16-bit
means 16-bit matrix products with float32 parameters and optimizer state: by autocast in PyTorch, by
casts in JAX. TF32 is each library's own switch.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contest.task import Stepper, Task, need
from contest.with_jax import _updated
from contest.with_torch import network, optimizer


def loss_module(torch: Any, task: Task, precision: str, where: str) -> Any:
    """A module that returns the loss of the rows with given numbers.

    The data are buffers. A compiled module knows their addresses and does not copy them.
    """

    class Loss(torch.nn.Module):  # type: ignore[misc]
        def __init__(self) -> None:
            super().__init__()
            self.network, self.measure = network(task), torch.nn.CrossEntropyLoss()
            self.register_buffer("X", torch.tensor(task.X))
            self.register_buffer("y", torch.tensor(task.y))

        def forward(self, rows: Any) -> Any:
            half = precision == "bfloat16"
            with torch.autocast(where, torch.bfloat16, enabled=half, cache_enabled=False):
                return self.measure(self.network(self.X[rows]), self.y[rows])

    return Loss().to(where)


class Torch(Stepper):
    """A training loop in PyTorch: eager, compiled, or captured whole in one CUDA graph.

    Parameters
    ----------
    task : Task
    precision : {"float32", "tf32", "bfloat16"}
    where : {"cuda", "cpu"}
    mode : str, optional
        Mode of `torch.compile`, for the network and its loss; None means eager.
    graph : bool
        Whether the whole step, including gather and update, is captured once and replayed.
    """

    def __init__(
        self, task: Task, precision: str, where: str, mode: str | None = None, graph: bool = False
    ) -> None:
        self._torch = torch = need("torch")
        self._tf32, self._cuda = precision == "tf32", where == "cuda"
        self._module = loss_module(torch, task, precision, where)
        self._loss = torch.compile(self._module, mode=mode) if mode else self._module
        self._optimizer = optimizer(task, self._module.parameters(), fused=True)
        self._turns = task.turns(lambda rows: torch.tensor(rows).to(where))
        self._take = self._captured(torch.tensor(task.indices()[0])) if graph else self._once

    def _once(self, rows: Any) -> Any:
        self._optimizer.zero_grad(set_to_none=True)
        loss = self._loss(rows)
        loss.backward()
        self._optimizer.step()
        return loss.detach()

    def _captured(self, first: Any) -> Callable[[Any], Any]:
        """The whole step as one graph that reads its row numbers from one buffer.

        The warm-up steps before the capture are undone.
        """
        torch = self._torch
        self._choose()
        rows, graph, stream = first.to("cuda"), torch.cuda.CUDAGraph(), torch.cuda.Stream()
        start = [p.detach().clone() for p in self._module.parameters()]
        stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(stream):
            for _ in range(3):
                self._once(rows)
        torch.cuda.current_stream().wait_stream(stream)
        self._optimizer.zero_grad(set_to_none=True)
        for group in self._optimizer.param_groups:
            group["capturable"] = True  # fused: its step count is on the device
        with torch.cuda.graph(graph):
            loss = self._once(rows)
        self._begin_again(start)

        def replay(index: Any) -> Any:
            rows.copy_(index)
            graph.replay()
            return loss

        return replay

    def _begin_again(self, start: list[Any]) -> None:
        """Restore the parameters, and set the optimizer's vectors and step to zero."""
        with self._torch.no_grad():
            for parameter, value in zip(self._module.parameters(), start, strict=True):
                parameter.copy_(value)
            for state in self._optimizer.state.values():
                for value in state.values():
                    if self._torch.is_tensor(value):
                        value.zero_()

    def _choose(self) -> None:
        """Set the process's precision of float32 products."""
        self._torch.set_float32_matmul_precision("high" if self._tf32 else "highest")

    def step(self) -> Any:
        return self._take(next(self._turns))

    def make(self, steps: int) -> None:
        """Make some steps, and wait for them."""
        self._choose()
        for _ in range(steps):
            self.step()
        self.finish()

    def mean_loss(self, steps: int) -> float:
        self._choose()
        return super().mean_loss(steps)

    def finish(self) -> None:
        if self._cuda:
            self._torch.cuda.synchronize()


# JAX's names for the precisions.
MATMUL = {"float32": "float32", "tf32": "tensorfloat32", "bfloat16": "bfloat16"}


class Jax(Stepper):
    """One jitted step whose state is donated and returned; or all steps in one scan."""

    def __init__(self, task: Task, precision: str, where: str, scan: bool = False) -> None:
        self._jax = jax = need("jax")
        jnp, self._matmul = jax.numpy, MATMUL[precision]
        half = jnp.bfloat16 if precision == "bfloat16" else None

        def affine(x: Any, w: Any, b: Any) -> Any:
            if half is None:
                return x @ w + b
            return (x.astype(half) @ w.astype(half)).astype(jnp.float32) + b

        def loss(layers: Any, X: Any, y: Any, rows: Any) -> Any:
            x = X[rows]
            for w, b in layers[:-1]:
                x = jax.nn.relu(affine(x, w, b))
            logs = jax.nn.log_softmax(affine(x, *layers[-1]))
            return -jnp.mean(jnp.take_along_axis(logs, y[rows][:, None], axis=1))

        def step(state: Any, X: Any, y: Any, rows: Any) -> Any:
            layers, m, v, count = state
            value, grads = jax.value_and_grad(loss)(layers, X, y, rows)
            return _updated(jax, task, (layers, m, v, count + 1), grads), value

        def steps(state: Any, X: Any, y: Any, order: Any) -> Any:
            return jax.lax.scan(lambda s, rows: step(s, X, y, rows), state, order)

        # jnp.array copies: asarray could share the task's memory, which is then donated.
        layers = [(jnp.array(w), jnp.array(b)) for w, b in task.layers]
        zeros = [jax.tree.map(jnp.zeros_like, layers) for _ in range(2)]
        self._state: Any = (layers, *zeros, jnp.zeros((), "float32"))
        self._data = jnp.asarray(task.X), jnp.asarray(task.y)
        self._step, self._steps = (jax.jit(f, donate_argnums=0) for f in (step, steps))
        self._order = jnp.stack([jnp.asarray(rows) for rows in task.indices()])
        self._turns, self._scan = task.turns(jnp.asarray), scan

    def step(self) -> Any:
        self._state, loss = self._step(self._state, *self._data, next(self._turns))
        return loss

    def make(self, steps: int) -> None:
        """Make some steps, and wait for them; in a scan, at most as many as there are batches."""
        with self._jax.default_matmul_precision(self._matmul):
            if self._scan:
                order = self._order if steps == len(self._order) else self._order[:steps]
                self._state, _ = self._steps(self._state, *self._data, order)
            else:
                for _ in range(steps):
                    self.step()
            self.finish()

    def mean_loss(self, steps: int) -> float:
        with self._jax.default_matmul_precision(self._matmul):
            return super().mean_loss(steps)

    def finish(self) -> None:
        self._jax.block_until_ready(self._state)
