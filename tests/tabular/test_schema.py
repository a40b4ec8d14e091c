"""What a schema reads off a table, and the numbers that it turns a table into."""

import numpy as np
import pytest
from numpy.testing import assert_array_equal

import xpnet as xn
from xpnet.errors import ArgumentError, DataError, DataWarning, UnknownNameError
from xpnet.tabular import Feature, Schema, as_table
from xpnet.tabular.row_encoder import RowEncoder

ROWS = {
    "city": ["Rome", "Oslo", None, "Oslo"],
    "age": [39, 50, None, 28],
    "member": [True, False, None, True],
    "since": np.array(["2020-01-01", "1970-01-02", "NaT", "2024-02-29"], "M8[D]"),
    "empty": [None] * 4,
    "rich": ["no", "yes", "yes", "no"],
}
FEATURE = Feature("a", "number").__dict__


def infer(**settings):
    return Schema.infer(ROWS, "rich", **settings)


def test_kinds_of_columns():
    schema = infer()
    kinds = {feature.name: feature.kind for feature in schema.features}
    assert kinds == {
        "city": "category",
        "age": "number",
        "member": "boolean",
        "since": "date",
        "empty": "ignored",
    }
    assert schema.features[0].categories == ("Oslo", "Rome")
    assert schema.target.classes == ("no", "yes")


def test_kinds_that_are_given():
    schema = infer(kinds={"age": "category"}, drop=["city"])
    assert schema.features[0] == Feature("city", "ignored")
    assert schema.features[1].categories == ("28", "39", "50")


def test_encoded_columns_are_grouped_by_kind():
    schema = infer()
    assert [f.name for f in schema.used] == ["age", "since", "member", "city"]
    assert_array_equal(
        schema.encode(ROWS),
        [
            [39, 1_577_836_800, 1, 3],
            [50, 86_400, 0, 2],
            [np.nan, np.nan, np.nan, 0],
            [28, 1_709_164_800, 1, 2],
        ],
    )


def test_order_and_further_columns_do_not_matter():
    schema, other = infer(), dict(reversed(ROWS.items()))
    other = {"more": [object()] * 0 or ["?"] * 4, **other}
    assert_array_equal(schema.encode(other), schema.encode(ROWS))


def test_a_category_never_seen():
    schema, rows = infer(), ROWS | {"city": ["Rome", "Lima", "Bonn", None]}
    with pytest.warns(DataWarning, match="column 'city' has 'Bonn'"):
        encoded = schema.encode(rows)
    assert_array_equal(encoded[:, 3], [3, 1, 1, 0])


def test_rare_values_of_a_wide_category_are_unknown_without_a_warning():
    names = [f"name {i}" for i in range(9)]
    rows = {"who": [*names, *names, "once"], "y": np.arange(19.0)}
    schema = Schema.infer(rows, "y", kinds={"who": "category"})
    assert schema.features[0].categories == tuple(names)
    assert schema.features[0].rare == ("once",)
    assert schema.encode(rows)[-1] == [1]


def test_categories_come_from_the_rows_that_are_named():
    schema = Schema.infer({"city": ROWS["city"]}, rows=np.array([1, 3]))
    assert schema.features[0].categories == ("Oslo",)


@pytest.mark.parametrize(
    ("table", "words"),
    [
        ({"age": [1], "member": [True], "since": [None]}, "lacks the column 'city'"),
        ({"age": [1]}, "lacks columns 'since', 'member', 'city'"),
        (ROWS | {"age": ["1", "2", "old", "3"]}, "row 2, column 'age'.*'old'"),
        (ROWS | {"member": ["yes", "no", "maybe", None]}, "row 2, column 'member'.*'maybe'"),
        (ROWS | {"since": ["2020-01-01", "soon", None, None]}, "row 1, column 'since'.*'soon'"),
    ],
)
def test_tables_that_do_not_fit(table, words):
    with pytest.raises(DataError, match=words):
        infer().encode(table)


def test_columns_by_position():
    values = np.array([[1.0, 2.0], [3.0, 5.0], [4.0, 4.0]])
    schema = Schema.infer(values)
    assert not schema.named
    assert_array_equal(schema.encode({"b": [1.0], "a": [2.0]}), [[1.0, 2.0]])
    with pytest.raises(DataError, match="has 3 columns, but the model reads 2"):
        schema.encode(np.ones((2, 3)))


def test_an_array_for_a_schema_with_names():
    schema = Schema.infer({"a": [1, 2, 3], "b": [4, 5, 7], "y": [0.5, 1, 1]}, "y")
    assert_array_equal(schema.encode(np.array([[1, 4]])), [[1, 4]])


