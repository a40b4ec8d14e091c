"""What training changes: parameters, the optimiser's state, and the place in time."""

from typing import Any

from xpnet.backends import PlannedBackend
from xpnet.engine.network import Network
from xpnet.engine.programs import Program
from xpnet.engine.updater import Updater
from xpnet.optim import Optimizer

__all__ = ["Trainer"]


class Trainer:
    """A network with its optimiser at work, and the last parameters known to be good.

    Attributes
    ----------
    network : Network
    updater : Updater
    seed : int
        Of the shuffles.
    epoch, step : int
        Epochs and steps finished since the network was built.
    """

    def __init__(self, network: Network, optimizer: Optimizer, seed: int) -> None:
        self.network, self.optimizer, self.seed = network, optimizer, seed
        self.epoch = self.step = 0
        self._program: Program | None = None
        self.updater = Updater(network, optimizer)
        self._good: tuple[str, Any] | None = None

    def rate(self, share: float = 0.0) -> float:
        """The learning rate when this share of the present epoch is done."""
        return self.optimizer.rate(self.epoch + share if share else self.epoch)

    def run(self, program: Program) -> None:
        """Compute loss and gradients of the batch that was loaded."""
        if program.computation.graph.step is not None:
            self.network.set_step(self.step)
        program.run()
        self._program = program

    @property
    def loss(self) -> Any:
        """The loss of the last batch, a 0-d array; None before the first."""
        if self._program is None:
            return None
        return self.network.backend.copy(self._program.results[0, ...])

    def apply(self, program: Program, rate: float) -> None:
        """Let what was computed change the state and the parameters."""
        before = self.updater.step
        try:
            self.updater.apply(rate)
            program.commit()
        except MemoryError:
            if self.updater.step != before:  # a part of it may be done
                self.restore()
            raise
        self.step += 1

    def passed(self, program: Program, steps: int) -> None:
        """Note that so many steps were made, the last of them by this program."""
        self.updater.passed(steps)
        self.step += steps
        self._program = program

    def forget(self) -> None:
        """Drop the compiled programs and what they computed."""
        self._program = None
        self.network.forget()

    def set_optimizer(self, optimizer: Optimizer) -> None:
        """Go on with another optimiser, whose state is empty."""
        self.optimizer, self.updater = optimizer, Updater(self.network, optimizer)

    def keep(self, when: str) -> None:
        """Remember the parameters of this moment as good."""
        backend, params = self.network.backend, self.network.params
        if self._good is None or not isinstance(backend, PlannedBackend):
            self._good = when, backend.copy(params)
        else:
            backend.write(self._good[1], params)
            self._good = when, self._good[1]

    def finite(self) -> bool:
        """Whether every parameter is a finite number; this waits for a GPU."""
        return self.network.backend.finite(self.network.params)

    def restore(self) -> str:
        """Put back the parameters kept last, with an empty optimiser; says from when they are."""
        self.updater.reset()
        if self._good is None:  # they were not finite when the training began
            return "the last step"
        when, params = self._good
        self.network.set_params(params)
        return when

    def load(self, state: Any, only: Any = None) -> None:
        """Set the parameters from arrays by name; the optimiser starts again."""
        self.network.load(state, only)
        self.updater.reset()
        self.keep("the state that was loaded")

    def freeze(self, names: tuple[str, ...]) -> "Trainer":
        """The same with these layers frozen, and an optimiser that starts again."""
        copy = Trainer(self.network.clone(names), self.optimizer, self.seed)
        copy.epoch, copy.step = self.epoch, self.step
        return copy

    def clone(self, optimizer: Optimizer) -> "Trainer":
        """An independent copy, with a copy of the optimiser."""
        copy = Trainer(self.network.clone(), optimizer, self.seed)
        copy.epoch, copy.step = self.epoch, self.step
        if self._good is not None:
            copy._good = self._good[0], self.network.backend.copy(self._good[1])
        copy.updater.put(self.updater.slots, self.updater.step)
        return copy
