"""Training curves: which are drawn, how, and what cannot be."""

import numpy as np
import pytest

import xpnet as xn

TABLE = {
    "epoch": [1, 2, 3],
    "loss": [3.0, 2.0, 1.0],
    "accuracy": [0.1, 0.2, 0.3],
    "val_loss": [3.5, 2.5, 1.5],
    "val_accuracy": [0.2, 0.3, 0.4],
    "learning_rate": [0.1, 0.1, 0.01],
    "seconds": [1.0, 1.0, 1.0],
}


def curves(ax):
    return {line.get_label(): list(line.get_ydata()) for line in ax.get_lines()}


def test_each_measure_has_a_panel_with_both_curves(saved):
    figure = xn.plot.history(TABLE)
    loss, accuracy = figure.axes
    assert curves(loss) == {"train": TABLE["loss"], "validation": TABLE["val_loss"]}
    assert curves(accuracy) == {"train": TABLE["accuracy"], "validation": TABLE["val_accuracy"]}
    assert [ax.get_ylabel() for ax in figure.axes] == ["loss", "accuracy"]
    assert [line.get_linestyle() for line in loss.get_lines()] == ["-", "--"]
    assert [t.get_text() for t in loss.get_legend().get_texts()] == ["train", "validation"]
    assert saved(figure).startswith(b"\x89PNG")


@pytest.mark.smoke
def test_what_fit_returns_is_drawn():
    X = np.random.default_rng(0).normal(size=(40, 3))
    model = xn.MLP([3, 4, 2])
    history = model.fit(X, X[:, 0] > 0, epochs=3, verbose=False)
    loss, accuracy = xn.plot.history(history).axes
    assert curves(loss) == {"train": history["loss"]}
    assert curves(accuracy) == {"train": history["accuracy"]}
    assert loss.get_legend() is None
    assert list(loss.get_lines()[0].get_xdata()) == [1, 2, 3]


def test_the_columns_and_labels_asked_for():
    figure = xn.plot.history(TABLE, ["learning_rate", "val_loss", "loss"], labels=("a", "b"))
    rate, validation, loss = figure.axes
    assert list(curves(rate)) == ["a"]
    assert curves(validation) == {"a": TABLE["val_loss"]}
    assert list(curves(loss)) == ["a", "b"]
    assert rate.get_ylabel() == "learning rate"
    assert len(xn.plot.history(TABLE, "accuracy").axes) == 1


def test_without_epochs_rows_are_counted():
    (ax,) = xn.plot.history({"loss": [1.0, 2.0]}).axes
    assert list(ax.get_lines()[0].get_xdata()) == [1, 2]


def test_a_validation_column_alone_is_a_measure_of_its_own():
    (ax,) = xn.plot.history({"val_loss": [1.0, 2.0]}).axes
    assert ax.get_ylabel() == "val loss"


def test_logarithmic_axes():
    loss, accuracy = xn.plot.history(TABLE, log="loss").axes
    assert (loss.get_yscale(), accuracy.get_yscale()) == ("log", "linear")
    both = xn.plot.history(TABLE, log=["loss", "accuracy"])
    assert [ax.get_yscale() for ax in both.axes] == ["log", "log"]


def test_many_panels_go_into_rows(saved):
    figure = xn.plot.history({f"m{i}": [1.0, 2.0] for i in range(5)})
    rows = {ax.get_subplotspec().rowspan.start for ax in figure.axes}
    assert (len(figure.axes), rows) == (5, {0, 1})
    saved(figure)


def test_a_figure_of_the_users_own():
    from matplotlib.figure import Figure

    figure = Figure()
    assert xn.plot.history(TABLE, figure=figure) is figure
    assert len(figure.axes) == 2
    part = Figure().subfigures(1, 2)[0]
    assert xn.plot.history(TABLE, figure=part) is part


def test_nan_leaves_a_gap(saved):
    saved(xn.plot.history({"loss": [1.0, float("nan"), 2.0]}))


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: xn.plot.history(xn.History()), "DataError", "no epochs yet"),
        (lambda: xn.plot.history({}), "DataError", "no epochs yet"),
        (lambda: xn.plot.history({"epoch": [1]}), "DataError", "no column to draw, only epoch"),
        (lambda: xn.plot.history({"a": [1], "b": [1, 2]}), "DataError", "a: 1, b: 2"),
        (lambda: xn.plot.history([1, 2]), "ArgumentError", "the result of fit.*list"),
        (lambda: xn.plot.history(TABLE, "los"), "UnknownNameError", "Did you mean 'loss'"),
        (lambda: xn.plot.history(TABLE, []), "ArgumentError", "columns is empty"),
        (lambda: xn.plot.history(TABLE, log="seconds"), "UnknownNameError", "logarithmic"),
        (lambda: xn.plot.history({"a": [1, 0]}, log="a"), "DataError", "'a' has numbers"),
        (
            lambda: xn.plot.history({"a": [1], "val_a": [-1]}, log="a"),
            "DataError",
            "'val_a' has numbers",
        ),
    ],
)
def test_what_cannot_be_drawn(call, error, message):
    with pytest.raises(getattr(xn.errors, error), match=message):
        call()
