"""Bad settings: refused where they are given, with a message that helps."""

from math import inf, nan

import numpy as np
import pytest

import xpnet as xn
from xpnet.errors import ArgumentError, DTypeError, UnknownNameError

X, Y = np.random.default_rng(0).normal(size=(12, 4)), np.arange(12) % 3


def trained():
    model = xn.Model(xn.Dense(3), optimizer=xn.SGD(0.1, momentum=0.9))
    model.fit(X, Y, epochs=2, batch_size=5)
    return model


def frozen(model):
    arrays = {**model.state_dict(), **model.engine.state.slots}
    return model.epoch, model.engine.state.updates, {n: a.tobytes() for n, a in arrays.items()}


@pytest.mark.parametrize(
    ("call", "kind", "near", "others"),
    [
        (lambda: xn.Model(xn.Dense(3), backend="numpi"), "backend", "numpy", ["auto", "cupy"]),
        (lambda: xn.Model(xn.Dense(3), backend="cuppy"), "backend", "cupy", ["auto", "numpy"]),
        (lambda: xn.Model(xn.Dense(3), loss="mean_square_error"),
         "loss", "mean_squared_error", ["softmax_cross_entropy"]),
        (lambda: xn.Model(xn.Dense(3), optimizer="adm"), "optimizer", "adam", ["sgd"]),
        (lambda: xn.Model(xn.Dense(3), metrics=["accurracy"]), "metric", "accuracy", []),
        (lambda: xn.Dense(3, "sigmod"), "activation", "sigmoid", ["relu", "tanh"]),
        (lambda: xn.MLP([4, 3], activation="tanhh"), "activation", "tanh", ["relu"]),
        (lambda: xn.Dense(3, bias_init="zero"), "initializer", "zeros", ["ones", "he_normal"]),
        (lambda: xn.MLP([4, 3], kernel_init="glorot"), "initializer", "glorot_", ["zeros"]),
    ],
)  # fmt: skip
def test_an_unknown_name_gives_the_nearest_and_all(call, kind, near, others):
    with pytest.raises(UnknownNameError) as caught:
        call()
    text = str(caught.value)
    assert text.startswith(f"unknown {kind} '")
    assert f"Did you mean '{near}" in text
    assert all(name in text.partition("Valid names:")[2] for name in [near, *others])


def test_a_name_like_no_other_gets_no_guess():
    with pytest.raises(UnknownNameError) as caught:
        xn.Model(xn.Dense(3), loss="zzz")
    assert "Did you mean" not in str(caught.value)


@pytest.mark.parametrize(
    "backend",
    ["", 0, False, 3.5, [], "Numpy ", object()],
    ids=["empty", "0", "False", "3.5", "list", "space", "object"],
)
def test_what_is_no_backend_is_refused(backend):
    with pytest.raises(UnknownNameError, match=r"backend.*numpy"):
        xn.Model(xn.Dense(3), backend=backend)


@pytest.mark.parametrize(
    "dtype",
    ["int32", "float16", "complex64", "bool", "flaot32", "", None, int, bool, np.int64,
     np.dtype("int8"), np.dtype("complex128"), 32],
    ids=repr,
)  # fmt: skip
def test_a_type_that_is_not_floating_is_refused(dtype):
    with pytest.raises(DTypeError, match=r"must be one of 'float32', 'float64'.*floating"):
        xn.Model(xn.Dense(3), dtype=dtype)


@pytest.mark.parametrize("dtype", ["float64", np.float64, np.dtype("float64")])
def test_a_type_in_any_form(dtype):
    assert xn.Model(xn.Dense(3), dtype=dtype, input_shape=2).build().predict([[1, 2]]).dtype == "f8"


NOT_A_COUNT = [0, -1, 1.5, 2.0, True, False, nan, inf, "3", None, [2], np.float64(2)]


@pytest.mark.parametrize("value", NOT_A_COUNT, ids=repr)
@pytest.mark.parametrize("name", ["epochs", "batch_size"])
def test_epochs_and_batch_size_are_whole_numbers(name, value):
    model = trained()
    before = frozen(model)
    with pytest.raises(ArgumentError, match=f"{name} must be a whole number of at least 1, got"):
        model.fit(X, Y, **{name: value})
    assert frozen(model) == before


@pytest.mark.parametrize("value", [v for v in NOT_A_COUNT if v is not None], ids=repr)
@pytest.mark.parametrize("method", ["predict", "evaluate"])
def test_batch_sizes_of_predict_and_evaluate(method, value):
    data = (X,) if method == "predict" else (X, Y)
    with pytest.raises(ArgumentError, match="batch_size must be a whole number"):
        getattr(trained(), method)(*data, batch_size=value)


def test_counts_may_be_numpy_integers():
    model = xn.Model(xn.Dense(3), seed=np.uint32(1), input_shape=np.int64(4))
    history = model.fit(X, Y, epochs=np.int64(2), batch_size=np.int32(5))
    assert history["epoch"] == [1, 2]
    assert model.predict(X, batch_size=np.int8(5)).shape == (12, 3)


