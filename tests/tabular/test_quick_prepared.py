"""Columns prepared by plans, and in chunks, give the bits of the interpreter."""

import tracemalloc
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

from xpnet.nn import PrepareColumns
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


@pytest.mark.parametrize("columns", [1, 2, 40])
@pytest.mark.parametrize("scaling", ["standard", "robust", "quantile", "none"])
def test_chunks_of_any_size_give_the_same_bits(monkeypatch, scaling, columns):
    more = dict(enumerate(np.random.default_rng(1).normal(size=(columns, ROWS))))
    rows = {**table(), **{f"x{i}": column for i, column in more.items()}}
    rows = rows if columns > 1 else {"x0": rows["x0"]}
    schema = Schema.infer(rows)
    encoded = schema.encode(rows)
    prepared = Prepared.of(schema, encoded, scaling)
    assert prepared.chunk >= ROWS
    whole = prepared(encoded)
    for budget in (1, 3 * 8 * 63 * columns, 1 << 16):
        monkeypatch.setattr("xpnet.tabular.prepared._CHUNK_BYTES", budget)
        for again in (Prepared(prepared.layer, prepared.state),
                      QuickPrepared.from_prepared(prepared)):  # fmt: skip
            np.testing.assert_array_equal(again(encoded), whole)


def test_quantiles_of_many_columns_take_little_memory(monkeypatch):
    """All rows at once would take 63 numbers for each of theirs, in several arrays of 82 MB."""
    numbers = np.random.default_rng(0).normal(size=(40, 4096))
    rows = {f"x{i}": column for i, column in enumerate(numbers)}
    schema = Schema.infer(rows)
    encoded = schema.encode(rows)
    prepared = Prepared.of(schema, encoded, "quantile")
    monkeypatch.setattr("xpnet.tabular.prepared._CHUNK_BYTES", 2**20)
    tracemalloc.start()
    try:
        prepared(encoded)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 8 * 2**20 + 3 * encoded.nbytes


def test_columns_decide_how_many_rows_are_prepared_at_a_time():
    def chunk(columns, scaling):
        layer = PrepareColumns(columns, scaling=scaling)
        return Prepared(layer, {"fill": np.zeros(columns)}).chunk

    assert [chunk(n, "quantile") for n in (14, 1000, 10**6)] == [4096, 66, 1]
    assert [chunk(n, "standard") for n in (14, 1000, 10**4)] == [4096, 4096, 419]
