"""A fit that goes on from a snapshot ends as the one that never stopped: to the bit."""

from contextlib import suppress

import array_api_strict
import numpy as np
import pytest

import xpnet as xn
from xpnet.backends.cpu import NumpyBackend
from xpnet.saving.fit_state import take


class Stopped(Exception):
    pass


class StopAt(xn.Callback):
    """Take a snapshot at these safe points, counted from 1; break off by an error at the last."""

    def __init__(self, *counts):
        self.left, self.snapshots = [*counts], []

    def on_safe_point(self, model, run):
        self.left = [count - 1 for count in self.left]
        if 0 in self.left:
            self.left.remove(0)
            self.snapshots.append(take(run))
            if not self.left:
                raise Stopped

    @property
    def snapshot(self):
        """The last one."""
        return self.snapshots[-1]


def whole_and_resumed(make, data, count, callbacks=list, **fit):
    """Histories, states and callbacks of an uninterrupted fit and of one that was broken off."""
    fit = {"epochs": 3, "batch_size": 16, "validation_data": data} | fit
    whole, own = make(), callbacks()
    history = whole.fit(*data, callbacks=own, **fit)
    stop = StopAt(count)
    with pytest.raises(Stopped):
        make().fit(*data, callbacks=[*callbacks(), stop], **fit)
    resumed, later = make(), callbacks()
    again = resumed.fit(*data, callbacks=later, resume_from=stop.snapshot, **fit)
    return (whole, history, own), (resumed, again, later)


def check(a, b):
    (whole, history, _), (resumed, again, _) = a, b
    assert again.columns == history.columns
    for column in set(history.columns) - {"seconds"}:
        assert again[column] == history[column], column
    for name, array in whole.state_dict().items():
        np.testing.assert_array_equal(
            np.asarray(resumed.state_dict()[name]), np.asarray(array), err_msg=name
        )
    for name, slot in whole.engine.state.slots.items():
        np.testing.assert_array_equal(
            np.asarray(resumed.engine.state.slots[name]), np.asarray(slot)
        )
    assert (resumed.epoch, resumed.engine.state.updates) == (
        whole.epoch,
        whole.engine.state.updates,
    )


@pytest.mark.parametrize(
    ("dtype", "compiled"), [("float32", True), ("float64", False)], ids=["float32", "float64"]
)
def test_every_part_of_the_library(entry, dtype, compiled):
    """In the first step, in the middle, behind an epoch's last step, and behind the epoch.

    A new model goes on from the middle and then, being what it is by now, from the first step;
    another one from behind the epoch and then from behind the last step.
    """
    if isinstance(entry.optimizer(), xn.LBFGS):
        pytest.skip("L-BFGS makes no single steps")
    data, backend = entry.data(), "numpy" if compiled else NumpyBackend()
    fit = {"epochs": 3, "batch_size": 16, "validation_data": data}
    whole, stop = entry.model(backend, dtype), StopAt(1, 4, 6, 7)
    history = whole.fit(*data, **fit)
    with pytest.raises(Stopped):
        entry.model(backend, dtype).fit(*data, callbacks=[stop], **fit)
    first, middle, last_step, epoch = stop.snapshots
    for snapshots in ((middle, first), (epoch, last_step)):
        resumed = entry.model(backend, dtype)
        for snapshot in snapshots:
            again = resumed.fit(*data, resume_from=snapshot, **fit)
            check((whole, history, None), (resumed, again, None))


def test_by_the_interpreter(zoo):
    entry = next(e for e in zoo.ZOO if str(e) == "layer batch norm")
    check(*whole_and_resumed(lambda: entry.model(array_api_strict), entry.data(), 9))


def model_of():
    return xn.MLP([6, 8, 3], dropout=0.2, optimizer=xn.SGD(0.5, momentum=0.9), seed=1)


def like(**settings):
    settings = {"optimizer": xn.SGD(0.5, momentum=0.9), "seed": 1, "dropout": 0.2} | settings
    return xn.MLP([6, 8, 3], **settings)


