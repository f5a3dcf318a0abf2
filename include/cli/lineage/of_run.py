"""The lineage that the web UI shows: of a run, of what serves, or of one artifact, with what the run reused."""

from collections.abc import Sequence

from include.artifacts.history import RunRecord
from include.artifacts.lineage import Closure, Graph, Node
from include.artifacts.store import ArtifactStore
from include.cli.lineage import items
from include.cli.lineage.view import BACKWARD, View
from include.inferencing.deployments import TASK as DEPLOYS
from include.inferencing.deployments import Deployment


def of_run(store: ArtifactStore, records: Sequence[RunRecord], served: Sequence[Deployment]) -> View:
    """All that a run's tasks handed on, and what that was made of; `records` are the run's own, at least one."""
    graph = Graph.reaching(store, [record.ref for record in records])
    starts = [graph.node(record.ref) for record in records]
    deployed = [record for record in records if record.place.task == DEPLOYS]
    view = _view(store, graph, starts, starts[-1])
    packages = {record.ref for record in deployed}
    items.add_deployments(view, graph, [one for one in served if one.package in packages])
    return marked(view, records)


def of_deployment(store: ArtifactStore, served: Deployment, records: Sequence[RunRecord]) -> View:
    """What serves, and all that it was made of; `records` are of the run that is asked what it reused."""
    graph = Graph.reaching(store, [served.package])
    start = graph.node(served.package)
    view = _view(store, graph, [start], start)
    items.add_deployments(view, graph, [served])
    view.root = items.deployment_id(served)
    return marked(view, records)


def behind(store: ArtifactStore, step: str, fingerprint: str) -> View | None:
    """All that one artifact was made of; None where it is gone."""
    found = store.find(step, fingerprint)
    if found is None:
        return None
    graph = Graph.reaching(store, [found.ref])
    return _view(store, graph, [graph.node(found.ref)], graph.node(found.ref))


def marked(view: View, records: Sequence[RunRecord]) -> View:
    """The view with what a run's tasks did in the facts of their artifacts: `task`, `map_index`, `reused`, `reason`."""
    for record in records:
        if item := view.items.get(f"{record.ref.step}/{record.ref.fingerprint}"):
            place = record.place
            item.facts.setdefault("did", []).append(
                {"task": place.task, "map_index": place.map_index, "run_id": place.run_id}
                | {"reused": record.reused, "reason": record.reason}
            )
    return view


def _view(store: ArtifactStore, graph: Graph, starts: Sequence[Node], root: Node) -> View:
    found: Closure = graph.ancestors(starts)
    view = View(root.id, BACKWARD)
    items.add_nodes(view, store, found)
    return view
