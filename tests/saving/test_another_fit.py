"""Whatever makes it another fit is refused, and named."""

import numpy as np
import pytest

import xpnet as xn
from xpnet.saving.fit_state import take

SAME = {"epochs": 3, "batch_size": 16}


def model_of(**settings):
    settings = {"optimizer": xn.SGD(0.5, momentum=0.9), "seed": 1, "dropout": 0.2} | settings
    return xn.MLP([6, 8, 3], **settings)


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(70, 6)).astype("float32"), rng.integers(0, 3, 70)


class Stopped(Exception):
    pass


class StopAt(xn.Callback):
    """Take a snapshot at this safe point, counted from 1, and break off by an error."""

    def __init__(self, count):
        self.left, self.snapshot = count, None

    def on_safe_point(self, model, context):
        self.left -= 1
        if not self.left:
            self.snapshot = take(context)
            raise Stopped


def refusal(data, first, second, settings=({}, {}), given=None, error=xn.errors.ArgumentError):
    """What a fit by another model, or on other data, says to a snapshot of the first."""
    stop = StopAt(5)
    with pytest.raises(Stopped):
        first.fit(*data, callbacks=[stop], **(SAME | settings[0]))
    again = SAME | settings[1] | {"resume_from": stop.snapshot}
    with pytest.raises(error) as info:
        second.fit(*(given or data), **again)
    return str(info.value)


@pytest.mark.parametrize(
    ("change", "named"),
    [
        (lambda X, y: (X[::-1].copy(), y[::-1].copy()), "the inputs and the targets have"),
        (lambda X, y: (np.roll(X, 1, 0), np.roll(y, 1)), "the inputs and the targets have"),
        (lambda X, y: (X[:, ::-1].copy(), y), "the inputs have"),
        (lambda X, y: (X, y[::-1].copy()), "the targets have"),
        (lambda X, y: (X, np.sort(y)), "the targets have"),
        (lambda X, y: (X, np.array([1, 2, 0])[y]), "the checkpoint is from other data"),
    ],
)
@pytest.mark.parametrize("shuffle", [True, False])
def test_rows_labels_and_columns_in_another_order_are_other_data(data, change, named, shuffle):
    again = {"settings": ({"shuffle": shuffle},) * 2, "error": xn.errors.DataError}
    assert named in refusal(data, model_of(), model_of(), given=change(*data), **again)


def test_one_changed_number_far_behind_is_other_data():
    """Its share of the mean is below rounding, and it lies beyond the first chunk."""
    X = np.ones((40_000, 60), "float32")
    y = np.zeros((len(X), 1), "float32")
    other = X.copy()
    other[-1, -1] = np.nextafter(np.float32(1), 2)

    def fit(X, **more):
        model = xn.MLP([60, 1], loss="mean_squared_error")
        return model.fit(X, y, epochs=2, batch_size=len(X), verbose=False, **more)

    stop = StopAt(1)
    with pytest.raises(Stopped):
        fit(X, callbacks=[stop])
    with pytest.raises(xn.errors.DataError, match="the inputs have other values"):
        fit(other, resume_from=stop.snapshot)
    assert len(fit(X.astype("float64"), resume_from=stop.snapshot)) == 2  # converts exactly


def test_weights_and_validation_data_belong_to_the_data(data):
    X, y = data
    error = {"error": xn.errors.DataError}
    weights = np.linspace(0.5, 1.5, len(X))
    two = {"sample_weight": weights}, {"sample_weight": weights[::-1].copy()}
    assert "the weights have" in refusal(data, model_of(), model_of(), settings=two, **error)
    held = (X[:20], y[:20])
    two = {"validation_data": held}, {"validation_data": (held[0], held[1][::-1].copy())}
    said = refusal(data, model_of(), model_of(), settings=two, **error)
    assert "the validation targets have" in said
    for two in (({"validation_data": held}, {}), ({}, {"validation_data": held})):
        said = refusal(data, model_of(), model_of(), settings=two)
        assert "validation data there" in said


def test_a_snapshot_without_checksums_is_compared_by_means(data):
    """Version 0.1 wrote no checksums."""
    stop = StopAt(5)
    with pytest.raises(Stopped):
        model_of().fit(*data, callbacks=[stop], **SAME)
    for name in ("checksums", "validation"):
        del stop.snapshot.state["fit"][name]
    again = {"resume_from": stop.snapshot, **SAME}
    with pytest.raises(xn.errors.DataError, match="means"):
        model_of().fit(data[0] + 1, data[1], **again)
    wanted = model_of().fit(*data, **SAME)
    assert model_of().fit(*data, **again)["loss"] == wanted["loss"]


