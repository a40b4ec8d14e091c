"""The data of `xpnet train`: a data set by its name, or a table."""

import argparse

from xpnet.cli.image_source import IMAGES, load_images
from xpnet.cli.source import Source
from xpnet.cli.table_source import load_table

__all__ = ["load"]


def load(arguments: argparse.Namespace) -> Source:
    """The data that the arguments name.

    Raises
    ------
    XpnetError
        If they cannot be loaded or used.
    """
    return load_images(arguments) if arguments.data in IMAGES else load_table(arguments)
