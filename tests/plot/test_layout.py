"""The layout of graphs: ranks, no overlaps, arrows that end at their boxes, few crossings."""

from itertools import combinations, pairwise

from hypothesis import given
from hypothesis import strategies as st

from xpnet.plot.layout import arrange


@st.composite
def graphs(draw):
    count = draw(st.integers(1, 14))
    sizes = draw(
        st.lists(
            st.tuples(st.floats(0.3, 2.0), st.floats(0.3, 1.0)), min_size=count, max_size=count
        )
    )
    edges = []
    for b in range(1, count):
        edges += [(a, b) for a in draw(st.lists(st.integers(0, b - 1), max_size=3))]
    return sizes, edges


@given(graphs())
def test_boxes_never_overlap_and_stay_inside(graph):
    sizes, edges = graph
    layout = arrange(sizes, edges)
    boxes = [
        (x - w / 2, x + w / 2, y - h / 2, y + h / 2)
        for (x, y), (w, h) in zip(layout.centers, sizes, strict=True)
    ]
    for left, right, top, bottom in boxes:
        assert 0 < left < right < layout.width
        assert 0 < top < bottom < layout.height
    for a, b in combinations(boxes, 2):
        assert a[1] < b[0] or b[1] < a[0] or a[3] < b[2] or b[3] < a[2]


@given(graphs())
def test_arrows_lead_down_from_box_to_box(graph):
    sizes, edges = graph
    layout = arrange(sizes, edges)
    for (a, b), route in zip(edges, layout.routes, strict=True):
        (xa, ya), (xb, yb) = layout.centers[a], layout.centers[b]
        assert route[0] == (xa, ya + sizes[a][1] / 2)
        assert abs(route[-1][0] - xb) <= sizes[b][0] / 2
        assert route[-1][1] == yb - sizes[b][1] / 2
        assert all(y0 <= y1 for (_, y0), (_, y1) in pairwise(route))


@given(graphs())
def test_bends_pass_between_the_boxes(graph):
    sizes, edges = graph
    layout = arrange(sizes, edges)
    for route in layout.routes:
        for (x, top), (_, bottom) in zip(route[1:-1:2], route[2:-1:2], strict=True):
            for (cx, cy), (w, _) in zip(layout.centers, sizes, strict=True):
                assert not (top <= cy <= bottom and abs(x - cx) < w / 2)


def test_a_chain_is_straight_whatever_feeds_it():
    # Two boxes, each with a weight and a bias of its own.
    edges = [(0, 3), (1, 3), (2, 3), (3, 6), (4, 6), (5, 6)]
    layout = arrange([(1.0, 0.4)] * 7, edges)
    x = [x for x, _ in layout.centers]
    (start, _), (end, _) = layout.routes[3]
    assert abs(start - end) < 0.1
    assert x[0] < x[1] < x[2]
    assert x[3] < x[4] < x[5]


def test_a_source_stands_right_above_what_reads_it():
    y = [y for _, y in arrange([(1.0, 0.4)] * 4, [(0, 1), (1, 3), (2, 3)]).centers]
    assert y[0] < y[1] == y[2] < y[3]


def test_crossings_are_undone():
    layout = arrange([(1.0, 0.4)] * 4, [(0, 3), (1, 2)])
    (x0, _), (x1, _), (x2, _), (x3, _) = layout.centers
    assert (x0 < x1) == (x3 < x2)


def test_inputs_arrive_in_their_order():
    layout = arrange([(1.0, 0.4)] * 3, [(0, 2), (1, 2)])
    assert layout.routes[0][-1][0] < layout.routes[1][-1][0]
    twice = arrange([(1.0, 0.4)] * 2, [(0, 1), (0, 1)])
    assert twice.routes[0][-1][0] < twice.routes[1][-1][0]


def test_nothing_at_all():
    assert arrange([], []).centers == []
