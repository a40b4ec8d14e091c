"""All that training changes, in one place."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Self

from xpnet.backends import Backend, dtype_name
from xpnet.graph import ParameterTable
from xpnet.typing import Array, ArrayLike

__all__ = ["FIXED", "Good", "TrainState"]

FIXED = ("params", "gradient", "loss_scale")


@dataclass(frozen=True, eq=False)
class Good:
    """The last parameters known to be finite, and when they were: ``"the start of epoch 3"``."""

    when: str
    params: Array


@dataclass(eq=False)
class TrainState:
    """The state of a model in training. A fit changes nothing else of a model.

    Attributes
    ----------
    vectors : dict of str to array
        Flat vectors. ``"params"`` holds all parameters: first the trained ones, then running
        statistics and frozen parameters. ``"gradient"`` is that of the last batch; the update may
        overwrite it. ``"loss_scale"`` exists in float16 only. The others are the optimizer's,
        each as long as the gradient.
    epoch, step : int
        Epochs and steps finished over the model's life.
    updates : int
        Steps of the current optimizer.
    results : array or None
        Loss and metrics of the last batch.
    good : Good or None
        Restored when the training diverges.
    awaiting : tuple of str
        Parameters whose initial values depend on data that have not come yet.
    sizes : mapping of int to int
        Steps on each size of batches; see `engine.batch_sizes`.
    begun, done : int
        Changes of the parameters that have begun, and the last that is done. They differ while the
        parameters change, or after a change that an exception cut short.
    """

    vectors: dict[str, Array]
    epoch: int = 0
    step: int = 0
    updates: int = 0
    results: Array | None = None
    good: Good | None = None
    awaiting: tuple[str, ...] = ()
    sizes: Mapping[int, int] = field(default_factory=dict)
    begun: int = 0
    done: int = 0

    @classmethod
    def of(
        cls,
        backend: Backend,
        table: ParameterTable,
        dtype: str,
        params: Array,
        loss_scale: Array = None,
    ) -> Self:
        """A state with these parameters, and no optimizer yet."""
        own = backend.assign(backend.zeros((table.size,), dtype), params)
        gradient = backend.zeros((table.trainable,), dtype)
        vectors = {"params": own, "gradient": gradient}
        return cls(vectors if loss_scale is None else {**vectors, "loss_scale": loss_scale})

    @property
    def params(self) -> Array:
        """All parameters."""
        return self.vectors["params"]

    @property
    def gradient(self) -> Array:
        """The gradient of the trained parameters."""
        return self.vectors["gradient"]

    @property
    def loss_scale(self) -> Array | None:
        """The factor of a float16 loss, and its record of overflows; see `ops.loss_scale`."""
        return self.vectors.get("loss_scale")

    @property
    def slots(self) -> dict[str, Array]:
        """The optimizer's vectors."""
        return {name: v for name, v in self.vectors.items() if name not in FIXED}

    def forget_overflow(self) -> None:
        """Forget a float16 overflow of an unfinished step, so that the next step is made."""
        if self.loss_scale is not None:
            self.loss_scale[2:3] = 0

    def set_loss_scale(self, backend: Backend, scale: ArrayLike) -> None:
        """Set the loss scale, if this model has one."""
        if self.loss_scale is not None:
            self.vectors["loss_scale"] = backend.assign(
                self.loss_scale, backend.asarray(scale, "float32")
            )

    def set_params(self, backend: Backend, params: Array) -> None:
        """Set all parameters."""
        self.begun += 1
        self.vectors["params"] = backend.assign(self.params, params)
        self.done = self.begun

    def new_slots(self, backend: Backend, names: Iterable[str]) -> None:
        """Replace the vectors of one optimizer by those of another, empty."""
        fixed = {name: self.vectors[name] for name in FIXED if name in self.vectors}
        length, dtype = self.gradient.shape[0], dtype_name(self.gradient.dtype)
        self.vectors = fixed | {name: backend.zeros((length,), dtype) for name in names}
        self.updates = 0

    def set_slots(self, backend: Backend, slots: Mapping[str, Array], updates: int) -> None:
        """Set the optimizer's vectors and its number of updates."""
        for name, vector in slots.items():
            self.vectors[name] = backend.assign(self.vectors[name], vector)
        self.updates = updates

    def reset_slots(self, backend: Backend) -> None:
        """Reset the optimizer."""
        self.vectors |= {name: backend.zeroed(slot) for name, slot in self.slots.items()}
        self.updates = 0

    def keep(self, backend: Backend, when: str) -> None:
        """Remember the current parameters as good."""
        if self.good is None:
            self.good = Good(when, backend.copy(self.params))
        else:
            self.good = Good(when, backend.assign(self.good.params, self.params))

    def restore(self, backend: Backend) -> str:
        """Restore the parameters kept last and reset the optimizer; return when they were kept."""
        if self.good is not None:  # else they were not finite when the training began
            self.set_params(backend, self.good.params)
        self.reset_slots(backend)
        return "the last step" if self.good is None else self.good.when

    def put(self, backend: Backend, other: Self) -> None:
        """Become a copy of another state of the same network and optimizer."""
        for name, vector in other.vectors.items():
            self.vectors[name] = backend.assign(self.vectors[name], vector)
        self.epoch, self.step, self.updates = other.epoch, other.step, other.updates
        self.awaiting, self.sizes = other.awaiting, other.sizes
        if other.good is not None:
            self.good = Good(other.good.when, backend.copy(other.good.params))
