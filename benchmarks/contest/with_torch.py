"""PyTorch: a training loop as in its tutorials, and the same loop with its fast options."""

from __future__ import annotations

from collections.abc import Callable
from shutil import which
from typing import Any

from contest.task import BETA1, BETA2, EPSILON, MOMENTUM, Absent, Stepper, Task, need


def network(task: Task) -> Any:
    """The task's network as a module."""
    torch = need("torch")
    layers: list[Any] = []
    for w, b in task.layers:
        linear = torch.nn.Linear(*w.shape)
        with torch.no_grad():
            linear.weight.copy_(torch.tensor(w.T.copy()))
            linear.bias.copy_(torch.tensor(b))
        layers += [linear, torch.nn.ReLU()]
    return torch.nn.Sequential(*layers[:-1])


def optimizer(task: Task, parameters: Any, fused: bool) -> Any:
    """The task's optimizer; `fused` makes one pass over all its arrays."""
    torch = need("torch")
    if task.optimizer == "Adam":
        betas = (BETA1, BETA2)
        return torch.optim.Adam(parameters, task.learning_rate, betas, EPSILON, fused=fused or None)
    momentum = MOMENTUM if task.optimizer == "momentum" else 0.0
    return torch.optim.SGD(parameters, task.learning_rate, momentum, fused=fused or None)


def compiled(function: Any) -> Any:
    """`torch.compile`, which needs a C++ compiler on the CPU."""
    if not any(map(which, ("c++", "g++", "clang++"))):
        raise Absent("torch.compile needs a C++ compiler, but none was found")
    return need("torch").compile(function)


class Torch(Stepper):
    """A training loop that a user writes."""

    def __init__(self, task: Task, fused: bool = False, compile: bool = False) -> None:
        torch = need("torch")
        module, measure = network(task), torch.nn.CrossEntropyLoss()
        X, y = torch.from_numpy(task.X), torch.from_numpy(task.y)

        def loss(rows: Any) -> Any:
            return measure(module(X[rows]), y[rows])

        self._loss = compiled(loss) if compile else loss
        self._optimizer = optimizer(task, module.parameters(), fused)
        self._turns = task.turns(torch.from_numpy)

    def step(self) -> Any:
        self._optimizer.zero_grad(set_to_none=True)
        loss = self._loss(next(self._turns))
        loss.backward()
        self._optimizer.step()
        return loss.detach()


def predictor(task: Task, X: Any, compile: bool = False) -> Callable[[], Any]:
    """Logits of rows that are already a tensor."""
    torch = need("torch")
    module = network(task).eval()
    forward = compiled(module) if compile else module
    x = torch.from_numpy(X)

    def run() -> Any:
        with torch.inference_mode():
            return forward(x)

    return run


class Skorch:
    """skorch's scikit-learn interface to PyTorch: an epoch by ``partial_fit``."""

    def __init__(self, task: Task) -> None:
        torch, skorch = need("torch"), need("skorch")
        kind = torch.optim.Adam if task.optimizer == "Adam" else torch.optim.SGD
        momentum = {"optimizer__momentum": MOMENTUM} if task.optimizer == "momentum" else {}
        self._task, self.steps = task, task.batches
        self._net = skorch.NeuralNetClassifier(
            network(task),
            criterion=torch.nn.CrossEntropyLoss,
            optimizer=kind,
            lr=task.learning_rate,
            batch_size=task.batch,
            max_epochs=1,
            iterator_train__shuffle=True,
            train_split=None,
            callbacks="disable",
            verbose=0,
            **momentum,
        )

    def run(self) -> None:
        self._fit(self.steps)

    def _fit(self, steps: int) -> None:
        rows = steps * self._task.batch
        self._net.partial_fit(self._task.X[:rows], self._task.y[:rows])

    def finish(self) -> None:
        return

    def mean_loss(self, steps: int) -> float:
        self._net.iterator_train__shuffle = False
        self._fit(steps)
        self._net.iterator_train__shuffle = True
        # Without callbacks, skorch keeps the losses of the batches as recorded.
        return sum(self._net.history[-1, "batches", :, "train_loss"]) / steps
