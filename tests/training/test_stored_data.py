"""Data that are not in memory: the same bits as in memory, resumed fits, and bad rows."""

import logging
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from support.each import Each
from support.fits import MANY, same, trained

import xpnet as xn
from xpnet.errors import ArgumentError, DataError

ROWS = 1003
RNG = np.random.default_rng(0)
X = RNG.normal(size=(ROWS, 6))
Y = (X[:, 0] > 0).astype("int64")
MIXED = xn.data.Blocks(rows=16, window=4)


class Counted(xn.data.Source):
    """A source that notes what was read."""

    def __init__(self, array: Any = X, chunk: int = 1) -> None:
        self.array, self.shape, self.dtype, self.chunk = array, array.shape, array.dtype, chunk
        self.read_rows: list[tuple[int, int]] = []

    def __getitem__(self, rows: slice) -> Any:
        self.read_rows.append((rows.start, rows.stop))
        return self.array[rows]


def model(**settings: Any) -> xn.Model:
    return xn.MLP([6, 8, 2], seed=3, **settings)


@pytest.mark.smoke
def test_the_bits_are_those_of_the_same_data_in_memory(each: Each) -> None:
    for blocks in (False, MIXED, xn.data.Blocks(7, 3), xn.data.Blocks(2, 1), xn.data.Blocks(5000)):
        for steps in (1, MANY):
            given: dict[str, Any] = {"shuffle": blocks, "steps_per_execution": steps}
            with each(f"{blocks}, {steps}"):
                same(trained(model(), Counted(), Y, **given), trained(model(), X, Y, **given))


def test_the_bits_with_weights_validation_and_targets_that_are_sources(each: Each) -> None:
    weight = RNG.random(ROWS)
    cases: dict[str, dict[str, Any]] = {
        "weights": {"sample_weight": weight},
        "class weights": {"class_weight": "balanced"},
        "accumulated": {"accumulate": 3, "steps_per_execution": None},
    }
    for name, settings in cases.items():
        with each(name):
            given: dict[str, Any] = {"shuffle": MIXED, **settings}
            there = trained(
                model(), Counted(), Counted(Y), validation_data=(Counted(), Counted(Y)), **given
            )
            same(there, trained(model(), X, Y, validation_data=(X, Y), **given))


def test_the_bits_with_a_learning_rate_that_changes_within_an_epoch_and_dropout() -> None:
    def made() -> xn.Model:
        return model(optimizer=xn.Adam(xn.OneCycle(0.01, 2)), dropout=0.2)

    wanted = trained(made(), X, Y, shuffle=MIXED)
    same(trained(made(), Counted(), Y, shuffle=MIXED), wanted)


@pytest.mark.parametrize("backend", ["torch", "jax"])
def test_other_libraries_take_windows(each: Each, backend: str) -> None:
    pytest.importorskip(backend)
    for blocks in (MIXED,) if backend == "jax" else (False, MIXED):  # JAX compiles for seconds
        with each(str(blocks)):
            there, here = model(backend=backend), model(backend=backend)
            for fitted, data in ((there, Counted()), (here, X)):
                fitted.fit(data, Y, epochs=2, batch_size=25, shuffle=blocks, verbose=False)
            for name, array in here.state_dict().items():
                found = np.asarray(there.state_dict()[name])
                np.testing.assert_allclose(found, np.asarray(array), rtol=1e-5, atol=1e-6)
            np.testing.assert_allclose(there.predict(Counted()), there.predict(X), rtol=1e-5)


def test_targets_of_many_columns_are_read_in_windows() -> None:
    def made() -> xn.Model:
        return xn.MLP([6, 4, 6], loss="mse", seed=1)

    given = {"shuffle": MIXED}
    same(trained(made(), Counted(), Counted(), **given), trained(made(), X, X, **given))


def test_predictions_and_evaluations() -> None:
    fitted = model()
    fitted.fit(X, Y, epochs=1, verbose=False)
    np.testing.assert_array_equal(fitted.predict(Counted(), 100), fitted.predict(X, 100))
    assert fitted.evaluate(Counted(), Counted(Y)) == fitted.evaluate(X, Y)


def test_initial_values_see_the_same_rows() -> None:
    many = RNG.normal(size=(5000, 6))
    net = xn.Sequential(xn.Dense(8, kernel_init=xn.init.unit_variance()), xn.ReLU(), xn.Dense(2))
    here, there = (xn.Model(net, seed=1).initialize(data) for data in (many, Counted(many, 64)))
    same(there.state_dict(), here.state_dict())


class Stop(xn.Callback):
    """End a fit after some steps."""

    def __init__(self, step: int) -> None:
        self.step = step

    def stride(self) -> int:
        return 1

    def on_safe_point(self, model: Any, context: Any) -> None:
        context.stopping |= context.state.step == self.step