def penalized(model, strength):
    """The network of `model_of`, its first layer with a penalty."""
    first = xn.Dense(8, kernel_penalty=xn.L2(strength))
    return xn.Sequential(first, *model.config.net.layers[1:])


@pytest.fixture
def data(zoo):
    return zoo.ZOO[0].data()


@pytest.mark.parametrize("count", [3, 11, 20])
def test_callbacks_go_on_too(data, count):
    def callbacks():
        return [
            xn.EarlyStopping("loss", patience=2, min_delta=0.02),
            xn.KeepBest("val_accuracy"),
            xn.ReduceOnPlateau("loss", factor=0.3, patience=1, min_delta=0.05),
        ]

    a, b = whole_and_resumed(model_of, data, count, callbacks, epochs=20)
    check(a, b)
    assert len(a[1]) < 20
    for one, other in zip(a[2], b[2], strict=True):
        assert {
            k: v for k, v in vars(one).items() if k in ("best", "best_epoch", "reductions")
        } == {k: v for k, v in vars(other).items() if k in ("best", "best_epoch", "reductions")}
    np.testing.assert_array_equal(
        a[2][1].state["layers.0.weight"], b[2][1].state["layers.0.weight"]
    )


@pytest.mark.parametrize("schedule", [xn.CosineDecay(0.1, 3), xn.StepDecay(0.1, every=1)])
def test_schedules_go_on(data, schedule):
    check(*whole_and_resumed(lambda: xn.MLP([6, 8, 3], optimizer=xn.SGD(schedule)), data, 7))


def test_weights_and_no_shuffle(data):
    w = np.linspace(0, 1, len(data[0]))
    check(*whole_and_resumed(model_of, data, 8, sample_weight=w, shuffle=False))


def test_a_second_fit_can_be_resumed(data):
    def trained():
        model = model_of()
        model.fit(*data, epochs=2, batch_size=16)
        return model

    check(*whole_and_resumed(trained, data, 8))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda m, d: (xn.MLP([6, 9, 3]), d, {}), "parameters there"),
        (
            lambda m, d: (like(optimizer="adam"), d, {}),
            "optimizer there: SGD; here: Adam",
        ),
        (lambda m, d: (m, (d[0][:50], d[1][:50]), {}), "rows there: 70; here: 50"),
        (lambda m, d: (m, (d[0] + 1, d[1]), {}), "the checkpoint is from other data"),
        (lambda m, d: (like(seed=2), d, {}), "seed there: 1; here: 2"),
        (lambda m, d: (like(loss="focal"), d, {}), "loss there: losses.softmax.*here: losses.foc"),
        (
            lambda m, d: (like(activation="tanh"), d, {}),
            r"network.layers\[1\] there: ReLU; here: Tanh",
        ),
        (
            lambda m, d: (like(optimizer=xn.SGD(0.5, momentum=0.8)), d, {}),
            "optimizer.momentum there: 0.9; here: 0.8",
        ),
        (
            lambda m, d: (like(optimizer=xn.SGD(0.4, momentum=0.9)), d, {}),
            r"learning_rate.rate there: 0.5; here: 0.4",
        ),
        (
            lambda m, d: (like(optimizer=xn.SGD(xn.CosineDecay(0.5, 3), momentum=0.9)), d, {}),
            "learning_rate there: Constant; here: CosineDecay",
        ),
        (
            lambda m, d: (like(dropout=0.3), d, {}),
            r"network.layers\[2\].rate there: 0.2; here: 0.3",
        ),
        (
            lambda m, d: (xn.Model(penalized(m, 1e-3), input_shape=6, seed=1), d, {}),
            r"network.layers\[0\].kernel_penalty there: None; here: L2",
        ),
        (
            lambda m, d: (like(activation=lambda x: xn.ops.tanh(x)), d, {}),
            "layers there: .*'relu'.*here: .*'tanh'",
        ),
        (lambda m, d: (m, d, {"shuffle": False}), "shuffle there"),
        (lambda m, d: (m, d, {"class_weight": "balanced"}), "other data"),
        (lambda m, d: (m, d, {"batch_size": 20}), "batches there"),
        (lambda m, d: (m, d, {"callbacks": [xn.KeepBest("loss")]}), "callbacks"),
    ],
)
def test_what_does_not_go_with_the_model_is_refused(data, change, message):
    stop = StopAt(5)
    with pytest.raises(Stopped):
        model_of().fit(*data, epochs=3, batch_size=16, callbacks=[stop])
    model, (X, y), more = change(model_of(), data)
    model.build()
    before = model.state_dict()
    with pytest.raises(xn.errors.XpnetError, match=message):
        model.fit(X, y, **{"epochs": 3, "batch_size": 16, "resume_from": stop.snapshot} | more)
    for name, array in before.items():
        np.testing.assert_array_equal(model.parameters[name], array)


