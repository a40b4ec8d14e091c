"""Layers that keep their values, and trained layers under a new head."""

import array_api_strict
import numpy as np
import pytest

import xpnet as xn

RNG = np.random.default_rng(0)
X, Y = RNG.normal(size=(60, 4)).astype("float32"), RNG.integers(0, 3, 60)
backends = pytest.mark.parametrize("backend", ["numpy", array_api_strict], ids=["plan", "interp"])


def model_of(outputs=3, **settings):
    net = xn.Sequential(xn.Dense(8), xn.BatchNorm(), xn.ReLU(), xn.Dense(6, "relu"),
                        xn.Dense(outputs))  # fmt: skip
    return xn.Model(net, **settings)


def arrays(model):
    return {name: np.asarray(a).copy() for name, a in model.state_dict().items()}


@backends
@pytest.mark.parametrize(
    "optimizer", [xn.SGD(0.1, momentum=0.9, weight_decay=0.1), xn.AdamW()], ids=["sgd", "adamw"]
)
def test_what_is_frozen_keeps_its_values(backend, optimizer):
    model = model_of(backend=backend, optimizer=optimizer, frozen=["layers.0", "layers.3.bias"])
    model.build(4)
    before = arrays(model)
    model.fit(X, Y, epochs=2)
    kept = {"layers.0.weight", "layers.0.bias", "layers.3.bias"}
    for name, array in arrays(model).items():
        assert (array == before[name]).all() == (name in kept), name
    assert kept.isdisjoint(model.gradients)


@backends
def test_the_other_gradients_are_those_of_the_whole_network(backend):
    a, b = (model_of(backend=backend, optimizer=xn.SGD(1.0), dtype="float64") for _ in range(2))
    a.build(4)
    b.build(4)
    b.freeze("layers.0", "layers.3")
    start = arrays(a)
    a.train_on_batch(X, Y)
    b.train_on_batch(X, Y)
    for name, array in arrays(b).items():
        moved = not name.startswith(("layers.0", "layers.3"))
        wanted = arrays(a)[name] if moved else start[name]
        np.testing.assert_allclose(array, wanted, rtol=1e-12, atol=1e-14, err_msg=name)


def test_freezing_and_thawing_a_trained_model():
    model = model_of()
    model.fit(X, Y, epochs=1)
    before = arrays(model)
    model.freeze("layers.0")
    for name, array in arrays(model).items():
        np.testing.assert_array_equal(array, before[name])
    assert (model.frozen, model.epoch) == (("layers.0",), 1)
    model.fit(X, Y, epochs=1)
    np.testing.assert_array_equal(arrays(model)["layers.0.weight"], before["layers.0.weight"])
    model.unfreeze()
    assert model.frozen == ()
    model.fit(X, Y, epochs=1)
    assert (arrays(model)["layers.0.weight"] != before["layers.0.weight"]).any()
    assert model.epoch == 3


def test_thawing_one_of_two():
    model = model_of(frozen=["layers.0", "layers.3"])
    model.unfreeze("layers.0")
    assert model.frozen == ("layers.3",)
    with pytest.raises(xn.errors.ArgumentError, match=r"'layers\.0' is not frozen"):
        model.unfreeze("layers.0")


def test_a_frozen_batch_norm_uses_and_keeps_its_running_statistics():
    model = model_of(optimizer=xn.SGD(1e-12))
    model.fit(X, Y, epochs=2)
    model.freeze("layers.1")
    before = arrays(model)
    expected = model.evaluate(X, Y)["loss"]
    assert model.fit(X, Y, epochs=1, batch_size=60)["loss"][0] == pytest.approx(expected, rel=1e-5)
    for name in before:
        if name.startswith("layers.1"):
            np.testing.assert_array_equal(arrays(model)[name], before[name])


@pytest.mark.parametrize("built", [False, True])
def test_names_must_exist(built):
    model = model_of()
    if built:
        model.build(4)
        with pytest.raises(xn.errors.ArgumentError, match="is called 'head'"):
            model.freeze("head")
        assert model.frozen == ()
    else:
        model.freeze("head")
        with pytest.raises(xn.errors.ArgumentError, match="is called 'head'"):
            model.build(4)


def test_something_must_be_left_to_train():
    model = model_of().build(4)
    with pytest.raises(xn.errors.GraphError, match="nothing to train"):
        model.freeze("layers.0", "layers.1", "layers.3", "layers.4")
    assert model.frozen == ()


@pytest.mark.parametrize("names", ["layers.0", [3], [""]], ids=repr)
def test_frozen_is_a_list_of_names(names):
    with pytest.raises(xn.errors.ArgumentError, match=r"must be a list, such as|expected a list"):
        model_of(frozen=names)


def test_a_new_head_on_trained_layers():
    base = model_of(3)
    base.fit(X, Y, epochs=2)
    model = model_of(5, seed=1).build(4)
    head = arrays(model)["layers.4.weight"]
    model.load_state_dict(base.state_dict(), only=["layers.0", "layers.1", "layers.3"])
    found = arrays(model)
    for name, array in arrays(base).items():
        if not name.startswith("layers.4"):
            np.testing.assert_array_equal(found[name], array)
    np.testing.assert_array_equal(found["layers.4.weight"], head)
    model.freeze("layers.0", "layers.1", "layers.3")
    model.fit(X, (Y * 2) % 5, epochs=2)
    np.testing.assert_array_equal(arrays(model)["layers.3.weight"], found["layers.3.weight"])


def test_loading_a_part_checks_the_names():
    model = model_of().build(4)
    state = model.state_dict()
    with pytest.raises(xn.errors.ArgumentError, match=r"is called 'layers\.9'"):
        model.load_state_dict(state, only=["layers.9"])
    del state["layers.3.bias"]
    with pytest.raises(xn.errors.ShapeError, match=r"the state has no layers\.3\.bias"):
        model.load_state_dict(state, only=["layers.3"])
    with pytest.raises(xn.errors.ShapeError, match="has shape"):
        model.load_state_dict(model_of(5).build(4).state_dict(), only=["layers.4"])


def test_a_copy_of_a_frozen_model_is_frozen():
    from copy import deepcopy

    model = model_of(frozen=["layers.0"])
    model.fit(X, Y, epochs=1)
    twin = deepcopy(model)
    assert twin.frozen == ("layers.0",)
    assert twin.fit(X, Y, epochs=1)["loss"] == model.fit(X, Y, epochs=1)["loss"]


def test_nothing_is_frozen_or_thawed_while_a_fit_runs():
    """The fit would go on with other parameters, and all it learns would be lost."""
    model = model_of(frozen=["layers.0"])
    for change in (lambda m: m.unfreeze(), lambda m: m.freeze("layers.3"), lambda m: m.fit(X, Y)):
        with pytest.raises(xn.errors.ArgumentError, match="while a fit of this model runs"):
            model.fit(X, Y, epochs=2, callbacks=[lambda m, e, logs, change=change: change(m)])
    assert model.frozen == ("layers.0",)
    model.unfreeze()
    model.fit(X, Y, epochs=1)


def test_state_is_frozen_by_its_own_name():
    model = model_of(frozen=["layers.1.running_mean"])
    model.fit(X, Y, epochs=2)
    assert not model.parameters["layers.1.running_mean"].any()
    assert (model.parameters["layers.1.running_var"] != 1).all()
