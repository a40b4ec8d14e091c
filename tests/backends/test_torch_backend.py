"""PyTorch's plans: NumPy's numbers, without allocation, and tensors as users have them."""

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import pytest

import xpnet as xn
from xpnet import random
from xpnet.backends import PlannedBackend, backend_of, get
from xpnet.backends.cpu import NumpyBackend
from xpnet.errors import DivergedError
from xpnet.kernels import Recorder, find

torch = pytest.importorskip("torch", reason="PyTorch is not installed")

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(48, 6)), RNG.integers(0, 3, 48)


def tensors(dtype: Any = None) -> tuple[Any, Any]:
    return torch.tensor(X, dtype=dtype or torch.float64), torch.tensor(Y)


def model(backend: Any = "torch", optimizer: Any = None, **settings: Any) -> xn.Model:
    net = xn.Sequential(xn.Dense(8, "relu"), xn.BatchNorm(), xn.Dropout(0.2), xn.Dense(3))
    used = optimizer or xn.Adam(0.01)
    return xn.Model(net, optimizer=used, backend=backend, dtype="float64", seed=1, **settings)


def same(one: xn.Model, other: xn.Model, rtol: float = 1e-9) -> None:
    wanted = other.state_dict()
    for name, array in one.state_dict().items():
        np.testing.assert_allclose(
            np.asarray(array), np.asarray(wanted[name]), rtol=rtol, atol=rtol, err_msg=name
        )


# --- kinds of parts -------------------------------------------------------------------------------


@pytest.mark.smoke
def test_is_planned() -> None:
    backend = get("torch")
    assert isinstance(backend, PlannedBackend)
    assert (backend.families, backend.lowering) == (("torch", "out"), "none")
    fitted = model()
    fitted.fit(*tensors(), epochs=1)
    assert str(fitted.plan(*tensors())).startswith("Plan on torch")


# A constraint and its norm are computed by the definition, on every library.
ALLOCATING = {"layer max norm", "layer unit norm"}


def test_a_step_does_not_allocate(entry: Any) -> None:
    if entry.name == "optimizer lbfgs":
        pytest.skip("its steps are SciPy's")
    x, y = entry.data()
    fitted = entry.model("torch")
    fitted.fit(x, y, epochs=1, batch_size=16)
    with _returned() as found:
        fitted.fit(x[:16], y[:16], epochs=1, batch_size=16, shuffle=False)
        with found.in_a_step(fitted):
            fitted.fit(x[:16], y[:16], epochs=1, batch_size=16, shuffle=False)
    assert bool(found.made) is (entry.name in ALLOCATING), found.made


class Returned:
    """The functions that returned new tensors while plans ran."""

    def __init__(self) -> None:
        self.made: Counter[str] = Counter()
        self.on = False

    @contextmanager
    def in_a_step(self, fitted: Any) -> Iterator[None]:
        """Watch the plans of a model."""
        engine = fitted._engine
        programs = [*engine.programs._made.values()]
        runs = [(p, p.run) for p in programs] + [(engine.update.rules, engine.update.rules.run)]
        for owner, run in runs:
            owner.run = self._watched(run)
        yield
        for owner, run in runs:
            owner.run = run

    def _watched(self, run: Any) -> Any:
        def watched() -> None:
            self.on = True
            run()
            self.on = False

        return watched


@contextmanager
def _returned() -> Iterator[Returned]:
    from torch.utils._python_dispatch import TorchDispatchMode

    found = Returned()

    class Watch(TorchDispatchMode):  # type: ignore[misc]
        def __torch_dispatch__(self, function: Any, _: Any, args: Any = (), how: Any = None) -> Any:
            if found.on and not function._schema.is_mutable:
                found.made[str(function)] += 1
            return function(*args, **(how or {}))

    with Watch():
        yield found


@pytest.mark.parametrize("size", [1, 6, 64, 200])
@pytest.mark.parametrize("step", [0, 3, 2**32 + 5, (7 << 32) + 2**31])
def test_dropout_and_noise_draw_the_bits_of_the_definition(size: int, step: int) -> None:
    backend, x = get("torch:cpu"), np.ones(size)
    number = backend.asarray(step, "int64")
    key = {"seed": 2**32 - 1, "stream": 5}
    keep = random.words(np, random.Key(*key.values(), step), (size,)) >= 2**31
    out, r = backend.zeros((size,), "float64"), backend.zeros((size,), "float64")
    _run(xn.ops.dropout, out, r, backend.asarray(x), number, rate=0.5, **key)
    np.testing.assert_array_equal(out.numpy(), 2.0 * keep)
    _run(xn.ops.gaussian_noise, out, backend.asarray(x), number, std=1.0, **key)
    wanted = x + random.normal(np, random.Key(*key.values(), step), (size,))
    np.testing.assert_allclose(out.numpy(), wanted, rtol=1e-12, atol=1e-12)


