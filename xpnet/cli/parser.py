"""The arguments of the command line, and its help."""

import argparse
from typing import Any

from xpnet import __version__
from xpnet.cli.defaults import DEFAULTS, LEARNING_RATE_SGD, TABLE

__all__ = ["parser"]

_TOP = """\
examples:
  xpnet train digits                       small images that come with scikit-learn
  xpnet train mnist --epochs 1 --plot mnist.png
  xpnet train wine.csv --target quality --json
  xpnet train wine.csv --target quality --save wine.safetensors
  xpnet predict wine.safetensors new.csv --out quality.csv
  xpnet bench --layers 784 128 10          which backend is faster, from which batch size on
  xpnet info                               backends and packages: what works here
"""

_TRAIN = f"""\
data:
  digits     1,797 handwritten digits, 8 x 8 pixels (needs xpnet[sklearn])
  mnist      70,000 handwritten digits, 28 x 28 pixels
  fashion    70,000 articles of clothing, 28 x 28 pixels (Fashion-MNIST)
             both are read from $XPNET_DATA or the cache, or downloaded (xpnet[datasets])
  FILE.csv   a header line, then rows; feature columns are numbers, the target may be text;
             --target names it (default: the last column)
  FILE.npz   arrays X (rows, features) and y (rows,), and optionally X_test and y_test

Task: a file's target is a class (softmax cross-entropy) if it is text or boolean, or if it is whole
numbers with exactly two distinct values, or with at most 100, none of them negative. Any other
target is a number to predict (mean squared error). --task overrides this rule.

Test rows: a fifth of a file's rows (a fifth of each class), chosen by --seed. An archive's own
X_test and y_test are used if it has them. Features and numeric targets are standardized with the
mean and standard deviation of the training rows; errors are reported in the units of the file.
Images are not standardized: their pixels are in [0, 1], and their split is always the same.

Loss and accuracy of the training rows are means over the epoch, while the network learns. The test
rows are measured after each epoch (val_loss, val_accuracy). Watch these numbers, but do not choose
settings by them: the test score would look better than it is.

defaults (activation relu, optimizer adam, dtype float32, seed 0):
  digits     {DEFAULTS["digits"]}
  mnist      {DEFAULTS["mnist"]}
  fashion    {DEFAULTS["fashion"]}
  files      {TABLE}
  With --optimizer sgd the learning rate is {LEARNING_RATE_SGD:g}.

examples:
  xpnet train digits
  xpnet train digits --hidden 64 32 --activation tanh --optimizer sgd --learning-rate 0.05
  xpnet train mnist --epochs 1 --backend auto
  xpnet train wine.csv --target quality --plot wine.png
  xpnet train wine.csv --target quality --task regression
  xpnet train table.npz --json | jq .test_accuracy
"""


_PREDICT = """\
Predict each row of a table. A CSV file must have the columns that the model was trained on, with
the same names, in any order; other columns are ignored. An archive must have the array X. The
features are scaled as they were for training. Classes are printed with their probability, numbers
in the units of the table. Without --out the predictions are written to standard output as CSV.
"""

_EVALUATE = """\
Measure a model on a table with the true targets: loss and accuracy, or loss (mean squared error,
in the units of the table) and R2. All rows are used; from an archive that has X_test and y_test,
only those.
"""

_INSPECT = """\
Show the network, the settings and the tensors in a model's file. The model is not built, so
custom layers need not be registered.
"""

_BENCH = """\
Time one training step of a network on each backend that works here, for the given batch size and
for smaller and larger ones. The step is what fit does, from gathering the batch to the update, on
random data that are already on the device. It is compared with its matrix products alone, computed
by the backend's matmul with as many threads. All are timed in turn, and medians are shown. The
ratio is the median of step / products over the rounds. No step is faster than its products, unless
compiled steps use a faster library for them.
"""


