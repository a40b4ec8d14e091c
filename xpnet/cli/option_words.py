"""The library's messages in the words of the command line: its options for Python's keywords."""

import argparse
import re

__all__ = ["in_options"]

# A quoted name or cell of the user's, which stays, or a keyword in a sentence: with or without a
# value, but not within a call, a word, or the name of a file.
_QUOTED = r"""(?<![\w=])(?:'[^']*'|"[^"]*")"""
_KEYWORD = r"""(?<![\w'"/.(-])([a-z_]+)=('[^']*'|"[^"]*"|\w+)?(?![\w/'"({\[]|\.\w)"""
_PARTS = re.compile(f"{_QUOTED}|{_KEYWORD}")
_PLAIN = re.compile(r"""['"]([\w:-]+)['"]""")  # needs no quotes in a shell


def in_options(message: str, parser: argparse.ArgumentParser) -> str:
    """A message with a command's options in place of keywords: ``--task regression``.

    Keywords that are no options of the command stay.
    """
    options = {
        action.dest: action
        for action in parser._actions
        if any(name.startswith("--") for name in action.option_strings)
    }

    def replaced(match: re.Match[str]) -> str:
        action = options.get(match[1] or "")
        return match[0] if action is None else _option(action, match[2] or "")

    return _PARTS.sub(replaced, message)


def _option(action: argparse.Action, value: str) -> str:
    name = next(name for name in action.option_strings if name.startswith("--"))
    if action.nargs == 0 or not value:
        return name
    plain = _PLAIN.fullmatch(value)
    return f"{name} {value if plain is None else plain[1]}"
