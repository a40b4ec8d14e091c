"""Which form a client asks for."""

import pytest

from xpnet.serve.negotiation import CSV, JSON, answer_form
from xpnet.serve.refusal import Refusal


@pytest.mark.parametrize(
    ("accept", "asked", "form"),
    [
        (None, JSON, JSON),
        (None, CSV, CSV),
        ("*/*", CSV, CSV),
        ("application/json", CSV, JSON),
        ("TEXT/CSV", JSON, CSV),
        ("text/*", JSON, CSV),
        ("text/html,application/xhtml+xml,*/*;q=0.8", CSV, CSV),
        ("text/csv;q=0.5, application/json;q=0.4", JSON, CSV),
        ("application/json;q=0, */*", JSON, CSV),
        ("application/*;q=0.9, text/csv;q=0.9", CSV, CSV),
        ("text/csv; header=present; q=1", JSON, CSV),
    ],
)
def test_the_form_of_an_answer(accept, asked, form):
    assert answer_form(accept, asked) == form


@pytest.mark.parametrize("accept", ["image/png", "text/csv;q=0", "*/*;q=0", "text/csv;q=much"])
def test_other_forms(accept):
    with pytest.raises(Refusal) as error:
        answer_form(accept, JSON)
    assert error.value.status == 406