@pytest.mark.parametrize("seed", [-1, 2**32, 1.0, True, None, "1", nan], ids=repr)
def test_seeds(seed):
    with pytest.raises(ArgumentError, match=r"seed must be"):
        xn.Model(xn.Dense(3), seed=seed)


@pytest.mark.parametrize(
    "shape", [0, -1, 2.5, "4", (4, 0), (True,), [4, None], X], ids=lambda s: repr(s)[:10]
)
@pytest.mark.parametrize(
    "where",
    [lambda s: xn.Model(xn.Dense(3), input_shape=s), lambda s: xn.Model(xn.Dense(3)).build(s)],
    ids=["Model", "build"],
)
def test_input_shapes(where, shape):
    with pytest.raises(ArgumentError, match="input_shape must be"):
        where(shape)


BAD_RATES = [0, 0.0, -0.1, nan, inf, -inf, True, "0.1", None, [0.1], 1j, X]


@pytest.mark.parametrize("rate", BAD_RATES, ids=lambda r: repr(r)[:8])
@pytest.mark.parametrize("optimizer", [xn.SGD, xn.Adam, xn.StepDecay])
def test_learning_rates(optimizer, rate):
    with pytest.raises(ArgumentError, match="learning_rate must be a number greater than 0, got"):
        optimizer(rate)


@pytest.mark.parametrize("rate", BAD_RATES[2:], ids=lambda r: repr(r)[:8])  # 0 may be reached
@pytest.mark.parametrize("method", ["fit", "train_on_batch"])
def test_a_schedule_that_gives_a_bad_rate(method, rate):
    model = xn.Model(xn.Dense(3), optimizer=xn.SGD(lambda epoch: rate), input_shape=4).build()
    before = frozen(model)
    with pytest.raises(ArgumentError, match="learning_rate"):
        getattr(model, method)(X, Y)
    assert frozen(model) == before


@pytest.mark.parametrize(
    ("call", "words"),
    [
        (lambda: xn.SGD(0.1, momentum=1.0), r"momentum must be a number in \[0, 1\)"),
        (lambda: xn.SGD(0.1, momentum=-0.1), "momentum"),
        (lambda: xn.SGD(0.1, momentum=nan), "momentum"),
        (lambda: xn.SGD(0.1, momentum="0.9"), "momentum"),
        (lambda: xn.SGD(0.1, momentum=True), "momentum"),
        (lambda: xn.SGD(0.1, nesterov=True), "momentum greater than 0"),
        (lambda: xn.SGD(0.1, weight_decay=-1), "weight_decay"),
        (lambda: xn.SGD(0.1, weight_decay=inf), "weight_decay"),
        (lambda: xn.Adam(weight_decay=nan), "weight_decay"),
        (lambda: xn.Adam(beta1=1.0), "beta1"),
        (lambda: xn.Adam(beta2=-0.5), "beta2"),
        (lambda: xn.Adam(epsilon=0), "epsilon must be .*greater than 0"),
        (lambda: xn.Adam(epsilon=nan), "epsilon"),
        (lambda: xn.Adam(epsilon=inf), "epsilon"),
        (lambda: xn.Adam(epsilon="x"), "epsilon"),
        (lambda: xn.StepDecay(0.1, factor=0), "factor"),
        (lambda: xn.StepDecay(0.1, factor=1.5), "factor"),
        (lambda: xn.StepDecay(0.1, factor="x"), "factor"),
        (lambda: xn.StepDecay(0.1, every=0), "every"),
        (lambda: xn.StepDecay(0.1, every=2.5), "every"),
        (lambda: xn.Model(xn.Dense(3), optimizer=xn.SGD), r"such as xpnet\.SGD\(0\.1\)"),
        (lambda: xn.Model(xn.Dense(3), optimizer=0.1), r"such as xpnet\.SGD\(0\.1\)"),
        (lambda: xn.Model(xn.Dense(3), optimizer=None), "optimizer"),
        (lambda: xn.Model(xn.Dense), "net must be a layer or a function"),
        (lambda: xn.Model([xn.Dense(3)]), "net must be a layer or a function"),
        (lambda: xn.Model(None), "net must be a layer or a function"),
    ],
)
def test_other_settings(call, words):
    with pytest.raises(ArgumentError, match=words):
        call()


@pytest.mark.parametrize("verbose", [2, "yes", None, -1, "Auto", [True]], ids=repr)
def test_verbose(verbose):
    model = trained()
    before = frozen(model)
    with pytest.raises(ArgumentError, match="verbose must be True, False or 'auto'"):
        model.fit(X, Y, verbose=verbose)
    assert frozen(model) == before


@pytest.mark.parametrize("name", ["epoch", "lr", "batchsize", "validation_split"])
def test_a_misspelt_setting_is_refused(name):
    with pytest.raises(TypeError, match=name):
        trained().fit(X, Y, **{name: 1})