def test_a_resumed_fit_has_the_bits_of_an_undisturbed_one(each: Each, tmp_path: Path) -> None:
    given: dict[str, Any] = {"batch_size": 25, "shuffle": MIXED, "verbose": False}
    whole = model()
    whole.fit(Counted(), Y, epochs=3, **given)
    for step in (1, 40, 57):
        with each(f"after step {step}"):
            folder = tmp_path / str(step)
            save = xn.Checkpoint(folder, every=1, unit="step")
            model().fit(Counted(), Y, epochs=3, callbacks=[save, Stop(step)], **given)
            again, source = model(), Counted()
            again.fit(source, Y, epochs=3, resume_from=folder, callbacks=[Stop(-1)], **given)
            same(again.state_dict(), whole.state_dict())


def test_a_resumed_fit_reads_on_from_its_window(tmp_path: Path) -> None:
    given: dict[str, Any] = {"batch_size": 25, "shuffle": False, "epochs": 1, "verbose": False}
    blocks = xn.data.Blocks(25, 4)
    given["shuffle"] = blocks
    save = xn.Checkpoint(tmp_path, every=1, unit="step")
    model().fit(Counted(), Y, callbacks=[save, Stop(35)], **given)
    source = Counted()
    again = model()
    source.read_rows.clear()
    again.fit(source, Y, resume_from=tmp_path, callbacks=[Stop(-1)], **given)
    trained_rows = [rows for rows in source.read_rows if rows[1] - rows[0] in (25, 3)]
    assert len(trained_rows) < 12  # of 41 blocks


def test_checkpoints_tell_sources_apart(tmp_path: Path) -> None:
    given: dict[str, Any] = {"epochs": 2, "batch_size": 25, "shuffle": MIXED, "verbose": False}
    save = xn.Checkpoint(tmp_path)
    model().fit(Counted(), Y, callbacks=[save], **given)
    other = X.copy()
    other[500, 2] += 1
    with pytest.raises(DataError, match="the checkpoint is from other data"):
        model().fit(Counted(other), Y, resume_from=tmp_path, **given)
    with pytest.raises(ArgumentError, match="blocks of 16 rows"):
        model().fit(
            Counted(), Y, resume_from=tmp_path, **{**given, "shuffle": xn.data.Blocks(8, 8)}
        )
    model().fit(X, Y, resume_from=tmp_path, **given)  # the same rows in the same order


def test_a_shuffle_is_chosen_and_named(caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "xpnet"):
        model().fit(Counted(), Y, epochs=1, verbose=False)
    assert "shuffled in blocks of 16384 rows" in caplog.text
    assert "xpnet.data.Blocks(rows=16384, window=64)" in caplog.text


def test_blocks_fit_rows_and_chunks() -> None:
    def memory(blocks: xn.data.Blocks, row: int) -> int:
        return blocks.rows * blocks.window * row

    fitting = xn.data.Blocks.fitting
    assert fitting(3136, 1) == xn.data.Blocks(128, 64)
    assert fitting(3136, 1000).rows == 1000
    assert fitting(3136, 50).rows == 100
    assert fitting(1 << 24, 1).rows == 1
    assert all(memory(fitting(row, 1), row) <= 1 << 25 for row in (1, 80, 3136, 100_000))


