"""`Model`: a network with a loss and an optimiser, ready to be trained and used."""

from collections.abc import Callable, Sequence
from math import isfinite
from typing import Any

from xpnet.arguments import count
from xpnet.errors import ArgumentError, DivergedError, GraphError
from xpnet.graph import Plan
from xpnet.lowering import turn
from xpnet.optim import LBFGS
from xpnet.train.again import again
from xpnet.train.arrays import result_like
from xpnet.train.base import BaseModel
from xpnet.train.callbacks import Callbacks
from xpnet.train.class_weight import with_class_weight
from xpnet.train.computation import Spec
from xpnet.train.epoch import Epoch
from xpnet.train.feeding import feed
from xpnet.train.history import History
from xpnet.train.lbfgs import Objective, run_lbfgs
from xpnet.train.measure import batches, columns, measure, measure_programs
from xpnet.train.place import on_device
from xpnet.train.programs import PlannedProgram
from xpnet.train.progress import Progress
from xpnet.train.run import Run
from xpnet.train.saving import read_snapshot

__all__ = ["Model"]


class Model(BaseModel):
    """A network, a loss and an optimiser.

    Parameters
    ----------
    net : callable
        A layer such as `Sequential`, or any function of one symbolic value made of layers and
        ops.
    loss : str, Loss or callable, default "softmax_cross_entropy"
        A name, such as ``"softmax_cross_entropy"`` (labels 0 .. k-1, one-hot or soft labels),
        ``"binary_cross_entropy_with_logits"`` or ``"mse"``; what a function of `xpnet.losses`
        returns, such as ``xpnet.losses.huber(delta=2)``; or a function ``f(output, target)`` of
        symbolic values that returns one value a sample, or one number.
    optimizer : str or Optimizer, default "adam"
    metrics : sequence of str, Loss or callable, optional
        ``"accuracy"``, ``"top_5_accuracy"``, ``"r2"``, names of losses, or functions like a loss.
        By default accuracy for the classification losses.
    backend : None, {"numpy", "cupy", "auto"} or namespace
        Where to compute. None follows the arrays that are given first.
    dtype : {"float32", "float64"}
    seed : int, default 0
        Initial weights and shuffles; the same seed gives the same bits on every backend.
    input_shape : int or tuple of int, optional
        Shape of one sample, if the model is to be built before it sees data.
    check_finite : bool, default True
        Whether data with NaN or infinity are refused.
    frozen : sequence of str, optional
        Dotted names of layers or parameters that keep their values; see `freeze`.
    precision : {"float32", "tf32", "bfloat16", "float16"}, default "float32"
        How the operands of matrix products are rounded on a GPU with tensor cores; sums,
        parameters and everything else stay float32. ``"float32"`` does not round. ``"float16"``
        multiplies the loss by a scale, and a step whose gradients overflow changes nothing. All
        but ``"float32"`` need ``backend="cupy"`` and nvmath-python, which the extras bring.

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

    chunk = 1024  # samples at a time where no batch size is given: few enough to stay in cache

    @on_device
    def fit(
        self,
        X: Any,
        y: Any,
        *,
        epochs: int = 10,
        batch_size: int = 128,
        sample_weight: Any = None,
        class_weight: Any = None,
        validation_data: tuple[Any, ...] | None = None,
        callbacks: Sequence[Any] | None = None,
        verbose: Any = "auto",
        shuffle: bool | Callable[[int], Any] = True,
        resume_from: Any = None,
        steps_per_graph: int | None = None,
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
        class_weight : "balanced", dict or sequence of float, optional
            A factor of each class for the weights of its samples; classes that a dict leaves out
            have 1, ``"balanced"`` is n / (classes count). Validation is not weighted by it.
        validation_data : (X, y) or (X, y, sample_weight), optional
            Measured after every epoch.
        callbacks : sequence of Callback or function, optional
        verbose : bool or "auto"
            A progress bar; ``"auto"`` shows it on a terminal.
        shuffle : bool or callable, default True
            Whether each epoch takes the samples in a new order. A function is called with the
            number of samples at the beginning of each epoch, and returns their order: an array
            with every row's number once.
        resume_from : path, optional
            A checkpoint that `Checkpoint` wrote, or a folder of them, of which the newest counts.
            The fit that it is of goes on, up to `epochs` counted from its own beginning, with the
            same bits as if it had never stopped; give it the same data and settings. A folder
            without any begins anew.
        steps_per_graph : int, optional
            On a GPU: how many steps are launched at once, as one CUDA graph; 0 for none, which
            launches every operation by itself. By default many if they are small. The results
            have the same bits. Where steps cannot be captured (a callback looks at every one, the
            data do not fit on the device, nvmath-python is missing, ...) they are launched one
            operation after the other, and the logger ``xpnet`` says why.

        Returns
        -------
        History
            A fit that SIGINT (Ctrl-C) or SIGTERM interrupts returns what it has, after the step
            that it is making; `History.interrupted` names the signal. A second one stops at once.

        Raises
        ------
        DataError, ShapeError, DTypeError, ArgumentError
            Before anything changes, for data or settings that cannot be used.
        DivergedError
            If the loss becomes NaN or infinite; the last good parameters are put back.
        DeviceMemoryError
            If the GPU has no room; see the message for what to change.
        """
        epochs, batch_size = count("epochs", epochs), count("batch_size", batch_size)
        graph = steps_per_graph
        per_graph = None if graph is None else count("steps_per_graph", graph, 0)
        listeners, progress = Callbacks(callbacks), Progress(verbose)
        network, data = self._setup.admit(X, y, sample_weight)
        data = with_class_weight(network, data, class_weight)
        validation = self._setup.admit_validation(network, validation_data)
        if validation is not None:
            measure_programs(network, validation, self.chunk)
        recorded = columns(network, validation is not None)
        snapshot = None if resume_from is None else read_snapshot(resume_from)
        if isinstance(self._optimizer, LBFGS):
            if snapshot is not None:
                raise ArgumentError("a fit by L-BFGS cannot be resumed: SciPy keeps its state.")
            listeners.check(recorded)
            objective = Objective(network, data, self._optimizer)
            with self._fitting(network) as trainer:
                return run_lbfgs(self, trainer, objective, epochs, validation, listeners, progress)
        listeners.check((*recorded, "learning_rate"))
        epoch = Epoch(network, data, batch_size, shuffle)
        with self._fitting(network) as trainer:
            epoch.capture(trainer, listeners, per_graph)
            run = Run(self, trainer, epoch, epochs, validation, listeners, progress)
            return run.run(snapshot)

    @on_device
    def train_on_batch(self, X: Any, y: Any, sample_weight: Any = None) -> Any:
        """Make one step on one batch (not with `LBFGS`, which needs all samples at once).

        Schedules follow `epoch`, which only `fit` advances; a loop of one's own may assign it.

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
        if isinstance(self._optimizer, LBFGS):
            raise ArgumentError(
                "L-BFGS needs all samples at once: use model.fit, or another optimizer for steps "
                "on single batches."
            )
        program = network.program(data.spec("train", data.rows))
        trainer = self._settle(network)
        rate = trainer.rate()
        backend = network.backend
        with network.lock, backend.quiet(), turn(backend, program.operations):
            program.load(data.arrays, slice(None))
            trainer.run(program)
            loss = network.backend.copy(program.results[0:1])
            if network.backend.synchronous and not isfinite(float(loss[0])):
                step = trainer.step + 1
                raise DivergedError(
                    f"the loss became {float(loss[0])} in step {step}, counted over the model's "
                    f"life. The step was not made. {network.loss.advice}, or go back to an earlier "
                    "state_dict().",
                    trainer.epoch + 1,
                    step,
                )
            trainer.apply(program, rate)
        return network.backend.xp.reshape(loss, ())

    @on_device
    def predict(self, X: Any, batch_size: int | None = None) -> Any:
        """The network's output for each sample.

        Parameters
        ----------
        X : array of shape (n, ...)
        batch_size : int, optional
            Samples at a time; by default at most 1024.

        Returns
        -------
        array of shape (n, ...)
            In the library of `X`. For a classifier these are logits: the class is their argmax.
        """
        known = None if self._setup.network is None else self._setup.network.again
        if known is not None and batch_size is None and known.takes(X):
            return known(X)
        size = self.chunk if batch_size is None else count("batch_size", batch_size)
        network, place, x = self._setup.admit_inputs(X)
        self._settle(network)
        backend, parts = network.backend, batches(x.shape[0], size)
        keep = backend.copy if place.name == backend.name else backend.to_numpy
        source, found = feed(network, place, [x], parts), []
        source.begin()
        programs = [network.program(Spec("predict", p.stop - p.start)) for p in parts]
        threads = turn(backend, programs[0].operations)
        for i, program in enumerate(programs):
            with network.lock, backend.quiet(), threads:
                source.load(program, i)
                program.run()
                found.append(keep(program.output()))
        if len(found) > 1:
            return result_like(place.xp.concat(found), place, X)
        network.again = again(network, programs[0], place, X, x, self._setup.check_finite)
        return result_like(found[0], place, X)

    @on_device
    def evaluate(
        self, X: Any, y: Any, *, sample_weight: Any = None, batch_size: int | None = None
    ) -> dict[str, float]:
        """Loss and metrics of the data, each averaged over the samples."""
        size = self.chunk if batch_size is None else count("batch_size", batch_size)
        network, data = self._setup.admit(X, y, sample_weight)
        self._settle(network)
        return measure(network, data, size)

    @on_device
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
