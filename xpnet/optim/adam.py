"""Adam and its variants: steps scaled by running means of the gradient and of its square."""

from math import exp, expm1, log, pow, sqrt
from typing import Unpack

from xpnet.arguments import flag, number, positive
from xpnet.ops.op_registry import UPDATES
from xpnet.optim.optimizer import DecoupledDecay, Link, Optimizer, Options
from xpnet.optim.schedules import Schedule

__all__ = ["Adam", "AdamW", "Nadam", "RAdam"]

_MULTIPLIED = 100_000  # steps whose product is multiplied out; a file may claim any number


class _Moments(Optimizer):
    """Base class of optimizers with Adam's two moments, which are kept as sums."""

    def __init__(
        self,
        learning_rate: float | Schedule,
        beta1: float,
        beta2: float,
        epsilon: float,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, **options)
        self.beta1, self.beta2 = number("beta1", beta1, 0, 1), number("beta2", beta2, 0, 1)
        self.epsilon = positive("epsilon", epsilon)

    def link(self, name: str) -> Link:
        """The update rule of this name with these settings."""
        return Link(UPDATES[name], {"beta1": self.beta1, "beta2": self.beta2})

    def sums(self, step: int) -> tuple[float, float]:
        """The sums of the weights of all gradients so far in the two moments."""
        return (
            (1 - self.beta1**step) / (1 - self.beta1),
            (1 - self.beta2**step) / (1 - self.beta2),
        )


class Adam(_Moments):
    """Adam: steps scaled by running means of the gradient and of its square.

    m = beta1 m + (1 - beta1) g; v = beta2 v + (1 - beta2) g**2;
    p = p - learning_rate (m / (1 - beta1**t)) / (sqrt(v / (1 - beta2**t)) + epsilon).

    Parameters
    ----------
    learning_rate : float or callable, default 0.001
    beta1, beta2 : float, defaults 0.9 and 0.999
        In [0, 1).
    epsilon : float, default 1e-8
        Greater than 0.
    amsgrad : bool, default False
        Divides by the root of the largest v so far (before its division by 1 - beta2**t), so
        that steps do not grow when a large gradient is forgotten.
    **options
        Weight decay, clipping and averaging: see `Optimizer`.

    Raises
    ------
    ArgumentError
        For numbers out of range.

    Notes
    -----
    Sources: Kingma and Ba, "Adam: a method for stochastic optimization", ICLR 2015; Reddi, Kale
    and Kumar, "On the convergence of Adam and beyond", ICLR 2018.
    """

    def __init__(
        self,
        learning_rate: float | Schedule = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        amsgrad: bool = False,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, beta1, beta2, epsilon, **options)
        self.amsgrad = flag("amsgrad", amsgrad)

    def rules(self) -> list[Link]:
        return [self.link("amsgrad" if self.amsgrad else "adam")]

    def coefficients(self, learning_rate: float, step: int) -> dict[str, float]:
        beta1, beta2 = self.beta1, self.beta2  # as in `sums`: every step calls this
        sum1, root = (1 - beta1**step) / (1 - beta1), sqrt((1 - beta2**step) / (1 - beta2))
        return {"step_size": learning_rate * root / sum1, "eps": self.epsilon * root}


class AdamW(DecoupledDecay, Adam):
    """Adam with decoupled weight decay: it shrinks the weights and is not part of the gradient.

    w = w - learning_rate weight_decay w for the weights, then a step of `Adam`.

    Parameters
    ----------
    learning_rate : float or callable, default 0.001
    beta1, beta2 : float, defaults 0.9 and 0.999
        In [0, 1).
    epsilon : float, default 1e-8
        Greater than 0.
    amsgrad : bool, default False
        See `Adam`.
    **options
        `weight_decay`, here 0.01 by default, clipping and averaging: see `Optimizer`.

    Raises
    ------
    ArgumentError
        For numbers out of range.

    Notes
    -----
    Source: Loshchilov and Hutter, "Decoupled weight decay regularization", ICLR 2019, in the
    form that torch.optim.AdamW uses.
    """

    def __init__(
        self,
        learning_rate: float | Schedule = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        amsgrad: bool = False,
        **options: Unpack[Options],
    ) -> None:
        options.setdefault("weight_decay", 0.01)
        super().__init__(learning_rate, beta1, beta2, epsilon, amsgrad, **options)


