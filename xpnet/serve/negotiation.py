"""The form of a request and of its answer: what ``Content-Type`` and ``Accept`` say."""

from functools import lru_cache

from xpnet.serve.refusal import Refusal

__all__ = ["CSV", "JSON", "answer_form", "request_form"]

JSON, CSV = "application/json", "text/csv"
_ADVICE = f"send {JSON} or {CSV}, for example with curl -H 'Content-Type: {JSON}'."


@lru_cache(64)
def request_form(content_type: str | None, encoding: str | None) -> str:
    """`JSON` or `CSV`.

    Raises
    ------
    Refusal
        415 for anything else, another charset than UTF-8, and compressed bodies.
    """
    if encoding not in (None, "", "identity"):
        raise Refusal(415, f"the body has the Content-Encoding {encoding!r}: send it as it is.")
    if content_type is None:
        raise Refusal(415, f"the request has no Content-Type: {_ADVICE}")
    form, *parameters = (part.strip() for part in content_type.lower().split(";"))
    if form not in (JSON, CSV):
        raise Refusal(415, f"the Content-Type is {form!r}: {_ADVICE}")
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "charset" and value.strip(' "') not in ("utf-8", "utf8", "us-ascii"):
            raise Refusal(415, f"the charset is {value.strip()}: send the body as UTF-8.")
    return form


@lru_cache(64)
def answer_form(accept: str | None, asked: str) -> str:
    """`JSON` or `CSV`: which of them the client likes better; if it is open, the request's own.

    Raises
    ------
    Refusal
        406 if it accepts neither.
    """
    liked = {form: _liking(accept, form) for form in (JSON, CSV)}
    best = max(liked.values())
    if best <= 0:
        raise Refusal(406, f"Accept is {accept!r}, but answers are {JSON} or {CSV}.")
    return asked if liked[asked] == best else max(liked, key=lambda form: liked[form])


def _liking(accept: str | None, form: str) -> float:
    """The quality of a form in an Accept header: that of the most specific range with it."""
    ranges = {form: 3, f"{form.partition('/')[0]}/*": 2, "*/*": 1}
    found: list[tuple[int, float]] = []
    for part in (accept or "*/*").lower().split(","):
        name, *parameters = (piece.strip() for piece in part.split(";"))
        if name in ranges:
            found.append((ranges[name], _quality(parameters)))
    return max(found, default=(0, 0.0))[1]


def _quality(parameters: list[str]) -> float:
    for parameter in parameters:
        name, _, value = parameter.partition("=")
        if name.strip() == "q":
            try:
                return min(1.0, max(0.0, float(value)))
            except ValueError:
                return 0.0
    return 1.0
