"""The frame of a report: its head, its style and its sections."""

from collections.abc import Sequence
from importlib.resources import files
from typing import NamedTuple

from xpnet.cli.page.markup import Html, element, joined

__all__ = ["Section", "document", "section"]

# Whatever a table puts into the page, it can load nothing and run nothing.
_POLICY = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'"


class Section(NamedTuple):
    """A part of the page with a heading."""

    id: str
    heading: str
    content: Html


def section(id: str, heading: str, *content: object) -> Section:
    """A part of the page, from its elements."""
    return Section(id, heading, joined(content))


def document(title: str, lead: object, sections: Sequence[Section]) -> str:
    """The whole page."""
    links = [element("a", part.heading, href=f"#{part.id}") for part in sections]
    parts = [
        element("section", element("h2", part.heading), part.content, id=part.id)
        for part in sections
    ]
    body = element(
        "main",
        element("header", element("h1", title), lead),
        element("nav", *links, aria_label="Sections"),
        *parts,
    )
    style = files("xpnet.cli.page").joinpath("report.css").read_text("utf-8")
    head = (
        '<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"{element('title', title)}\n<style>\n{style}</style>"
    )
    whole = f"<head>\n{head}\n</head>\n{element('body', body)}"
    return f'<!DOCTYPE html>\n<html lang="en">\n{whole}\n</html>\n'
