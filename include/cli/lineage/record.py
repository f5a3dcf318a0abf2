"""What came of a record: the datasets that hold it or dropped it, what was trained on it, and what of that served."""

from collections import Counter
from collections.abc import Sequence

from include.artifacts.lineage import Closure, Edge, Graph, Node, exact_first
from include.artifacts.ref import Kind
from include.artifacts.store import ArtifactStore
from include.cli.lineage import items as items
from include.cli.lineage.answers import TRAINS, with_unreadable
from include.cli.lineage.view import FORWARD, Link, View
from include.core.errors import ConfigurationError
from include.data_preparation.membership import HELDOUT, TICKETS, Membership, Search, trained_on
from include.inferencing.deployments import CHAMPION, Deployment

FROM_MODELS: tuple[Kind, ...] = ("model", "adapter", "package")
# arguments by which a step takes the records it hands on, beside those that it only compares them with
HANDED_ON = ("dataset", "source", "sources")
FITTED = "data_preparation.synthesize"
TRAINED = "trained on it"


def ahead_of_record(
    store: ArtifactStore, graph: Graph, record: str, search: Search, deployments: Sequence[Deployment]
) -> View:
    """All that came of a record; ConfigurationError where no dataset knows it."""
    if not search.found:
        unread = f", {len(search.unreadable)} of them in vain" if search.unreadable else ""
        problem = f"no table of a dataset has this record ({search.files} read{unread})"
        raise ConfigurationError("REF", record, problem, "Look at its id, e.g. ticket:T00012 or docstring:json.dumps")
    view, trace = View(f"record:{record}", FORWARD), _Trace(graph, search)
    view.add(items.record(record, ""))
    items.add_nodes(view, store, trace.closure(), trace.notes)
    led_to = {link.target for link in view.links}
    view.links += [Link(view.root, id) for id in trace.known if id not in led_to]
    items.add_deployments(view, graph, deployments)
    view.notes.append(_summary(trace, view))
    view.notes += [f"cannot be read: {name}" for name in search.unreadable]
    return with_unreadable(view, graph)


class _Trace:
    """Membership decides which datasets a record is in; descent, what a model trained on one of them went into."""

    def __init__(self, graph: Graph, search: Search) -> None:
        self.graph = graph
        self.known = {graph.node(ref).id: membership for ref, membership in search.found.items()}
        self.notes = {id: _membership(membership) for id, membership in self.known.items()}
        self.nodes = {id: graph.nodes[id] for id in self.known}
        self.edges: list[Edge] = []
        self.trained: dict[str, Node] = {}
        self.affected: set[str] = set()
        for id, membership in self.known.items():
            for edge, target in graph.ahead(graph.nodes[id]) if membership.files else ():
                self._meet(edge, target, membership)

    def _meet(self, edge: Edge, target: Node, membership: Membership) -> None:
        files = [file for file in trained_on(target.manifest) if file in membership.files]
        if target.ref.kind in TRAINS and files:
            self.trained[target.id] = target
            self.notes[target.id] = f"{TRAINED} ({', '.join(files)})"
        elif target.id not in self.known:
            note = _touched(edge, target, membership)
            if not note:
                return
            self.notes.setdefault(target.id, note)
        self.nodes[target.id] = target
        self.edges.append(edge)

    def closure(self) -> Closure:
        """Everything that is met, and what descends from the models among it."""
        models = self.graph.descendants(self.trained.values(), FROM_MODELS)
        self.affected = set(models.nodes)
        for id in models.nodes.keys() - self.trained.keys():
            self.notes[id] = f"made of what was {TRAINED}"
        return Closure(self.nodes | models.nodes, exact_first(list(dict.fromkeys([*self.edges, *models.edges]))))


def _summary(trace: _Trace, view: View) -> str:
    held = sum(bool(membership.files) for membership in trace.known.values())
    affected = [item for item in view.items.values() if item.id in trace.affected]
    counts = Counter(item.kind for item in affected)
    went = ", ".join(f"{count} {kind}{'s' if count > 1 else ''}" for kind, count in counts.items())
    serving = [item.title for item in view.items.values() if item.facts.get("state") == CHAMPION]
    return (
        f"held by {held} of {len(trace.graph.of_kind('dataset'))} datasets; went into {went or 'no model'}; "
        f"serving now: {', '.join(serving) or 'none of these'}"
    )


def _membership(membership: Membership) -> str:
    held = [f"holds it in {', '.join(membership.files)}"] if membership.files else []
    return "; ".join(held + [f"dropped it ({row.stage}: {row.reason})" for row in membership.dropped])


def _touched(edge: Edge, target: Node, membership: Membership) -> str:
    """What an artifact that does not hold the record has to do with a dataset that does; empty: nothing."""
    files = membership.files
    if target.ref.kind in TRAINS:
        where = ", ".join(file.removesuffix(".parquet") for file in files)
        return "held out, not trained on it" if files == [HELDOUT] else f"not {TRAINED}, which is in {where} only"
    if target.ref.step == FITTED:
        return "fitted to the table that holds it" if TICKETS in files else ""
    if target.ref.kind == "report" and edge.argument == "dataset" and HELDOUT in files:
        return f"evaluated on {HELDOUT}, which holds it"
    of_shard = target.manifest is not None and "shard" in target.manifest.parts.config
    if target.ref.kind == "dataset" and edge.argument in HANDED_ON and not of_shard:
        return "left it out"
    return ""
