"""The arguments of `xpnet bench`."""

import argparse
from typing import Any

from xpnet.cli.parsers.values import count

__all__ = ["add_bench"]

_BENCH = """\
Time one training step of a network on NumPy and on each GPU that CuPy can use, for the given batch
size and for smaller and larger ones. The step is what fit does, from gathering the batch to the
update, on random data that are already on the device. It is compared with its matrix products
alone, computed by the backend's matmul with as many threads. All are timed in turn, and medians are
shown. The ratio is the median of step / products over the rounds. No step is faster than its
products, unless compiled steps use a faster library for them. With --cores, nothing is compared: a
step of the given batch size is compiled for each number of threads, and one thread times what each
of them would do. The speed-up is computed from these times, whatever the number of cores here.
"""


def add_bench(commands: Any) -> None:
    """Add the command."""
    bench = commands.add_parser(
        "bench",
        help="time your network on each backend: which to use from which batch size on",
        description=_BENCH,
    )
    add = bench.add_argument
    add(
        "--layers",
        type=count,
        nargs="+",
        required=True,
        metavar="UNITS",
        help="inputs, hidden units of each layer, outputs",
    )
    add("--batch", type=count, default=64, metavar="B", help="samples in one step (default: 64)")
    add("--activation", default="relu", metavar="NAME", help="relu, tanh, sigmoid, identity, ...")
    add("--optimizer", default="adam", metavar="NAME", help="adam, sgd, adamw, rmsprop, lion, ...")
    add("--dtype", default="float32", metavar="D", help="float32 or float64")
    add("--backend", nargs="+", metavar="B", help="numpy, cupy, cupy:1, ... (default: all)")
    add("--plot", metavar="FILE", help="plot times against the batch size (.png, .pdf, .svg)")
    add("--json", metavar="FILE", help="write the measurements to this file")
    add(
        "--cores",
        type=count,
        nargs="+",
        metavar="T",
        help="instead, compute how much faster a NumPy step is on T cores (xpnet[fast])",
    )
    bench.set_defaults(run=_bench, parser=bench)


def _bench(arguments: argparse.Namespace) -> None:
    if arguments.cores:
        from xpnet.cli.bench_cores import bench_cores

        bench_cores(arguments)
    else:
        from xpnet.cli.bench import bench

        bench(arguments)
