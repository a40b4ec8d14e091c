"""HTML and SVG elements. Text in them is escaped, whatever a table or a file has put there."""

from collections.abc import Collection, Iterable, Sequence
from html import escape
from typing import Any

from xpnet.cli.words import clean

__all__ = ["Html", "element", "figure", "joined", "scrolling", "table"]


class Html(str):
    """Markup: text that is not escaped again."""

    __slots__ = ()


def element(tag: str, *children: object, **attributes: Any) -> Html:
    """An element with escaped children and attributes.

    The name of an attribute may end in ``_`` (``class_``), and ``_`` in it stands for ``-``. One
    that is None is left out.
    """
    given = "".join(
        f' {name.rstrip("_").replace("_", "-")}="{escape(_lines(value))}"'
        for name, value in attributes.items()
        if value is not None
    )
    return Html(f"<{tag}{given}>{joined(children)}</{tag}>")


def joined(children: Iterable[object]) -> Html:
    """Markup as it is, anything else as escaped text."""
    return Html(
        "".join(c if isinstance(c, Html) else escape(_lines(c), quote=False) for c in children)
    )


def _lines(text: object) -> str:
    """Text without control characters, apart from the ends of lines."""
    return "\n".join(map(clean, str(text).split("\n")))


def table(
    head: Sequence[object],
    rows: Iterable[Sequence[object]],
    *,
    numbers: Collection[int] = (),
    caption: str = "",
    kind: str = "",
) -> Html:
    """A table that scrolls sideways on a narrow screen; some of its columns hold numbers."""
    kinds = ["n" if i in numbers else None for i in range(len(head))]
    heads = [
        element("th", text, scope="col", class_=kind)
        for text, kind in zip(head, kinds, strict=True)
    ]
    body = [
        element("tr", element("th", row[0], scope="row"), *map(_cell, row[1:], kinds[1:]))
        for row in rows
    ]
    named = [element("caption", caption)] if caption else []
    whole = element(
        "table", *named, element("thead", element("tr", *heads)), element("tbody", *body)
    )
    return scrolling(whole, caption or str(head[0]), kind)


def scrolling(content: Html, label: str, kind: str = "") -> Html:
    """What scrolls sideways if it is too wide for the screen, also with the keyboard."""
    return element(
        "div", content, class_=f"wide {kind}".strip(), tabindex="0", role="region", aria_label=label
    )


def _cell(content: object, kind: str | None) -> Html:
    return element("td", content, class_=kind)


def figure(picture: Html, caption: object, keys: Sequence[str] = ()) -> Html:
    """A picture with its caption, and the names of its lines if there are several."""
    shown = [
        element("span", element("i", class_=f"key b{i}"), name, class_="name")
        for i, name in enumerate(keys)
    ]
    legend = [element("span", *shown, class_="keys")] if len(keys) > 1 else []
    return element("figure", element("figcaption", element("b", caption), *legend), picture)
