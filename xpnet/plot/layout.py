"""Layout of a directed graph: boxes in ranks, with few crossings and straight chains.

Source: Sugiyama, Tagawa and Toda, "Methods for visual understanding of hierarchical system
structures", IEEE Transactions on Systems, Man, and Cybernetics 11 (1981). A box's
rank is its longest path from a source. Long edges get a bend in each rank that they pass. Each
rank is sorted by the mean position of the neighbors, and boxes move toward their neighbors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise

__all__ = ["Layout", "Point", "arrange"]

Point = tuple[float, float]

_SWEEPS = 12
_GAP = 0.28  # between boxes in a rank, in the units of the sizes
_DROP = 0.42  # between ranks
_LIGHT = 0.02  # how strongly a box without inputs pulls, against 1


@dataclass(frozen=True)
class Layout:
    """Centers of the boxes, points along each edge, and the total size; y points down."""

    centers: list[Point]
    routes: list[list[Point]]
    width: float
    height: float


@dataclass(eq=False)
class _Item:
    """A box, or the bend of an edge that passes through a rank."""

    rank: int
    width: float
    height: float
    weight: float = 1.0
    x: float = 0.0
    above: list[tuple[_Item, float]] = field(default_factory=list)
    below: list[tuple[_Item, float]] = field(default_factory=list)


def arrange(sizes: Sequence[Point], edges: Sequence[tuple[int, int]]) -> Layout:
    """Lay out boxes of these sizes; an edge leads from a box to a later one in the list.

    Edges into one box arrive in order, from left to right.
    """
    ranks = _ranks(len(sizes), edges)
    fed = {b for _, b in edges}
    items = [
        _Item(rank, *size, weight=1.0 if i in fed else _LIGHT)
        for i, (rank, size) in enumerate(zip(ranks, sizes, strict=True))
    ]
    ports = _ports(sizes, edges)
    chains = [_chain(items[a], items[b], port) for (a, b), port in zip(edges, ports, strict=True)]
    rows: list[list[_Item]] = [[] for _ in range(max(ranks, default=0) + 1)]
    for item in [*items, *(bend for chain in chains for bend in chain[1:-1])]:
        rows[item.rank].append(item)
    _sort(rows)
    _place(rows)
    return _measured(rows, items, chains, ports)


def _ranks(count: int, edges: Sequence[tuple[int, int]]) -> list[int]:
    """Longest path from a source; a source is directly above the first box that it feeds."""
    ranks = [0] * count
    for a, b in sorted(edges, key=lambda edge: edge[1]):
        ranks[b] = max(ranks[b], ranks[a] + 1)
    fed = {b for _, b in edges}
    for box in set(range(count)) - fed:
        ranks[box] = min((ranks[b] - 1 for a, b in edges if a == box), default=0)
    return ranks


def _ports(sizes: Sequence[Point], edges: Sequence[tuple[int, int]]) -> list[float]:
    """The distance from the middle of the box at which each edge arrives."""
    arriving: dict[int, list[int]] = {}
    for index, (_, b) in enumerate(edges):
        arriving.setdefault(b, []).append(index)
    ports = [0.0] * len(edges)
    for box, indices in arriving.items():
        step = min(0.3, 0.7 * sizes[box][0] / len(indices))
        for slot, index in enumerate(indices):
            ports[index] = step * (slot - (len(indices) - 1) / 2)
    return ports


def _chain(start: _Item, end: _Item, port: float) -> list[_Item]:
    """An edge's boxes with the bends between them, one in each rank that it passes."""
    bends = [_Item(rank, 0.12, 0.0) for rank in range(start.rank + 1, end.rank)]
    chain = [start, *bends, end]
    for above, below in pairwise(chain):
        shift = port if below is end else 0.0
        above.below.append((below, shift))
        below.above.append((above, -shift))
    return chain


