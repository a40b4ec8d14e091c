"""Rows that are held out."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from xpnet.cli.split import split
from xpnet.errors import ArgumentError, DataError


@given(
    labels=st.lists(st.integers(0, 4), min_size=2, max_size=200),
    stratify=st.booleans(),
    seed=st.integers(0, 2**32 - 1),
)
def test_every_row_is_in_one_part_and_no_part_is_empty(labels, stratify, seed):
    train, test = split(len(labels), np.array(labels) if stratify else None, seed)
    assert len(train) > 0
    assert len(test) > 0
    assert sorted([*train, *test]) == list(range(len(labels)))
    assert (np.diff(train) > 0).all()
    assert (np.diff(test) > 0).all()


def test_every_class_gives_its_share():
    labels = np.repeat([0, 1, 2, 3], [100, 50, 10, 1])
    np.random.default_rng(0).shuffle(labels)
    _, test = split(len(labels), labels, seed=0)
    assert np.bincount(labels[test], minlength=4).tolist() == [20, 10, 2, 0]


def test_a_fifth_without_classes():
    train, test = split(1000, None, seed=0)
    assert (len(train), len(test)) == (800, 200)
    assert 80 < (test < 500).sum() < 120  # from everywhere, not from one end


def test_the_seed_decides():
    labels = np.arange(100) % 3
    first, again, other = (split(100, labels, seed)[1] for seed in (1, 1, 2))
    assert first.tolist() == again.tolist()
    assert first.tolist() != other.tolist()


def test_one_row_cannot_be_split():
    with pytest.raises(DataError, match="at least two rows"):
        split(1, None, seed=0)


def test_a_seed_out_of_range_is_refused():
    with pytest.raises(ArgumentError, match="seed must be"):
        split(10, None, seed=-1)


def test_a_class_keeps_a_row_whatever_the_share():
    labels = np.repeat([0, 1, 2], [50, 2, 1])
    kept, held = split(len(labels), labels, seed=0, share=0.9)
    assert np.bincount(labels[kept]).tolist() == [5, 1, 1]
    assert np.bincount(labels[held], minlength=3).tolist() == [45, 1, 0]


def test_classes_that_have_no_rows():
    kept, held = split(20, np.repeat([0, 3], 10), seed=0)
    assert (len(kept), len(held)) == (16, 4)
