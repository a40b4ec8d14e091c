"""Weight decay that follows a schedule, coupled and decoupled."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import array_api_strict
import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

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
OPTIMIZERS = {
    "coupled": lambda decay: xn.SGD(0.1, momentum=0.9, weight_decay=decay),
    "decoupled": lambda decay: xn.AdamW(0.01, weight_decay=decay),
    "lion": lambda decay: xn.Lion(xn.CosineDecay(0.01, 3), weight_decay=decay),
}
every_optimizer = pytest.mark.parametrize("name", OPTIMIZERS)


@dataclass
class Noting:
    """A schedule that notes its times."""

    times: list[float]
    varies: bool = True

    def __call__(self, epoch: float) -> float:
        self.times.append(epoch)
        return 0.1 + epoch


def make(name: str, decay: Any, **settings: Any) -> xn.Model:
    net = xn.Sequential(xn.Dense(7, "tanh", bias_rate=0.5), xn.Dense(3))
    given = {"optimizer": OPTIMIZERS[name](decay), "seed": 3, "input_shape": 5, **settings}
    return xn.Model(net, **given)


def fit(model: xn.Model, **settings: Any) -> dict[str, Any]:
    model.fit(X, Y, **{"epochs": 3, "batch_size": 10, **settings})
    return {name: np.asarray(array).copy() for name, array in model.state_dict().items()}


def same(found: dict[str, Any], wanted: dict[str, Any]) -> None:
    for name, array in wanted.items():
        assert_array_equal(found[name], array, err_msg=name)


@every_optimizer
@pytest.mark.parametrize("backend", BACKENDS)
def test_a_schedule_that_stays_has_the_bits_of_its_number(backend: str, name: str) -> None:
    if backend == "torch":
        pytest.importorskip("torch")
    settings = {"backend": BACKENDS[backend]()}
    same(fit(make(name, lambda epoch: 0.2, **settings)), fit(make(name, 0.2, **settings)))


@every_optimizer
def test_steps_in_one_call_have_the_bits_of_single_ones(name: str) -> None:
    pytest.importorskip("llvmlite")
    schedule, ends = xn.FlatCosine(0.5, 3), []
    for steps in (1, 4, 99):
        model = make(name, schedule, backend=NumpyBackend(compiles=True))
        ends.append(fit(model, steps_per_execution=steps))
    same(ends[1], ends[0])
    same(ends[2], ends[0])


def test_libraries_agree(jax64: Any) -> None:
    ends = [
        fit(make("decoupled", xn.FlatCosine(0.5, 3), backend=name, dtype="float64"), batch_size=15)
        for name in ("numpy", "jax", "torch")
    ]
    for found in ends[1:]:
        for name, array in ends[0].items():
            assert_allclose(found[name], array, rtol=1e-9, atol=1e-12, err_msg=name)


@every_optimizer
def test_a_step_at_another_time(name: str) -> None:
    """As with the number that the schedule gives then."""
    model = make(name, lambda epoch: 0.1 * epoch)
    for epoch in (1, 2, 3):
        model.epoch = epoch
        other = make(name, 0.1 * epoch)
        other.engine.state.put(other.engine.backend, model.engine.state)
        for each in (model, other):
            each.train_on_batch(X, Y)
        same(other.state_dict(), model.state_dict())


@pytest.mark.parametrize("varies", [True, False])
def test_when_a_schedule_is_called(varies: bool) -> None:
    noting = Noting([], varies)
    fit(make("coupled", noting), epochs=2, batch_size=25)
    steps = [0, 1 / 3, 2 / 3, 1, 4 / 3, 5 / 3]
    assert noting.times == pytest.approx(steps if varies else [int(t) for t in steps])
    del noting.times[:]
    fit(make("decoupled", noting), epochs=1, batch_size=25, accumulate=2)
    assert noting.times == pytest.approx([0, 0.5 * varies])


def test_saved_and_resumed(tmp_path: Any) -> None:
    schedule, path = xn.FlatCosine(0.5, 6), tmp_path / "steps"
    whole, half = make("decoupled", schedule), make("decoupled", schedule)
    fit(half, callbacks=[xn.Checkpoint(path)])
    half.save(tmp_path / "half.safetensors", optimizer_state=True)
    again = xn.load(tmp_path / "half.safetensors")
    assert isinstance(again, xn.Model)
    assert again.optimizer.weight_decay == schedule
    wanted = fit(whole, epochs=6)
    same(fit(again), wanted)
    same(fit(make("decoupled", schedule), epochs=6, resume_from=path), wanted)
    with pytest.raises(ArgumentError, match=r"optimizer.weight_decay.*there: FlatC.*here: 0.5"):
        fit(make("decoupled", 0.5), resume_from=path)


def unregistered(epoch: float) -> float:
    return 0.1


def test_a_function_that_no_file_can_name_resumes_by_its_name(tmp_path: Any) -> None:
    def other(epoch: float) -> float:
        return 0.1

    fit(make("coupled", unregistered), callbacks=[xn.Checkpoint(tmp_path)])
    fit(make("coupled", unregistered), epochs=4, resume_from=tmp_path)
    with pytest.raises(ArgumentError, match=r"unregistered.*here.*other"):
        fit(make("coupled", other), epochs=4, resume_from=tmp_path)


@pytest.mark.parametrize("found", [-0.1, float("nan"), float("inf"), None])
def test_numbers_that_a_schedule_cannot_give(found: Any) -> None:
    for name in OPTIMIZERS:
        model = make(name, lambda epoch: found)
        before = {name: array.copy() for name, array in model.state_dict().items()}
        for train in (model.fit, model.train_on_batch):
            with pytest.raises(ArgumentError, match=r"weight_decay \(from the schedule\) must be"):
                train(X, Y)
        same(model.state_dict(), before)
        assert model.engine.state.updates == 0


def test_lbfgs_needs_a_number() -> None:
    with pytest.raises(ArgumentError, match="weight_decay must be a number"):
        xn.LBFGS(weight_decay=xn.CosineDecay(0.1, 3))  # type: ignore[arg-type]
