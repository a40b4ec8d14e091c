"""Columns prepared by plans give the bits of the interpreter."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from xpnet.tabular import Prepared, Schema
from xpnet.tabular.quick_prepared import QuickPrepared

ROWS = 300


def table():
    rng = np.random.default_rng(0)
    numbers = rng.normal(size=(2, ROWS))
    numbers[0, ::7] = np.nan
    return {
        "a": numbers[0],
        "b": numbers[1] * 1e6,
        "few": rng.choice(["x", "y", "z"], ROWS).tolist(),
        "many": rng.choice([f"n{i}" for i in range(30)], ROWS).tolist(),
        "flag": rng.choice([True, False], ROWS),
        "day": np.datetime64("2020-01-01") + rng.integers(0, 900, ROWS),
    }


@pytest.mark.parametrize("scaling", ["standard", "robust", "quantile", "none"])
def test_the_same_bits(scaling):
    rows = table()
    schema = Schema.infer(rows)
    encoded = schema.encode(rows)
    prepared = Prepared.of(schema, encoded, scaling)
    quick = QuickPrepared.from_prepared(prepared)
    for size in (1, 2, ROWS, 1):
        np.testing.assert_array_equal(quick(encoded[:size]), prepared(encoded[:size]))


def test_codes_for_an_embedding_are_not_changed():
    rows = {"many": table()["many"]}
    schema = Schema.infer(rows)
    encoded = schema.encode(rows)
    quick = QuickPrepared.from_prepared(Prepared.of(schema, encoded))
    np.testing.assert_array_equal(quick(encoded), encoded)


def test_threads_do_not_disturb_one_another():
    rows = table()
    schema = Schema.infer(rows)
    encoded = schema.encode(rows)
    prepared = Prepared.of(schema, encoded)
    quick = QuickPrepared.from_prepared(prepared)
    parts = [encoded[i : i + 3] for i in range(0, ROWS, 3)]
    with ThreadPoolExecutor(4) as pool:
        for part, found in zip(parts, pool.map(quick, parts), strict=True):
            np.testing.assert_array_equal(found, prepared(part))