def test_noise_in_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = get("torch:cpu")
    monkeypatch.setattr(backend, "block", 7)
    out, r, x = (torch.ones(101, dtype=torch.float64) for _ in range(3))
    _run(xn.ops.dropout, out, r, x, torch.tensor(9), rate=0.5, seed=1, stream=2)
    keep = random.words(np, random.Key(1, 2, 9), (101,)) >= 2**31
    np.testing.assert_array_equal(r.numpy(), 2.0 * keep)


def _run(op: Any, *arrays: Any, **settings: Any) -> None:
    backend: Any = get("torch:cpu")
    recorder = Recorder(backend)
    recorder.bind(find(op, backend.families).function, *arrays, **settings)
    for call in recorder.calls:
        call()


@pytest.mark.parametrize("values", [[0.0, -0.0, 1e-310, 1e-40, 2.0, np.inf, np.nan, -1.0]])
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_square_roots(values: list[float], dtype: str) -> None:
    backend: Any = get("torch:cpu")
    x = backend.asarray(values, dtype)
    wanted = np.sqrt(x.numpy().astype("float64"), where=~(x.numpy() < 0), out=np.full(8, np.nan))
    backend.raw.sqrt(x, out=x)
    np.testing.assert_allclose(x.numpy(), wanted, rtol=1e-6 if dtype == "float32" else 1e-15)


@pytest.mark.parametrize(
    ("a", "b"),
    [
        ((3, 4), (4, 5)),
        ((4,), (4, 5)),
        ((3, 4), (4,)),
        ((2, 3, 4), (2, 4, 5)),
        ((2, 3, 4), (4, 5)),
        ((4,), (2, 4, 5)),
        ((2, 1, 3, 4), (6, 4, 5)),
        ((0, 4), (4, 5)),
    ],
)
def test_products_of_every_shape(a: Any, b: Any) -> None:
    backend: Any = get("torch:cpu")
    one, two = RNG.normal(size=a), RNG.normal(size=b)
    wanted = one @ two
    out = backend.zeros(wanted.shape, "float64")
    backend.raw.matmul(backend.asarray(one), backend.asarray(two), out=out)
    np.testing.assert_allclose(out.numpy(), wanted, rtol=1e-12)


# Two of the products are narrow and large enough to be computed transposed.
@pytest.mark.parametrize("shapes", [(64, 256, 10), (64, 256, 1), (4, 3, 10)])
def test_narrow_layers(shapes: tuple[int, int, int]) -> None:
    rows, features, units = shapes
    x, y = RNG.normal(size=(rows, features)), RNG.normal(size=(rows, units))
    net = xn.Sequential(xn.Dense(units))
    made = [xn.Model(net, "mse", dtype="float64", backend=b) for b in (NumpyBackend(), "torch")]
    for one in made:
        one.fit(x, y, epochs=2, verbose=False)
    same(*made)


# --- data as users have them ----------------------------------------------------------------------


@pytest.mark.parametrize("labels", [torch.int32, torch.int64, torch.uint8])
def test_labels_of_every_integer_type(labels: Any) -> None:
    x, y = tensors()
    one, other = model(), model(NumpyBackend())
    one.fit(x, y.to(labels), epochs=2)
    other.fit(X, Y, epochs=2)
    same(one, other)


def _tracked(x: Any) -> Any:
    return x.clone().requires_grad_()


FORMS = {
    "tracked": _tracked,
    "a parameter": torch.nn.Parameter,
    "transposed": lambda x: x.mT.contiguous().mT,
    "every second": lambda x: torch.stack([x, x], 1).flatten(0, 1)[::2],
    "float32": lambda x: x.float(),
}


@pytest.mark.parametrize("form", FORMS)
def test_tensors_of_every_form(form: str) -> None:
    x, y = tensors()
    given, plain = FORMS[form](x), model()
    wanted = x.float().double() if form == "float32" else x
    plain.fit(wanted, y, epochs=1)
    one = model()
    one.fit(given, y, epochs=1)
    same(one, plain, 1e-12)
    plain.train_on_batch(wanted, y)
    one.train_on_batch(wanted, y)
    for _ in range(2):  # the second takes the short way
        assert not one.predict(given).requires_grad
        torch.testing.assert_close(one.predict(given), plain.predict(wanted))
        one.train_on_batch(given, y)
        plain.train_on_batch(wanted, y)
    same(one, plain, 1e-12)
    assert not any(a.requires_grad for a in one.parameters.values())


def test_arrays_that_numpy_will_not_have_written_to() -> None:
    frozen = X.copy()
    frozen.flags.writeable = False
    for form in (frozen, X[::-1][::-1], X.astype(">f8"), X.tolist()):
        one, other = model(), model()
        one.fit(form, Y, epochs=1)
        other.fit(X, Y, epochs=1)
        same(one, other, 1e-12)


