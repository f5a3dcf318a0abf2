"""A lineage as a drawing: layers from left to right as the data flows, one self-contained SVG without a script."""

from collections import defaultdict
from html import escape

from include.cli.lineage.tree import figures, made
from include.cli.lineage.view import BACKWARD, Item, View, collapsed

WIDTH, HEIGHT, GAP_X, GAP_Y, MARGIN = 270, 76, 60, 30, 20
SWEEPS = 6
# what fits into a box, in characters
TITLE, LINE = 36, 40
STYLE = """
 text { font: 11px system-ui, sans-serif; fill: #1c2430; }
 .title { font-weight: 600; font-size: 12px; }
 .box { fill: #f5f7fa; stroke: #8795a8; }
 .dataset { fill: #e6f4ea; stroke: #3f8f5b; } .model, .adapter { fill: #e8effc; stroke: #3b6fd8; }
 .package, .deployment { fill: #fdf0e2; stroke: #c97a1e; } .record { fill: #f6e8fb; stroke: #9346b5; }
 .root { stroke-width: 3; } .gone { stroke-dasharray: 5 4; fill: none; }
 path { fill: none; stroke: #8795a8; stroke-width: 1.2; }
 .page { fill: #ffffff; }
 @media (prefers-color-scheme: dark) {
  text { fill: #e8edf4; } .page { fill: #14181f; } .box { fill: #232a34; }
  .dataset { fill: #17351f; } .model, .adapter { fill: #182b50; }
  .package, .deployment { fill: #43290a; } .record { fill: #381b45; }
 }
"""


def svg(view: View) -> str:
    """The drawing; each box tells all that is known of it in a tooltip."""
    shown = collapsed(view)
    layers = _ordered(shown)
    places = {
        id: (MARGIN + column * (WIDTH + GAP_X), MARGIN + row * (HEIGHT + GAP_Y))
        for column, layer in enumerate(layers)
        for row, id in enumerate(layer)
    }
    width = MARGIN * 2 + len(layers) * (WIDTH + GAP_X) - GAP_X
    height = MARGIN * 2 + max(map(len, layers)) * (HEIGHT + GAP_Y) - GAP_Y
    title = escape(f"Lineage of {shown.items[shown.root].title}, {shown.direction}")
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {height}" width="{width}" height="{height}">',
        f"<title>{title}</title>\n<style>{STYLE}</style>",
        f'<rect class="page" width="{width}" height="{height}"/>',
        *(_curve(places[link.source], places[link.target], link.argument) for link in shown.links),
        *(_box(item, places[item.id], is_root=item.id == shown.root) for item in shown.items.values()),
    ]
    return "\n".join([*lines, "</svg>"]) + "\n"


def _ordered(view: View) -> list[list[str]]:
    """Items by layer; within one near their neighbours, so that fewer lines cross."""
    depths = view.depths()
    deepest = max(depths.values())
    layers: list[list[str]] = [[] for _ in range(deepest + 1)]
    for id, depth in depths.items():
        layers[deepest - depth if view.direction == BACKWARD else depth].append(id)
    neighbours: dict[str, list[str]] = defaultdict(list)
    for link in view.links:
        neighbours[link.source].append(link.target)
        neighbours[link.target].append(link.source)
    for sweep in range(SWEEPS):
        rows = {id: row - (len(layer) - 1) / 2 for layer in layers for row, id in enumerate(layer)}
        for layer in layers if sweep % 2 else reversed(layers):
            layer.sort(key=lambda id: (_mean([rows[other] for other in neighbours[id]], rows[id]), id))
            rows |= {id: row - (len(layer) - 1) / 2 for row, id in enumerate(layer)}
    return layers


def _mean(values: list[float], otherwise: float) -> float:
    return sum(values) / len(values) if values else otherwise


def _curve(start: tuple[int, int], end: tuple[int, int], argument: str) -> str:
    x, y = start[0] + WIDTH, start[1] + HEIGHT // 2
    to_x, to_y = end[0], end[1] + HEIGHT // 2
    bend = max(GAP_X // 2, (to_x - x) // 2)
    # a line that passes a column runs below the boxes that it would be hidden by
    low = HEIGHT if to_x - x > WIDTH and y == to_y else 0
    drawn = f"M{x},{y} C{x + bend},{y + low} {to_x - bend},{to_y + low} {to_x},{to_y}"
    return f'<path d="{drawn}"><title>{escape(argument)}</title></path>'


def _box(item: Item, place: tuple[int, int], *, is_root: bool) -> str:
    x, y = place
    note = item.note or ("gone" if item.gone else "")
    title, _, fingerprint = item.title.partition("/")
    lines = [line for line in (note, figures(item), f"{fingerprint} {made(item)}".strip()) if line]
    tooltip = "\n".join(part for part in (item.title, note, figures(item), made(item)) if part)
    marks = f"box {item.kind}{' root' if is_root else ''}{' gone' if item.gone else ''}"
    texts = "".join(
        f'<text x="{x + 10}" y="{y + 35 + 15 * row}">{escape(_cut(line, LINE))}</text>'
        for row, line in enumerate(lines)
    )
    return (
        f'<g><title>{escape(tooltip)}</title><rect class="{marks}" x="{x}" y="{y}" width="{WIDTH}" height="{HEIGHT}" '
        f'rx="6"/><text class="title" x="{x + 10}" y="{y + 18}">{escape(_cut(title, TITLE))}</text>{texts}</g>'
    )


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
