"""A lineage as an indented tree: each item once, at the end of the longest way to it."""

from collections import Counter, defaultdict
from collections.abc import Iterator
from typing import Any

from include.cli.lineage.view import BACKWARD, Item, Link, View, collapsed
from include.cli.summary import number

FIGURES = 4


def tree(view: View) -> str:
    """The view as lines of text."""
    shown = collapsed(view)
    lines = list(_branch(shown, shown.root, "", _placed(shown), shown.onward()))
    return "\n".join([*lines, *_record_lines(view.records), *view.notes]) + "\n"


def figures(item: Item) -> str:
    """The first figures of an item's metrics, and its licences, for people."""
    metrics: dict[str, Any] = item.facts.get("metrics", {})
    scalars = [(name, value) for name, value in metrics.items() if isinstance(value, bool | int | float | str)]
    found = [f"{name} {number(value)}" for name, value in scalars[:FIGURES] if name not in ("license", "verdict")]
    if licence := item.facts.get("license"):
        found.append(f"licence {licence}")
    if licences := metrics.get("by_license"):
        found.append(f"licences {', '.join(licences)}")
    return ", ".join(found)


def made(item: Item) -> str:
    """When and in which run an item was made."""
    run = item.facts.get("run")
    where = f", run {run['run_id']}, as of {run['as_of'][:19]}Z" if run else ""
    return f"{item.facts['made'][:19]}Z{where}" if "made" in item.facts else ""


def _placed(view: View) -> dict[str, str]:
    """Item -> the one item under which it is drawn with all that follows it."""
    depths, onward = view.depths(), view.onward()
    placed: dict[str, str] = {}
    for here in sorted(onward, key=lambda id: depths[id]):
        placed |= {there: here for _, there in onward[here] if depths[there] == depths[here] + 1}
    return placed


def _branch(
    view: View, id: str, label: str, placed: dict[str, str], onward: dict[str, list[tuple[Link, str]]], indent: str = ""
) -> Iterator[str]:
    item = view.items[id]
    yield f"{label}{_line(item)}"
    children: dict[str, list[Link]] = defaultdict(list)
    elsewhere: Counter[str] = Counter()
    for link, there in onward.get(id, []):
        if placed.get(there) == id:
            children[there].append(link)
        else:
            elsewhere[f"{link.argument}: {view.items[there].title}" if link.argument else view.items[there].title] += 1
    rest = [f"also {'from' if view.direction == BACKWARD else 'into'} {text}" for text in elsewhere]
    for position, (there, links) in enumerate(children.items(), 1):
        last = position == len(children) and not rest
        argument = ", ".join(dict.fromkeys(link.argument for link in links if link.argument))
        named = next((f" (holds the bytes of {link.named})" for link in links if link.named), "")
        yield from _indented(
            _branch(view, there, f"{argument}: " if argument else "", placed, onward), indent, last, named
        )
    for position, text in enumerate(rest, 1):
        yield f"{indent}{'└─' if position == len(rest) else '├─'} {text}"


def _indented(lines: Iterator[str], indent: str, last: bool, named: str) -> Iterator[str]:
    yield f"{indent}{'└─' if last else '├─'} {next(lines)}{named}"
    for line in lines:
        yield f"{indent}{'   ' if last else '│  '}{line}"


def _line(item: Item) -> str:
    parts = [item.note, "gone: only its name is left" if item.gone else "", figures(item), made(item)]
    return "  ".join([item.title, " | ".join(part for part in parts if part)]).rstrip()


def _record_lines(records: dict[str, Any] | None) -> list[str]:
    if records is None:
        return []
    lines = [f"records {records['of']}: {records['count']:,}"]
    for title in ("by_source", "by_license"):
        if counts := records[title]:
            text = ", ".join(f"{name or 'unnamed'} {count:,}" for name, count in counts.items())
            lines.append(f"  {title.replace('_', ' ').replace('license', 'licence')}: {text}")
    for part in records["files"]:
        by = "" if part["artifact"] == part["dataset"] else f"{part['artifact']}: "
        lines.append(f"  {by}{part['count']:,} of {part['file']} of {part['dataset']}")
    return lines + [f"  {record}" for record in records.get("ids", [])]
