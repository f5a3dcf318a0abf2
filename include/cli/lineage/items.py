"""Artifacts, deployments and records as items of a lineage's view."""

import json
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from include.artifacts import transfer
from include.artifacts.lineage import Closure, Edge, Graph, Node
from include.artifacts.manifest import Manifest
from include.artifacts.store import ArtifactStore
from include.cli.lineage.view import Item, Link, View
from include.core.errors import ArtifactNotFoundError, CorruptedArtifactError
from include.inferencing.deployments import Deployment

MODEL_INFO = "model_info.json"
READERS = 8


def artifact(node: Node, note: str = "", licence: str = "") -> Item:
    """An artifact; its facts are what its manifest knows."""
    facts: dict[str, Any] = {"step": node.ref.step, "fingerprint": node.ref.fingerprint, "digest": node.ref.digest}
    if node.manifest:
        facts["made"] = node.manifest.created_at
        facts |= {"run": node.manifest.run.model_dump()} if node.manifest.run else {}
        config = node.manifest.parts.config
        facts |= {"shard": config["shard"]} if "shard" in config else {}
        facts["metrics"] = node.manifest.metrics
        licence = licence or str(node.manifest.metrics.get("license", ""))
    facts |= {"license": licence} if licence else {}
    return Item(node.id, str(node.ref), node.ref.kind, note, facts, gone=node.manifest is None)


def deployment_id(found: Deployment) -> str:
    """Unique in a view."""
    return f"deployment:{found.use_case}/{found.model_name}"


def deployment(found: Deployment) -> Item:
    """A deployment, and the runs that made it or found it serving."""
    runs: list[dict[str, Any]] = [
        {"run_id": record.place.run_id, "as_of": record.place.as_of, "at": record.at, "reused": record.reused}
        for record in found.runs
    ]
    since = f" since {found.since[:19]}Z" if found.since else ""
    deployed = ", ".join(run["run_id"] for run in runs if not run["reused"]) or (runs[0]["run_id"] if runs else "")
    note = f"{found.state} of {found.use_case}{since}" + (f", deployed by run {deployed}" if deployed else "")
    facts = {"use_case": found.use_case, "state": found.state, "since": found.since, "runs": runs}
    return Item(deployment_id(found), found.model_name, "deployment", note, facts)


def record(name: str, note: str) -> Item:
    """A record."""
    return Item(f"record:{name}", name, "record", note)


def add_nodes(view: View, store: ArtifactStore, found: Closure, notes: dict[str, str] | None = None) -> None:
    """A closure's artifacts and edges."""
    licences = _licences(store, found.of_kind("model"))
    for node in found.nodes.values():
        view.add(artifact(node, (notes or {}).get(node.id, ""), licences.get(node.id, "")))
    view.links += links(found.edges)


def links(edges: Iterable[Edge]) -> list[Link]:
    """Edges as links."""
    return [Link(edge.source, edge.target, edge.argument, str(edge.named or "")) for edge in edges]


def add_deployments(view: View, graph: Graph, found: Sequence[Deployment]) -> None:
    """The deployments of the packages that a view holds."""
    for one in found:
        package = graph.node(one.package).id
        same = [package] if package in view.items else _same_bytes(view, one)
        for id in same:
            view.add(deployment(one))
            view.links.append(Link(id, deployment_id(one), "package"))


def _same_bytes(view: View, found: Deployment) -> list[str]:
    digests = {id: item.facts["digest"] for id, item in view.items.items() if item.kind == "package"}
    return [id for id, digest in digests.items() if digest == found.package.digest]


def _licences(store: ArtifactStore, models: Sequence[Node]) -> dict[str, str]:
    """Node -> licence of the model, as its model_info.json has it."""
    with ThreadPoolExecutor(READERS) as pool:
        infos = pool.map(lambda node: _model_info(store, node.manifest), models)
        return {node.id: str(info.get("license", "")) for node, info in zip(models, infos, strict=True)}


def _model_info(store: ArtifactStore, manifest: Manifest | None) -> dict[str, Any]:
    """What a model's folder says of it; nothing where it does not, or is damaged: it describes, and decides nothing."""
    for entry in manifest.files if manifest else ():
        if manifest and entry.path == MODEL_INFO:
            try:
                info = json.loads(transfer.read(store.bucket, manifest.key(entry), entry))
            except (ArtifactNotFoundError, CorruptedArtifactError, ValueError):
                return {}
            return info if isinstance(info, dict) else {}
    return {}
