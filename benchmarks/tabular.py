"""Networks and boosted trees on tables: scores, times and memory, all methods at their defaults.

    XPNET_DATA=... python benchmarks/tabular.py run --out F [--sets iris ...]
        [--methods hist-gb ...] [--seeds 0 1 2 3 4] [--threads 2] [--quiet] [--minutes M]
    python benchmarks/tabular.py report F... [--markdown R]

The other libraries: pip install pytabkit xgboost-cpu lightgbm pandas.

Every method, set and seed runs in a process of its own, with this many threads, and appends a line
of JSON to the results. So a run can be interrupted: the same command goes on where it stopped. A
run that failed is noted, and tried again the next time. Parts can be run separately.

- All methods get the same five splits: 80 % training rows, 20 % test rows, in the proportions of
  the classes. The seed of a split is the seed of the method. Methods take what they need for
  validation from the training rows.
- Methods that take data frames with categories get them, with missing cells left missing; XGBoost
  needs `enable_categorical`. The multilayer perceptrons of scikit-learn and of xpnet get one-hot
  categories and standardized numbers, and xpnet's regressor `scale_target=True`. Everything else is
  at its defaults.
- The scores are accuracy and log loss, or the root of the mean squared error. Wine quality, a whole
  number from 3 to 9, is predicted as a number.
- Training includes the preprocessing, but not the import of libraries. Prediction is the median of
  three predictions of all test rows after a first one. Memory is the peak of the whole process,
  libraries and data included.
- `--quiet` says that the machine has no other work. Only times of such runs count.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from contest.arguments import count, written
from tabular_contest import runs, summary
from tabular_contest.methods import METHODS
from tabular_contest.runs import Run
from tabular_contest.tables import TABLES

WEEK = 7 * 24 * 60  # minutes


def asked(options: argparse.Namespace) -> Iterator[Run]:
    """The runs in the order of the options: method by method, set by set."""
    for method in options.methods:
        for table in options.sets:
            for seed in options.seeds:
                yield Run(method, table, seed, options.threads, options.quiet)


def run(options: argparse.Namespace) -> None:
    out = Path(options.out)
    left = runs.missing(asked(options), runs.read([out]) if out.exists() else [])
    print(f"{len(left)} runs", flush=True)
    for row in runs.make(left, out, 60 * options.minutes):
        found = row.get("error") or ", ".join(f"{k} {v:.4f}" for k, v in row["scores"].items())
        seconds = "" if "error" in row else f", {row['train_s']:.1f} s"
        print(f"{row['method']}, {row['table']}, {row['seed']}: {found}{seconds}", flush=True)


def report(options: argparse.Namespace) -> None:
    if not (rows := runs.read(map(Path, options.files))):
        raise SystemExit(f"there are no results in {', '.join(options.files)}")
    text = summary.markdown(rows)
    print(text, end="")
    if options.markdown:
        Path(options.markdown).write_text(text)


def arguments() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    made = commands.add_parser("run", help="measure what the results lack")
    made.set_defaults(command=run)
    add = made.add_argument
    add("--out", type=written, required=True, metavar="FILE", help="results, one line of JSON each")
    add("--sets", metavar="SET", **_some_of(TABLES))
    add("--methods", metavar="METHOD", **_some_of(METHODS))
    add("--seeds", type=int, nargs="+", default=list(range(5)), metavar="N", help="default: 0 to 4")
    add("--threads", type=count, default=2, metavar="N", help="of each process; default: 2")
    add("--quiet", action="store_true", help="the machine has no other work: the times count")
    add("--minutes", type=float, default=WEEK, metavar="M", help="stop after this time")
    shown = commands.add_parser("report", help="print tables of results")
    shown.set_defaults(command=report)
    shown.add_argument("files", nargs="+", metavar="FILE", help="results of run")
    shown.add_argument("--markdown", type=written, metavar="FILE", help="write the tables")
    return parser


def _some_of(names: Iterable[str]) -> dict[str, Any]:
    names = list(names)
    help_ = f"default: {', '.join(names)}"
    return {"nargs": "+", "choices": names, "default": names, "help": help_}


def main() -> None:
    options = arguments().parse_args()
    options.command(options)


if __name__ == "__main__":
    main()
