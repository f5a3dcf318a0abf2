"""A step's page for people: one self-contained HTML file, no script, no request to the outside."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from jinja2 import Environment

from include.artifacts.manifest import REPORT_FILE

_PAGE = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True).from_string("""\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{{ title }}</title>
<style>
 :root { color-scheme: light dark; }
 body { font: 15px/1.5 system-ui, sans-serif; max-width: 62rem; margin: 2rem auto; padding: 0 1rem; }
 table { border-collapse: collapse; margin: .5rem 0 1.5rem; }
 th, td { text-align: left; padding: .3rem .8rem; border-bottom: 1px solid #8884; vertical-align: top; }
 td.number { text-align: right; font-variant-numeric: tabular-nums; }
 td.scale { width: 24rem; }
 .bar { display: inline-block; height: .8em; background: #3b7dd8; }
 svg { max-width: 100%; height: auto; }
 pre { white-space: pre-wrap; background: #8881; padding: .6rem; }
</style>
<h1>{{ title }}</h1>
{% for block in blocks %}
{% if block.heading %}<h2>{{ block.heading }}</h2>{% endif %}
{% if block.kind == "text" %}<p>{{ block.text }}</p>
{% elif block.kind == "table" %}
<table>
<tr>{% for name in block.headers %}<th scope="col">{{ name }}</th>{% endfor %}</tr>
{% for row in block.rows %}
<tr>{% for cell in row %}
{% if cell is boolean %}<td>{{ "yes" if cell else "no" }}</td>
{% else %}<td{% if cell is number %} class="number"{% endif %}>{{ cell }}</td>{% endif %}
{% endfor %}</tr>
{% endfor %}
</table>
{% elif block.kind == "bars" %}
<table>
{% for name, value, width in block.rows %}
<tr><th scope="row">{{ name }}</th><td class="number">{{ value }}</td>
<td class="scale"><span class="bar" style="width:{{ width }}%"></span></td></tr>
{% endfor %}
</table>
{% elif block.kind == "curve" %}
<svg viewBox="0 0 640 240" role="img" aria-label="{{ block.heading }}">
<polyline fill="none" stroke="#3b7dd8" stroke-width="2" points="{{ block.points }}"/>
<text x="4" y="14" fill="currentColor" font-size="12">{{ block.top }}</text>
<text x="4" y="234" fill="currentColor" font-size="12">{{ block.bottom }}</text>
<text x="560" y="234" fill="currentColor" font-size="12">{{ block.last }}</text>
</svg>
{% endif %}
{% endfor %}
</html>
""")


class Report:
    """Collects blocks and writes them as report.html. All text is escaped."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.blocks: list[dict[str, object]] = []

    def text(self, text: str, heading: str = "") -> "Report":
        """A paragraph."""
        self.blocks.append({"kind": "text", "text": text, "heading": heading})
        return self

    def table(self, headers: Sequence[str], rows: Sequence[Sequence[object]], heading: str = "") -> "Report":
        """A table; numbers are aligned right."""
        self.blocks.append({"kind": "table", "headers": headers, "rows": rows, "heading": heading})
        return self

    def bars(self, values: Mapping[str, float], heading: str = "") -> "Report":
        """A horizontal bar a name, scaled to the largest value."""
        top = max(values.values(), default=0) or 1
        self.blocks.append(
            {
                "kind": "bars",
                "rows": [(name, value, round(100 * value / top, 1)) for name, value in values.items()],
                "heading": heading,
            }
        )
        return self

    def curve(self, points: Sequence[tuple[float, float]], heading: str) -> "Report":
        """A line through (x, y) points, at least two of them."""
        xs, ys = [x for x, _ in points], [y for _, y in points]
        width, height = (max(xs) - min(xs)) or 1, (max(ys) - min(ys)) or 1
        line = " ".join(
            f"{20 + 600 * (x - min(xs)) / width:.1f},{220 - 200 * (y - min(ys)) / height:.1f}" for x, y in points
        )
        self.blocks.append(
            {
                "kind": "curve",
                "points": line,
                "top": f"{max(ys):.4g}",
                "bottom": f"{min(ys):.4g}",
                "last": f"x = {max(xs):g}",
                "heading": heading,
            }
        )
        return self

    def page(self) -> str:
        """The HTML page."""
        return _PAGE.render(title=self.title, blocks=self.blocks)

    def write(self, folder: Path) -> None:
        """Write report.html into a step's output folder."""
        (folder / REPORT_FILE).write_text(self.page(), encoding="utf-8")
