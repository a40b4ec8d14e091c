"""The benchmark of tables: splits, runs that go on where they stopped, and what the report says."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

pytest.importorskip("compare", reason="there are no benchmarks beside the tests")
pytest.importorskip("pandas", reason="the benchmark of tables needs pandas")
pytest.importorskip("sklearn", reason="the benchmark of tables needs scikit-learn")

import pandas as pd
from contest.environment import environment
from tabular_contest import methods, one, runs, summary
from tabular_contest.runs import Run
from tabular_contest.tables import TABLES, Data, split

COMMAND = Path(__file__).parents[1] / "benchmarks" / "tabular.py"


def row(method, seed, table="iris", **more):
    """A result: `accuracy=` or another score, and what differs from a quiet run in no time."""
    scores = {name: more.pop(name) for name in ("accuracy", "rmse") if name in more}
    made = {"table": table, "scores": scores, "threads": 2, "quiet": True, "date": "2000-01-01"}
    times = {"train_s": 1.0, "predict_s": 0.002, "memory_mb": 100.0}
    return {"method": method, "seed": seed, **made, **times, **more}


@pytest.fixture
def mixed():
    """Numbers and categories with missing cells."""
    words = pd.Categorical(["a", None, "b", "a", "b", "a"])
    return Data(pd.DataFrame({"n": np.arange(6.0), "c": words}), np.array([0, 1, 0, 1, 0, 1]))


def test_splits_depend_on_the_seed_alone_and_keep_proportions():
    data = TABLES["iris"].load()
    parts = split(data, 3)
    assert data.classes == 3
    assert np.bincount(parts.test.y).tolist() == [10, 10, 10]
    assert np.bincount(parts.train.y).tolist() == [40, 40, 40]
    pd.testing.assert_frame_equal(parts.test.X, split(data, 3).test.X)
    assert not parts.test.X.equals(split(data, 4).test.X)


def test_regressions_have_no_classes():
    assert TABLES["diabetes"].load().classes == 0


def test_models_of_numbers_get_categories_one_hot(mixed):
    class Seen:
        def fit(self, X, y):
            self.X = X

    model = Seen()
    methods.encoded(mixed, model).fit(*mixed)
    assert model.X.shape == (6, 4)  # the number; a, b and missing
    np.testing.assert_allclose(model.X[:, 0].std(), 1)
    np.testing.assert_array_equal(model.X[1, 1:], [0, 0, 1])


def test_scores():
    test = Data(pd.DataFrame(), np.array([0, 1, 1]))
    found = one.scores(test, 2, np.float32([[0.9, 0.1], [0.2, 0.8], [0.6, 0.4]]))
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["log_loss"] == pytest.approx(-np.log([0.9, 0.8, 0.4]).mean(), rel=1e-6)
    values = Data(pd.DataFrame(), np.array([1.0, 2.0]))
    assert one.scores(values, 0, [1.0, 4.0]) == {"rmse": pytest.approx(2**0.5)}


def test_failed_runs_are_tried_again_and_quiet_runs_are_others():
    asked = [Run("hist-gb", "iris", seed, 2, True) for seed in range(4)]
    rows = [row("hist-gb", 0), {**row("hist-gb", 1), "error": "no"}, row("hist-gb", 2, quiet=False)]
    assert runs.missing(asked, rows) == asked[1:]


def test_a_run_that_fails_says_why(tmp_path):
    (found,) = runs.make([Run("hist-gb", "no-such", 0, 1, False)], tmp_path / "out", 60)
    assert found["error"] == "KeyError: 'no-such'"
    assert runs.read([tmp_path / "out"]) == [found]


def test_runs_end_when_the_time_is_over(tmp_path):
    assert not list(runs.make([Run("hist-gb", "iris", 0, 1, False)], tmp_path / "out", 0))
    assert not (tmp_path / "out").exists()


def test_the_report_compares_seed_by_seed():
    rows = [row("realmlp-td", seed, rmse=2 + seed / 10, table="diabetes") for seed in range(3)]
    rows += [row("hist-gb", seed, rmse=2.05 + seed / 10, table="diabetes") for seed in range(3)]
    rows += [row("xgboost", 0, rmse=2.5, table="diabetes", quiet=False)]
    text = summary.markdown(rows)
    assert "| pytabkit RealMLP-TD | 2.1000 +- 0.0577 | 3 | 1 | 2 | 100 |" in text
    assert "| XGBoost | 2.5000 | 1 | ~1 | ~2 | 100 |" in text
    _, trees, others = text.split("\n## ")[1:]
    assert "| scikit-learn HistGradientBoosting | -0.0500 +- 0.0000 * | 1 of 1 |" in trees
    assert "| XGBoost | -0.5000 | 0 of 1 |" in trees
    assert "| pytabkit RealMLP-TD | +0.0500 +- 0.0000 * | 1 of 1 |" in others
    assert "quiet runs with 2 threads; busy runs with 2 threads" in text


def test_the_report_names_failures_that_were_not_made_good():
    bad = {**row("xgboost", 0, accuracy=0.5), "error": "not installed"}
    good = row("hist-gb", 0, accuracy=0.5)
    assert "- XGBoost on iris, seed 0: not installed" in summary.markdown([good, bad])
    assert "Failed" not in summary.markdown([good, bad, row("xgboost", 0, accuracy=0.5)])


def command(*words):
    done = subprocess.run(
        [sys.executable, str(COMMAND), *map(str, words)],
        env={**environment(1), "PYTHONSAFEPATH": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_command_from_end_to_end(tmp_path):
    out = tmp_path / "out.jsonl"
    words = ["run", "--out", out, *"--sets iris --methods hist-gb --seeds 0 --threads 1".split()]
    assert command(*words).startswith("1 runs\nhist-gb, iris, 0: accuracy 0.9")
    assert command(*words) == "0 runs\n"
    (found,) = map(json.loads, out.read_text().splitlines())
    assert found["scores"]["accuracy"] > 0.9
    assert found["memory_mb"] >= found["memory_before_mb"] > 10
    assert (found["rows"], found["columns"]) == (150, 4)
    assert "| scikit-learn HistGradientBoosting | 0.9" in command("report", out)
