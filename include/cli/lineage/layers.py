"""Where the boxes of a lineage lie: layers from top to bottom as the data flows, and lines that pass between boxes."""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from include.cli.lineage.view import Link, View

WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN = 178, 46, 12, 34, 8
# room for a line that passes a layer
PASSAGE = 6
SWEEPS = 24


@dataclass(frozen=True)
class Drawing:
    """Places of boxes (their left upper corners), and of the lines between them as SVG paths."""

    width: float
    height: float
    boxes: dict[str, tuple[float, float]]
    lines: list[tuple[Link, str]]


def layered(view: View) -> Drawing:
    """The drawing of a view; what a longer way shows anyway is no line of its own."""
    order = _in_order(view)
    links = _necessary(view, order)
    ranks = _ranks(order, links)
    layers: list[list[str]] = [[] for _ in range(max(ranks.values()) + 1)]
    for id in order:
        layers[ranks[id]].append(id)
    ways = [(link, _way(link, number, ranks, layers)) for number, link in enumerate(links)]
    room: dict[str, float] = {id: WIDTH if id in view.items else PASSAGE for layer in layers for id in layer}
    middles = _middles(layers, [way for _, way in ways], room)
    left = min(middles[id] - room[id] / 2 for id in room) - MARGIN
    places = {
        id: (middles[id] - left, MARGIN + rank * (HEIGHT + GAP_Y)) for rank, layer in enumerate(layers) for id in layer
    }
    return Drawing(
        width=max(places[id][0] + room[id] / 2 for id in room) + MARGIN,
        height=2 * MARGIN + len(layers) * (HEIGHT + GAP_Y) - GAP_Y,
        boxes={id: (round(places[id][0] - WIDTH / 2, 1), places[id][1]) for id in view.items},
        lines=[(link, _path([places[id] for id in way])) for link, way in ways],
    )


def _in_order(view: View) -> list[str]:
    """Items, each after what it was made of; what equal bytes tie into a circle comes last."""
    into = _neighbours((link.target, link.source) for link in view.links if link.source != link.target)
    onward = _neighbours((link.source, link.target) for link in view.links if link.source != link.target)
    waiting = {id: len(into[id]) for id in view.items}
    ready = [id for id in view.items if not waiting[id]]
    for id in ready:
        for there in onward[id]:
            waiting[there] -= 1
            if not waiting[there]:
                ready.append(there)
    return [*ready, *(id for id in view.items if waiting[id])]


def _necessary(view: View, order: Sequence[str]) -> list[Link]:
    """One link between two items, unless the one is reached from the other by a longer way."""
    place = {id: number for number, id in enumerate(order)}
    pairs = {(link.source, link.target): link for link in view.links if place[link.source] < place[link.target]}
    onward = _neighbours(pairs)
    reached: dict[str, set[str]] = {}
    for id in reversed(order):
        reached[id] = set(onward[id]).union(*(reached[there] for there in onward[id]))
    return [
        link
        for (source, target), link in pairs.items()
        if not any(target in reached[there] for there in onward[source] if there != target)
    ]


def _ranks(order: Sequence[str], links: Sequence[Link]) -> dict[str, int]:
    """Layers: below all that an item was made of; what was made of nothing directly above what needs it first."""
    into, onward = _neighbours((k.target, k.source) for k in links), _neighbours((k.source, k.target) for k in links)
    ranks: dict[str, int] = {}
    for id in order:
        ranks[id] = max((ranks[there] + 1 for there in into[id]), default=0)
    for id in order:
        if not into[id] and onward[id]:
            ranks[id] = min(ranks[there] for there in onward[id]) - 1
    return ranks


def _way(link: Link, number: int, ranks: dict[str, int], layers: list[list[str]]) -> list[str]:
    """The places that a line passes, one a layer; they are put into the layers."""
    between = [(f"{number}/{rank}", rank) for rank in range(ranks[link.source] + 1, ranks[link.target])]
    for id, rank in between:
        layers[rank].append(id)
    return [link.source, *(id for id, _ in between), link.target]


def _middles(layers: list[list[str]], ways: Sequence[Sequence[str]], room: dict[str, float]) -> dict[str, float]:
    """Horizontal middles: each near its neighbours in the layers above and below, without an overlap."""
    pairs = [pair for way in ways for pair in pairwise(way)]
    above, below = _neighbours((b, a) for a, b in pairs), _neighbours(pairs)
    found: dict[str, float] = {id: place * (WIDTH + GAP_X) for layer in layers for place, id in enumerate(layer)}
    for sweep in range(SWEEPS):
        near = below if sweep % 2 else above
        for layer in reversed(layers) if sweep % 2 else layers:
            wanted = {id: _mean([found[there] for there in near[id]], found[id]) for id in layer}
            layer.sort(key=lambda id: (wanted[id], id))
            _spread(layer, wanted, room)
            found |= wanted
    return found


def _spread(layer: Sequence[str], wanted: dict[str, float], room: dict[str, float]) -> None:
    """Move what overlaps apart, and the whole layer back by what it was moved on average."""
    asked = dict(wanted)
    for one, other in pairwise(layer):
        wanted[other] = max(wanted[other], wanted[one] + (room[one] + room[other]) / 2 + GAP_X)
    moved = sum(wanted[id] - asked[id] for id in layer) / len(layer)
    for id in layer:
        wanted[id] -= moved


def _path(places: Sequence[tuple[float, float]]) -> str:
    """A line from below the first box, straight through the layers between, to above the last."""
    (x, y), *rest = places
    drawn, y = f"M{x:.1f},{y + HEIGHT:.0f}", y + HEIGHT
    for number, (to_x, to_y) in enumerate(rest, 1):
        bend = (to_y - y) / 2
        drawn += f" C{x:.1f},{y + bend:.0f} {to_x:.1f},{to_y - bend:.0f} {to_x:.1f},{to_y:.0f}"
        x, y = to_x, to_y
        if number < len(rest):
            y = to_y + HEIGHT
            drawn += f" V{y:.0f}"
    return drawn


def _neighbours(pairs: Iterable[tuple[str, str]]) -> dict[str, list[str]]:
    found: dict[str, dict[str, None]] = defaultdict(dict)
    for here, there in pairs:
        found[here][there] = None
    return defaultdict(list, {here: list(others) for here, others in found.items()})


def _mean(values: Sequence[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise
