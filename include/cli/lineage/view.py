"""What `genai lineage` shows, whatever its form: items, and links in the direction that the data flows."""

from collections import Counter, defaultdict
from dataclasses import dataclass, field, replace
from typing import Any

BACKWARD, FORWARD = "backward", "forward"


@dataclass(frozen=True)
class Item:
    """An artifact, a deployment or a record; `note` is what it has to do with what was asked for."""

    id: str
    title: str
    kind: str
    note: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    gone: bool = False


@dataclass(frozen=True)
class Link:
    """`source` went into `target` as its `argument`."""

    source: str
    target: str
    argument: str = ""
    named: str = ""


@dataclass
class View:
    """The answer to one question; `root` is the item that was asked for."""

    root: str
    direction: str
    items: dict[str, Item] = field(default_factory=dict)
    links: list[Link] = field(default_factory=list)
    records: dict[str, Any] | None = None
    notes: list[str] = field(default_factory=list)

    def add(self, item: Item) -> None:
        """Keep an item; the first of an id stays."""
        self.items.setdefault(item.id, item)

    def onward(self) -> dict[str, list[tuple[Link, str]]]:
        """Item -> the links that lead on from it, away from the root, and where to."""
        found: dict[str, list[tuple[Link, str]]] = defaultdict(list)
        for link in self.links:
            here, there = (link.target, link.source) if self.direction == BACKWARD else (link.source, link.target)
            found[here].append((link, there))
        return found

    def depths(self) -> dict[str, int]:
        """Item -> length of the longest way to it from the root; what the root does not lead to begins at 0."""
        onward = self.onward()
        depths = dict.fromkeys(self.items, 0)
        waiting_for = Counter(there for ways in onward.values() for _, there in ways)
        ready = [id for id in self.items if not waiting_for[id]]
        while ready:
            here = ready.pop()
            for _, there in onward[here]:
                depths[there] = max(depths[there], depths[here] + 1)
                waiting_for[there] -= 1
                if not waiting_for[there]:
                    ready.append(there)
        return depths


def collapsed(view: View) -> View:
    """The view with the shards of one dataset as one item: equal step, run, note and links on both sides."""
    sides: dict[str, set[tuple[str, str, bool]]] = defaultdict(set)
    for link in view.links:
        sides[link.source].add((link.target, link.argument, True))
        sides[link.target].add((link.source, link.argument, False))
    groups: dict[Any, list[Item]] = defaultdict(list)
    for item in view.items.values():
        step, run = item.facts.get("step"), item.facts.get("run", {}).get("run_id")
        mapped = item.kind == "dataset" and not item.gone and "shard" in item.facts
        key = (step, run, item.note, frozenset(sides[item.id])) if mapped else item.id
        groups[key].append(item)
    shown = View(view.root, view.direction, records=view.records, notes=view.notes)
    names: dict[str, str] = {}
    for items in groups.values():
        first = items[0]
        names |= {item.id: first.id for item in items}
        more = f" ({len(items)} shards)" if len(items) > 1 else ""
        shown.add(replace(first, title=first.title + more))
    shown.root = names[view.root]
    links = (replace(link, source=names[link.source], target=names[link.target]) for link in view.links)
    shown.links = list(dict.fromkeys(links))
    return shown
