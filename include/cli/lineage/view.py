"""What `genai lineage` shows, whatever its form: items, and links in the direction that the data flows."""

from collections import Counter, defaultdict
from collections.abc import Hashable
from dataclasses import dataclass, field, replace
from typing import Any

BACKWARD, FORWARD = "backward", "forward"


@dataclass(frozen=True)
class Item:
    """An artifact, a deployment or a record; `note` is what it has to do with what was asked for.

    `members` are the items that it stands for, where it stands for several.
    """

    id: str
    title: str
    kind: str
    note: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    gone: bool = False
    members: tuple[str, ...] = ()


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
    """The view with what mapped tasks made as one item: equal step, run, note and name, linked in the same way."""
    kinds = _alike(view)
    groups: dict[int, list[Item]] = defaultdict(list)
    for id, kind in kinds.items():
        groups[kind].append(view.items[id])
    shown = View(view.root, view.direction, records=view.records, notes=view.notes)
    names: dict[str, str] = {}
    for items in groups.values():
        first = items[0]
        names |= {item.id: first.id for item in items}
        more = f" ({len(items)} {'shards' if 'shard' in first.facts else 'of them'})" if len(items) > 1 else ""
        members = tuple(item.id for item in items) if more else ()
        shown.add(replace(first, title=first.title + more, members=members))
    shown.root = names[view.root]
    links = (replace(link, source=names[link.source], target=names[link.target]) for link in view.links)
    shown.links = list(dict.fromkeys(links))
    return shown


def _alike(view: View) -> dict[str, int]:
    """Item -> number of its group: the coarsest groups whose members have links of the same kinds to the same groups.

    Shards are linked to shards one by one, so that groups are refined until no link tells their members apart.
    """
    groups = _numbered({id: _looks(item, id == view.root) for id, item in view.items.items()})
    while True:
        sides: dict[str, set[tuple[int, str, bool]]] = defaultdict(set)
        for link in view.links:
            sides[link.source].add((groups[link.target], link.argument, True))
            sides[link.target].add((groups[link.source], link.argument, False))
        finer = _numbered({id: (group, frozenset(sides[id])) for id, group in groups.items()})
        if len(set(finer.values())) == len(set(groups.values())):
            return groups
        groups = finer


def _looks(item: Item, alone: bool) -> Hashable:
    """What tells an item from others, its links apart; items that are no artifacts, gone or named stand alone."""
    named = {"name", "technique"} & item.facts.get("metrics", {}).keys()
    if alone or item.gone or named or "step" not in item.facts:
        return item.id
    return item.facts["step"], item.facts.get("run", {}).get("run_id"), item.note


def _numbered(looks: dict[str, Hashable]) -> dict[str, int]:
    numbers: dict[Hashable, int] = {}
    return {id: numbers.setdefault(look, len(numbers)) for id, look in looks.items()}
