"""A step's page for people: one self-contained HTML file, no script, no request to the outside."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from include.artifacts.lines import lines_block
from include.artifacts.manifest import REPORT_FILE
from include.artifacts.report_template import PAGE
from include.artifacts.scatter import Point, scatter_block


class Link(NamedTuple):
    """A cell of a table that leads to another page of the same server."""

    text: str
    href: str


class Report:
    """Collects blocks and writes them as report.html. All text is escaped."""

    def __init__(self, title: str) -> None:
        self.title = title
        self.blocks: list[dict[str, object]] = []

    def text(self, text: str, heading: str = "") -> "Report":
        """A paragraph."""
        self.blocks.append({"kind": "text", "text": text, "heading": heading})
        return self

    def verdict(self, passed: bool, text: str) -> "Report":
        """Whether the conditions hold, in a word, and why; stands out on the page."""
        word = "Passed" if passed else "Not passed"
        self.blocks.append({"kind": "verdict", "passed": passed, "word": word, "text": text})
        return self

    def quote(self, name: str, text: str, heading: str = "") -> "Report":
        """A text as it is, its lines and spaces kept, and what it is."""
        self.blocks.append({"kind": "quote", "name": name, "text": text, "heading": heading})
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

    def columns(
        self, bins: Sequence[str], series: Mapping[str, Sequence[float]], heading: str = "", unit: str = ""
    ) -> "Report":
        """Upright columns: a histogram, or up to four of them side by side on one scale.

        `bins` name the places on the axis and `unit` the axis itself; each series has a value a bin.
        """
        self.blocks.append({"kind": "columns", "heading": heading, "unit": unit, **_drawn(bins, series)})
        return self

    def stacks(self, names: Sequence[str], values: Mapping[str, Sequence[float]], top: float, heading: str) -> "Report":
        """A horizontal bar a row, made of one part a name, as wide as its cell where they reach `top`.

        Colours repeat after four names.
        """
        rows = [
            (
                row,
                f"{sum(parts):.1f}",
                [
                    {"width": round(100 * part / top, 1), "title": f"{name} {part:.1f}"}
                    for name, part in zip(names, parts, strict=True)
                ],
            )
            for row, parts in values.items()
        ]
        self.blocks.append({"kind": "stacks", "names": names, "rows": rows, "heading": heading})
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

    def scatter(self, points: Sequence[Point], x: str, y: str, heading: str, line: Sequence[Point] = ()) -> "Report":
        """Named points, coloured by group, over axes named `x` and `y`; a line through some of them, in order."""
        self.blocks.append(scatter_block(points, x, y, heading, line))
        return self

    def lines(
        self, series: Mapping[str, Sequence[tuple[float, float]]], x: str, y: str, heading: str, steps: bool = False
    ) -> "Report":
        """Up to four lines through (x, y) points over one axis, from zero up; `steps`: each value holds until the next.

        `x` and `y` name the axes.
        """
        self.blocks.append(lines_block(series, x, y, heading, steps))
        return self

    def page(self) -> str:
        """The HTML page."""
        return PAGE.render(title=self.title, blocks=self.blocks)

    def below(self, page: str) -> str:
        """Another report's page, with the blocks of this one below its own."""
        mine = self.page()
        return page.rpartition("</html>")[0] + mine[mine.index("</h1>") + len("</h1>") :]

    def write(self, folder: Path) -> None:
        """Write report.html into a step's output folder."""
        (folder / REPORT_FILE).write_text(self.page(), encoding="utf-8")


def _drawn(bins: Sequence[str], series: Mapping[str, Sequence[float]]) -> dict[str, object]:
    """Places and sizes of columns in a picture of 720 by 250, and what it shows in words."""
    if len(series) > 4 or any(len(values) != len(bins) for values in series.values()):
        raise ValueError(f"{len(series)} series of {len(bins)} bins: at most four, each with a value a bin")
    top = max((value for values in series.values() for value in values), default=0) or 1
    space = 672 / max(1, len(bins))
    width = 0.8 * space / max(1, len(series))
    columns = [
        {
            "series": place,
            "x": round(40 + space * index + 0.1 * space + width * place, 1),
            "y": round(210 - 180 * value / top, 1),
            "width": round(width, 1),
            "height": round(180 * value / top, 1),
            "label": f"{name}, {label}: {value:.4g}",
        }
        for place, (name, values) in enumerate(series.items())
        for index, (label, value) in enumerate(zip(bins, values, strict=True))
    ]
    said = (
        f"{name}: {', '.join(f'{b} {v:.4g}' for b, v in zip(bins, vs, strict=True))}" for name, vs in series.items()
    )
    return {
        "columns": columns,
        "labels": [(label, round(40 + space * (index + 0.5), 1)) for index, label in enumerate(bins)],
        "legend": [(name, 60 + 165 * place) for place, name in enumerate(series)],
        "top": f"{top:.4g}",
        "description": ". ".join(said),
    }
