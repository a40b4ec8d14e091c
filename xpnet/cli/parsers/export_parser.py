"""The arguments of `xpnet export`."""

import argparse
from typing import Any

__all__ = ["add_export"]


def add_export(commands: Any) -> None:
    """Add the command."""
    export = commands.add_parser(
        "export",
        help="write a saved model for another library",
        description="Write a saved model for ONNX or PyTorch. For a model that reads tables, the "
        "file includes the preparation of their columns: as operators of ONNX, or in a program "
        "for torch.export.load. Of any other model, PyTorch gets the arrays, under its own names.",
    )
    export.add_argument("model", metavar="MODEL", help="file from xpnet train --save")
    export.add_argument(
        "--to", choices=("onnx", "torch"), required=True, help="the library to write for"
    )
    export.add_argument(
        "--out", metavar="FILE", help="default: MODEL.onnx, MODEL.pt2, MODEL.torch.safetensors"
    )
    export.add_argument(
        "--probabilities",
        action="store_true",
        help="end an ONNX file with the softmax or sigmoid of the loss; the file of a table model "
        "always does",
    )
    export.set_defaults(run=_export, parser=export)


def _export(arguments: argparse.Namespace) -> None:
    from xpnet.cli.export import export

    export(arguments)
