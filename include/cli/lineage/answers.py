"""Two questions about an artifact: what is behind it, and what came of it."""

from collections.abc import Sequence

from include.artifacts.lineage import Closure, Graph, Node
from include.artifacts.ref import Kind
from include.artifacts.store import ArtifactStore
from include.cli.lineage import items as items
from include.cli.lineage.view import BACKWARD, FORWARD, Link, View
from include.data_preparation.membership import Trained, read_records, trained_on
from include.inferencing.deployments import Deployment

TRAINS: tuple[Kind, ...] = ("model", "adapter")


def behind(store: ArtifactStore, graph: Graph, start: Node, served: Deployment | None, *, ids: bool) -> View:
    """All that an artifact, or a deployment's package, was made of, down to the records that were trained on."""
    found = graph.ancestors([start])
    view = View(items.deployment_id(served) if served else start.id, BACKWARD)
    if served:
        view.add(items.deployment(served))
        view.links.append(Link(start.id, view.root, "package"))
    items.add_nodes(view, store, found)
    files = _trained_files(graph, start, found)
    present = [(dataset.manifest, file) for _, dataset, file in files if dataset.manifest]
    trained = read_records(store.bucket, present)
    view.records = _records(start, trained, files, ids=ids)
    gone = sorted({str(dataset.ref) for _, dataset, _ in files if dataset.manifest is None})
    view.notes += [f"records of {name}: unknown, it is gone" for name in gone]
    view.notes += [f"cannot be read: {name}" for name in trained.unreadable]
    return with_unreadable(view, graph)


def ahead(store: ArtifactStore, graph: Graph, start: Node, deployments: Sequence[Deployment]) -> View:
    """All that was made of an artifact, and what of it served."""
    view = View(start.id, FORWARD)
    items.add_nodes(view, store, graph.descendants([start]))
    items.add_deployments(view, graph, deployments)
    return with_unreadable(view, graph)


def _trained_files(graph: Graph, start: Node, found: Closure) -> list[tuple[Node, Node, str]]:
    """Model or adapter, its dataset, and a file that it was trained on; of a dataset its own files."""
    if start.ref.kind == "dataset":
        paths = [entry.path for entry in start.manifest.files] if start.manifest else []
        tables = [path for path in paths if path.endswith(".parquet") and not path.endswith("dropped.parquet")]
        return [(start, start, path) for path in tables]
    return [
        (node, dataset, file)
        for node in found.of_kind(*TRAINS)
        for _, dataset in graph.behind(node)
        if dataset.ref.kind == "dataset"
        for file in trained_on(node.manifest)
    ]


def _records(
    start: Node, trained: Trained, files: list[tuple[Node, Node, str]], *, ids: bool
) -> dict[str, object] | None:
    if not files:
        return None
    found: dict[str, object] = {
        "of": "that it holds" if start.ref.kind == "dataset" else "that it was trained on",
        "count": len(trained.records),
        "by_source": trained.by_source,
        "by_license": trained.by_license,
        "files": [
            {"artifact": str(one.ref), "dataset": str(of.ref), "file": file, "count": trained.counts[str(of.ref), file]}
            for one, of, file in files
            if (str(of.ref), file) in trained.counts
        ],
    }
    return found | ({"ids": sorted(trained.records)} if ids else {})


def with_unreadable(view: View, graph: Graph) -> View:
    """The view with a note on the manifests that could not be read."""
    if graph.unreadable:
        count = len(graph.unreadable)
        view.notes.append(f"{count} manifests are damaged or of another format: what leads through them is not shown")
    return view