def layers(rate=0.2, penalty=1e-3, momentum=0.1, noise=0.1, epsilon=1e-5, slope=None):
    """A network with everything whose settings training alone shows."""
    own = [] if slope is None else [lambda x: xn.ops.maximum(x, slope * x)]
    first = xn.Dense(8, kernel_penalty=xn.L2(penalty))
    norm = xn.BatchNorm(momentum=momentum, epsilon=epsilon)
    return xn.Sequential(first, norm, *own, xn.GaussianNoise(noise), xn.Dropout(rate), xn.Dense(3))


LAYERS = {
    "rate": 0.5,
    "penalty": 0.1,
    "momentum": 0.9,
    "noise": 0.2,
    "epsilon": 1e-3,
}


@pytest.mark.parametrize("name", LAYERS)
def test_settings_of_layers_are_compared(data, name):
    said = refusal(data, xn.Model(layers()), xn.Model(layers(**{name: LAYERS[name]})))
    assert f"here: {LAYERS[name]}" in said


@pytest.mark.parametrize("name", [*LAYERS, "slope"])
def test_settings_are_compared_where_a_layer_is_not_registered(data, name):
    """The codec cannot describe a lambda; the operations of a step can."""
    other = {"slope": 0.1, name: LAYERS.get(name, 0.3)}
    said = refusal(data, xn.Model(layers(slope=0.1)), xn.Model(layers(**other)))
    assert "of a step there" in said


def test_the_loss_is_compared_if_it_is_your_own(data):
    def model(factor):
        return xn.Model(layers(), loss=lambda z, y: factor * xn.ops.softmax_cross_entropy(z, y))

    assert "there: " in refusal(data, model(1.5), model(2.0))


OPTIMIZERS = [
    (xn.SGD(0.1, momentum=0.9), xn.SGD(0.1, momentum=0.9, nesterov=True), "nesterov"),
    (xn.SGD(0.1), xn.SGD(0.1, weight_decay=0.1), "weight_decay"),
    (xn.Adam(0.1), xn.Adam(0.1, beta1=0.8), "beta1"),
    (xn.Adam(0.1), xn.Adam(0.1, beta2=0.9), "beta2"),
    (xn.Adam(0.1), xn.Adam(0.1, epsilon=1e-3), "epsilon"),
    (xn.Adam(0.1), xn.Adam(0.1, clip_norm=1.0), "clip_norm"),
    (xn.Adam(0.1), xn.Adam(0.1, average_decay=0.9), "average_decay"),
    (xn.Adam(0.1), xn.Adam(0.2), "learning_rate"),
    (xn.Adam(xn.CosineDecay(0.1, 9)), xn.Adam(xn.CosineDecay(0.1, 8)), "learning_rate"),
]


@pytest.mark.parametrize(("one", "other", "named"), OPTIMIZERS)
def test_settings_of_optimizers_are_compared(data, one, other, named):
    assert named in refusal(data, model_of(optimizer=one), model_of(optimizer=other))


def test_losses_and_their_settings_are_compared(data):
    one, other = (model_of(loss=xn.losses.focal(gamma=s)) for s in (0.1, 0.2))
    assert "gamma" in refusal(data, one, other)


def test_a_callback_continues_with_another_rate(data):
    """The documented way to go on with a setting that is not the checkpoint's."""

    class Slower(xn.Callback):
        def on_epoch_begin(self, model, epoch):
            model.optimizer.learning_rate = 0.01

    stop = StopAt(5)
    with pytest.raises(Stopped):
        model_of().fit(*data, callbacks=[stop], **SAME)
    again = {"callbacks": [Slower()], "resume_from": stop.snapshot, **SAME}
    assert model_of().fit(*data, **again)["learning_rate"][-1] == 0.01


def test_a_rate_and_a_function_of_ones_own_are_different(data):
    """What the function returns is not known; it is used as given."""

    def fixed():
        return model_of(optimizer=xn.SGD(0.01))

    def own():
        return model_of(optimizer=xn.SGD(lambda epoch: 0.01))

    for one, other in ((fixed, own), (own, fixed)):
        said = refusal(data, one(), other())
        assert "learning_rate there: " in said
        assert "your own function" in said
    stop = StopAt(5)
    with pytest.raises(Stopped):
        own().fit(*data, callbacks=[stop], **SAME)
    again = own().fit(*data, resume_from=stop.snapshot, **SAME)
    assert again["loss"] == own().fit(*data, **SAME)["loss"]