class Nadam(_Moments):
    """Adam with Nesterov's momentum.

    mu_t = beta1 (1 - 0.96**(t momentum_decay) / 2) and M_t = mu_1 ... mu_t, with m and v as in
    `Adam`; p = p - learning_rate (mu_(t+1) m / (1 - M_(t+1)) + (1 - mu_t) g / (1 - M_t)) /
    (sqrt(v / (1 - beta2**t)) + epsilon).

    Parameters
    ----------
    learning_rate : float or callable, default 0.002
    beta1, beta2 : float, defaults 0.9 and 0.999
        In [0, 1).
    epsilon : float, default 1e-8
        Greater than 0.
    momentum_decay : float, default 0.004
        At least 0.
    **options
        Weight decay, clipping and averaging: see `Optimizer`.

    Raises
    ------
    ArgumentError
        For numbers out of range.

    Notes
    -----
    Source: Dozat, "Incorporating Nesterov momentum into Adam", ICLR 2016 workshop, in the form
    that torch.optim.NAdam uses.
    """

    def __init__(
        self,
        learning_rate: float | Schedule = 0.002,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        momentum_decay: float = 0.004,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, beta1, beta2, epsilon, **options)
        self.momentum_decay = number("momentum_decay", momentum_decay, 0)
        self._products = [1.0]  # M_0, M_1, ..., as far as needed

    def rules(self) -> list[Link]:
        return [self.link("nadam")]

    def coefficients(self, learning_rate: float, step: int) -> dict[str, float]:
        root, beta1 = sqrt(self.sums(step)[1]), self.beta1
        ahead = self._momentum(step + 1) * (1 - beta1) / (1 - self._product(step + 1))
        return {
            "now": learning_rate * root * (1 - self._momentum(step)) / (1 - self._product(step)),
            "step_size": learning_rate * root * ahead,
            "eps": self.epsilon * root,
        }

    def _momentum(self, step: int) -> float:
        """mu_t."""
        return self.beta1 * (1 - 0.5 * pow(0.96, step * self.momentum_decay))

    def _product(self, step: int) -> float:
        """M_t, or the first product too small to change 1 - M_t."""
        known = self._products
        while len(known) <= min(step, _MULTIPLIED) and known[-1] > 1e-20:
            known.append(known[-1] * self._momentum(len(known)))
        if step > _MULTIPLIED and known[-1] > 1e-20:
            return self._late_product(step)
        return known[min(step, len(known) - 1)]

    def _late_product(self, step: int) -> float:
        """M_t by the series log(1 - x) = -(x + x**2 / 2 + ...), each term summed over all steps."""
        found = step * log(self.beta1)
        for n in range(1, 60):  # x is at most 1/2
            power = n * self.momentum_decay * log(0.96)  # the logarithm of (2 x)**n in step 1
            found -= exp(power) * expm1(power * step) / expm1(power) / (n * 2**n)
        return exp(found)


class RAdam(_Moments):
    """Adam that does not divide the first steps by the root of v, while v is unreliable.

    With m and v as in `Adam`, R = 2 / (1 - beta2) - 1 and
    r = R - 2 t beta2**t / (1 - beta2**t): while r <= 5,
    p = p - learning_rate m / (1 - beta1**t); afterwards
    p = p - learning_rate c m / (1 - beta1**t) / (sqrt(v) + epsilon) with
    c = sqrt(1 - beta2**t) sqrt((r - 4) (r - 2) R / ((R - 4) (R - 2) r)).

    Parameters
    ----------
    learning_rate : float or callable, default 0.001
    beta1, beta2 : float, defaults 0.9 and 0.999
        In [0, 1).
    epsilon : float, default 1e-8
        Greater than 0.
    **options
        Weight decay, clipping and averaging: see `Optimizer`.

    Raises
    ------
    ArgumentError
        For numbers out of range.

    Notes
    -----
    Source: Liu et al., "On the variance of the adaptive learning rate and beyond", ICLR 2020, in
    the form that torch.optim.RAdam uses.
    """

    def __init__(
        self,
        learning_rate: float | Schedule = 0.001,
        beta1: float = 0.9,
        beta2: float = 0.999,
        epsilon: float = 1e-8,
        **options: Unpack[Options],
    ) -> None:
        super().__init__(learning_rate, beta1, beta2, epsilon, **options)

    def rules(self) -> list[Link]:
        return [self.link("radam")]

    def coefficients(self, learning_rate: float, step: int) -> dict[str, float]:
        sum1, sum2 = self.sums(step)
        eps = self.epsilon / sqrt(1 - self.beta2)
        limit = 2 / (1 - self.beta2) - 1
        length = limit - 2 * step * self.beta2**step / (1 - self.beta2**step)
        if length <= 5:
            return {"flat": learning_rate / sum1, "step_size": 0.0, "eps": eps}
        ratio = (length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length)
        step_size = learning_rate * sqrt(sum2 * ratio) / sum1
        return {"flat": 0.0, "step_size": step_size, "eps": eps}