def test_an_epoch_takes_each_row_once_and_every_epoch_has_its_order() -> None:
    blocks = xn.data.Blocks(10, 3)
    orders = [blocks.order(100, 0, epoch).numbers() for epoch in range(3)]
    for order in orders:
        np.testing.assert_array_equal(np.sort(order), np.arange(100))
        assert len(np.unique(order[:30] // 10)) == 3  # a window of three blocks
        assert not (np.diff(order[:30]) == 1).all()
    assert not np.array_equal(orders[0], orders[1])
    np.testing.assert_array_equal(blocks.order(100, 0, 2).numbers(), orders[2])


def test_each_block_is_read_once_per_epoch() -> None:
    source = Counted()
    fitted = model()
    fitted.fit(source, Y, epochs=1, batch_size=25, shuffle=MIXED, verbose=False)
    before = len(source.read_rows)
    fitted.fit(source, Y, epochs=1, batch_size=25, shuffle=MIXED, verbose=False)
    again = source.read_rows[before:]
    blocks = sorted(rows for rows in again if rows != (0, 256))
    assert blocks == [(i, min(i + 16, ROWS)) for i in range(0, ROWS, 16)]


def test_bad_rows_are_named() -> None:
    first, later = X.copy(), X.copy()
    first[3, 1], later[700, 1] = np.nan, np.inf
    untouched = model().build()
    with pytest.raises(DataError, match=r"X\[0:256\] contains NaN"):
        untouched.fit(Counted(first), Y, verbose=False)
    same(untouched.state_dict(), model().build().state_dict())
    blocks = xn.data.Blocks(50, 2)
    with pytest.raises(DataError, match=r"X\[700:750\] contains NaN"):
        model().fit(Counted(later), Y, shuffle=blocks, verbose=False)
    with pytest.raises(DataError, match=r"X\[.*contains NaN"):
        model().predict(Counted(later))
    labels = Y.copy()
    labels[900] = 7
    with pytest.raises(DataError, match=r"rows 900 to 950 of y.*from 0 to 1"):
        model().fit(Counted(), Counted(labels), shuffle=blocks, verbose=False)
    model(check_finite=False).predict(Counted(later))


def test_numbers_that_name_no_row_of_a_table_are_named() -> None:
    words = RNG.integers(0, 9, (600, 3))
    words[400, 1] = 9
    net = xn.Sequential(xn.Embedding(9, 4), xn.Flatten(), xn.Dense(2))
    source, blocks = Counted(words), xn.data.Blocks(100, 2)
    with pytest.raises(DataError, match=r"X\[400:500\]"):
        xn.Model(net).fit(source, Y[:600], shuffle=blocks, verbose=False)


def test_a_thread_that_reads_ends_with_the_fit() -> None:
    from threading import enumerate as threads

    class Broken(Counted):
        def __getitem__(self, rows: slice) -> Any:
            if rows.stop > 500:
                raise OSError("the disk is gone")
            return super().__getitem__(rows)

    with pytest.raises(DataError, match="the disk is gone"):
        model().fit(Broken(), Y, shuffle=False, verbose=False)
    model().fit(Counted(), Y, shuffle=MIXED, callbacks=[Stop(3)], epochs=1, verbose=False)
    assert not [thread for thread in threads() if thread.name == "xpnet-read-ahead"]


def test_what_does_not_work_says_what_to_do(each: Each) -> None:
    source = Counted()
    cases: dict[str, tuple[Any, str]] = {
        "own order": (
            lambda: model().fit(source, Y, shuffle=np.random.permutation),
            r"shuffle=xpnet\.data\.Blocks",
        ),
        "L-BFGS": (lambda: model(optimizer="lbfgs").fit(source, Y), r"X\[0:len\(X\)\]"),
        "one step": (lambda: model().train_on_batch(source, Y), r"source\[0:128\]"),
        "plan": (lambda: model().plan(source, Y), r"source\[0:128\]"),
        "shape": (lambda: xn.MLP([5, 2]).fit(source, Y), r"samples of shape \(5,\)"),
        "rows": (lambda: model().fit(source, Counted(Y[:9])), "must agree"),
        "rows in memory": (lambda: model().fit(source, Y[:9]), "must agree"),
        "empty": (lambda: model().fit(Counted(X[:0]), Y[:0]), "X is empty"),
        "blocks": (lambda: xn.data.Blocks(0), "rows"),
    }
    for name, (call, message) in cases.items():
        with each(name), pytest.raises((ArgumentError, DataError, xn.errors.ShapeError)) as error:
            call()
        with each(name):
            assert error.match(message)


def test_large_objects_of_other_libraries_become_sources(monkeypatch: pytest.MonkeyPatch) -> None:
    h5py = pytest.importorskip("h5py")
    monkeypatch.setattr("xpnet.data.row_source._WHOLE", 100)
    with h5py.File("memory", "w", driver="core", backing_store=False) as file:
        data = file.create_dataset("x", data=X)
        given: dict[str, Any] = {"shuffle": MIXED}
        same(trained(model(), data, Y, **given), trained(model(), X, Y, **given))


def test_a_memory_map_of_another_type_is_read_in_parts(
    each: Each,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    monkeypatch.setattr("xpnet.data.row_source._WHOLE", 100)
    for name, array in {
        "float64": X,
        "columns": np.asfortranarray(X, dtype="float32"),
        "bytes": (10 * X).astype("int8"),
    }.items():
        np.save(tmp_path / "x.npy", array)
        mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
        with each(name), caplog.at_level(logging.INFO, "xpnet"):
            caplog.clear()
            model().fit(mapped, Y, epochs=1, verbose=False)
            assert "not in memory" in caplog.text
    np.save(tmp_path / "x.npy", X.astype("float32"))
    caplog.clear()
    mapped = np.load(tmp_path / "x.npy", mmap_mode="r")
    same(trained(model(), mapped, Y), trained(model(), X.astype("float32"), Y))
    assert "not in memory" not in caplog.text  # it is used in place
