"""Names of the version before: they work, and each warning gives the new name."""

import numpy as np
import pytest

import xpnet as xn


@pytest.fixture
def data():
    rng = np.random.default_rng(0)
    return rng.normal(size=(40, 4)).astype("float32"), rng.integers(0, 3, 40)


def test_the_updater_is_the_state_of_the_engine(data):
    model = xn.MLP([4, 3], optimizer=xn.Adam(average_decay=0.9))
    model.fit(*data, epochs=2, batch_size=16)
    with pytest.warns(DeprecationWarning, match=r"model\.engine\.state") as told:
        updater = model.updater
    assert told[0].filename == __file__
    assert updater.step == model.engine.state.updates == 6
    assert updater.slots.keys() == model.engine.state.slots.keys()
    np.testing.assert_array_equal(updater.average(), model.engine.update.average())


def test_steps_per_graph_is_steps_per_execution(data):
    wanted = xn.MLP([4, 3]).fit(*data, epochs=2, steps_per_execution=1)
    with pytest.warns(DeprecationWarning, match="is now steps_per_execution") as told:
        found = xn.MLP([4, 3]).fit(*data, epochs=2, steps_per_graph=1)
    assert told[0].filename == __file__
    assert found["loss"] == wanted["loss"]
    with (
        pytest.warns(DeprecationWarning, match="steps_per_execution"),
        pytest.raises(xn.errors.ArgumentError, match="steps_per_execution must be"),
    ):
        xn.MLP([4, 3]).fit(*data, steps_per_graph=-1)


@pytest.mark.parametrize("name", ["Model", "MLP", "Callback", "EarlyStopping", "History", "load"])
def test_the_former_module_of_a_name(name):
    import xpnet.train

    with pytest.warns(DeprecationWarning, match=rf"xpnet\.train\.{name} is now xpnet\.{name};"):
        found = getattr(xpnet.train, name)
    assert found is getattr(xn, name)


def test_the_former_module_has_no_other_names():
    import xpnet.train

    for name in ("no_such", "_NAMES"):
        with pytest.raises(AttributeError, match=f"no attribute {name!r}"):
            getattr(xpnet.train, name)
