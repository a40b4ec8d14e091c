"""The confusion matrix and ROC curves."""

import sys

import numpy as np
import pytest

import xpnet as xn

TRUE = [0, 0, 0, 1, 1, 2]
GUESSED = [0, 0, 1, 1, 1, 0]
COUNTS = [[2, 1, 0], [0, 2, 0], [1, 0, 0]]


def cells(ax):
    """The texts by row and column."""
    found = {}
    for text in ax.texts:
        column, row = text.get_position()
        found[row, column] = text.get_text()
    side = round(len(found) ** 0.5)
    return [[found[i, j] for j in range(side)] for i in range(side)]


def ticks(axis):
    return [label.get_text() for label in axis.get_ticklabels()]


def test_counts_stand_in_the_cells(saved):
    ax = xn.plot.confusion_matrix(TRUE, GUESSED)
    assert cells(ax) == [["2", "1", "0"], ["0", "2", "0"], ["1", "0", "0"]]
    assert ticks(ax.xaxis) == ticks(ax.yaxis) == ["0", "1", "2"]
    assert (ax.get_xlabel(), ax.get_ylabel()) == ("predicted class", "true class")
    saved(ax)


def test_colors_and_normalized_cells_are_shares_of_the_row():
    ax = xn.plot.confusion_matrix(TRUE, GUESSED, normalize=True)
    assert cells(ax) == [[".67", ".33", "0"], ["0", "1", "0"], ["1", "0", "0"]]
    (image,) = ax.images
    np.testing.assert_allclose(image.get_array()[0], [2 / 3, 1 / 3, 0])
    assert image.get_clim() == (0, 1)


def test_it_agrees_with_scikit_learn():
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    a, b = rng.integers(0, 7, (2, 300))
    expected = metrics.confusion_matrix(a, b).astype(str).tolist()
    assert cells(xn.plot.confusion_matrix(a, b)) == expected


def test_a_matrix_given_is_drawn_as_it_is():
    ax = xn.plot.confusion_matrix(np.array(COUNTS), labels=["a", "b", "c"])
    assert cells(ax) == cells(xn.plot.confusion_matrix(TRUE, GUESSED))
    assert ticks(ax.yaxis) == ["a", "b", "c"]


def test_names_are_labels_or_name_positions():
    words = xn.plot.confusion_matrix(["b", "a", "b"], ["b", "b", "b"])
    assert (cells(words), ticks(words.xaxis)) == ([["0", "1"], ["0", "2"]], ["a", "b"])
    ordered = xn.plot.confusion_matrix(["b", "a"], ["b", "b"], labels=["b", "a", "never"])
    assert cells(ordered) == [["1", "0", "0"], ["1", "0", "0"], ["0", "0", "0"]]
    named = xn.plot.confusion_matrix([0, 2], [0, 0], labels=["x", "y", "z"])
    assert cells(named) == [["1", "0", "0"], ["0", "0", "0"], ["1", "0", "0"]]
    floats = xn.plot.confusion_matrix([0.0, 1.0], [[1.0], [1.0]])
    assert ticks(floats.xaxis) == ["0", "1"]
    truth = xn.plot.confusion_matrix([True, False], [True, True])
    assert cells(truth) == [["0", "1"], ["0", "1"]]


@pytest.mark.parametrize("classes", [2, 10, 20])
def test_numbers_fit_into_their_cells(classes, renderer):
    ax = xn.plot.confusion_matrix(np.full((classes, classes), 12345))
    drawn = renderer(ax.figure)
    cell = ax.get_window_extent().width / classes
    assert max(t.get_window_extent(drawn).width for t in ax.texts) < cell
    assert ax.texts[0].get_fontsize() > 5


def test_numbers_can_be_read_on_every_shade():
    ax = xn.plot.confusion_matrix([[99, 1], [0, 0]])
    inks = [text.get_color() for text in ax.texts]
    assert inks[0] == "white"
    assert "white" not in inks[1:]


def test_long_names_are_turned():
    long = xn.plot.confusion_matrix(TRUE, GUESSED, labels=["Iris setosa", "virginica", "other"])
    assert {label.get_rotation() for label in long.get_xticklabels()} == {45}


