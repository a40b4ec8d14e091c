"""Numbers as people write them: what is read, and what is refused for being unclear."""

import re

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xpnet.tabular.numerals import (
    Numerals,
    explain,
    looks_decorated,
    parse_numbers,
    share_of_numbers,
    usual_mark,
)

NAN = np.nan
COMMAS = Numerals(commas_delimit=True)


@pytest.mark.parametrize(
    ("cells", "numerals", "expected"),
    [
        (["1", "-2.5", "+.5", "3.", "1e3", "1E-3"], Numerals(), [1, -2.5, 0.5, 3, 1000, 0.001]),
        (["1,5", "2", "-0,125", "1e3"], Numerals(), [1.5, 2, -0.125, 1000]),
        (["1,234", "1,2"], Numerals(), [1.234, 1.2]),
        (["1,234,567", "2", "1,234"], Numerals(), [1234567, 2, 1234]),
        (["1,234.5", "2,500"], Numerals(), [1234.5, 2500]),
        (["1.234,5", "2.500", "7"], Numerals(), [1234.5, 2500, 7]),
        (["1.234", "5"], Numerals(), [1.234, 5]),
        (["1.234", "5"], Numerals(usual=","), [1234, 5]),
        (["1,234", "5"], Numerals(usual=","), [1.234, 5]),
        (["1,234", "5"], Numerals(usual="."), [1234, 5]),
        (["1,234", "5"], Numerals(), [NAN, 5]),
        (["1,234", "5"], COMMAS, [1234, 5]),
        (["1,5", "5"], COMMAS, [NAN, NAN]),
        (["1,5", "1.234"], Numerals(decimal=","), [1.5, 1234]),
        (["1,234", "1.5"], Numerals(decimal="."), [1234, 1.5]),
        (["1,5", "1.5"], Numerals(decimal="."), [NAN, 1.5]),
        (["1 234,5", "1\u202f234", "1\u00a0234\u00a0567"], Numerals(), [1234.5, 1234, 1234567]),
        (["1'234.5", "1\u2019234"], Numerals(), [1234.5, 1234]),
        (
            ["1.234.5", "1 23", "1_000", "0x1", "\u0661", "", "e5", "+", "nan", "1,,2"],
            Numerals(),
            [NAN],
        ),
        (["inf", "1e400"], Numerals(), [np.inf, np.inf]),
    ],
)
def test_marks_are_recognized_by_the_column(cells, numerals, expected):
    expected = expected * (len(cells) if len(expected) == 1 else 1)
    np.testing.assert_array_equal(parse_numbers(cells, numerals), expected)


@settings(deadline=None)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False)))
def test_numbers_of_python_are_read_exactly(numbers):
    assert parse_numbers(list(map(repr, numbers)), Numerals()).tolist() == numbers
    commas = [repr(number).replace(".", ",") for number in numbers]
    assert parse_numbers(commas, Numerals(decimal=",")).tolist() == numbers


@pytest.mark.parametrize(
    ("cells", "mark"),
    [
        (["1.5", "x", "2"], "."),
        (["1,5", "1.5", "0,5"], ","),
        (["1,234,567"], "."),
        (["1,234", "1.234", "12", "x"], None),
        ([], None),
    ],
)
def test_the_usual_mark(cells, mark):
    assert usual_mark(cells) == mark


@pytest.mark.parametrize(
    ("cells", "decorated", "share"),
    [
        (["10%", "9.5 %"], True, 0),
        (["$5", "$1,234.50"], True, 0),
        (["5 km/h", "7km/h"], True, 0),
        (["36 months", "60 months"], True, 0),
        (["1,5", "2,5"], True, 1),
        (["1.5", "2.5"], False, 1),
        (["5 kg", "5 lb"], False, 0),
        (["A12", "A13"], False, 0),
        (["1.2.3.4", "1.2.3.5"], False, 0),
        (["12:30", "2020-01-01"], False, 0),
        (["5 kg", "7"], False, 0.5),
        (["USD 1.50", "USD 2"], True, 0),
        (["R$ 1,50", "R$2"], True, 0),
        (["Rs. 1.50", "Rs. 2.50"], True, 0),
        (["20.5 °C", "21 °C"], True, 0),
        (["20 kr.", "21 kr."], True, 0),
        (["7°", "8.5°"], True, 0),
        (["7/100", "8/100"], True, 0),
        (["7/100", "8/10"], False, 0),
        (["7.5±1", "8±1"], True, 0),
        (["~7", "~8"], True, 0),
        (["\u22127", "\u22128.5"], True, 0),
        (["No. 7", "No. 8"], False, 0),
        (["#7", "#8"], False, 0),
    ],
)
def test_units(cells, decorated, share):
    assert looks_decorated(cells) is decorated
    assert share_of_numbers(cells) == share


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("cell", "numerals", "message"),
    [
        ("10%", Numerals(), "found '10%'. Remove '%' from"),
        ("$5", Numerals(), r"Remove '\$' from"),
        ("inf", Numerals(), "expected a finite number, found 'inf'"),
        ("1,234", Numerals(), r"may group thousands .* Give decimal='\.' or decimal=','"),
        ("1,5", COMMAS, "with a decimal point, found '1,5'. Give decimal=','"),
        ("1.5", Numerals(decimal=","), "with a decimal comma, found '1.5'"),
        ("x", Numerals(), "expected a number, found 'x'. Correct it, or make"),
    ],
)
def test_what_is_no_number_is_explained(cell, numerals, message):
    assert re.search(message, explain(cell, numerals))
