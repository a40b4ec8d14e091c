"""Weights and samples as pictures."""

import numpy as np
import pytest

import xpnet as xn

W = np.arange(-30.0, 42.0).reshape(12, 6)


def test_each_unit_is_a_picture_of_its_incoming_weights(saved):
    ax = xn.plot.weights(W, shape=(3, 4), columns=4)
    (image,) = ax.images
    mosaic = image.get_array()
    assert mosaic.shape == (2 * 4 + 1, 4 * 5 + 1)  # a gap of 1 around each picture
    for unit in range(6):
        y, x = 4 * (unit // 4) + 1, 5 * (unit % 4) + 1
        np.testing.assert_array_equal(mosaic[y : y + 3, x : x + 4], W[:, unit].reshape(3, 4))
    assert np.ma.getmaskarray(mosaic).sum() == mosaic.size - W.size
    saved(ax)


def test_the_scale_is_symmetric_and_one_for_all():
    (image,) = xn.plot.weights(W, shape=(3, 4)).images
    assert image.get_clim() == (-41, 41)
    (zero,) = xn.plot.weights(np.zeros((4, 1)), shape=(2, 2)).images
    assert zero.get_clim() == (-1, 1)


def test_weights_of_a_model_by_name_or_by_their_fan_in():
    model = xn.MLP([12, 9, 4]).build()
    for name, shape, parameter in (
        (None, (3, 4), "layers.0.weight"),
        ("layers.2.weight", (3, 3), "layers.2.weight"),
        (None, (3, 3), "layers.2.weight"),
    ):
        (image,) = xn.plot.weights(model, name, shape=shape).images
        found = image.get_array().compressed()
        np.testing.assert_allclose(np.sort(found), np.sort(model.parameters[parameter].ravel()))


def test_the_users_axes_are_drawn_into():
    from matplotlib.figure import Figure

    ax = Figure().add_subplot()
    assert xn.plot.weights(W, shape=(3, 4), ax=ax) is ax


def test_pictures_have_titles_and_one_gray_scale(saved):
    pictures = np.arange(12.0).reshape(3, 2, 2)
    figure = xn.plot.images(pictures, ["7 for 2", "1 for 7", 3])
    assert [ax.get_title() for ax in figure.axes] == ["7 for 2", "1 for 7", "3"]
    for ax, picture in zip(figure.axes, pictures, strict=True):
        (image,) = ax.images
        np.testing.assert_array_equal(image.get_array(), picture)
        assert image.get_clim() == (0, 11)
    saved(figure)


def test_rows_become_pictures_in_a_grid(saved):
    figure = xn.plot.images(np.arange(60).reshape(10, 6), shape=(2, 3), columns=4)
    assert len(figure.axes) == 10
    assert figure.axes[0].images[0].get_array().shape == (2, 3)
    assert {ax.get_subplotspec().rowspan.start for ax in figure.axes} == {0, 1, 2}
    saved(figure)


@pytest.mark.parametrize("kind", ["uint8", "float64"])
def test_colors(kind, saved):
    pictures = np.array([[[[255, 0, 51]]]]).astype(kind) / (1 if kind == "uint8" else 255)
    figure = xn.plot.images(pictures)
    np.testing.assert_allclose(figure.axes[0].images[0].get_array(), [[[1, 0, 0.2]]])
    saved(figure)


def test_titles_do_not_touch_their_neighbors(renderer):
    figure = xn.plot.images(np.zeros((3, 4, 4)), ["a title of some length"] * 3)
    drawn = renderer(figure)
    boxes = [ax.title.get_window_extent(drawn) for ax in figure.axes]
    assert boxes[0].x1 < boxes[1].x0
    assert boxes[1].x1 < boxes[2].x0


def test_a_figure_of_the_users_own():
    from matplotlib.figure import Figure

    figure = Figure()
    assert xn.plot.images(np.zeros((2, 3, 3)), figure=figure) is figure


@pytest.mark.parametrize(
    ("call", "error", "message"),
    [
        (lambda p: p.weights(W), "ShapeError", r"shape \(784, units\).*\(12, 6\)"),
        (lambda p: p.weights(W[0], shape=(2, 3)), "ShapeError", r"got \(6,\)"),
        (lambda p: p.weights(W, shape=12), "ArgumentError", r"shape must be \(height, width\)"),
        (lambda p: p.weights(W, shape=(0, 4)), "ArgumentError", "height must be"),
        (lambda p: p.weights(W, "layers.0.weight"), "ArgumentError", "works only with a model"),
        (lambda p: p.weights(np.full((4, 2), np.inf), shape=(2, 2)), "DataError", "infinity"),
        (lambda p: p.weights(W, shape=(3, 4), columns=0), "ArgumentError", "columns must be"),
        (
            lambda p: p.weights(xn.MLP([4, 3]).build()),
            "ShapeError",
            r"no weight has 784 inputs.*layers\.0\.weight \(4, 3\)",
        ),
        (lambda p: p.weights(xn.MLP([4, 3]).build(), "wait"), "UnknownNameError", "layers.0"),
        (lambda p: p.images(np.zeros((2, 9))), "ShapeError", r"\(2, 9\). For rows, pass shape"),
        (lambda p: p.images(np.zeros((2, 9)), shape=(2, 3)), "ShapeError", "6 numbers each"),
        (lambda p: p.images(np.zeros((2, 3, 3, 2))), "ShapeError", "must have shape"),
        (lambda p: p.images(np.zeros((2, 3, 3)), ["a"]), "ShapeError", "2 pictures and 1 titles"),
        (lambda p: p.images(np.zeros((0, 3, 3))), "DataError", "empty"),
        (lambda p: p.images([[["a"]]]), "DataError", "array of numbers"),
    ],
)
def test_what_cannot_be_drawn(call, error, message):
    with pytest.raises(getattr(xn.errors, error), match=message):
        call(xn.plot)