def test_curves_of_each_class_have_their_area_in_the_legend(saved):
    metrics = pytest.importorskip("sklearn.metrics")
    rng = np.random.default_rng(0)
    y = rng.integers(0, 3, 200)
    scores = np.eye(3)[y] + rng.normal(size=(200, 3))
    ax = xn.plot.roc_curves(y, scores, labels=["a", "b", "c"])
    texts = [text.get_text() for text in ax.get_legend().get_texts()]
    areas = [metrics.roc_auc_score(y == c, scores[:, c]) for c in range(3)]
    assert texts == [f"{n} (AUC {a:.4f})" for n, a in zip("abc", areas, strict=True)]
    assert len(ax.get_lines()) == 4  # and the diagonal
    for c, line in enumerate(ax.get_lines()[:3]):
        x, expected, _ = metrics.roc_curve(y == c, scores[:, c])
        np.testing.assert_array_equal(line.get_xdata(), x)
        np.testing.assert_array_equal(line.get_ydata(), expected)
    saved(ax)


@pytest.mark.parametrize("shape", [(-1,), (-1, 1)])
def test_a_single_score_is_that_of_class_1(shape):
    pytest.importorskip("sklearn")
    scores = np.array([0.1, 0.4, 0.35, 0.8]).reshape(shape)
    ax = xn.plot.roc_curves([0, 0, 1, 1], scores, labels=["no", "yes"])
    assert [t.get_text() for t in ax.get_legend().get_texts()] == ["yes (AUC 0.7500)"]


def test_each_of_many_curves_has_its_own_style():
    pytest.importorskip("sklearn")
    y = np.arange(20)
    ax = xn.plot.roc_curves(y, np.eye(20))
    styles = {(line.get_color(), line.get_linestyle()) for line in ax.get_lines()}
    assert len(styles) == 21


def test_the_users_axes_are_drawn_into():
    pytest.importorskip("sklearn")
    from matplotlib.figure import Figure

    left, right = Figure().subplots(1, 2)
    assert xn.plot.confusion_matrix(TRUE, GUESSED, ax=left) is left
    assert xn.plot.roc_curves([0, 1], [0.0, 1.0], ax=right) is right


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda: xn.plot.confusion_matrix([0, 1], [0]), "ShapeError", "2 labels.*has 1"),
        (lambda: xn.plot.confusion_matrix([0, 1]), "ShapeError", r"shape \(k, k\), got \(2,\)"),
        (lambda: xn.plot.confusion_matrix(np.ones((2, 3))), "ShapeError", r"got \(2, 3\)"),
        (lambda: xn.plot.confusion_matrix([0], np.ones((1, 3))), "ShapeError", "y_pred.*argmax"),
        (lambda: xn.plot.confusion_matrix([[1, -1], [0, 0]]), "DataError", "negative"),
        (lambda: xn.plot.confusion_matrix([], []), "DataError", "y_true is empty"),
        (lambda: xn.plot.confusion_matrix([0, 2], [0, 1], labels="ab"), "DataError", "holds 2"),
        (lambda: xn.plot.confusion_matrix([0], [0], labels="aa"), "DataError", "different names"),
        (lambda: xn.plot.confusion_matrix(["c"], ["a"], labels="ab"), "DataError", "holds 'c'"),
        (lambda: xn.plot.confusion_matrix(COUNTS, labels="ab"), "DataError", "3 different names"),
        (lambda: xn.plot.confusion_matrix([[float("nan")]]), "DataError", "NaN"),
        (lambda: xn.plot.roc_curves([0, 1], [[1.0, 0.0]]), "ShapeError", r"shape \(2, k\)"),
        (lambda: xn.plot.roc_curves([0, 0], [1.0, 0.0]), "DataError", "1 has none of"),
        (lambda: xn.plot.roc_curves([1, 1], [1.0, 0.0]), "DataError", "1 has all of"),
        (lambda: xn.plot.roc_curves([0, 2], [1.0, 0.0]), "DataError", "y_true holds 2"),
        (lambda: xn.plot.roc_curves([0, 1], [1.0, float("inf")]), "DataError", "scores.*infinity"),
        (lambda: xn.plot.roc_curves([0, 1], ["a", "b"]), "DataError", "array of numbers"),
    ],
)
def test_what_cannot_be_drawn(call, error, message):
    pytest.importorskip("sklearn")
    with pytest.raises(getattr(xn.errors, error), match=message):
        call()


def test_without_scikit_learn_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "sklearn.metrics", None)
    with pytest.raises(xn.errors.MissingDependencyError, match=r"xpnet\[sklearn\]"):
        xn.plot.roc_curves([0, 1], [0.0, 1.0])
