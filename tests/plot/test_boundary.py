"""Decision boundaries: whose regions, on which grid, with which samples."""

import numpy as np
import pytest
from matplotlib.collections import PathCollection
from matplotlib.contour import ContourSet

import xpnet as xn

X = np.array([[0.0, 0.0], [1.0, 0.0], [0.0, 1.0], [1.0, 1.0], [0.2, 0.7]])
Y = np.array([0, 1, 0, 1, 2])


def samples(ax):
    """The points drawn for each class, by its name in the legend."""
    scattered = [c for c in ax.collections if isinstance(c, PathCollection)]
    return {c.get_label(): c.get_offsets().tolist() for c in scattered}


def lines(ax):
    """Points of all lines between regions; levels that are filled are no lines."""
    contours = [c for c in ax.collections if isinstance(c, ContourSet) and not c.filled]
    return np.concatenate([path.vertices for c in contours for path in c.get_paths()])


def scores(points):
    """Class 0 left of 0.4, class 1 right of it, class 2 nowhere."""
    return np.stack([0.4 - points[:, 0], points[:, 0] - 0.4, np.full(len(points), -9.0)], axis=1)


def test_regions_are_those_of_the_highest_score(saved):
    ax = xn.plot.decision_boundary(scores, X, Y, resolution=50)
    (image,) = ax.images
    regions = image.get_array()
    low, high = ax.get_xlim()
    first = np.linspace(low, high, 50)
    np.testing.assert_array_equal(regions, np.tile(first > 0.4, (50, 1)))
    assert low < 0 < 1 < high
    saved(ax)


def test_the_line_is_where_two_scores_are_equal():
    ax = xn.plot.decision_boundary(scores, X, Y, resolution=7)
    np.testing.assert_allclose(lines(ax)[:, 0], 0.4, atol=1e-12)


def test_samples_lie_on_top_by_class():
    ax = xn.plot.decision_boundary(scores, X, Y, resolution=5)
    found = samples(ax)
    assert found == {str(c): X[c == Y].tolist() for c in range(3)}
    named = xn.plot.decision_boundary(scores, X, Y, resolution=5, labels=["a", "b", "c"])
    assert list(samples(named)) == ["a", "b", "c"]
    assert [t.get_text() for t in named.get_legend().get_texts()] == ["a", "b", "c"]


def test_a_classifier_of_labels_of_any_kind(saved):
    def words(points):
        return np.where(points[:, 0] > 0.5, "right", "left")

    ax = xn.plot.decision_boundary(words, X, words(X), resolution=20)
    assert list(samples(ax)) == ["left", "right"]
    assert set(np.unique(ax.images[0].get_array())) == {0, 1}
    numbered = xn.plot.decision_boundary(
        lambda points: (points[:, 0] > 0.5).astype(int), X, words(X), resolution=20
    )
    np.testing.assert_array_equal(numbered.images[0].get_array(), ax.images[0].get_array())
    saved(ax)


def test_an_object_with_predict_is_asked_through_it():
    class Estimator:
        def predict(self, points):
            return np.argmax(scores(points), axis=1)

    ax = xn.plot.decision_boundary(Estimator(), X, Y, resolution=9)
    expected = xn.plot.decision_boundary(scores, X, Y, resolution=9)
    np.testing.assert_array_equal(ax.images[0].get_array(), expected.images[0].get_array())


@pytest.mark.parametrize(
    ("function", "logits"),
    [
        (lambda p: 0.5 + 0.2 * (p[:, :1] - 0.4), None),
        (lambda p: 0.5 + 0.2 * (p[:, 0] - 0.4), False),
        (lambda p: 8 * (p[:, 0] - 0.4), True),
    ],
    ids=["column", "vector", "logit"],
)
def test_a_single_number_is_a_probability_or_a_logit(function, logits, saved):
    ax = xn.plot.decision_boundary(function, X, Y % 2, resolution=41, logits=logits)
    assert not ax.images
    np.testing.assert_allclose(lines(ax)[:, 0], 0.4, atol=0.01)
    bar = ax.figure.axes[1]
    assert bar.get_ylabel() == "probability of class 1"
    assert bar.get_ylim() == (0, 1)
    saved(ax)