def test_predictions_are_plain_tensors_of_their_own() -> None:
    x, y = tensors()
    fitted = model()
    fitted.fit(x, y, epochs=1)
    z = fitted.predict(x)
    assert type(z) is torch.Tensor
    assert z.device == x.device
    kept = z.clone()
    fitted.fit(x, y, epochs=1)
    assert torch.equal(z, kept)
    weight = torch.ones(3, dtype=torch.float64, requires_grad=True)
    (z @ weight).sum().backward()  # a user may go on with them
    torch.testing.assert_close(weight.grad, z.sum(0))


@pytest.mark.smoke
def test_a_fit_moves_nothing_between_libraries(monkeypatch: pytest.MonkeyPatch) -> None:
    count: Counter[str] = Counter()
    kind = type(get("torch"))

    def counted(name: str, own: Any) -> Any:
        def call(*args: Any) -> Any:
            count[name] += 1
            return own(*args)

        return call

    for name in ("asarray", "to_numpy"):
        monkeypatch.setattr(kind, name, counted(name, getattr(kind, name)))
    fitted, found = model(), []
    for rows in (8, 4, 8, 4):  # 6 steps in an epoch, or 12; the first two fits make the programs
        count.clear()
        fitted.fit(*tensors(), epochs=2, batch_size=rows)
        found.append(dict(count))
    assert found[2] == found[3]


# --- what a model can do --------------------------------------------------------------------------


def test_single_steps_take_the_short_way() -> None:
    x, y = tensors()
    one, other = model(), model(NumpyBackend())
    for _ in range(4):
        loss, wanted = one.train_on_batch(x, y), other.train_on_batch(X, Y)
        assert isinstance(loss, torch.Tensor)
        np.testing.assert_allclose(float(loss), float(wanted))
    assert one._engine.programs.cached_step is not None
    assert one._engine.programs.cached_step.takes(x, y)
    assert not one._engine.programs.cached_step.takes(x * float("nan"), y)
    same(one, other)


@pytest.mark.parametrize("settings", [{"accumulate": 2}, {"sample_weight": np.linspace(0, 1, 48)}])
def test_fits_with_settings(settings: dict[str, Any]) -> None:
    one, other = model(), model(NumpyBackend())
    own = {k: torch.tensor(v) if k == "sample_weight" else v for k, v in settings.items()}
    one.fit(*tensors(), epochs=2, batch_size=8, **own)
    other.fit(X, Y, epochs=2, batch_size=8, **settings)
    same(one, other)


def test_callbacks_read_gradients() -> None:
    found: list[list[Any]] = [[], []]

    class Look(xn.Callback):
        def __init__(self, into: list[Any]) -> None:
            self.into = into

        def on_gradient(self, model: Any, step: int) -> None:
            self.into += [np.array(g.tolist()) for g in model.gradients.values()]

    for into, backend in zip(found, ("torch", NumpyBackend()), strict=True):
        model(backend).fit(X, Y, epochs=1, callbacks=[Look(into)])
    assert found[0]
    for a, b in zip(*found, strict=True):
        np.testing.assert_allclose(a, b, rtol=1e-9, atol=1e-12)


def test_diverged_fits_restore_the_parameters() -> None:
    fitted = model(optimizer=xn.SGD(1e200))
    with pytest.raises(DivergedError):
        fitted.fit(*tensors(), epochs=3)
    assert all(bool(torch.isfinite(a).all()) for a in fitted.parameters.values())


@pytest.mark.parametrize(("first", "second"), [("numpy", "torch"), ("torch", "numpy")])
def test_a_checkpoint_continues_on_the_other_library(
    tmp_path: Any, first: Any, second: Any
) -> None:
    whole, begun = model(first), model(first)
    whole.fit(X, Y, epochs=4, batch_size=8)
    begun.fit(X, Y, epochs=2, batch_size=8)
    begun.save(tmp_path / "half.xpnet", optimizer_state=True)
    rest = xn.load(tmp_path / "half.xpnet", backend=second)
    assert backend_of(rest.parameters["layers.0.weight"]).name == second
    rest.fit(X, Y, epochs=2, batch_size=8)
    same(rest, whole, 1e-7)


@pytest.mark.parametrize("kind", ["MLPClassifier", "MLPRegressor"])
def test_estimators(kind: str) -> None:
    config_context = pytest.importorskip("sklearn", minversion="1.9").config_context
    made = getattr(xn, kind)(hidden_layer_sizes=(8,), max_iter=30, tol=1e9, random_state=0)
    x, y = tensors(torch.float32)
    with config_context(array_api_dispatch=True):
        found = made.fit(x, y if kind == "MLPClassifier" else x[:, 0]).predict(x)
    assert isinstance(found, torch.Tensor)
    assert tuple(found.shape) == (48,)
