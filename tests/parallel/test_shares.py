"""Which rows of each batch a process computes, and what differs among processes."""

from __future__ import annotations

import pytest

from xpnet import Distributed
from xpnet.errors import ArgumentError, UnknownNameError
from xpnet.parallel.comparison import difference
from xpnet.parallel.shares import of_all_rows, of_own_rows


@pytest.mark.smoke
def test_the_parts_of_a_batch_are_its_rows():
    for rows, batch, size in ((10, 4, 3), (9, 4, 4), (7, 100, 7), (100, 32, 5)):
        parts = [of_all_rows(rows, batch, rank, size) for rank in range(size)]
        steps = [*zip(*parts, strict=True)]
        taken = [row for step in steps for p in step for row in range(p.rows.start, p.rows.stop)]
        assert taken == list(range(rows))
        for step in steps:
            first = step[0].rows.start
            assert [p.first for p in step] == [p.rows.start - first for p in step]
            assert sum(p.rows.stop - p.rows.start for p in step) == step[0].total


def test_shards_of_any_size_make_equally_many_steps():
    for rows, batch in (([5, 5], 4), ([9, 2, 1], 4), ([10, 11, 13], 100), ([1, 50], 7)):
        parts = [of_own_rows(rows, batch, rank) for rank in range(len(rows))]
        assert len({len(part) for part in parts}) == 1
        for own, part in zip(rows, parts, strict=True):
            taken = [row for p in part for row in range(p.rows.start, p.rows.stop)]
            assert taken == list(range(own))
        for step in zip(*parts, strict=True):
            counts = [p.rows.stop - p.rows.start for p in step]
            assert {p.total for p in step} == {sum(counts)}
            assert [p.first for p in step] == [sum(counts[:i]) for i in range(len(counts))]


def test_a_batch_needs_a_row_for_each_process():
    with pytest.raises(ArgumentError, match="at least 4"):
        of_all_rows(100, 3, 0, 4)
    with pytest.raises(ArgumentError, match="at least 1"):
        of_own_rows([5, 0], 3, 0)


def test_a_difference_is_named_with_its_path():
    one = {"a": {"b": [1, 2]}, "c": float("nan")}
    assert difference([one, one]) is None
    other = {"a": {"b": [1, 3]}, "c": float("nan")}
    assert difference([one, one, other]) == "a.b[1] is 2 in process 0 and 3 in process 2"
    assert difference([one, {}]) is not None


def test_settings_are_checked():
    for wrong in ({"data": "split"}, {"batch_norm": "global"}):
        with pytest.raises(UnknownNameError):
            Distributed(**wrong)
