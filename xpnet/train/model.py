"""`Model`: a network with a loss and an optimiser, ready to be trained and used."""

from collections.abc import Mapping, Sequence
from copy import copy
from math import isfinite
from types import MappingProxyType
from typing import Any

from xpnet.arguments import count
from xpnet.backends import Backend, resolve
from xpnet.backends.base import check_float
from xpnet.errors import ArgumentError, DivergedError, GraphError
from xpnet.graph import Plan
from xpnet.nn import LayerLike, get_loss, get_metrics
from xpnet.optim import Optimizer, get_optimizer
from xpnet.train.arrays import result_like
from xpnet.train.callbacks import Callbacks
from xpnet.train.history import History
from xpnet.train.loop import Epoch, measure, measure_programs, run_epochs
from xpnet.train.network import Network, PlannedProgram, Spec
from xpnet.train.progress import Progress
from xpnet.train.setup import Setup
from xpnet.train.summary import summary
from xpnet.train.trainer import Trainer
from xpnet.train.updater import Updater
from xpnet.typing import Shape

__all__ = ["Model"]


def _sample_shape(shape: Any) -> Shape | None:
    """One sample's shape from a number of features, a shape or None."""
    if shape is None:
        return None
    lengths = shape if isinstance(shape, tuple | list) else (shape,)
    return tuple(count("input_shape", n) for n in lengths)


