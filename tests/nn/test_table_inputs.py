"""The layers that prepare a table's columns and embed its categories."""

import datetime
from math import pi

import numpy as np
import pytest
from numpy.testing import assert_allclose

import xpnet as xn

GAP = np.nan


def prepared(layer, rows, **state):
    """The layer's output in float64, with this state."""
    rows = np.asarray(rows, dtype=np.float64)
    model = xn.Model(
        xn.Sequential(layer, xn.Dense(1)),
        "mse",
        dtype="float64",
        check_finite=False,
        input_shape=layer.width,
    ).build()
    names = {name.removeprefix("layers.0."): name for name in model.state_dict()}
    given = model.state_dict() | {names[name]: np.asarray(a, "f8") for name, a in state.items()}
    model.load_state_dict(given)
    feeds = {name: array for name, array in given.items() if name.startswith("layers.0.")}
    columns = np.eye(layer.plain + len(layer.many))
    found = []
    for weight in columns:  # the network's only output is one column of the layer's
        model.load_state_dict(
            {**feeds, "layers.1.weight": weight[:, None], "layers.1.bias": np.zeros(1)}
        )
        found.append(model.predict(rows)[:, 0])
    return np.stack(found, axis=1)


def test_missing_numbers_are_filled_scaled_and_marked():
    layer = xn.PrepareColumns(3, marked=[1])
    made = prepared(
        layer,
        [[1, 2, 3], [5, GAP, 3]],
        fill=[0, 4, 0],
        center=[1, 2, 3],
        inverse_scale=[0.5, 2, 1],
    )
    assert_allclose(made, [[0, 0, 0, 0], [2, 4, 0, 1]])


def test_robust_scaling_is_clipped_smoothly():
    z = np.array([0.0, 1.0, -30.0, 1e6])
    made = prepared(xn.PrepareColumns(1, scaling="robust"), z[:, None])
    assert_allclose(made[:, 0], z / np.sqrt(1 + (z / 3) ** 2))
    assert made.max() < 3


def test_booleans_are_signs():
    made = prepared(xn.PrepareColumns(booleans=1), [[0], [1], [GAP]])
    assert_allclose(made[:, 0], [-1, 1, 0])


@pytest.mark.parametrize(
    ("sizes", "blanks", "codes", "wanted"),
    [
        ([5], [], [0, 1, 2, 4], [[0, 0, 0], [0, 0, 0], [1, 0, 0], [0, 0, 1]]),
        ([5], [0], [0, 1, 2, 4], [[1, 0, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0], [0, 0, 0, 1]]),
        ([4], [], [0, 1, 2, 3], [[0], [0], [-1], [1]]),
        ([4], [0], [0, 1, 2, 3], [[1, 0, 0], [0, 0, 0], [0, 1, 0], [0, 0, 1]]),
    ],
    ids=["three values", "with gaps", "two values", "two values and gaps"],
)
def test_categories_with_few_values(sizes, blanks, codes, wanted):
    layer = xn.PrepareColumns(few=sizes, blanks=blanks)
    assert layer.plain == len(wanted[0])
    assert_allclose(prepared(layer, np.array(codes)[:, None]), wanted)


def test_many_categories():
    """More than one product computes."""
    sizes, codes = [4, 5] * 50, [2, 4, 3, 1] * 25
    made = prepared(xn.PrepareColumns(few=sizes), [codes])
    wanted = [-1, 0, 0, 1, 1, 0, 0, 0] * 25
    assert_allclose(made, [wanted])


def test_columns_come_in_groups():
    layer = xn.PrepareColumns(1, 0, 1, [4, 5], [20, 30], blanks=[1])
    made = prepared(layer, [[7, 1, 3, 0, 11, 22]])
    assert_allclose(made, [[7, 1, 1, 1, 0, 0, 0, 11, 22]])
    assert layer.plain == 7


