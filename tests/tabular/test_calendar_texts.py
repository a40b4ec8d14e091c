"""Dates as text."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from xpnet.tabular.calendar_texts import parse_dates

NOON = "2026-11-30T12:00:00"


@pytest.mark.smoke
@pytest.mark.parametrize(
    ("cells", "expected"),
    [
        (["2026-11-30", "2026-02-30", "2026-11"], ["2026-11-30", "NaT", "2026-11-01"]),
        (["2026-11-30 12:00", "2026-11-30T14:00:00+02:00", "2026-11-30T12:00:00Z"], [NOON] * 3),
        (["2026-11-30 12:00:00.25"], ["2026-11-30T12:00:00.25"]),
        (["30.11.2026", "1.2.2026 3:04", "31.11.2026"], ["2026-11-30", "2026-02-01T03:04", "NaT"]),
        (["11/30/2026", "3/4/2026 5:06:07"], ["2026-11-30", "2026-03-04T05:06:07"]),
        (["30/11/2026", "3/4/2026"], ["2026-11-30", "2026-04-03"]),
        (["4/4/2026", "5/5/2026"], ["2026-04-04", "2026-05-05"]),
        (["2026-11-30 and more", "20261130", "x", "2026", "2026-W01"], ["NaT"] * 5),
        (["2026-11-30", "30.11.2026"], ["2026-11-30", "NaT"]),
        ([], []),
    ],
)
def test_forms(cells, expected):
    dates, ambiguous = parse_dates(cells)
    np.testing.assert_array_equal(dates, np.array(expected, "datetime64[us]"))
    assert not ambiguous


def test_an_order_that_stays_open():
    dates, ambiguous = parse_dates(["3/4/2026", "5/6/2026", "x"])
    assert ambiguous
    assert np.isnat(dates).all()


@settings(deadline=None)
@given(st.lists(st.datetimes()))
def test_iso_dates_come_back(dates):
    dates = [date for date in dates if date.year >= 1000]
    assert parse_dates([date.isoformat() for date in dates])[0].tolist() == dates