def test_a_name_that_occurs_twice():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame([[1, 2, 3], [2, 3, 4]], columns=["a", "b", "a"])
    schema = Schema.infer({"a": [1, 2, 3], "b": [4, 5, 7]})
    with pytest.raises(DataError, match="several columns named 'a'"):
        schema.encode(frame)
    assert_array_equal(Schema.infer({"b": [4, 5, 7]}).encode(frame), [[2], [3]])


@pytest.mark.parametrize(
    ("target", "settings", "error", "words"),
    [
        ("wealth", {}, DataError, "no column 'wealth'"),
        ("rich", {"kinds": {"cit": "number"}}, DataError, "Did you mean 'city'"),
        ("rich", {"kinds": {"city": "text"}}, UnknownNameError, "text"),
        ("rich", {"task": "ranking"}, UnknownNameError, "ranking"),
        ("rich", {"drop": ["city", "age", "member", "since"]}, DataError, "no column to learn"),
        ("rich", {"task": "regression"}, DataError, "'no'"),
        ("empty", {}, DataError, "has no values"),
        ("age", {}, DataError, "row 2, column 'age'.*an empty cell"),
    ],
)
def test_what_cannot_be_inferred(target, settings, error, words):
    with pytest.raises(error, match=words):
        Schema.infer(ROWS, target, **settings)


def test_a_column_that_cannot_be_used_can_be_dropped():
    table = {"a": [1, 2, 3], "b": [[1], [2], [3]]}
    with pytest.raises(DataError, match=r"row 0, column 'b'.* Convert or drop the column"):
        Schema.infer(table)
    assert Schema.infer(table, drop=["b"]).encode(table).tolist() == [[1], [2], [3]]


def test_a_table_without_rows():
    with pytest.raises(DataError, match="no rows"):
        Schema.infer(as_table(ROWS).take(np.arange(0)), "rich")


def test_through_json():
    schema = infer()
    assert Schema.from_dict(schema.to_dict()) == schema


@pytest.mark.parametrize(
    "change",
    [
        {"features": [{"name": "a"}]},
        {"features": 3},
        {
            "features": [
                {
                    "name": "a",
                    "kind": "word",
                    "categories": [],
                    "rare": [],
                    "note": "",
                    "leading": None,
                }
            ]
        },
        {"target": {"name": "y", "classes": ["a"]}},
        {"target": {"name": "y", "scale": 0}},
        {"target": {"nom": "y"}},
    ],
)
def test_what_describes_no_schema(change):
    with pytest.raises(ArgumentError, match=r"not describe a (schema|target)|unknown kinds"):
        Schema.from_dict(infer().to_dict() | change)


def test_the_order_of_dates_is_that_of_the_training_rows():
    table = {"day": ["11/30/2026", "12/01/2026"], "y": [0.5, 1.5]}
    schema = Schema.infer(table, "y")
    again = Schema.from_dict(schema.to_dict())
    assert again.features[0].leading == "month"
    wanted = np.datetime64("2026-02-01", "s").astype(int)
    assert_array_equal(again.encode({"day": ["02/01/2026"]}), [[wanted]])
    assert_array_equal(RowEncoder(again).rows([{"day": "02/01/2026"}]).matrix, [[wanted]])


@pytest.mark.parametrize("target", ["x0", "x1", "x2"])
def test_a_file_without_a_header_is_read_by_position(tmp_path, target):
    """The target may be anywhere, and new rows may have it or not."""
    whole, path = [[1.5, 0, "a"], [2.5, 1, "b"]] * 2, tmp_path / "t.csv"

    def file(rows):
        path.write_text("\n".join(",".join(map(str, row)) for row in rows) + "\n")
        return xn.tabular.read(path, header=False)

    position = int(target[1])
    schema = Schema.infer(file(whole), target=target)
    assert Schema.from_dict(schema.to_dict()) == schema
    assert (schema.named, schema.target_position) == (False, position)
    expected = schema.encode(file(whole))
    without = file([[cell for i, cell in enumerate(row) if i != position] for row in whole])
    np.testing.assert_array_equal(schema.encode(without), expected)
    assert schema.target_of(file(whole)).name == target
    with pytest.raises(DataError, match="has 2 columns without names"):
        schema.target_of(without)
    with pytest.raises(DataError, match="has 1 columns, but the model reads 2 by position"):
        schema.encode(file([row[:1] for row in whole]))
