"""The coefficients of an update: the numbers that its rules read, and on which parameters."""

from collections.abc import Iterable, Sequence
from itertools import repeat
from typing import NamedTuple

from xpnet.graph import ParameterTable
from xpnet.optim import Link, Optimizer

__all__ = ["Coefficient", "Coefficients", "Use", "uses"]


class Coefficient(NamedTuple):
    """A number that rules read: the optimizer's `name` for `rate` times the learning rate.

    It is multiplied by `scale`, a factor of the weight decay.
    """

    name: str
    rate: float = 1.0
    scale: float = 1.0


class Use(NamedTuple):
    """A link of an optimizer's chain, applied to a part of the vectors."""

    link: Link
    part: slice
    reads: tuple[Coefficient, ...]


def uses(links: Iterable[Link], table: ParameterTable) -> list[Use]:
    """The links with the parts to which they are applied, in order.

    A rule that reads coefficients is applied to each group of parameters with equal factors.
    """
    return [use for link in links for use in _uses(link, table)]


def _uses(link: Link, table: ParameterTable) -> list[Use]:
    names, end = link.update.coefficients, table.decayed if link.weights_only else table.trainable
    if link.per_parameter:
        groups = [(table.part(n), table.specs[n].rate, table.specs[n].decay) for n in table.trained]
    elif names:
        groups = [*table.groups]
    else:
        groups = [(slice(0, end), 1.0, 1.0)]
    found: list[Use] = []
    for part, rate, decay in groups:
        if part.stop > end:
            continue
        scale = decay if link.weights_only else 1.0
        reads = tuple(Coefficient(name, rate, scale) for name in names)
        if found and not link.per_parameter and found[-1].reads == reads:
            part = slice(found.pop().part.start, part.stop)
        found.append(Use(link, part, reads))
    return found


class Coefficients:
    """The numbers that an optimizer's rules read in each step, one for each `Coefficient`."""

    def __init__(self, optimizer: Optimizer, table: ParameterTable) -> None:
        self._optimizer, self._decays = optimizer, bool(optimizer.weight_decay)
        found = uses([*optimizer.chain(), *optimizer.averaging()], table)
        self._reads = [*dict.fromkeys(read for use in found for read in use.reads)]
        self._names = [read.name for read in self._reads]
        self._factors = any(read[1:] != (1, 1) for read in self._reads)
        self._rates = [*dict.fromkeys(read.rate for read in self._reads)]

    def __len__(self) -> int:
        return len(self._reads)

    def __call__(
        self, learning_rate: float, step: int, epoch: int = 0, share: float = 0.0
    ) -> tuple[float, ...]:
        """The numbers of a step, counted from 1, after a share of an epoch, counted from 0.

        They are in the order of the graph's inputs.
        """
        optimizer = self._optimizer
        decay = optimizer.decay_after(epoch, share) if self._decays else 0.0
        if self._factors:
            return self._grouped(learning_rate, step, decay)
        values = optimizer.coefficients(learning_rate, step)
        if self._decays:
            values = {**values, **optimizer.decay_coefficients(learning_rate, decay)}
        return tuple(map(values.__getitem__, self._names))

    def _grouped(self, learning_rate: float, step: int, decay: float) -> tuple[float, ...]:
        """The numbers where parameters have factors."""
        optimizer, each = self._optimizer, {}
        for rate in self._rates:
            own = rate * learning_rate
            found = optimizer.coefficients(own, step)
            each[rate] = {**found, **optimizer.decay_coefficients(own, decay)}
        return tuple([scale * each[rate][name] for name, rate, scale in self._reads])

    def ahead(
        self, learning_rates: Sequence[float], step: int, epoch: int, shares: Iterable[float]
    ) -> list[tuple[float, ...]]:
        """The numbers of several steps, the first of which has this number."""
        steps = range(step, step + len(learning_rates))
        if self._decays or self._factors:
            return [*map(self, learning_rates, steps, repeat(epoch), shares)]
        own, names = self._optimizer.coefficients, self._names  # quick: this is per step
        found = [own(*given) for given in zip(learning_rates, steps, strict=True)]
        return [tuple([values[name] for name in names]) for values in found]
