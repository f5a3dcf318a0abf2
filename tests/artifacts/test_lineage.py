"""The graph of artifacts: both directions, what is gone, what holds the same bytes, and what cannot be read."""

import io
from collections.abc import Iterator

import pytest

from include.artifacts.lineage import Graph, Node
from include.artifacts.ranged import AHEAD, RangedFile
from include.artifacts.ref import ArtifactRef
from include.artifacts.step import Workspace, step
from include.artifacts.store import MANIFEST, ArtifactStore
from tests.artifacts.sample_step import sample_step
from tests.conftest import ObjectStoreServer

CONTENT = {"text": "first"}


@step("dataset")
def unsteady(work: Workspace, name: str) -> None:
    """Writes what its fingerprint does not know."""
    (work.output / "text.txt").write_text(CONTENT["text"])


@pytest.fixture
def own_store(object_store_server: ObjectStoreServer, request: pytest.FixtureRequest) -> Iterator[ArtifactStore]:
    """A bucket of the test's own."""
    store = object_store_server.store(bucket=f"lineage-{abs(hash(request.node.name)) % 10**8}")
    store.bucket.ensure()
    yield store
    store.bucket.delete(store.bucket.keys(""))


def refs(nodes: dict[str, Node]) -> set[ArtifactRef]:
    return {node.ref for node in nodes.values()}


def test_both_directions(own_store: ArtifactStore) -> None:
    first = sample_step(own_store, text="a")
    left, right = (sample_step(own_store, text=text, source=first) for text in "bc")
    last = sample_step(own_store, text="d", source=left)
    graph = Graph.read(own_store)

    assert refs(graph.ancestors([graph.node(last)]).nodes) == {last, left, first}
    assert refs(graph.descendants([graph.node(first)]).nodes) == {first, left, right, last}
    assert [edge.argument for edge in graph.ancestors([graph.node(last)]).edges] == ["source", "source"]
    assert [node.ref for node in graph.starting(last.step, last.fingerprint[:8])] == [last]


def test_an_input_that_a_forced_rerun_replaced_is_gone(own_store: ArtifactStore) -> None:
    CONTENT["text"] = "first"
    old = unsteady(own_store, name="x")
    child = sample_step(own_store, text="child", source=old)
    CONTENT["text"] = "second"
    new = unsteady.run(own_store, {"name": "x"}, force=True).ref
    graph = Graph.read(own_store)
    assert (new.fingerprint, new.digest == old.digest) == (old.fingerprint, False)

    (gone,) = [node for _, node in graph.behind(graph.node(child))]
    assert (gone.ref, gone.manifest) == (old, None)
    assert gone.id != graph.node(new).id
    assert refs(graph.descendants([graph.node(new)]).nodes) == {new}
    assert refs(graph.descendants([gone]).nodes) == {old, child}


def test_where_the_named_input_is_gone_another_with_its_bytes_stands_in(own_store: ArtifactStore) -> None:
    CONTENT["text"] = "same"
    named, other = (unsteady(own_store, name=name) for name in "xy")
    child = sample_step(own_store, text="child", source=named)
    assert [node.ref for _, node in Graph.read(own_store).behind(Node(child, own_store.manifest(child)))] == [named]

    own_store.bucket.delete([f"{named.prefix}/{MANIFEST}"])
    graph = Graph.read(own_store)
    ((edge, source),) = graph.behind(graph.node(child))
    assert (source.ref, edge.named) == (other, named)
    assert refs(graph.descendants([graph.node(other)]).nodes) == {other, child}


def test_a_deleted_input_is_found_by_its_name(own_store: ArtifactStore) -> None:
    first = sample_step(own_store, text="a")
    last = sample_step(own_store, text="b", source=first)
    own_store.bucket.delete([f"{first.prefix}/{MANIFEST}"])
    graph = Graph.read(own_store)

    (gone,) = graph.starting(first.step, first.fingerprint[:12])
    assert gone.manifest is None and gone.id.endswith(f"@{first.digest[:12]}")
    assert refs(graph.descendants([gone]).nodes) == {first, last}


def test_manifests_that_cannot_be_read_are_counted(own_store: ArtifactStore) -> None:
    good, damaged = (sample_step(own_store, text=text) for text in "ab")
    own_store.bucket.put_bytes(f"{damaged.prefix}/{MANIFEST}", b'{"format": 1}')
    graph = Graph.read(own_store)

    assert graph.unreadable == [damaged.prefix]
    assert refs(graph.nodes) == {good}


def test_a_ranged_file_reads_what_is_asked_for(own_store: ArtifactStore) -> None:
    text = "".join(f"{number:07}\n" for number in range(AHEAD // 2))
    manifest = own_store.manifest(sample_step(own_store, text=text))
    file = RangedFile(own_store.bucket, manifest, manifest.files[0])

    file.seek(-8, io.SEEK_END)
    assert file.read(100) == text[-8:].encode()
    assert file.read(1) == b""
    file.seek(8 * 10)
    assert (file.read(8), file.tell()) == (b"0000010\n", 88)
    file.seek(0)
    assert file.read() == text.encode()
