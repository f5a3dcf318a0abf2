"""What every artifact was made of, and what was made of it: a graph that is read from the manifests."""

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from include.artifacts.manifest import Manifest
from include.artifacts.ref import ArtifactRef, Kind
from include.artifacts.store import ArtifactStore
from include.artifacts.sweep import CHECKPOINTS, folders, read_manifests
from include.core.errors import CorruptedArtifactError

READERS = 8


@dataclass(frozen=True)
class Node:
    """An artifact. It is gone where it has no manifest: deleted, or replaced by other bytes."""

    ref: ArtifactRef
    manifest: Manifest | None

    @property
    def id(self) -> str:
        """Unique in a graph: step and fingerprint, and of what is gone the bytes too."""
        whole = f"{self.ref.step}/{self.ref.fingerprint}"
        return whole if self.manifest else f"{whole}@{self.ref.digest[:12]}"


@dataclass(frozen=True)
class Edge:
    """`source` went into `target` as its `argument`.

    `named`: what the target's manifest names instead, where that is another artifact with the bytes of `source`.
    """

    source: str
    target: str
    argument: str
    named: ArtifactRef | None = None


@dataclass
class Closure:
    """Artifacts and how they hang together."""

    nodes: dict[str, Node] = field(default_factory=dict)
    edges: list[Edge] = field(default_factory=list)

    def of_kind(self, *kinds: Kind) -> list[Node]:
        """The nodes of some kinds."""
        return [node for node in self.nodes.values() if node.ref.kind in kinds]


class Graph:
    """All committed artifacts of a store.

    A step's inputs count by their bytes, and a reused artifact names those that it was made of: since then another
    artifact may have come to hold the same bytes, and the one that is named may be gone.
    """

    def __init__(self, manifests: Iterable[Manifest], unreadable: Sequence[str] = ()) -> None:
        self.unreadable = sorted(unreadable)
        """Prefixes of artifacts whose manifest is damaged or of another format: no edge leads through them."""
        self.nodes = {node.id: node for manifest in manifests if (node := Node(manifest.ref, manifest))}
        self._same: dict[tuple[Kind, str], list[Node]] = defaultdict(list)
        self._into: dict[tuple[Kind, str], list[tuple[str, ArtifactRef, Node]]] = defaultdict(list)
        for node in self.nodes.values():
            self._same[_content(node.ref)].append(node)
            for argument, ref in inputs(node.manifest):
                self._into[_content(ref)].append((argument, ref, node))

    @classmethod
    def read(cls, store: ArtifactStore) -> "Graph":
        """The graph of a store, by one listing and the manifests' reads in parallel."""
        found = [folder for folder in folders(store) if not folder.step.endswith(CHECKPOINTS)]
        manifests, unreadable = read_manifests(store, found)
        return cls(manifests.values(), sorted(unreadable))

    @classmethod
    def reaching(cls, store: ArtifactStore, refs: Iterable[ArtifactRef]) -> "Graph":
        """The graph of these artifacts and all that they descend from; no other manifest is read."""
        found: dict[str, Manifest | None] = {}
        unreadable: list[str] = []

        def read(ref: ArtifactRef) -> Manifest | None:
            try:
                return store.find(ref.step, ref.fingerprint)
            except CorruptedArtifactError:
                unreadable.append(ref.prefix)
                return None

        with ThreadPoolExecutor(READERS) as pool:
            while waiting := {ref.prefix: ref for ref in refs if ref.prefix not in found}:
                found |= dict(zip(waiting, pool.map(read, waiting.values()), strict=True))
                refs = [ref for prefix in waiting for _, ref in inputs(found[prefix])]
        return cls((manifest for manifest in found.values() if manifest), unreadable)

    def node(self, ref: ArtifactRef) -> Node:
        """The artifact of a reference: itself, else the newest one with its bytes, else one that is gone."""
        exact = self.nodes.get(f"{ref.step}/{ref.fingerprint}")
        if exact and exact.ref.digest == ref.digest:
            return exact
        return max(self._same.get(_content(ref), []), key=_made_at, default=Node(ref, None))

    def of_kind(self, kind: Kind) -> list[Node]:
        """All artifacts of a kind."""
        return [node for node in self.nodes.values() if node.ref.kind == kind]

    def starting(self, step: str, fingerprint: str) -> list[Node]:
        """The artifacts of a step whose fingerprint starts so, or those that are gone and still named as inputs."""
        start = f"{step}/{fingerprint}"
        named = (Node(ref, None) for uses in self._into.values() for _, ref, _ in uses)
        gone = {node.id: node for node in named if node.id.startswith(start)}
        return [node for id, node in self.nodes.items() if id.startswith(start)] or list(gone.values())

    def behind(self, node: Node) -> Iterator[tuple[Edge, Node]]:
        """What an artifact was made of."""
        for argument, ref in inputs(node.manifest):
            source = self.node(ref)
            named = None if (source.ref.step, source.ref.fingerprint) == (ref.step, ref.fingerprint) else ref
            yield Edge(source.id, node.id, argument, named), source

    def ahead(self, node: Node) -> Iterator[tuple[Edge, Node]]:
        """What was made of an artifact's bytes."""
        for argument, ref, target in self._into.get(_content(node.ref), []):
            named = None if (ref.step, ref.fingerprint) == (node.ref.step, node.ref.fingerprint) else ref
            yield Edge(node.id, target.id, argument, named), target

    def ancestors(self, starts: Iterable[Node]) -> Closure:
        """`starts` and all that they descend from."""
        return _closure(starts, self.behind)

    def descendants(self, starts: Iterable[Node], kinds: Sequence[Kind] = ()) -> Closure:
        """`starts` and all that descends from them, or what of it is of some kinds through these kinds only."""
        found = _closure(starts, lambda node: (pair for pair in self.ahead(node) if _is_of(pair[1], kinds)))
        found.edges = exact_first(found.edges)
        return found


def inputs(manifest: Manifest | None) -> Iterator[tuple[str, ArtifactRef]]:
    """Argument and reference of each input."""
    values: Mapping[str, ArtifactRef | list[ArtifactRef]] = manifest.inputs if manifest else {}
    for argument, value in values.items():
        for ref in value if isinstance(value, list) else [value]:
            yield argument, ref


def exact_first(edges: Sequence[Edge]) -> list[Edge]:
    """The edges without those that only equal bytes make, where the target's manifest names a source among them."""
    exact = {(edge.target, edge.argument) for edge in edges if not edge.named}
    return [edge for edge in edges if not edge.named or (edge.target, edge.argument) not in exact]


def _closure(starts: Iterable[Node], neighbours: Callable[[Node], Iterable[tuple[Edge, Node]]]) -> Closure:
    found, waiting = Closure(), list(starts)
    while waiting:
        node = waiting.pop()
        if node.id in found.nodes:
            continue
        found.nodes[node.id] = node
        for edge, other in neighbours(node):
            found.edges.append(edge)
            waiting.append(other)
    return found


def _content(ref: ArtifactRef) -> tuple[Kind, str]:
    return ref.kind, ref.digest


def _made_at(node: Node) -> str:
    return node.manifest.created_at if node.manifest else ""


def _is_of(node: Node, kinds: Sequence[Kind]) -> bool:
    return not kinds or node.ref.kind in kinds
