"""What a model is: a network with parameters, how it is made, built, frozen and copied."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from copy import copy, deepcopy
from types import MappingProxyType
from typing import Any, Self

from xpnet.arguments import count
from xpnet.backends import Backend
from xpnet.backends.base import check_float
from xpnet.engine.given import names_of, place_of, sample_shape
from xpnet.engine.network import Network
from xpnet.engine.on_device import on_device
from xpnet.engine.setup import Setup
from xpnet.engine.summary import summary
from xpnet.engine.trainer import Trainer
from xpnet.engine.updater import Updater
from xpnet.errors import ArgumentError
from xpnet.nn import LayerLike, get_loss, get_metrics
from xpnet.optim import LBFGS, Optimizer, get_optimizer
from xpnet.saving.model_file import save_model
from xpnet.saving.pickling import get_state, set_state, settings_of
from xpnet.typing import Shape

__all__ = ["BaseModel"]


class BaseModel:
    """A network, a loss and an optimiser, and the parameters once there are any; see `Model`."""

    def __init__(
        self,
        net: LayerLike,
        loss: Any = "softmax_cross_entropy",
        optimizer: str | Optimizer = "adam",
        *,
        metrics: Sequence[Any] | None = None,
        backend: Any = None,
        dtype: Any = "float32",
        seed: int = 0,
        input_shape: int | Shape | None = None,
        check_finite: bool = True,
        frozen: Sequence[str] = (),
        precision: str = "float32",
    ) -> None:
        if isinstance(net, type) or not callable(net):
            raise ArgumentError(f"net must be a layer or a function, got {net!r}.")
        chosen, dtype = get_loss(loss), check_float(dtype)
        wanted, precision = place_of(backend, precision, dtype)
        if isinstance(metrics, Iterable) and not isinstance(metrics, str):
            metrics = tuple(metrics)
        self._optimizer, self._metrics = get_optimizer(optimizer), metrics
        self._in_fit = False
        self._setup = Setup(
            net,
            chosen,
            get_metrics(metrics, chosen),
            wanted,
            dtype,
            count("seed", seed, 0, 2**32),
            sample_shape(input_shape),
            bool(check_finite),
            names_of(frozen),
            precision,
        )
        self._trainer: Trainer | None = None
        self.preprocessing: dict[str, Any] | None = None

    # --- building -----------------------------------------------------------------------------

    @property
    def built(self) -> bool:
        """Whether the parameters exist."""
        return self._trainer is not None

    @property
    def backend(self) -> Backend | None:
        """Where the model computes; None while it is open."""
        return self._setup.backend

    @property
    def dtype(self) -> str:
        """Type of the parameters: ``"float32"`` or ``"float64"``."""
        return self._setup.dtype

    @property
    def precision(self) -> str:
        """How the operands of matrix products are rounded."""
        return self._setup.precision

    @property
    def seed(self) -> int:
        """The seed that the model was made with."""
        return self._setup.seed

    @property
    def epoch(self) -> int:
        """Epochs trained so far, by which schedules and shuffles go; may be assigned."""
        return 0 if self._trainer is None else self._trainer.epoch

    @epoch.setter
    def epoch(self, value: int) -> None:
        self._built().epoch = count("epoch", value, 0)

    @property
    def optimizer(self) -> Optimizer:
        """The optimiser; one that is assigned starts with empty state."""
        return self._optimizer

    @optimizer.setter
    def optimizer(self, value: str | Optimizer) -> None:
        optimizer = get_optimizer(value)
        if isinstance(optimizer, LBFGS):
            self._refuse_while_fitting("L-BFGS cannot take over")
        self._exchange(optimizer)

    @on_device
    def _exchange(self, optimizer: Optimizer) -> None:
        if self._trainer is not None:
            self._trainer.set_optimizer(optimizer)
        self._optimizer = optimizer

    @property
    def network(self) -> Network:
        """The compiled network; built if the shape of a sample is known."""
        return self._built().network

    @property
    def updater(self) -> Updater:
        """The optimiser at work: its step count and its slots."""
        return self._built().updater

    @on_device
    def build(self, input_shape: int | Shape | None = None) -> Self:
        """Create the parameters for samples of this shape; data do so by themselves.

        Raises
        ------
        ArgumentError
            If the shape is not known.
        ShapeError
            If it is not the shape that the model was made or built for.
        """
        shape = sample_shape(input_shape) or self._setup.features
        if shape is None:
            raise ArgumentError(
                "the shape of one sample is not known yet: train first, or call "
                "model.build((n_features,))."
            )
        self._settle(self._setup.network_for(self._setup.backend_for(), shape))
        return self

    def _built(self) -> Trainer:
        if self._trainer is None:
            self.build()
        assert self._trainer is not None
        return self._trainer

    @contextmanager
    def _fitting(self, network: Network) -> Iterator[Trainer]:
        """The trainer for a fit; what would pull it from under the fit is refused meanwhile."""
        self._refuse_while_fitting("a second fit cannot begin")
        self._in_fit = True
        try:
            yield self._settle(network)
        finally:
            self._in_fit = False

    def _refuse_while_fitting(self, what: str) -> None:
        if self._in_fit:
            raise ArgumentError(
                f"{what} while a fit of this model runs: return True from the callback, so that "
                "the fit ends, and do it then."
            )

    def _settle(self, network: Network) -> Trainer:
        """Make a network the model's own, once everything that was given has been checked."""
        if self._trainer is None:
            self._trainer = Trainer(network, self._optimizer, self._setup.seed)
            self._setup.network = network
        return self._trainer

    # --- state --------------------------------------------------------------------------------

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Each parameter by its dotted name.

        On NumPy and CuPy these are live views: ``model.parameters[name][...] = array`` changes the
        model. On other libraries they are the values of the moment. To set all, use
        `load_state_dict`.
        """
        return MappingProxyType(self.network.views(self.network.params))

    @property
    def gradients(self) -> Mapping[str, Any]:
        """The gradient of each trained parameter by its dotted name, of the last batch.

        Read them in `Callback.on_gradient`: the update overwrites them.
        """
        return MappingProxyType(self.network.views(self.network.grads))

    @property
    @on_device
    def batch_loss(self) -> Any:
        """The loss of the last training batch before its step, a 0-d array; None before the first.

        Reading its value waits for a GPU.
        """
        return None if self._trainer is None else self._trainer.loss

    @on_device
    def state_dict(self) -> dict[str, Any]:
        """Copies of the parameters by name, in the model's library."""
        return {name: self.network.backend.copy(view) for name, view in self.parameters.items()}

    @on_device
    def load_state_dict(self, state: Mapping[str, Any], only: Sequence[str] | None = None) -> None:
        """Set the parameters from arrays by name; the optimiser starts again.

        Parameters
        ----------
        state : mapping of str to array
            What `state_dict` returned, of this model or of one with the same layers.
        only : sequence of str, optional
            Names of layers (``"layers.0"``) or parameters: these alone are taken from `state`,
            the others stay. So a new head is put on trained layers.

        Raises
        ------
        ShapeError, DTypeError, DataError
            If names, shapes or types do not fit, or there are NaN or infinite numbers; the model
            is then unchanged.
        """
        if not isinstance(state, Mapping):
            raise ArgumentError(
                "load_state_dict expects a dict of arrays by name, as state_dict() returns it; got "
                f"{type(state).__name__}."
            )
        self._built().load(state, None if only is None else names_of(only))

    @on_device
    def save(
        self,
        path: Any,
        *,
        optimizer_state: bool = False,
        preprocessing: dict[str, Any] | None = None,
    ) -> None:
        """Write the model into one safetensors file, from which `xpnet.load` makes it again.

        The file holds the parameters by their dotted names, and as JSON the network, the loss, the
        optimizer and the settings; ``docs/format.md`` describes it. It is written beside its place
        and then renamed, so that the old file or the new one is there whatever happens.

        Parameters
        ----------
        path : str or path
            A file that is there already is replaced.
        optimizer_state : bool, default False
            Whether the optimizer's vectors are kept too, so that training goes on from the file
            with the same bits; with Adam they are twice as large as the parameters.
        preprocessing : dict, optional
            What is to be done to data before the model sees them (means, scales, names of
            classes): text, finite numbers, lists and dicts. It comes back as
            ``model.preprocessing``, which is also the default.

        Raises
        ------
        ArgumentError
            If the shape of a sample is not known yet, or the model has a part that is not
            registered; see `xpnet.register`.
        DataError
            If a parameter is NaN or infinite.
        FormatError
            If the file cannot be written; what was there before is as it was.
        """
        self._built()
        kept = self.preprocessing if preprocessing is None else preprocessing
        save_model(self, path, optimizer_state, kept)

    @property
    def frozen(self) -> tuple[str, ...]:
        """Names of the layers and parameters that are not trained."""
        return self._setup.frozen

    def freeze(self, *names: str) -> None:
        """Let these layers or parameters keep their values from now on.

        A frozen `BatchNorm` normalises by its running statistics, which then stay. The optimiser
        starts again, since its vectors cover the trained parameters alone.

        Parameters
        ----------
        *names : str
            Dotted names, such as ``"layers.0"`` or ``"layers.0.weight"``.

        Raises
        ------
        ArgumentError
            If none is named, there is no such layer or parameter (found when the model is built),
            or a fit runs.
        GraphError
            If nothing would be left to train.
        """
        if not names:
            raise ArgumentError(
                "freeze expects the names of layers or parameters, such as "
                "model.freeze('layers.0'); model.summary() shows those of the layers."
            )
        self._set_frozen((*self.frozen, *(n for n in names_of(names) if n not in self.frozen)))

    def unfreeze(self, *names: str) -> None:
        """Train these layers or parameters again, all of them if none is named.

        Raises
        ------
        ArgumentError
            If a name is not among `frozen`.
        """
        for name in names_of(names):
            if name not in self.frozen:
                raise ArgumentError(
                    f"{name!r} is not frozen; frozen: {', '.join(self.frozen) or 'nothing'}."
                )
        self._set_frozen(tuple(n for n in self.frozen if names and n not in names))

    @on_device
    def _set_frozen(self, names: tuple[str, ...]) -> None:
        self._refuse_while_fitting("layers cannot be frozen or unfrozen")
        if self._trainer is not None:
            self._trainer = self._trainer.freeze(names)
            self._setup.network = self._trainer.network
        self._setup.frozen = names

    @on_device
    def averaged(self) -> Self:
        """An independent model with the running average of the parameters.

        The optimizer keeps it when it is made with ``average_decay``, such as
        ``xpnet.Adam(average_decay=0.99)``; this model goes on unchanged. State, such as running
        means, is that of the moment.

        Raises
        ------
        ArgumentError
            If the optimizer keeps no average.
        """
        average = self.updater.average()
        twin = deepcopy(self)
        network = twin.network
        rest = network.params[network.table.trainable :]
        network.set_params(network.backend.xp.concat([average, rest]))
        return twin

    def summary(self) -> str:
        """The layers with their output shapes and numbers of parameters, as a table."""
        return summary(self.network)

    @on_device
    def __deepcopy__(self, memo: Any) -> Self:
        """An independent model with the same parameters and optimiser state."""
        twin = object.__new__(type(self))
        vars(twin).update(vars(self))
        twin._setup, twin._optimizer = copy(self._setup), copy(self._optimizer)
        twin._in_fit = False
        if self._trainer is not None:
            twin._trainer = self._trainer.clone(twin._optimizer)
            twin._setup.network = twin._trainer.network
        return twin

    @on_device
    def __getstate__(self) -> dict[str, Any]:
        """Settings, parameters and the optimiser's state, on the host."""
        return get_state(self)

    def __setstate__(self, state: dict[str, Any]) -> None:
        BaseModel.__init__(self, **settings_of(state))
        set_state(self, state)

    def __repr__(self) -> str:
        where = self.backend.name if self.backend else "backend open"
        if self._setup.precision != "float32":
            where += f", precision={self._setup.precision!r}"
        made = f"{self._setup.net!r}, loss={self._setup.loss.name!r}, {self.optimizer!r}"
        return f"{type(self).__name__}({made}, {where})"