def _sort(rows: list[list[_Item]]) -> None:
    """Sort each rank by the neighbors' mean position; keep the order with the fewest crossings."""
    for row in rows:
        _number(row)
    best, fewest = [list(row) for row in rows], _crossings(rows)
    for sweep in range(_SWEEPS):
        if not fewest:
            break
        down = sweep % 2 == 0
        for row in rows if down else reversed(rows):
            row.sort(key=lambda item: _mean(item, item.above if down else item.below))
            _number(row)
        crossings = _crossings(rows)
        if crossings < fewest:
            best, fewest = [list(row) for row in rows], crossings
    rows[:] = best


def _number(row: Sequence[_Item]) -> None:
    for position, item in enumerate(row):
        item.x = float(position)


def _mean(item: _Item, neighbors: Sequence[tuple[_Item, float]]) -> float:
    """The mean position of an item's neighbors."""
    total = sum(other.weight for other, _ in neighbors)
    if not total:
        return item.x
    return sum(other.weight * (other.x + shift) for other, shift in neighbors) / total


def _crossings(rows: Sequence[Sequence[_Item]]) -> int:
    count = 0
    for row in rows:
        lines = sorted((item.x, other.x + shift) for item in row for other, shift in item.below)
        for i, (x, y) in enumerate(lines):
            count += sum(x < u and v < y for u, v in lines[i + 1 :])
    return count


def _place(rows: Sequence[Sequence[_Item]]) -> None:
    """Move every item toward its neighbors, keeping the order of its rank and without overlaps."""
    for row in rows:
        _separate(row, [0.0] * len(row))
    for sweep in range(_SWEEPS):
        down = sweep % 2 == 0
        for row in rows if down else reversed(rows):
            _separate(row, [_mean(i, (i.above if down else i.below) or i.below) for i in row])


def _separate(row: Sequence[_Item], wanted: Sequence[float]) -> None:
    """Move items as near to the wanted positions as the gaps allow, by weighted least squares.

    After subtracting the space that the items on the left take, the positions must not decrease.
    That is an isotonic regression, solved by pooling neighbors that violate it.
    """
    room, offsets = 0.0, []
    for i, item in enumerate(row):
        room += (row[i - 1].width + item.width) / 2 + _GAP if i else 0.0
        offsets.append(room)
    pools: list[tuple[float, float, int]] = []  # position, weight, number of items
    for item, want, offset in zip(row, wanted, offsets, strict=True):
        x, weight, size = want - offset, item.weight, 1
        while pools and pools[-1][0] > x:
            other, heavy, more = pools.pop()
            x = (x * weight + other * heavy) / (weight + heavy)
            weight, size = weight + heavy, size + more
        pools.append((x, weight, size))
    xs = [x for x, _, size in pools for _ in range(size)]
    for item, x, offset in zip(row, xs, offsets, strict=True):
        item.x = x + offset


def _measured(
    rows: Sequence[Sequence[_Item]],
    items: Sequence[_Item],
    chains: Sequence[Sequence[_Item]],
    ports: Sequence[float],
) -> Layout:
    """Distances from the upper left corner."""
    everything = [item for row in rows for item in row]
    left = min((i.x - i.width / 2 for i in everything), default=0.0) - _GAP
    right = max((i.x + i.width / 2 for i in everything), default=0.0) + _GAP
    tops, y = [], _GAP
    for row in rows:
        tops.append(y)
        y += max((item.height for item in row), default=0.0) + _DROP
    tall = [max((item.height for item in row), default=0.0) for row in rows]
    centers = [(i.x - left, tops[i.rank] + tall[i.rank] / 2) for i in items]
    center_of = dict(zip(map(id, items), centers, strict=True))
    routes = []
    for chain, port in zip(chains, ports, strict=True):
        start, end = chain[0], chain[-1]
        (x0, y0), (x1, y1) = center_of[id(start)], center_of[id(end)]
        route = [(x0, y0 + start.height / 2)]
        for bend in chain[1:-1]:
            x, top = bend.x - left, tops[bend.rank]
            route += [(x, top), (x, top + tall[bend.rank])]
        routes.append([*route, (x1 + port, y1 - end.height / 2)])
    return Layout(centers, routes, right - left, y - _DROP + _GAP)
