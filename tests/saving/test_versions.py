"""Files that earlier versions wrote, which every later one must load."""

from pathlib import Path

import numpy as np
import pytest

import xpnet as xn

FOLDER = Path(__file__).parent / "files"
FILES = sorted(FOLDER.glob("model-v*.safetensors"))
CHECKPOINTS = sorted(FOLDER.glob("checkpoint-v*.safetensors"))


def test_there_is_one_of_each_version():
    assert [file.stem for file in FILES] == ["model-v1"]
    assert [file.stem for file in CHECKPOINTS] == ["checkpoint-v1", "checkpoint-v2"]
    assert all(file.stat().st_size < 20_000 for file in (*FILES, *CHECKPOINTS))


@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_it_predicts_what_it_did_and_trains_on(file):
    """The file holds inputs, targets and what its own version predicted."""
    model = xn.load(file)
    kept = model.preprocessing
    X, y = np.array(kept["X"], dtype="float32"), np.array(kept["y"])
    np.testing.assert_allclose(model.predict(X), kept["expected"], rtol=1e-5, atol=1e-6)
    assert (model.epoch, model.engine.state.updates) == (2, 2)
    history = model.fit(X, y, epochs=2)
    np.testing.assert_allclose(history["loss"], kept["loss"], rtol=1e-4)


def checkpointed(dropout=0.2, momentum=0.9, **fit):
    """The fit that the checkpoints are of, of which five steps had been made."""
    net = xn.Sequential(
        xn.Dense(6, "relu", kernel_penalty=xn.L2(1e-3)),
        xn.Dropout(dropout),
        xn.BatchNorm(),
        xn.Dense(3),
    )
    optimizer = xn.SGD(xn.CosineDecay(0.1, 4), momentum=momentum)
    model = xn.Model(net, optimizer=optimizer, seed=3)
    X = np.sin(np.arange(240.0).reshape(60, 4)).astype("float32")
    callbacks = [xn.KeepBest("loss"), xn.GradientMonitor(every=2)]
    y = np.arange(60) * 7 % 3
    history = model.fit(X, y, epochs=3, batch_size=16, callbacks=callbacks, **fit)
    return model, history, *callbacks


@pytest.mark.parametrize("file", CHECKPOINTS, ids=lambda file: file.stem)
def test_a_checkpoint_resumes(file):
    near = {"rtol": 1e-4, "atol": 1e-6}  # it was written on another machine
    whole, resumed = checkpointed(), checkpointed(resume_from=file)
    for name, array in whole[0].parameters.items():
        np.testing.assert_allclose(resumed[0].parameters[name], array, **near)
    assert resumed[1].columns == whole[1].columns
    for column in set(whole[1].columns) - {"seconds"}:
        np.testing.assert_allclose(resumed[1][column], whole[1][column], **near)
    assert resumed[2].best_epoch == whole[2].best_epoch
    for name, array in whole[2].state.items():
        np.testing.assert_allclose(resumed[2].state[name], array, **near)
    assert [row["step"] for row in resumed[3].rows] == [row["step"] for row in whole[3].rows]
    for name in ("layers.0.weight", "layers.0.bias"):
        for column in ("ratio", "inactive"):  # of a bias they are NaN
            np.testing.assert_allclose(resumed[3][name][column], whole[3][name][column], rtol=1e-3)


@pytest.mark.parametrize("file", CHECKPOINTS, ids=lambda file: file.stem)
def test_a_checkpoint_of_another_fit_is_refused(file):
    with pytest.raises(xn.errors.ArgumentError, match="momentum"):
        checkpointed(momentum=0.8, resume_from=file)


def test_version_2_knows_the_settings_of_the_layers():
    with pytest.raises(xn.errors.ArgumentError, match=r"layers\[1\].rate there: 0.2; here: 0.3"):
        checkpointed(dropout=0.3, resume_from=CHECKPOINTS[1])
