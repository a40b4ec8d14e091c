"""A page that describes the server, and tries a row: one file, which loads nothing else."""

import base64
import hashlib
import json
import re
import shlex
from html import escape
from pathlib import Path
from string import Template
from typing import NamedTuple

from xpnet.serve.limits import Limits
from xpnet.serve.served import Description, ServedColumn
from xpnet.version import __version__

__all__ = ["DocsPage", "docs_page"]

_URL = "http://127.0.0.1:8000/"  # the page puts its own address in its place
_CHOICES = 50  # categories in a menu; more are suggested while you type
_SUGGESTED = 1000


class DocsPage(NamedTuple):
    """A page, and the headers that it is sent with."""

    body: bytes
    headers: dict[str, str]


def docs_page(description: Description, limits: Limits) -> DocsPage:
    """The page for a model."""
    template = Template(Path(__file__).with_suffix(".html").read_text("utf-8"))
    row = json.dumps(_example(description), ensure_ascii=False)
    text = template.substitute(
        title=escape(f"{description.name}: xpnet serve"),
        name=escape(description.name),
        summary=escape(_summary(description)),
        fields="\n".join(_fields(description)),
        curl=escape(_curl(row)),
        more=_more(description),
        forms=escape(_forms(description)),
        limits=escape(
            f"At most {limits.max_rows:,} rows and {limits.max_bytes:,} bytes in one request. "
            f"xpnet {__version__}."
        ),
    )
    return DocsPage(text.encode(), _headers(text))


def _headers(text: str) -> dict[str, str]:
    """No script runs but the page's own, and nothing is loaded from elsewhere."""
    (script,) = re.findall(r"<script>(.*?)</script>", text, re.DOTALL)
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    policy = {
        "default-src": "'none'",
        "script-src": f"'sha256-{digest}'",
        "style-src": "'unsafe-inline'",
        "connect-src": "'self'",
        "img-src": "data:",
        "base-uri": "'none'",
        "form-action": "'none'",
        "frame-ancestors": "'none'",
    }
    return {
        "content-type": "text/html; charset=utf-8",
        "content-security-policy": "; ".join(f"{name} {value}" for name, value in policy.items()),
        "x-content-type-options": "nosniff",
    }


def _summary(description: Description) -> str:
    if not description.columns or description.shape is not None:
        what = f"rows of shape {list(description.shape or ())}"
    else:
        count = len(description.columns)
        what = f"{count} columns" if count > 1 else "one column"
    classes = description.classes
    if classes is None:
        return f"Predicts {description.target} from {what}."
    shown = ", ".join(map(str, classes[:8])) + (", ..." if len(classes) > 8 else "")
    return f"Predicts {description.target} ({len(classes)} classes: {shown}) from {what}."


def _example(description: Description) -> object:
    """The body that the page sends at first."""
    return description.example if description.columns else {"rows": [description.example]}


def _curl(body: str) -> str:
    return f"curl {_URL}predict -H 'Content-Type: application/json' \\\n  -d {shlex.quote(body)}"


def _forms(description: Description) -> str:
    if not description.columns:
        return 'Predicts {"rows": [row, ...]}, with rows as nested lists.'
    return 'Predicts one row (an object), {"rows": [row, ...]}, columns (a list for each), or CSV.'


def _more(description: Description) -> str:
    """A command for a file."""
    if not description.columns:
        return ""
    command = (
        f"curl {_URL}predict -H 'Content-Type: text/csv' \\\n"
        "  --data-binary @new.csv > predictions.csv"
    )
    return f'<p class="quiet">A CSV file</p>\n<pre data-url>{escape(command)}</pre>'


def _fields(description: Description) -> list[str]:
    if not description.columns:
        body = escape(json.dumps(_example(description)))
        return [f'<textarea name="body" aria-label="JSON" spellcheck="false">{body}</textarea>']
    return [_field(i, column) for i, column in enumerate(description.columns)]


def _field(number: int, column: ServedColumn) -> str:
    name, example = escape(column.name), column.example
    common = f'name="{name}" data-kind="{column.kind}"'
    shown = escape("" if example is None else str(example))
    if column.kind == "boolean":
        control = _menu(common, ("true", "false"))
    elif column.kind == "category" and len(column.categories) <= _CHOICES:
        control = _menu(common, column.categories)
    elif column.kind == "category":
        options = "".join(f'<option value="{escape(c)}">' for c in column.categories[:_SUGGESTED])
        control = (
            f'<input {common} value="{shown}" list="list{number}">'
            f'<datalist id="list{number}">{options}</datalist>'
        )
    else:
        hint = ' inputmode="decimal"' if column.kind == "number" else ' placeholder="2026-11-30"'
        control = f'<input {common} value="{shown}"{hint}>'
    return f'<label><span title="{name}">{name}</span>{control}</label>'


def _menu(common: str, choices: tuple[str, ...]) -> str:
    """A menu, the first choice selected, and last the choice of a missing value."""
    options = "".join(f'<option value="{escape(c)}">{escape(c)}</option>' for c in choices)
    return f'<select {common}>{options}<option value="">(missing)</option></select>'