def test_a_setting_of_a_setting_is_named(data):
    stop = StopAt(5)

    def model(strength):
        return xn.Model(penalized(model_of(), strength))

    with pytest.raises(Stopped):
        model(1e-3).fit(*data, epochs=2, batch_size=16, callbacks=[stop])
    words = r"layers\[0\].kernel_penalty.rate there: 0.001; here: 0.002"
    with pytest.raises(xn.errors.ArgumentError, match=words):
        model(2e-3).fit(*data, epochs=2, batch_size=16, resume_from=stop.snapshot)


def test_what_is_not_registered_is_described_in_words(data):
    def model(momentum, slope=0.1):
        net = xn.Sequential(xn.Dense(8), lambda x: xn.ops.maximum(x, slope * x), xn.Dense(3))
        return xn.Model(net, optimizer=xn.SGD(lambda epoch: 0.1, momentum=momentum))

    stop = StopAt(3)
    with pytest.raises(Stopped):
        model(0.9).fit(*data, epochs=2, batch_size=16, callbacks=[stop])
    again = {"epochs": 2, "batch_size": 16, "resume_from": stop.snapshot}
    assert stop.snapshot.state["fit"]["settings"]["network"] is None
    with pytest.raises(xn.errors.ArgumentError, match=r"optimizer\.momentum there: 0\.9"):
        model(0.8).fit(*data, **again)
    wanted = model(0.9).fit(*data, epochs=2, batch_size=16)
    assert model(0.9).fit(*data, **again)["loss"] == wanted["loss"]


def test_data_with_nan_are_the_same_data(data):
    X = np.where(np.arange(6) == 2, np.nan, data[0]).astype("float32")
    net = xn.Sequential(lambda x: xn.ops.slice(x, axis=1, start=3, stop=6), xn.Dense(3))

    def fit(**settings):
        model = xn.Model(net, check_finite=False)
        return model.fit(X, data[1], epochs=2, batch_size=16, **settings)

    stop = StopAt(2)
    with pytest.raises(Stopped):
        fit(callbacks=[stop])
    assert fit(resume_from=stop.snapshot)["loss"] == fit()["loss"]


def test_callbacks_may_keep_anything_that_the_codec_knows(data):
    state = {"kind": [1, (2, np.float32(3))], "$array": None, "same": {"id": float("inf")}}
    found = []

    class Keeps(xn.Callback):
        def get_state(self):
            return {**state, "array": np.arange(3)}

        def set_state(self, model, state):
            found.append(state)

    stop = StopAt(2)
    with pytest.raises(Stopped):
        model_of().fit(*data, epochs=1, callbacks=[Keeps(), stop])
    model_of().fit(*data, epochs=1, callbacks=[Keeps()], resume_from=stop.snapshot)
    array = found[0].pop("array")
    assert found == [state]
    np.testing.assert_array_equal(array, np.arange(3))


def test_what_a_callback_cannot_keep_is_named(data):
    class Keeps(xn.Callback):
        def __init__(self, state):
            self.get_state = lambda: state

    for state, words in (
        ({1: 2}, "the state of Keeps has the key 1"),
        ({"a": [object()]}, r"the state of Keeps.a\[0\] is of the class object"),
    ):
        with pytest.raises(xn.errors.ArgumentError, match=words):
            model_of().fit(*data, epochs=1, callbacks=[Keeps(state), StopAt(1)])


