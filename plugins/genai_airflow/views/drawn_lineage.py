"""What the page of a lineage shows: boxes and lines with their words, the chosen item, and a row an item."""

from collections import defaultdict
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from genai_airflow.report_link import VIEW_PREFIX, report_path

if TYPE_CHECKING:
    from genai_airflow.views.lineage import Asked
    from include.cli.lineage.view import Item, View

LETTERS, FIGURES = 20, 8
REUSED, RAN = "reused", "ran"


def told(view: "View", asked: "Asked", at: str) -> dict[str, Any]:
    """All that the template needs; `at` is the id of the item that is chosen."""
    from include.cli.lineage.layers import HEIGHT, WIDTH, layered
    from include.cli.lineage.view import collapsed

    shown = collapsed(view)
    drawing = layered(shown)
    group = {member: item.id for item in shown.items.values() for member in (item.members or (item.id,))}
    chosen = group.get(at, "")
    near = {end for link in shown.links if chosen in (link.source, link.target) for end in (link.source, link.target)}
    boxes = [
        _box(view, item, asked)
        | {"x": drawing.boxes[item.id][0], "y": drawing.boxes[item.id][1]}
        | {"root": item.id == shown.root, "chosen": item.id == chosen, "near": item.id in near}
        for item in _downwards(shown, drawing.boxes)
    ]
    lines = [
        {"path": path, "argument": link.argument, "near": chosen in (link.source, link.target)}
        for link, path in drawing.lines
    ]
    return {
        "boxes": boxes,
        "lines": lines,
        "width": drawing.width,
        "height": drawing.height,
        "box": (WIDTH, HEIGHT),
        "chosen": _panel(view, view.items[at], asked) if at in view.items else None,
        "rows": [_row(view, shown, item, asked) for item in _downwards(shown, drawing.boxes)],
        "kinds": sorted({item.kind for item in shown.items.values()}),
        "notes": view.notes,
        "marked": any(box["state"] for box in boxes),
    }


def _downwards(shown: "View", places: dict[str, tuple[float, float]]) -> list["Item"]:
    """The items as they are read: from above, and from the left."""
    return sorted(shown.items.values(), key=lambda item: places[item.id][::-1])


def _box(view: "View", item: "Item", asked: "Asked") -> dict[str, Any]:
    name, of = _names(item)
    many = f" \N{MULTIPLICATION SIGN} {len(item.members)}" if item.members else ""
    state = _state(view, item)
    return {
        "id": item.id,
        "name": _cut(name, LETTERS - len(many)) + many,
        "of": _cut(f"{of} · {state}" if state and of else of or state, LETTERS + 6),
        "state": state,
        "kind": item.kind,
        "gone": item.gone,
        "url": asked.url(item.id),
        "label": ", ".join(part for part in (name + many, of, item.kind, state, "gone" if item.gone else "") if part),
    }


def _names(item: "Item") -> tuple[str, str]:
    """What an item is called, and what it is of: task group, or state of a deployment."""
    did = item.facts.get("did")
    group, _, name = str(did[0]["task"] if did else item.facts.get("step", "")).rpartition(".")
    if "step" not in item.facts:
        return item.title, item.facts.get("state", "")
    metrics = item.facts.get("metrics", {})
    said = next((str(metrics[key]) for key in ("technique", "name") if item.kind != "report" and metrics.get(key)), "")
    return (f"{name} {said}" if said else name), group


def _state(view: "View", item: "Item") -> str:
    """Whether the run made it; of several, how many it reused."""
    did = [one for id in item.members or (item.id,) for one in view.items[id].facts.get("did", [])[:1]]
    reused = sum(one["reused"] for one in did)
    if not did or reused in (0, len(did)):
        return "" if not did else REUSED if reused else RAN
    return f"{reused} of {len(did)} reused"


def _panel(view: "View", item: "Item", asked: "Asked") -> dict[str, Any]:
    """All that is known of the chosen item, and the ways on from it."""
    facts, did = item.facts, item.facts.get("did", [])
    run = facts.get("run", {})
    step = "step" in facts
    return {
        "title": facts.get("step", item.title),
        "kind": item.kind,
        "gone": item.gone,
        "note": item.note,
        "facts": {
            name: str(value)
            for name, value in (
                ("Fingerprint", facts.get("fingerprint", "")),
                ("Made", facts.get("made", "")[:19].replace("T", " ")),
                ("Data as of", run.get("as_of", "")[:19].replace("T", " ")),
                ("Licence", facts.get("license", "")),
            )
            if value
        },
        "run": run,
        "did": [
            one | {"report": report_path(asked.use_case, one["run_id"], one["task"], one["map_index"])} for one in did
        ],
        "figures": _figures(facts.get("metrics", {})),
        "made_of": _ends(view, asked, [(k.argument, k.source) for k in view.links if k.target == item.id]),
        "went_into": _ends(view, asked, [(k.argument, k.target) for k in view.links if k.source == item.id]),
        "behind": asked._replace(run="", artifact=item.id, forward=False).url(item.id) if step else "",
        "ahead": asked._replace(run="", artifact=item.id, forward=True).url(item.id) if step else "",
    }


def _figures(metrics: dict[str, Any]) -> dict[str, str]:
    from include.cli.summary import number

    plain = {name: value for name, value in metrics.items() if isinstance(value, bool | int | float | str)}
    return {name.replace("_", " "): number(value) for name, value in list(plain.items())[:FIGURES]}


def _ends(view: "View", asked: "Asked", links: list[tuple[str, str]]) -> list[dict[str, str]]:
    """Each item at the other end once, with the arguments that lead there."""
    arguments: dict[str, list[str]] = defaultdict(list)
    for argument, id in links:
        if argument not in arguments[id]:
            arguments[id].append(argument)
    return [
        {"as": ", ".join(filter(None, names)), "title": view.items[id].title, "url": asked.url(id)}
        for id, names in arguments.items()
    ]


def _row(view: "View", shown: "View", item: "Item", asked: "Asked") -> dict[str, Any]:
    name, of = _names(item)
    sources = dict.fromkeys(link.source for link in shown.links if link.target == item.id)
    return {
        "name": name,
        "of": of,
        "count": len(item.members) or 1,
        "kind": item.kind,
        "state": "gone" if item.gone else _state(view, item),
        "made": item.facts.get("made", "")[:16].replace("T", " "),
        "figures": ", ".join(
            f"{key} {value}" for key, value in list(_figures(item.facts.get("metrics", {})).items())[:3]
        ),
        "sources": ", ".join(" ".join(filter(None, reversed(_names(shown.items[id])))) for id in sources),
        "url": asked.url(item.id),
    }


def _cut(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"


def run_url(use_case: str, run_id: str) -> str:
    """The page of a run."""
    return f"{VIEW_PREFIX}/runs/{quote(use_case, safe='')}/{quote(run_id, safe='')}"
