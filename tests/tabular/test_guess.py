"""The kind that a column is taken for."""

import datetime

import numpy as np
import pytest

from xpnet.errors import DataError
from xpnet.tabular import as_table, guess_kind
from xpnet.tabular.booleans import as_booleans

DAYS = [datetime.date(2026, 1, day) for day in (1, 2, 3)]
WORDS = [f"name {i}" for i in range(30)]
PROSE = [f"this is a long text of number {i // 2}" for i in range(60)]

KINDS = {
    "numbers": (["1", "2.5", None], "number", ""),
    "decimal commas": (["1,5", "2,5", "1"], "number", ""),
    "stored numbers": ([1, 2.5, None], "number", ""),
    "two numbers": ([0, 1, 1], "number", ""),
    "truth values": ([True, False, None], "boolean", ""),
    "true and false": (["True", "FALSE", None], "boolean", ""),
    "yes and no": (["yes", "no", "yes"], "boolean", ""),
    "yes alone": (["yes", None, "yes"], "boolean", ""),
    "words of two pairs": (["yes", "f", "no"], "category", ""),
    "stored dates": (DAYS, "date", ""),
    "dates": (["2026-01-01", "2026-01-02", None], "date", ""),
    "dates with dots": (["1.2.2026", "2.2.2026"], "date", ""),
    "open order": (["1/2/2026", "2/2/2026"], "category", "may begin with the day or the month"),
    "text": (["x", "y", None], "category", ""),
    "postal codes": (["02134", "10001"], "category", "begin with 0"),
    "zeros alone": (["0", "0.5"], "number", ""),
    "few with a unit": (["36 months", "60 months", "36 months"], "category", ""),
    "few that are nearly numbers": (["1", "2", "3+"], "category", ""),
    "names": (WORDS, "ignored", "nearly all cells are different"),
    "few names": (WORDS[:20], "category", ""),
    "many categories": (WORDS * 2, "category", ""),
    "prose": (PROSE, "category", ""),
    "different prose": (PROSE[:45] + [f"{p} so" for p in PROSE[:9]], "ignored", "nearly all cells"),
    "nothing": ([None, "", "NA"], "ignored", "all cells are missing"),
    "one number": ([3.5, 3.5], "ignored", "all cells are the same"),
    "one text": (["x", "x"], "ignored", "all cells are the same"),
    "one text or nothing": (["x", None], "category", ""),
    "one row": ([3.5], "number", ""),
}


@pytest.mark.smoke
@pytest.mark.parametrize(("cells", "kind", "why"), KINDS.values(), ids=list(KINDS))
def test_kinds(cells, kind, why):
    found, reason = guess_kind(as_table({"a": cells})["a"])
    assert found == kind
    assert why in reason
    assert bool(why) is bool(reason)


@pytest.mark.parametrize("name", ["id", "ID", "PassengerId", "user_id", "index", "Unnamed: 0", "#"])
def test_numbers_of_rows_are_ignored(name):
    def kind(cells):
        return guess_kind(as_table({name: cells})[name])[0]

    assert kind([7, 3, 5]) == kind(["7", "3", "5"]) == "ignored"
    assert kind([7, 3, 3]) == kind([0.5, 1.5, 2]) == kind([7]) == "number"
    assert guess_kind(as_table({"valid": [7, 3, 5]})["valid"])[0] == "number"


def test_declared_categories_stay():
    pd = pytest.importorskip("pandas")
    column = as_table(pd.DataFrame({"a": pd.Categorical([3, 1, 3])}))["a"]
    assert guess_kind(column) == ("category", "")


MANY = [f"{i / 10}" for i in range(50)]
MISTAKES = {
    "one cell": ([*MANY, "unknown"], "row 50, column 'a': expected a number, found 'unknown'"),
    "a unit": ([f"{n} kg" for n in MANY], "row 0, .* found '0.0 kg'. Remove 'kg'"),
    "percent": ([f"{n}%" for n in MANY], "row 0, .* Remove '%'"),
    "open groups": ([f"{i},000" for i in range(1, 31)], "row 0, .* may group thousands"),
    "one date": (
        [f"2026-{i // 28 + 1:02}-{i % 28 + 1:02}" for i in range(50)] + ["2026-02-30"],
        "row 50, column 'a': expected a date, found '2026-02-30'",
    ),
    "infinite": (["1", "inf"], "row 1, .* expected a finite number, found 'inf'"),
}


@pytest.mark.parametrize(("cells", "message"), MISTAKES.values(), ids=list(MISTAKES))
def test_mistakes_are_told(cells, message):
    with pytest.raises(DataError, match=message):
        guess_kind(as_table({"a": cells})["a"])


def test_truth_values_as_numbers():
    for cells in (["yes", "No", None], [1, 0, None], [True, False, None]):
        np.testing.assert_array_equal(as_booleans(as_table({"a": cells})["a"]), [1, 0, np.nan])
    with pytest.raises(DataError, match="row 1, column 'a': expected true or false, found 'maybe'"):
        as_booleans(as_table({"a": ["yes", "maybe"]})["a"])