@pytest.mark.parametrize(
    ("call", "near"),
    [
        (lambda: xn.Dense(3, "ReLU"), "relu"),
        (lambda: xn.Dense(3, "Relu"), "relu"),
        (lambda: xn.Dense(3, "LeakyReLU"), "leaky_relu"),
        (lambda: xn.Dense(3, kernel_init="he"), "he_normal"),
        (lambda: xn.MLP([4, 3], "tanh", loss="MSE"), "mse"),
        (lambda: xn.MLP([4, 3], loss="sparse_softmax_cross_entropy"), "softmax_cross_entropy"),
    ],
)
def test_a_name_is_guessed_from_its_letters_in_any_case(call, near):
    with pytest.raises(UnknownNameError, match=f"Did you mean '{near}'"):
        call()


@pytest.mark.parametrize(
    ("call", "match"),
    [
        (lambda: xn.Adam(lr=0.1), r"Adam has no setting 'lr'\. Did you mean 'learning_rate'\?"),
        (lambda: xn.AdamW(betas=(0.9, 0.99)), "AdamW has no.*mean 'beta1'.*weight_decay"),
        (lambda: xn.SGD(clipnorm=1), r"mean 'clip_norm'\?.*Settings: learning_rate, momentum"),
        (lambda: xn.RMSprop(eps=1), r"mean 'epsilon'\?"),
        (lambda: xn.MLP([4, 2], learning_rate=0.1), r"MLP has.*optimizer=xpnet\.Adam\(0\.1\)"),
        (lambda: xn.MLP([4, 2], metric=["accuracy"]), r"mean 'metrics'\?.*Settings: sizes"),
    ],
)
def test_an_unknown_setting_gives_the_nearest_and_all(call, match):
    with pytest.raises(TypeError, match=match):
        call()


@pytest.mark.parametrize("settings", [{"lr": 0.1}, {"net": xn.Dense(2)}, {"input_shape": 4}])
def test_mlp_refuses_what_it_sets_itself(settings):
    with pytest.raises(TypeError, match="MLP has no setting"):
        xn.MLP([4, 2], **settings)


@pytest.mark.parametrize("name", ["kernel_penalty", "bias_penalty", "kernel_constraint"])
@pytest.mark.parametrize("value", [0.1, "l2", xn.L2, xn.MaxNorm])
def test_penalties_and_constraints_are_checked_when_given(name, value):
    with pytest.raises(ArgumentError, match=f"Dense: {name} must be .*xpnet"):
        xn.Dense(3, **{name: value})


@pytest.mark.parametrize("name", ["penalty", "constraint"])
def test_those_of_an_embedding_too(name):
    with pytest.raises(ArgumentError, match=f"Embedding: {name} must be .*xpnet"):
        xn.Embedding(3, 2, **{name: 0.1})


def test_dense_takes_the_outputs_alone():
    with pytest.raises(ArgumentError, match=r"Dense\(4\) or Dense\(3\), not Dense\(4, 3\)"):
        xn.Dense(4, 3)


@pytest.mark.parametrize("owner", [xn.Sequential, xn.Residual, xn.Concat, xn.Add])
def test_layers_are_given_one_by_one(owner):
    with pytest.raises(ArgumentError, match=r"one by one, not as a list: \w+\(a, b\)"):
        owner([xn.Dense(3), xn.Dense(2)])


@pytest.mark.parametrize("name", ["huber", "softmax_cross_entropy"])
def test_what_makes_a_loss_is_no_metric(name):
    with pytest.raises(ArgumentError, match=r"a metric is a name or .*losses\.huber\(delta=2\.0\)"):
        xn.MLP([4, 3], metrics=[getattr(xn.losses, name)])


@pytest.mark.parametrize("function", [lambda: 1, lambda logs: 1, lambda m, e, logs, *, x: 1, len])
def test_a_callback_that_cannot_be_called_is_refused_before_training(function):
    model = trained()
    before = frozen(model)
    with pytest.raises(ArgumentError, match=r"called as f\(model, epoch, logs\).*cannot be"):
        model.fit(X, Y, callbacks=[function])
    assert frozen(model) == before


def test_freeze_is_told_what():
    model = trained()
    with pytest.raises(ArgumentError, match=r"model\.freeze\('layers\.0'\)"):
        model.freeze()
    assert model.frozen == ()


@pytest.mark.parametrize("call", [lambda: xn.ops.relu([-1.0, 2.0]), lambda: xn.ops.add(1.0, 2.0),
                                  lambda: xn.ops.matmul(X, [[1.0]] * 4)])  # fmt: skip
def test_ops_ask_for_arrays(call):
    with pytest.raises(
        xn.errors.GraphError, match="expects arrays of one library, or symbolic values"
    ):
        call()


def test_an_op_explains_itself():
    text = xn.ops.softplus.__doc__
    assert text.startswith("y = ln(1 + e**x)")
    assert "Shapes: (...)->(...).\n\nGradients:\ngx = gy" in text
    assert "Settings, by name: axis" in xn.ops.concat.__doc__
    assert repr(xn.ops.relu) == "<op relu: (...)->(...)>"


def test_a_step_that_cannot_be_compiled_builds_nothing():
    model = xn.MLP([4, 3], metrics=[lambda output, target: output @ target])
    with pytest.raises(xn.errors.XpnetError):
        model.train_on_batch(np.zeros((6, 4)), np.zeros(6, "int64"))
    assert not model.built
