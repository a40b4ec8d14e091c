"""The arguments of the command line, and its help."""

import argparse
from collections.abc import Callable
from typing import Any

from xpnet import __version__
from xpnet.cli import texts

__all__ = ["parser"]


def parser() -> argparse.ArgumentParser:
    """Build the parser; the parsed arguments hold the command's function as ``run``."""
    top = argparse.ArgumentParser(
        prog="xpnet",
        description="Multilayer perceptrons on NumPy and, with CuPy, on an NVIDIA GPU.",
        epilog=texts.TOP,
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
        epilog=texts.TRAIN,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    add = train.add_argument
    add("data", metavar="DATA", help="digits, mnist, fashion, FILE.csv or FILE.npz")
    add("--target", metavar="COLUMN", help="column of FILE.csv to predict (default: the last)")
    add(
        "--task",
        choices=("auto", "classification", "regression"),
        default="auto",
        help="kind of target in a file (default: auto, the rule below)",
    )
    _add_network(train.add_argument_group("network").add_argument)
    _add_training(train.add_argument_group("training").add_argument)
    _add_device(train.add_argument_group("where it computes").add_argument)
    _add_output(train.add_argument_group("output").add_argument)
    train.set_defaults(run=_train, parser=train)


def _add_network(add: Callable[..., Any]) -> None:
    add(
        "--hidden",
        type=_units,
        nargs="*",
        metavar="UNITS",
        help="units of each hidden layer; without numbers: no hidden layer (put it after DATA)",
    )
    add("--activation", default="relu", metavar="NAME", help="relu, tanh, sigmoid, identity, ...")


def _add_training(add: Callable[..., Any]) -> None:
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


def _add_device(add: Callable[..., Any]) -> None:
    add(
        "--backend",
        metavar="B",
        help="numpy, cupy, cupy:1, torch, torch:mps, jax, jax:gpu, ... or auto "
        "(default: $XPNET_BACKEND, else numpy)",
    )
    add("--dtype", default="float32", metavar="D", help="float32 or float64")
    add(
        "--threads",
        type=_count,
        metavar="N",
        help="most threads that share a step on a CPU (default: as xpnet info says)",
    )


def _add_output(add: Callable[..., Any]) -> None:
    add("--plot", metavar="FILE", help="draw loss and accuracy (.png, .pdf, .svg; xpnet[plot])")
    add("--save", metavar="FILE", help="write the model, for predict, evaluate and inspect")
    add("--checkpoint", metavar="DIR", help="write a checkpoint into this folder after each epoch")
    add("--resume", action="store_true", help="continue from the folder's newest checkpoint")
    add(
        "--json", action="store_true", help="print one JSON object to stdout and all text to stderr"
    )


def _add_saved(commands: Any) -> None:
    """The commands for a saved model."""
    told = {
        "predict": ("predict the rows of a file", texts.PREDICT, _predict),
        "evaluate": ("measure a saved model on a file", texts.EVALUATE, _evaluate),
        "inspect": ("show the contents of a model's file", texts.INSPECT, _inspect),
    }
    for name, (text, description, function) in told.items():
        command = commands.add_parser(name, help=text, description=description)
        command.add_argument("model", metavar="MODEL", help="file from xpnet train --save")
        if name != "inspect":
            command.add_argument("data", metavar="FILE", help="FILE.csv or FILE.npz")
            command.add_argument(
                "--backend", metavar="B", help="numpy, cupy, torch, jax, ... or auto"
            )
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
    export.add_argument("model", metavar="MODEL", help="file from xpnet train --save")
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
        description=texts.BENCH,
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
    add(
        "--cores",
        type=_count,
        nargs="+",
        metavar="T",
        help="instead, compute how much faster a NumPy step is on T cores (xpnet[fast])",
    )
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
    from xpnet.cli.train_command import train

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
    if arguments.cores:
        from xpnet.cli.bench_cores import bench_cores

        bench_cores(arguments)
    else:
        from xpnet.cli.bench import bench

        bench(arguments)


def _info(_: argparse.Namespace) -> None:
    from xpnet.cli.info import info

    info()