def parser() -> argparse.ArgumentParser:
    """Build the parser; the parsed arguments hold the command's function as ``run``."""
    top = argparse.ArgumentParser(
        prog="xpnet",
        description="Multilayer perceptrons on NumPy and, with CuPy, on an NVIDIA GPU.",
        epilog=_TOP,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    top.add_argument(
        "--version", action="version", version=f"xpnet {__version__}", help="print the version"
    )
    top.set_defaults(run=None, parser=top)
    commands = top.add_subparsers(metavar="COMMAND")
    _add_train(commands)
    _add_saved(commands)
    _add_export(commands)
    _add_bench(commands)
    info = commands.add_parser(
        "info",
        help="show what is installed and what works here",
        description=(
            "Show versions, backends, compiled steps, optional packages, settings and data folders."
        ),
    )
    info.set_defaults(run=_info, parser=info)
    return top


def _add_train(commands: Any) -> None:
    train = commands.add_parser(
        "train",
        usage="xpnet train DATA [options]",
        help="train a network on a data set or a file",
        description="Train a multilayer perceptron and measure it on held-out test data.",
        epilog=_TRAIN,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = train.add_argument
    add("data", metavar="DATA", help="digits, mnist, fashion, FILE.csv or FILE.npz")
    add("--target", metavar="COLUMN", help="column of FILE.csv to predict (default: the last)")
    add(
        "--task",
        choices=("auto", "classification", "regression"),
        default="auto",
        help="what the target of a file is (default: auto, the rule below)",
    )
    network = train.add_argument_group("network")
    add = network.add_argument
    add(
        "--hidden",
        type=_units,
        nargs="*",
        metavar="UNITS",
        help="units of each hidden layer; without numbers: no hidden layer (put it after DATA)",
    )
    add("--activation", default="relu", metavar="NAME", help="relu, tanh, sigmoid, identity, ...")
    training = train.add_argument_group("training")
    add = training.add_argument
    add("--epochs", type=_count, metavar="N", help="passes over the training data")
    add("--batch-size", type=_count, metavar="B", help="samples in one step")
    add("--learning-rate", type=float, metavar="R", help="size of a step")
    add("--optimizer", default="adam", metavar="NAME", help="adam, sgd, adamw, rmsprop, lion, ...")
    add(
        "--seed",
        type=int,
        default=0,
        metavar="S",
        help="seed of weights, shuffling and a file's split",
    )
    where = train.add_argument_group("where it computes")
    add = where.add_argument
    add(
        "--backend",
        metavar="B",
        help="numpy, cupy, cupy:1 or auto (default: $XPNET_BACKEND, else numpy)",
    )
    add("--dtype", default="float32", metavar="D", help="float32 or float64")
    output = train.add_argument_group("output")
    add = output.add_argument
    add("--plot", metavar="FILE", help="draw loss and accuracy (.png, .pdf, .svg; xpnet[plot])")
    add("--save", metavar="FILE", help="write the model, for predict, evaluate and inspect")
    add("--checkpoint", metavar="DIR", help="write a checkpoint into this folder after each epoch")
    add("--resume", action="store_true", help="continue from the folder's newest checkpoint")
    add(
        "--json", action="store_true", help="print one JSON object to stdout and all text to stderr"
    )
    train.set_defaults(run=_train, parser=train)


def _add_saved(commands: Any) -> None:
    """The commands for a saved model."""
    told = {
        "predict": ("predict the rows of a file", _PREDICT, _predict),
        "evaluate": ("measure a saved model on a file", _EVALUATE, _evaluate),
        "inspect": ("show what is in a model's file", _INSPECT, _inspect),
    }
    for name, (text, description, function) in told.items():
        command = commands.add_parser(name, help=text, description=description)
        command.add_argument("model", metavar="MODEL", help="what xpnet train --save wrote")
        if name != "inspect":
            command.add_argument("data", metavar="FILE", help="FILE.csv or FILE.npz")
            command.add_argument("--backend", metavar="B", help="numpy, cupy, cupy:1 or auto")
        if name == "predict":
            command.add_argument("--out", metavar="FILE", help="write to this .csv or .npz file")
        else:
            command.add_argument("--json", action="store_true", help="print one JSON object")
        command.set_defaults(run=function, parser=command)


def _add_export(commands: Any) -> None:
    export = commands.add_parser(
        "export",
        help="write a saved model for another library",
        description="Write a saved model as ONNX, or its arrays under PyTorch's names.",
    )
    export.add_argument("model", metavar="MODEL", help="what xpnet train --save wrote")
    export.add_argument("--to", choices=("onnx", "torch"), required=True, help="for which library")
    export.add_argument(
        "--out", metavar="FILE", help="default: MODEL.onnx, MODEL.torch.safetensors"
    )
    export.add_argument(
        "--probabilities",
        action="store_true",
        help="end an ONNX file with the softmax or sigmoid of the loss",
    )
    export.set_defaults(run=_export, parser=export)


def _add_bench(commands: Any) -> None:
    bench = commands.add_parser(
        "bench",
        help="time your network on each backend: which to use from which batch size on",
        description=_BENCH,
    )
    add = bench.add_argument
    add(
        "--layers",
        type=_count,
        nargs="+",
        required=True,
        metavar="UNITS",
        help="inputs, hidden units of each layer, outputs",
    )
    add("--batch", type=_count, default=64, metavar="B", help="samples in one step (default: 64)")
    add("--activation", default="relu", metavar="NAME", help="relu, tanh, sigmoid, identity, ...")
    add("--optimizer", default="adam", metavar="NAME", help="adam, sgd, adamw, rmsprop, lion, ...")
    add("--dtype", default="float32", metavar="D", help="float32 or float64")
    add("--backend", nargs="+", metavar="B", help="numpy, cupy, cupy:1, ... (default: all)")
    add("--plot", metavar="FILE", help="plot times against the batch size (.png, .pdf, .svg)")
    add("--json", metavar="FILE", help="write the measurements to this file")
    bench.set_defaults(run=_bench, parser=bench)


def _count(text: str) -> int:
    """A whole number of at least 1."""
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected a whole number of at least 1, got {text!r}")
    return int(text)


def _units(text: str) -> int:
    """One of the numbers of ``--hidden``, which also takes a data set that follows it."""
    try:
        return _count(text)
    except argparse.ArgumentTypeError as error:
        if any(character.isalpha() for character in text):
            raise argparse.ArgumentTypeError(
                f"{error}. If that is the data set, put DATA before --hidden: "
                f"xpnet train {text} --hidden ..."
            ) from None
        raise


# A command's module is imported only when the command is chosen.


def _train(arguments: argparse.Namespace) -> None:
    from xpnet.cli.train import train

    train(arguments)


def _predict(arguments: argparse.Namespace) -> None:
    from xpnet.cli.predict import predict

    predict(arguments)


def _evaluate(arguments: argparse.Namespace) -> None:
    from xpnet.cli.predict import evaluate

    evaluate(arguments)


def _inspect(arguments: argparse.Namespace) -> None:
    from xpnet.cli.inspection import inspect

    inspect(arguments)


def _export(arguments: argparse.Namespace) -> None:
    from xpnet.cli.export import export

    export(arguments)


def _bench(arguments: argparse.Namespace) -> None:
    from xpnet.cli.bench import bench

    bench(arguments)


def _info(_: argparse.Namespace) -> None:
    from xpnet.cli.info import info

    info()
