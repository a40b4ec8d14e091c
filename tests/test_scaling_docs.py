"""docs/scaling.md, "Searches": every recipe runs, and no worker takes more than its share."""

import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from xpnet.cli.parser import parser
from xpnet.lowering.cpu.thread_count import cores

DOCS = Path(__file__).parents[1] / "docs" / "scaling.md"
pytest.importorskip("sklearn")
pytestmark = [
    pytest.mark.skipif(not DOCS.is_file(), reason="there are no docs beside the tests"),
    pytest.mark.filterwarnings("ignore:.*converge"),  # the budgets are tiny
    pytest.mark.xdist_group("search"),
]


def blocks(title: str) -> list[str]:
    """The Python of one part of the section."""
    (section,) = re.findall(
        r"^## Searches\n(.*?)(?=^## |\Z)", DOCS.read_text("utf-8"), re.MULTILINE | re.DOTALL
    )
    (part,) = re.findall(rf"^### {title}\n(.*?)(?=^### |\Z)", section, re.MULTILINE | re.DOTALL)
    return re.findall(r"^```python\n(.*?)^```$", part, re.MULTILINE | re.DOTALL)


def run(block: str, names: dict[str, Any]) -> None:
    small = block.replace("max_iter=20", "max_iter=2").replace("cv=3", "cv=2")
    exec(compile(small, DOCS.name, "exec"), names)


@pytest.fixture(scope="module")
def grid() -> dict[str, Any]:
    names: dict[str, Any] = {}
    run(blocks("scikit-learn's searches")[0], names)
    return names


def test_a_grid_in_processes_of_joblib(grid: dict[str, Any]) -> None:
    assert grid["search"].best_params_.keys() == grid["grid"].keys()
    assert grid["search"].best_score_ > 0.5


def test_a_grid_on_a_cluster_of_dask(grid: dict[str, Any]) -> None:
    pytest.importorskip("distributed", reason="dask[distributed] is not installed")
    names, before = dict(grid), grid["search"]
    run(blocks("scikit-learn's searches")[1], names)
    assert names["search"] is not before
    assert names["search"].best_params_ == before.best_params_
    found, there = (s.cv_results_["mean_test_score"] for s in (names["search"], before))
    np.testing.assert_allclose(found, there, atol=0.01)


def test_successive_halving(grid: dict[str, Any]) -> None:
    names = dict(grid)
    run(blocks("scikit-learn's searches")[2], names)
    assert names["search"].best_estimator_.max_iter == names["search"].n_resources_[-1]
    assert len(names["search"].n_resources_) > 1


def test_optuna_in_two_processes(tmp_path: Path) -> None:
    optuna = pytest.importorskip("optuna")
    (script,) = blocks("Optuna")
    (tmp_path / "tune.py").write_text(script.replace("epochs=20", "epochs=2"))
    command = [sys.executable, "tune.py"]
    both = [
        subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        for _ in range(2)
    ]
    for process in both:
        out, error = process.communicate(timeout=120)
        assert process.returncode == 0, error
        assert b"learning_rate" in out
    backend = optuna.storages.journal.JournalFileBackend(str(tmp_path / "tune.log"))
    study = optuna.load_study(study_name="digits", storage=optuna.storages.JournalStorage(backend))
    assert 8 <= len(study.trials) <= 9
    assert {t.state.name for t in study.trials} <= {"COMPLETE", "PRUNED"}


def test_the_commands_are_commands() -> None:
    found = re.findall(r"^    xpnet (search .*)$", DOCS.read_text("utf-8"), re.MULTILINE)
    assert found
    for command in found:
        assert parser().parse_args(command.split()).trials == 100


# --- threads ----------------------------------------------------------------------------------


def counter() -> Any:
    """A function that fits a wide network and returns how many threads shared its steps.

    A local function, so that other processes get it by value: they cannot import this file.
    """

    def count(_, **settings):
        import numpy as np

        import xpnet as xn

        class Threads(xn.Callback):
            found = 0

            def on_safe_point(self, model, context):
                self.found = context.steps.threads

            def stride(self):
                return 0

        X, threads = np.ones((512, 512), dtype="float32"), Threads()
        model = xn.MLP([512, 512, 2], seed=0)
        y = np.arange(512) % 2
        model.fit(X, y, epochs=1, batch_size=512, callbacks=[threads], verbose=False, **settings)
        return threads.found

    return count


def test_processes_of_joblib_take_their_share() -> None:
    from joblib import Parallel, delayed

    count, workers = counter(), max(2, cores())
    found = Parallel(n_jobs=workers)(delayed(count)(i) for i in range(workers))
    assert found == [1] * workers


def test_threads_of_joblib_take_what_they_are_given() -> None:
    from joblib import Parallel, delayed

    found = Parallel(n_jobs=2, backend="threading")(
        delayed(counter())(i, threads=1) for i in range(2)
    )
    assert found == [1, 1]


@pytest.mark.parametrize(("workers", "each"), [(2, 1), (1, 2)])
def test_workers_of_dask_take_one_thread_for_each_task(workers: int, each: int) -> None:
    distributed = pytest.importorskip("distributed", reason="dask[distributed] is not installed")
    count = counter()
    settings = {"n_workers": workers, "threads_per_worker": each, "dashboard_address": ":0"}
    with distributed.LocalCluster(**settings) as cluster, distributed.Client(cluster) as client:
        assert client.gather(client.map(count, range(2), pure=False)) == [1, 1]
