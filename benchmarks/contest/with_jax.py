"""JAX: the whole step in one jitted function whose state is donated and returned."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from contest.task import BETA1, BETA2, EPSILON, MOMENTUM, Stepper, Task, need


def _logits(jax: Any, layers: Any, x: Any) -> Any:
    for w, b in layers[:-1]:
        x = jax.nn.relu(x @ w + b)
    w, b = layers[-1]
    return x @ w + b


class Jax(Stepper):
    """A functional step; the optimizers are written out as in JAX's tutorials."""

    def __init__(self, task: Task) -> None:
        jax, jnp = need("jax"), need("jax.numpy")
        X, y = jnp.asarray(task.X), jnp.asarray(task.y)

        def loss(layers: Any, rows: Any) -> Any:
            logs = jax.nn.log_softmax(_logits(jax, layers, X[rows]))
            return -jnp.mean(jnp.take_along_axis(logs, y[rows][:, None], axis=1))

        def step(state: Any, rows: Any) -> Any:
            layers, m, v, count = state
            value, grads = jax.value_and_grad(loss)(layers, rows)
            return _updated(jax, task, (layers, m, v, count + 1), grads), value

        self._jax = jax
        # jnp.array copies: asarray could share the task's memory, which is then donated.
        layers = [(jnp.array(w), jnp.array(b)) for w, b in task.layers]
        zeros = [jax.tree.map(jnp.zeros_like, layers) for _ in range(2)]
        self._state: Any = (layers, *zeros, jnp.zeros((), "float32"))
        self._step = jax.jit(step, donate_argnums=0)
        self._turns = task.turns(jnp.asarray)

    def step(self) -> Any:
        self._state, loss = self._step(self._state, next(self._turns))
        return loss

    def finish(self) -> None:
        self._jax.block_until_ready(self._state)


def _updated(jax: Any, task: Task, state: Any, grads: Any) -> Any:
    """The state after a step; parts that an optimizer does not use are unchanged."""
    (p, m, v, count), each = state, jax.tree.map
    if task.optimizer == "SGD":
        return each(lambda p, g: p - task.learning_rate * g, p, grads), m, v, count
    if task.optimizer == "momentum":
        m = each(lambda m, g: MOMENTUM * m + g, m, grads)
        return each(lambda p, m: p - task.learning_rate * m, p, m), m, v, count
    m = each(lambda m, g: BETA1 * m + (1 - BETA1) * g, m, grads)
    v = each(lambda v, g: BETA2 * v + (1 - BETA2) * g * g, v, grads)
    first, second = 1 - BETA1**count, 1 - BETA2**count
    sqrt = jax.numpy.sqrt
    p = each(
        lambda p, m, v: p - task.learning_rate / first * m / (sqrt(v / second) + EPSILON), p, m, v
    )
    return p, m, v, count


def predictor(task: Task, X: Any) -> Callable[[], Any]:
    """Logits of rows that are already on the device; waits for them."""
    jax, jnp = need("jax"), need("jax.numpy")
    layers = [(jnp.asarray(w), jnp.asarray(b)) for w, b in task.layers]
    forward, x = jax.jit(lambda layers, x: _logits(jax, layers, x)), jnp.asarray(X)
    return lambda: jax.block_until_ready(forward(layers, x))
