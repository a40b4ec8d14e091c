"""The arguments of `xpnet export`."""

import argparse
from typing import Any

__all__ = ["add_export"]


def add_export(commands: Any) -> None:
    """Add the command."""
    export = commands.add_parser(
        "export",
        help="write a saved model for another library",
        description="Write a saved model for ONNX or PyTorch. A model that reads tables takes "
        "along how it prepares their columns: as operators of ONNX, or as a program for "
        "torch.export.load. The arrays of any other model get PyTorch's names.",
    )
    export.add_argument("model", metavar="MODEL", help="file from xpnet train --save")
    export.add_argument("--to", choices=("onnx", "torch"), required=True, help="for which library")
    export.add_argument(
        "--out", metavar="FILE", help="default: MODEL.onnx, MODEL.pt2, MODEL.torch.safetensors"
    )
    export.add_argument(
        "--probabilities",
        action="store_true",
        help="end an ONNX file with the softmax or sigmoid of the loss, as that of a table model "
        "always does",
    )
    export.set_defaults(run=_export, parser=export)


def _export(arguments: argparse.Namespace) -> None:
    from xpnet.cli.export import export

    export(arguments)
