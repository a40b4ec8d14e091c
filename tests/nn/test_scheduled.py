"""Rates of dropout and sizes of noise that follow schedules, on every way to make a step."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, ClassVar

import array_api_strict
import numpy as np
import pytest

import xpnet as xn
from xpnet.backends.cpu import NumpyBackend
from xpnet.errors import ArgumentError

RNG = np.random.default_rng(0)
X = RNG.normal(size=(75, 5)).astype("float32")
Y = (X @ RNG.normal(size=(5, 3))).argmax(axis=1)
BACKENDS: dict[str, Callable[[], Any]] = {
    "loops": lambda: NumpyBackend(compiles=True),
    "calls": NumpyBackend,
    "torch": lambda: "torch",
    "interpreter": lambda: array_api_strict,
}


@dataclass
class Noting:
    """A schedule that notes its times."""

    times: list[float]
    varies: bool = True

    def __call__(self, epoch: float) -> float:
        self.times.append(epoch)
        return 0.1 + epoch / 100


@xn.register("tests.Held")
@dataclass
class Held:
    """The same number at all times."""

    number: float
    varies: ClassVar[bool] = True

    def __call__(self, epoch: float) -> float:
        return self.number


def make(rate: Any = 0.3, std: Any = 0.1, **settings: Any) -> xn.Model:
    net = xn.Sequential(xn.GaussianNoise(std), xn.Dense(7, "tanh"), xn.Dropout(rate), xn.Dense(3))
    if not std:
        net = xn.Sequential(*net.layers[1:])
    return xn.Model(net, **{"optimizer": xn.SGD(0.1, momentum=0.9), "seed": 3, **settings})


def fit(model: xn.Model, **settings: Any) -> dict[str, Any]:
    model.fit(X, Y, **{"epochs": 3, "batch_size": 10, **settings})
    return {name: np.asarray(array).copy() for name, array in model.state_dict().items()}


def same(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    for name, array in wanted.items():
        np.testing.assert_array_equal(found[name], array, err_msg=name)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_schedule_that_stays_has_the_bits_of_its_number(backend: str, dtype: str) -> None:
    if backend == "torch":
        pytest.importorskip("torch")
    settings = {"backend": BACKENDS[backend](), "dtype": dtype}
    same(fit(make(Held(0.3), Held(0.1), **settings)), fit(make(0.3, 0.1, **settings)))


def test_jax_as_numpy(jax64: Any) -> None:
    schedules = xn.FlatCosine(0.4, 3), xn.CosLog(0.2, 3)
    found, wanted = (
        fit(make(*schedules, backend=name, dtype="float64"), batch_size=15)
        for name in ("jax", "numpy")
    )
    for name, array in wanted.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-9, atol=1e-12, err_msg=name)


def test_jax_without_64_bits() -> None:
    pytest.importorskip("jax")
    schedule = xn.FlatCosine(0.4, 3)
    found, wanted = (
        fit(make(schedule, 0, backend=name), batch_size=15) for name in ("jax", "numpy")
    )
    for name, array in wanted.items():
        np.testing.assert_allclose(found[name], array, rtol=1e-3, atol=1e-5, err_msg=name)


def test_an_epoch_at_another_rate() -> None:
    """As a model with that rate, which continues from there."""
    one = make(lambda epoch: [0.5, 0.2, 0.0][epoch])
    whole, rest = fit(one), make(0.5)
    fit(rest, epochs=1)
    for epoch, rate in ((1, 0.2), (2, 0.0)):
        other = make(rate)
        other.build(5)
        other.engine.state.put(other.engine.backend, rest.engine.state)
        assert other.epoch == epoch
        fit(other, epochs=1)
        rest = other
    # A rate of 0 draws nothing, so the noise after it would come from another stream; here it is
    # before it.
    same({n: np.asarray(a) for n, a in rest.state_dict().items()}, whole)


@pytest.mark.parametrize("varies", [True, False])
def test_when_a_schedule_is_called(varies: bool) -> None:
    """Its time is that of the step's start; your own schedule has every step for itself."""
    noting = Noting([], varies)
    fit(make(noting, 0), epochs=2, batch_size=25, verbose=False)
    steps = [0, 1 / 3, 2 / 3, 1, 4 / 3, 5 / 3]
    assert noting.times == pytest.approx(steps if varies else [int(t) for t in steps])


