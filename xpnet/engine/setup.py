"""What a model was made with: it makes the network, and lets data in that fit it."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from xpnet.backends import Backend, resolve
from xpnet.backends.precision import in_precision
from xpnet.data.conversion import check_features, place_for
from xpnet.data.embedding_ids import check_ids
from xpnet.data.targets import Data, Door
from xpnet.engine.network import Network
from xpnet.errors import ArgumentError, DataError, ShapeError
from xpnet.nn import LayerLike, Loss, Metric
from xpnet.typing import Shape

__all__ = ["Setup"]


@dataclass
class Setup:
    """The settings of a model, and its network once there is one.

    A call that admits data returns the network for them too. It becomes the model's own only
    when the caller sets `network`, after everything that was given has been checked.
    """

    net: LayerLike
    loss: Loss
    metrics: dict[str, Metric]
    wanted_backend: Backend | None
    dtype: str
    seed: int
    input_shape: Shape | None
    check_finite: bool
    frozen: tuple[str, ...] = ()
    precision: str = "float32"
    network: Network | None = None

    @property
    def backend(self) -> Backend | None:
        """Where the model computes; None while it is open."""
        return self.wanted_backend if self.network is None else self.network.backend

    @property
    def features(self) -> Shape | None:
        """Shape of one sample; None while it is open."""
        return self.input_shape if self.network is None else self.network.features

    def network_for(
        self, backend: Backend, features: Shape, start: Mapping[str, Any] | None = None
    ) -> Network:
        """The network for samples of this shape: the model's, or a new one that starts so."""
        if self.features not in (None, features):
            raise ShapeError(f"the model is for samples of shape {self.features}, got {features}.")
        return self.network or Network(
            self.net,
            self.loss,
            self.metrics,
            backend,
            self.dtype,
            self.seed,
            features,
            self.frozen,
            start,
        )

    def backend_for(self, *arrays: Any) -> Backend:
        """The backend for these arrays; raises `DataError` if it is not the model's."""
        found, own = resolve(self.wanted_backend, *arrays), self.backend
        if own is None:
            return in_precision(found, self.precision)
        if found.name == own.name:
            return own
        if all(a is None or isinstance(a, list | tuple) for a in arrays):
            return own
        raise DataError(
            f"this model's parameters live in {own.name}, the data in {found.name}: convert the "
            f"data, or make the model with backend={own.name!r} to have it done."
        )

    def admit_inputs(self, X: Any, *others: Any, wait: bool = True) -> tuple[Network, Backend, Any]:
        """X, checked, the backend that it was put on, and the network for it.

        Without `wait` no value on a GPU is read.
        """
        backend = self.backend_for(X, *others)
        place = place_for(backend, self.dtype, X, *others)
        finite = self.check_finite and (wait or place.synchronous)
        x = check_features("X", X, place, self.dtype, self.features, finite)
        network = self.network_for(backend, tuple(x.shape[1:]))
        if wait or place.synchronous:
            check_ids("X", x, network, place)
        return network, place, x

    def admit(self, X: Any, y: Any, w: Any = None, wait: bool = True) -> tuple[Network, Data]:
        """Inputs, targets and weights, checked, and the network for them."""
        network, place, x = self.admit_inputs(X, y, w, wait=wait)
        door = Door(network, place, "", wait or place.synchronous, self.check_finite)
        return network, Data(place, x, door.target(y, x.shape[0]), door.weights(w, x.shape[0]))

    def admit_validation(self, network: Network, given: Any) -> Data | None:
        """Validation data, checked against the network that is to be trained."""
        if given is None:
            return None
        if not isinstance(given, tuple | list) or len(given) not in (2, 3):
            raise ArgumentError("validation_data must be (X, y) or (X, y, sample_weight).")
        X, y, w = (*given, None)[:3]
        backend, where = self.backend_for(X, y, w), "validation_data's "
        if backend.name != network.backend.name:
            raise DataError(
                f"validation_data are {backend.name} arrays, X and y {network.backend.name}: "
                "convert one to the other's library."
            )
        name, finite = f"{where}X", self.check_finite
        place = place_for(backend, self.dtype, X, y, w)
        x = check_features(name, X, place, self.dtype, network.features, finite)
        check_ids(name, x, network, place)
        door = Door(network, place, where, True, finite)
        return Data(place, x, door.target(y, x.shape[0]), door.weights(w, x.shape[0]))
