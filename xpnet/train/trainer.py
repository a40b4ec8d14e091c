"""What training changes: parameters, the optimiser's state, and the place in time."""

from typing import Any

from xpnet.optim import Optimizer
from xpnet.train.network import Network
from xpnet.train.updater import Updater

__all__ = ["Trainer"]


class Trainer:
    """A network with its optimiser at work, and the last parameters known to be good.

    Attributes
    ----------
    network : Network
    updater : Updater
    seed : int
        Of the shuffles.
    epoch : int
        Epochs finished since the network was built.
    """

    def __init__(self, network: Network, optimizer: Optimizer, seed: int) -> None:
        self.network, self.optimizer, self.seed, self.epoch = network, optimizer, seed, 0
        self.updater = Updater(network, optimizer)
        self.keep("the beginning")

    @property
    def rate(self) -> float:
        """The learning rate of this epoch."""
        return self.optimizer.rate(self.epoch)

    def set_optimizer(self, optimizer: Optimizer) -> None:
        """Go on with another optimiser, whose state is empty."""
        self.optimizer, self.updater = optimizer, Updater(self.network, optimizer)

    def keep(self, when: str) -> None:
        """Remember the parameters of this moment as good."""
        self._good = when, self.network.backend.copy(self.network.params)

    def finite(self) -> bool:
        """Whether every parameter is a finite number; this waits for a GPU."""
        xp = self.network.backend.xp
        return bool(xp.all(xp.isfinite(self.network.params)))

    def restore(self) -> str:
        """Put back the parameters kept last, with an empty optimiser; says from when they are."""
        when, params = self._good
        self.network.set_params(params)
        self.updater.reset()
        return when

    def load(self, state: Any) -> None:
        """Set the parameters from arrays by name; the optimiser starts again."""
        self.network.load(state)
        self.updater.reset()
        self.keep("the state that was loaded")

    def clone(self, optimizer: Optimizer) -> "Trainer":
        """An independent copy, with a copy of the optimiser."""
        copy = Trainer(self.network.clone(), optimizer, self.seed)
        copy.epoch, copy._good = self.epoch, self._good
        copy.updater.resume(self.updater)
        return copy