@pytest.mark.parametrize(
    "text", ["1970-01-01", "2000-02-29", "2024-12-31", "1969-07-20", "1900-03-01"]
)
def test_parts_of_a_date(text):
    day = datetime.datetime.fromisoformat(text) + datetime.timedelta(hours=6)
    seconds = (day - datetime.datetime(1970, 1, 1)).total_seconds()
    made = prepared(xn.PrepareColumns(dates=1, clock=True, scaling="none"), [[seconds]])[0, 1:]
    year = day.year - (day.month < 3)
    day_of_year = (day.date() - datetime.date(year, 3, 1)).days
    shares = [day_of_year / 366, (day.day - 1) / 31, day.weekday() / 7, 0.25]
    assert_allclose(made, [f(2 * pi * s) for s in shares for f in (np.sin, np.cos)], atol=1e-9)


def test_quantiles_are_a_piecewise_linear_map():
    made = prepared(
        xn.PrepareColumns(1, scaling="quantile", knots=3),
        [[-9], [1], [2], [4], [99]],
        base=[-1],
        knot_start=[[1], [3]],
        knot_width=[[2], [2]],
        knot_slope=[[0.5], [0.25]],
    )
    assert_allclose(made[:, 0], [-1, -1, -0.5, 0.25, 0.5])


def test_every_way_to_run_the_layers_agrees():
    rows = [[0.3, GAP, 1, 3, 5], [-1.2, 86_400 * 99.5, GAP, 2, 7], [0.7, 0, 0, 0, 2]]
    net = xn.Sequential(
        xn.PrepareColumns(1, 1, 1, [4], [9], marked=[1], clock=True),
        xn.EmbedColumns([9], 3),
        xn.Dense(2),
    )
    feeds = np.array(rows)
    model = xn.Model(net, "mse", check_finite=False, dtype="float64")
    before = model.fit(feeds[:2], np.zeros((2, 2)), epochs=3, verbose=False)["loss"]
    assert before[-1] < before[0]


def test_embedded_columns():
    layer = xn.EmbedColumns([4, 3], 2)
    rows = np.array([[0.5, 3, 0], [1.5, 0, 2], [2.5, 3, 1]])
    model = xn.Model(layer, "mse", input_shape=3, dtype="float64").build()
    first, second = (model.state_dict()[f"table_{i}"] for i in (0, 1))
    wanted = np.hstack([rows[:, :1], first[[3, 0, 3]], second[[0, 2, 1]]])
    assert_allclose(model.predict(rows), wanted)


def test_embedded_columns_learn_as_an_embedding_does():
    rows = np.array([[3.0], [0], [3], [1]])
    targets = np.arange(8.0).reshape(4, 2)
    columns = xn.Model(xn.EmbedColumns([4], 2), "mse", xn.SGD(0.1), input_shape=1).build()
    table = xn.Model(xn.Sequential(xn.Embedding(4, 2), xn.Flatten()), "mse", xn.SGD(0.1))
    table.build(1).load_state_dict({"layers.0.weight": columns.state_dict()["table_0"]})
    for model in (columns, table):
        model.fit(rows, targets, epochs=3, shuffle=False, verbose=False)
    assert_allclose(columns.predict(rows), table.predict(rows), rtol=1e-6)


def test_codes_outside_their_table_are_refused():
    model = xn.Model(xn.EmbedColumns([4], 2), "mse", input_shape=2)
    with pytest.raises(xn.errors.DataError, match="numbers from 0 to 3"):
        model.predict([[0.0, 4.0]])


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"numbers": -1}, "numbers"),
        ({"few": [1]}, "few"),
        ({"numbers": 1, "marked": [1]}, "marked"),
        ({"few": [3], "blanks": [1]}, "blanks"),
        ({"few": [3, 2]}, "without known values"),
        ({"scaling": "minmax"}, "minmax"),
        ({"knots": 1}, "knots"),
    ],
)
def test_bad_settings(settings, words):
    with pytest.raises((xn.errors.ArgumentError, xn.errors.UnknownNameError), match=words):
        xn.PrepareColumns(**settings)


def test_a_wrong_number_of_columns():
    with pytest.raises(xn.errors.ArgumentError, match="expects 2 columns"):
        xn.Model(xn.PrepareColumns(2), "mse", input_shape=3).build()
    with pytest.raises(xn.errors.ArgumentError, match="at least 2 columns"):
        xn.Model(xn.EmbedColumns([2, 2]), "mse", input_shape=1).build()
    with pytest.raises(xn.errors.ArgumentError, match="at least 1 columns"):
        xn.Model(xn.EmbedColumns([2]), "mse", input_shape=()).build()