class Model:
    """A network, a loss and an optimiser.

    Parameters
    ----------
    net : callable
        A layer such as `Sequential`, or any function of one symbolic value made of layers and
        ops.
    loss : str or callable, default "softmax_cross_entropy"
        ``"softmax_cross_entropy"`` (labels 0 .. k-1, one-hot or soft labels),
        ``"binary_cross_entropy_with_logits"``, ``"mean_squared_error"``, or a function
        ``f(output, target)`` of symbolic values that returns one value a sample, or one number.
    optimizer : str or Optimizer, default "adam"
    metrics : sequence of str or callable, optional
        ``"accuracy"``, ``"mean_squared_error"`` or functions like a loss. By default accuracy
        for the classification losses.
    backend : None, {"numpy", "cupy", "auto"} or namespace
        Where to compute. None follows the arrays that are given first.
    dtype : {"float32", "float64"}
    seed : int, default 0
        Initial weights and shuffles; the same seed gives the same bits on every backend.
    input_shape : int or tuple of int, optional
        Shape of one sample, if the model is to be built before it sees data.
    check_finite : bool, default True
        Whether data with NaN or infinity are refused.

    Raises
    ------
    UnknownNameError, ArgumentError, DTypeError, BackendUnavailableError
        For settings that cannot be used.

    Examples
    --------
    >>> import xpnet as xn
    >>> X, y, X_test, y_test = xn.datasets.digits()
    >>> model = xn.Model(xn.Sequential(xn.Dense(64), xn.ReLU(), xn.Dense(10)))
    >>> history = model.fit(X, y, epochs=30)
    >>> model.evaluate(X_test, y_test)["accuracy"] > 0.9
    True
    """

    chunk = 4096  # samples at a time where no batch size is given

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
    ) -> None:
        if isinstance(net, type) or not callable(net):
            raise ArgumentError(f"net must be a layer or a function, got {net!r}.")
        chosen = get_loss(loss)
        self._optimizer = get_optimizer(optimizer)
        self._setup = Setup(
            net,
            chosen,
            get_metrics(metrics, chosen),
            None if backend is None else resolve(backend),
            check_float(dtype),
            count("seed", seed, 0, 2**32),
            _sample_shape(input_shape),
            bool(check_finite),
        )
        self._trainer: Trainer | None = None

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
    def seed(self) -> int:
        """The seed that the model was made with."""
        return self._setup.seed

    @property
    def epoch(self) -> int:
        """Epochs trained so far."""
        return 0 if self._trainer is None else self._trainer.epoch

    @property
    def optimizer(self) -> Optimizer:
        """The optimiser; one that is assigned starts with empty state."""
        return self._optimizer

    @optimizer.setter
    def optimizer(self, value: str | Optimizer) -> None:
        self._optimizer = get_optimizer(value)
        if self._trainer is not None:
            self._trainer.set_optimizer(self._optimizer)

    @property
    def network(self) -> Network:
        """The compiled network; built if the shape of a sample is known."""
        return self._built().network

    @property
    def updater(self) -> Updater:
        """The optimiser at work: its step count and its slots."""
        return self._built().updater

    def build(self, input_shape: int | Shape | None = None) -> "Model":
        """Create the parameters for samples of this shape; data do so by themselves.

        Raises
        ------
        ArgumentError
            If the shape is not known.
        ShapeError
            If it is not the shape that the model was made or built for.
        """
        shape = _sample_shape(input_shape) or self._setup.features
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

    def _settle(self, network: Network) -> Trainer:
        """Make a network the model's own, once everything that was given has been checked."""
        if self._trainer is None:
            self._trainer = Trainer(network, self._optimizer, self._setup.seed)
            self._setup.network = network
        return self._trainer

    # --- training and use ---------------------------------------------------------------------

    def fit(
        self,
        X: Any,
        y: Any,
        *,
        epochs: int = 10,
        batch_size: int = 128,
        sample_weight: Any = None,
        validation_data: tuple[Any, ...] | None = None,
        callbacks: Sequence[Any] | None = None,
        verbose: Any = "auto",
        shuffle: bool = True,
    ) -> History:
        """Train on the data for some epochs; a second call goes on from the first.

        Parameters
        ----------
        X : array of shape (n, ...)
            Samples.
        y : array of shape (n,) or (n, k)
            Targets, as the loss takes them.
        epochs, batch_size : int, defaults 10 and 128
            At least 1. The last batch may be smaller; a larger batch size takes all samples.
        sample_weight : array of shape (n,), optional
            Numbers >= 0. Each batch's loss is the mean weighted by them.
        validation_data : (X, y) or (X, y, sample_weight), optional
            Measured after every epoch.
        callbacks : sequence of Callback or function, optional
        verbose : bool or "auto"
            A progress bar; ``"auto"`` shows it on a terminal.
        shuffle : bool, default True
            Whether each epoch takes the samples in a new order.

        Returns
        -------
        History

        Raises
        ------
        DataError, ShapeError, DTypeError, ArgumentError
            Before anything changes, for data or settings that cannot be used.
        DivergedError
            If the loss becomes NaN or infinite; the last good parameters are put back.
        """
        epochs, batch_size = count("epochs", epochs), count("batch_size", batch_size)
        listeners, progress = Callbacks(callbacks), Progress(verbose)
        network, data = self._setup.admit(X, y, sample_weight)
        validation = self._setup.admit_validation(network, validation_data)
        if validation is not None:
            measure_programs(network, validation, self.chunk)
        epoch = Epoch(network, data, batch_size, shuffle)
        self._settle(network)
        return run_epochs(self, self._built(), epoch, epochs, validation, listeners, progress)

    def train_on_batch(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Make one step on one batch.

        Returns
        -------
        0-d array
            The batch's loss before the step, in the model's library. On a GPU it is not waited
            for, and therefore values (NaN, labels out of range) are not checked there.

        Raises
        ------
        DivergedError
            If the loss is NaN or infinite; the step is then not made. Not on a GPU.
        """
        network, data = self._setup.admit(X, y, sample_weight, wait=False)
        program = network.program(data.spec("train", data.rows))
        trainer = self._settle(network)
        rate = trainer.rate
        with network.backend.quiet():
            program.load(data.arrays, slice(None))
            program.run()
            loss = network.backend.copy(program.results[0:1])
            if network.backend.synchronous and not isfinite(float(loss[0])):
                step = trainer.updater.step + 1
                raise DivergedError(
                    f"the loss became {float(loss[0])} in step {step}, counted over the model's "
                    "life. The step was not made. Try a smaller learning rate, scale the inputs, "
                    "or go back to an earlier state_dict().",
                    trainer.epoch + 1,
                    step,
                )
            trainer.updater.apply(rate)
        return network.backend.xp.reshape(loss, ())

    def predict(self, X: Any, batch_size: int | None = None) -> Any:
        """The network's output for each sample.

        Parameters
        ----------
        X : array of shape (n, ...)
        batch_size : int, optional
            Samples at a time; by default at most 4096.

        Returns
        -------
        array of shape (n, ...)
            In the library of `X`. For a classifier these are logits: the class is their argmax.
        """
        size = self.chunk if batch_size is None else count("batch_size", batch_size)
        network, x = self._setup.admit_inputs(X)
        self._settle(network)
        rows = x.shape[0]
        parts = []
        for start in range(0, rows, size):
            part = slice(start, min(start + size, rows))
            program = network.program(Spec("predict", part.stop - part.start))
            program.load([x], part)
            with network.backend.quiet():
                program.run()
            parts.append(network.backend.copy(program.output()))
        result = parts[0] if len(parts) == 1 else network.backend.xp.concat(parts)
        return result_like(result, network.backend, X)

    def evaluate(
        self, X: Any, y: Any, *, sample_weight: Any = None, batch_size: int | None = None
    ) -> dict[str, float]:
        """Loss and metrics of the data, each averaged over the samples."""
        size = self.chunk if batch_size is None else count("batch_size", batch_size)
        network, data = self._setup.admit(X, y, sample_weight)
        self._settle(network)
        return measure(network, data, size)

    # --- state --------------------------------------------------------------------------------

    @property
    def parameters(self) -> Mapping[str, Any]:
        """Each parameter by its dotted name.

        On NumPy and CuPy these are live views: ``model.parameters[name][...] = array`` changes the
        model. On other libraries they are the values of the moment. To set all, use
        `load_state_dict`.
        """
        network = self.network
        return MappingProxyType(network.table.views(network.backend.xp, network.params))

    def state_dict(self) -> dict[str, Any]:
        """Copies of the parameters by name, in the model's library."""
        return {name: self.network.backend.copy(view) for name, view in self.parameters.items()}

    def load_state_dict(self, state: Mapping[str, Any]) -> None:
        """Set the parameters from arrays by name; the optimiser starts again.

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
        self._built().load(state)

    def plan(self, X: Any, y: Any, sample_weight: Any = None) -> Plan:
        """The plan of one training step on a batch like this one; print it to read it.

        Raises
        ------
        GraphError
            If the backend has no functions with ``out=``, so that its steps are interpreted.
        """
        network, data = self._setup.admit(X, y, sample_weight)
        program = network.program(data.spec("train", data.rows))
        if not isinstance(program, PlannedProgram):
            raise GraphError(
                f"steps on {network.backend.name} are interpreted, so there is no plan; "
                "NumPy and CuPy have plans."
            )
        self._settle(network)
        return program.plan

    def summary(self) -> str:
        """The layers with their output shapes and numbers of parameters, as a table."""
        return summary(self.network)

    def __deepcopy__(self, memo: Any) -> "Model":
        """An independent model with the same parameters and optimiser state."""
        twin = copy(self)
        twin._setup, twin._optimizer = copy(self._setup), copy(self._optimizer)
        if self._trainer is not None:
            twin._trainer = self._trainer.clone(twin._optimizer)
            twin._setup.network = twin._trainer.network
        return twin

    def __repr__(self) -> str:
        where = self.backend.name if self.backend else "backend open"
        made = f"{self._setup.net!r}, loss={self._setup.loss.name!r}, {self.optimizer!r}"
        return f"Model({made}, {where})"