def test_a_model_says_by_its_loss_what_its_output_is():
    logit = xn.Model(
        xn.Dense(1, kernel_init="ones", bias_init=xn.init.constant(-0.8)),
        loss="binary_cross_entropy_with_logits",
        input_shape=2,
    ).build()
    ax = xn.plot.decision_boundary(logit, X.astype("float32"), Y % 2, resolution=31)
    np.testing.assert_allclose(lines(ax).sum(axis=1), 0.8, atol=0.01)
    value = xn.Model(
        xn.Dense(1, kernel_init="ones", bias_init=xn.init.constant(-0.3)),
        loss="mean_squared_error",
        input_shape=2,
    ).build()
    ax = xn.plot.decision_boundary(value, X.astype("float32"), Y % 2, resolution=31)
    np.testing.assert_allclose(lines(ax).sum(axis=1), 0.8, atol=0.01)


def test_a_model_of_several_classes():
    model = xn.MLP([2, 8, 3], optimizer=xn.Adam(0.05))
    model.fit(X, Y, epochs=400, verbose=False)
    ax = xn.plot.decision_boundary(model, X, Y, resolution=60)
    low, high = np.array([ax.get_xlim(), ax.get_ylim()]).T
    at = np.rint((X - low) / (high - low) * 59).astype(int)
    assert ax.images[0].get_array()[at[:, 1], at[:, 0]].tolist() == Y.tolist()


def test_the_grid_is_of_the_samples_library_and_type():
    strict = pytest.importorskip("array_api_strict")
    seen = []

    def function(points):
        seen.append(points)
        return points[:, 0] > 0.5

    xn.plot.decision_boundary(
        function, strict.asarray(X.astype("float32")), strict.asarray(Y % 2), resolution=6
    )
    assert seen[0].dtype == strict.float32
    assert seen[0].shape == (36, 2)


def test_one_region_and_one_sample(saved):
    saved(xn.plot.decision_boundary(lambda p: np.zeros(len(p), int), X[:1], Y[:1], resolution=3))
    saved(xn.plot.decision_boundary(lambda p: np.full(len(p), 0.2), X, Y % 2, resolution=3))


def test_the_users_axes_are_drawn_into():
    from matplotlib.figure import Figure

    ax = Figure().add_subplot()
    assert xn.plot.decision_boundary(scores, X, Y, resolution=3, ax=ax) is ax


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda f: f(scores, np.ones((5, 3)), Y), "ShapeError", r"two features.*\(5, 3\)"),
        (lambda f: f(scores, X[:, 0], Y), "ShapeError", r"two features.*\(5,\)"),
        (lambda f: f(scores, X, Y[:3]), "ShapeError", "5 samples and y has 3"),
        (lambda f: f(scores, X, np.eye(3)[Y]), "ShapeError", "y must hold one class label"),
        (lambda f: f(scores, X[:0], Y[:0]), "DataError", "X is empty"),
        (lambda f: f(scores, X * np.nan, Y), "DataError", "X holds NaN"),
        (lambda f: f(scores, X, Y, labels=["a", "b"]), "DataError", "y holds 2"),
        (lambda f: f(lambda p: p[:3], X, Y), "ShapeError", "must return 4 labels"),
        (lambda f: f(lambda p: p[:, :1], X, Y), "DataError", "y holds 2"),
        (
            lambda f: f(lambda p: p[:, :1], X, Y, labels=["a", "b", "c"]),
            "DataError",
            "separates two classes, got 3",
        ),
        (lambda f: f(lambda p: p * np.nan, X, Y), "DataError", "output holds NaN"),
        (lambda f: f(3, X, Y), "ArgumentError", "a Model or a function.*int"),
        (lambda f: f(xn.Model, X, Y), "ArgumentError", "a Model or a function"),
        (lambda f: f(scores, X, Y, resolution=1), "ArgumentError", "at least 2"),
    ],
)
def test_what_cannot_be_drawn(call, error, message):
    def draw(model, X, y, resolution=2, **settings):
        return xn.plot.decision_boundary(model, X, y, resolution=resolution, **settings)

    with pytest.raises(getattr(xn.errors, error), match=message):
        call(draw)
