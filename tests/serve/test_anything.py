"""Whatever a body holds, it gets predictions or a refusal, and the server goes on."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from xpnet.serve import Limits, application

ROW = {"age": 39, "pay": 3.5, "sex": "m", "job": "job 3", "member": True, "joined": "2020-01-01"}
NAMES = st.sampled_from([*ROW, "rows", "other"])
CELLS = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.integers(0, 3).map(lambda n: 10**100 + n),
    st.floats(allow_nan=False, allow_infinity=False),
    st.text(max_size=3),
    st.sampled_from([*ROW.values(), "", "1e400", "NA", "2020-01-01T00:00+99:99"]),
)
ANYTHING = st.recursive(
    CELLS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(NAMES, inner, max_size=3)
)
NEAR = st.dictionaries(NAMES, CELLS | st.lists(CELLS, max_size=2), max_size=2).map(
    lambda changed: {**ROW, **changed}
)
BODIES = st.one_of(
    ANYTHING.map(lambda data: json.dumps(data).encode()),
    NEAR.map(lambda row: json.dumps(row).encode()),
    st.lists(NEAR | ANYTHING, max_size=3).map(lambda rows: json.dumps({"rows": rows}).encode()),
    st.binary(max_size=40),
    st.text('age,pay"\n\r1.x\0﻿é', max_size=40).map(str.encode),
    st.lists(st.text('1x".-\n', max_size=3), min_size=6, max_size=6).map(
        lambda cells: f"{','.join(ROW)}\n{','.join(cells)}\n".encode()
    ),
)


@pytest.fixture(scope="module")
def answers(run_apps, classifier, plain):
    """Answers of two models to a body as JSON and as CSV."""
    apps = [application(model, limits=Limits(max_batch=4)) for model in (classifier, plain)]
    with run_apps(*apps) as ask:

        def answers(body):
            kinds = ({"content-type": kind} for kind in ("application/json", "text/csv"))
            return [answer for kind in kinds for answer in ask("POST", "/predict", body, kind)]

        yield answers


@pytest.mark.smoke
@given(body=BODIES)
def test_every_body_has_an_answer(answers, body):
    for answer in answers(body):
        assert answer.status in (200, 400)
        if answer.headers["content-type"].startswith("application/"):
            assert answer.json
        if answer.status == 400:
            assert answer.json["detail"]
