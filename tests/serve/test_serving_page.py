"""docs/serving.md names each option, status and path, and no others."""

import re
from http import HTTPStatus
from pathlib import Path

import pytest

from xpnet.cli.parser import parser
from xpnet.serve import Limits
from xpnet.serve.openapi import openapi
from xpnet.serve.served import Description

PAGE = Path(__file__).parents[2] / "docs" / "serving.md"
TEXT = PAGE.read_text("utf-8") if PAGE.is_file() else ""
pytestmark = pytest.mark.skipif(not TEXT, reason="there are no docs beside the tests")


def options():
    (commands,) = (a for a in parser()._actions if a.dest not in ("help", "version"))
    actions = commands.choices["serve"]._actions
    return {option: a for a in actions for option in a.option_strings if a.dest != "help"}


def test_options_and_their_defaults():
    table = dict(re.findall(r"^\| `(--[\w-]+)` \| ([^|]+) \|", TEXT, re.MULTILINE))
    assert table.keys() == options().keys()
    limits = Limits()
    shown = {
        "--max-bytes": f"{limits.max_bytes // 2**20} MiB",
        "--max-rows": f"{limits.max_rows:,}",
        "--max-batch": f"{limits.max_batch:,}",
        "--max-waiting": f"{limits.max_waiting:,}",
        "--timeout": f"{limits.timeout:g} s",
        "--host": options()["--host"].default,
        "--port": str(options()["--port"].default),
    }
    assert {name: table[name] for name in shown} == shown
    for name, text in list(shown.items())[:4]:
        assert f"(default: {text})" in options()[name].help


def test_paths_and_statuses():
    found = openapi(Description("model", (), "y", None, shape=(2,)), Limits())
    paths = set(re.findall(r"`(?:GET|POST) (/[\w.]*)`", TEXT))
    assert paths == {*found["paths"], "/", "/openapi.json"}
    statuses = re.findall(r"^\| ([\d, ]+) \|", TEXT[TEXT.index("## Refusals") :], re.MULTILINE)
    named = {status for cell in statuses for status in cell.split(", ")}
    assert named - {"404", "405", "500"} == found["paths"]["/predict"]["post"][
        "responses"
    ].keys() - {"200"}
    assert all(HTTPStatus(int(status)) for status in named)