def test_a_step_of_several_batches_has_one_time() -> None:
    noting = Noting([])
    fit(make(noting, 0), epochs=1, batch_size=25, accumulate=2)
    assert [*dict.fromkeys(noting.times)] == [0, 0.5]


def test_steps_on_single_batches_follow_the_epoch() -> None:
    noting = Noting([])
    model = make(noting, 0)
    for epoch in (0, 0, 7, 7):
        model.build(5).epoch = epoch
        model.train_on_batch(X, Y)
    assert noting.times == [0, 0, 7, 7]


def test_programs_stay_as_they_are() -> None:
    model = make(xn.FlatCosine(0.4, 6))
    fit(model)
    made = {**model.engine.programs._made}
    fit(model)
    assert model.engine.programs._made == made


def test_lbfgs_holds_the_first_number() -> None:
    pytest.importorskip("scipy")
    schedule = xn.PolynomialDecay(0.3, 0.0, 3)
    found, wanted = (fit(make(rate, 0, optimizer=xn.LBFGS()), epochs=4) for rate in (schedule, 0.3))
    same(found, wanted)


def test_saved_and_resumed(tmp_path: Any) -> None:
    schedules = xn.FlatCosine(0.4, 6), xn.CosLog(0.2, 6)
    whole, half = make(*schedules, backend="numpy"), make(*schedules, backend="numpy")
    fit(half)
    half.save(tmp_path / "half.safetensors", optimizer_state=True)
    again = xn.load(tmp_path / "half.safetensors", backend="numpy")
    assert isinstance(again, xn.Model)
    net: Any = again.config.net
    assert net.layers[2].rate == schedules[0]
    same(fit(again), fit(whole, epochs=6))


def test_a_checkpoint_within_an_epoch(tmp_path: Any) -> None:
    schedule, wanted = xn.FlatCosine(0.5, 3), fit(make(xn.FlatCosine(0.5, 3)))
    path = tmp_path / "steps"

    class Stop(xn.Callback):
        def on_step_end(self, model: Any, step: int) -> None:
            if step == 13:  # in the second epoch of 8 steps
                raise KeyboardInterrupt

    model = make(schedule)
    with pytest.raises(KeyboardInterrupt):
        fit(model, callbacks=[xn.Checkpoint(path, 3, "step"), Stop()])
    same(fit(make(schedule), resume_from=path), wanted)
    with pytest.raises(ArgumentError, match=r"network.layers\[2\].rate.flat there: 0.5; here: 0.6"):
        fit(make(xn.FlatCosine(0.5, 3, 0.6)), resume_from=path)


def test_gradients_at_a_time() -> None:
    layer = xn.Dropout(xn.StepDecay(0.8, 0.5, every=1))
    vg = xn.value_and_grad(lambda x: xn.ops.sum(layer(x)))
    ones = np.ones((50, 40))
    assert {*np.unique(vg(ones)[1])} == {0.0, 1 / (1 - 0.8)}
    for epoch, rate in ((0, 0.8), (1, 0.4), (2, 0.2)):
        found = vg(ones, epoch=epoch)[1]
        assert abs((found == 0).mean() - rate) < 0.05
        assert found.max() == pytest.approx(1 / (1 - rate))


def test_a_schedule_in_one_line() -> None:
    schedule = xn.FlatCosine(0.2, 3)
    net: Any = xn.MLP([5, 4, 3], dropout=schedule).config.net
    assert net.layers[2].rate is schedule


def test_torch_gets_the_first_rate() -> None:
    torch = pytest.importorskip("torch")
    model = make(xn.FlatCosine(0.4, 3), 0).build(5)
    modules = [m for m in xn.exchange.to_torch(model).modules() if isinstance(m, torch.nn.Dropout)]
    assert [module.p for module in modules] == [0.4]


@pytest.mark.parametrize(
    ("layers", "message"),
    [
        ((Held(1.0), 0), r"Dropout: rate \(from the schedule\) must be a number in \[0, 1.0\)"),
        ((lambda epoch: -0.1, 0), "Dropout: rate"),
        ((0.1, lambda epoch: "1"), r"GaussianNoise: std \(from the schedule\) must be"),
    ],
)
def test_numbers_that_a_schedule_cannot_give(layers: Any, message: str) -> None:
    model = make(*layers).build(5)
    before = {name: array.copy() for name, array in model.state_dict().items()}
    for train in (model.fit, model.train_on_batch):
        with pytest.raises(ArgumentError, match=message):
            train(X, Y)
    same(model.state_dict(), before)
    assert model.engine.state.step == 0