def test_more_epochs_than_before_train_longer(data):
    stop = StopAt(9)
    with pytest.raises(Stopped):
        model_of().fit(*data, epochs=2, batch_size=16, callbacks=[stop])
    longer = model_of().fit(*data, epochs=5, batch_size=16, resume_from=stop.snapshot)
    assert longer["loss"] == model_of().fit(*data, epochs=5, batch_size=16)["loss"]


@pytest.mark.parametrize("count", [3, 8, 14])
def test_rates_that_callbacks_assign_go_on(data, count):
    """By a function after an epoch, and in the middle of one; also with the same model again."""

    class Halve(xn.Callback):
        def on_step_end(self, model, step):
            if step in (2, 7):
                model.optimizer.learning_rate = model.optimizer.rate(0) / 2

    def slower(model, epoch, logs):
        model.optimizer.learning_rate = 0.1 * logs["loss"]

    for make in (lambda: [slower], lambda: [Halve()]):
        check(*whole_and_resumed(model_of, data, count, make, epochs=4))
    stop, model = StopAt(count), model_of()
    fit = {"epochs": 6, "batch_size": 16}
    plateau = xn.ReduceOnPlateau("loss", factor=0.3, patience=0, min_delta=0.05)
    with pytest.raises(Stopped):
        model.fit(*data, callbacks=[plateau, stop], **fit)
    model.optimizer.learning_rate = 9.0
    again = model.fit(*data, callbacks=[plateau], resume_from=stop.snapshot, **fit)
    own = xn.ReduceOnPlateau("loss", factor=0.3, patience=0, min_delta=0.05)
    wanted = model_of().fit(*data, callbacks=[own], **fit)
    assert again["learning_rate"] == wanted["learning_rate"]
    assert again["loss"] == wanted["loss"]


@pytest.mark.parametrize("kind", [xn.CSVLog, xn.JSONLinesLog])
def test_logs_have_each_epoch_once(data, kind, tmp_path):
    log = tmp_path / "log"

    class Late(xn.Callback):  # dies two epochs behind the snapshot
        def on_epoch_end(self, model, epoch, logs):
            if epoch == 4:
                raise Stopped

    class Keep(StopAt):
        def on_safe_point(self, model, run):
            with suppress(Stopped):
                super().on_safe_point(model, run)

    keep = Keep(12)
    with pytest.raises(Stopped):
        model_of().fit(*data, epochs=6, batch_size=16, callbacks=[kind(log), keep, Late()])
    model_of().fit(*data, epochs=6, batch_size=16, callbacks=[kind(log)], resume_from=keep.snapshot)
    lines = log.read_text().splitlines()
    epochs = [line.split(",")[0].removeprefix('{"epoch": ') for line in lines]
    assert [e for e in epochs if e.isdecimal()] == list("123456")


def test_a_refused_snapshot_leaves_the_logs(data, tmp_path):
    stop, log = StopAt(3), tmp_path / "log.csv"
    with pytest.raises(Stopped):
        model_of().fit(*data, epochs=2, batch_size=16, callbacks=[stop])
    log.write_text("epoch,loss\n1,2\n")
    with pytest.raises(xn.errors.XpnetError, match="seed"):
        like(seed=5).fit(*data, epochs=2, batch_size=16, resume_from=stop.snapshot,
                         callbacks=[xn.CSVLog(log, overwrite=True)])  # fmt: skip
    assert log.read_text() == "epoch,loss\n1,2\n"


def test_the_gradient_monitor_keeps_its_rows(data):
    def callbacks():
        return [xn.GradientMonitor(every=2)]

    a, b = whole_and_resumed(model_of, data, 8, callbacks)
    assert str(a[2][0].rows) == str(b[2][0].rows)  # NaN is not equal to itself
