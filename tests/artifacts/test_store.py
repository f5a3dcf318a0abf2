"""The commit protocol on a real S3 server."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import httpx
import pytest

from include.artifacts.conditions import check_conditions
from include.artifacts.document import Document
from include.artifacts.history import History, Place
from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from include.core.errors import (
    ArtifactNotFoundError,
    ConfigurationError,
    CorruptedArtifactError,
    StoreAccessError,
    StoreUnavailableError,
)
from tests.artifacts.sample_step import sample_step
from tests.conftest import ObjectStoreServer


def place(task: str, day: int) -> Place:
    return Place(use_case="sample", run_id=f"day-{day}", as_of=f"2026-01-{day:02d}T00:00:00+00:00", task=task)


def test_a_step_writes_reuses_and_explains(store: ArtifactStore) -> None:
    first = sample_step.run(store, {"text": "a"}, place=place("explain", 1))
    again = sample_step.run(store, {"text": "a"}, place=place("explain", 2))
    changed = sample_step.run(store, {"text": "b"}, place=place("explain", 3), config_path="sample")

    assert (first.reused, again.reused, changed.reused) == (False, True, False)
    assert again.ref == first.ref
    assert first.reason == "ran: first run"
    assert again.reason.startswith("reused: same code, configuration and inputs as on ")
    assert again.reason.endswith("in run day-1")
    assert changed.reason == "ran: sample.text a -> b (since run day-2)"


def test_a_forced_run_does_not_go_on_from_checkpoints_of_another_run(store: ArtifactStore) -> None:
    first = sample_step.run(store, {"text": "job"}, place=place("job", 1))
    forced, retried = (sample_step.run(store, {"text": "job"}, place=place("job", 2), force=True) for _ in range(2))
    another = sample_step.run(store, {"text": "job"}, place=place("job", 3), force=True)

    assert first.metrics["job"] == first.ref.fingerprint
    assert forced.metrics["job"] == retried.metrics["job"]
    assert len({first.metrics["job"], forced.metrics["job"], another.metrics["job"]}) == 3


def test_an_input_with_equal_bytes_reuses_what_depends_on_it(store: ArtifactStore) -> None:
    source = sample_step(store, text="x")
    forced = sample_step.run(store, {"text": "x"}, force=True)
    below = sample_step.run(store, {"text": "y", "source": source})

    assert not forced.reused
    assert sample_step.run(store, {"text": "y", "source": forced.ref}).reused
    assert store.read(below.ref, "text.txt") == b"xy"


def test_two_writers_of_one_fingerprint_end_with_one_artifact(store: ArtifactStore, tmp_path: Path) -> None:
    start = threading.Barrier(8)
    refs: list[ArtifactRef] = []

    def write() -> None:
        start.wait()
        refs.append(sample_step(store, text="race"))

    threads = [threading.Thread(target=write) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert len(refs) == 8 and len(set(refs)) == 1


def test_names_of_files_do_not_meet_while_they_are_fetched(store: ArtifactStore, tmp_path: Path) -> None:
    source = tmp_path / "source"
    source.mkdir()
    for name in ("x", "x.partial", "n" * 250):
        (source / name).write_text(name)
    manifest = store.manifest(sample_step(store, text="names"))
    attempt, files = store.upload(manifest.ref.prefix, source, fresh=True)
    ref = store.replace(manifest.model_copy(update={"attempt": attempt, "files": files})).ref

    copy = store.fetch(ref, tmp_path / "copy")
    assert {path.name: path.read_text() for path in copy.iterdir()} == {
        path.name: path.name for path in source.iterdir()
    }


def test_what_cannot_be_stored_is_refused_and_not_left_out(store: ArtifactStore, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder" / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(ConfigurationError, match="a link to no file"):
        store.upload("tests/links/" + "a" * 64, tmp_path / "folder")


def test_files_without_a_manifest_are_no_artifact(store: ArtifactStore, tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("torn")
    parts = sample_step.parts(store, {"text": "torn"})
    fingerprint = parts.digest(sample_step.name)
    store.upload(f"{sample_step.name.replace('.', '/')}/{fingerprint}", tmp_path)

    assert store.find(sample_step.name, fingerprint) is None
    assert not sample_step.run(store, {"text": "torn"}).reused


def test_a_corrupted_object_is_refused_and_leaves_nothing(store: ArtifactStore, tmp_path: Path) -> None:
    ref = sample_step(store, text="precious")
    key = next(key for key in store.bucket.keys(ref.prefix + "/") if key.endswith("text.txt"))
    store.bucket.put_bytes(key, b"precioux")

    with pytest.raises(CorruptedArtifactError, match="do not match the manifest"):
        store.fetch(ref, tmp_path / "copy")
    assert not [path for path in (tmp_path / "copy").rglob("*") if path.is_file()]
    with pytest.raises(CorruptedArtifactError):
        store.read(ref, "text.txt")


def test_a_missing_artifact_is_named(store: ArtifactStore) -> None:
    missing = ArtifactRef(kind="dataset", step="nothing.here", fingerprint="0" * 64, digest="0" * 64)
    with pytest.raises(ArtifactNotFoundError, match=r"nothing\.here/000000000000"):
        store.manifest(missing)


def test_wrong_keys_bucket_and_endpoint_are_told_apart(object_store_server: ObjectStoreServer) -> None:
    with pytest.raises(StoreAccessError, match="Correct the keys"):
        object_store_server.store(secret_key="wrong").bucket.put_bytes("k", b"v")
    with pytest.raises(StoreAccessError, match="the bucket does not exist"):
        object_store_server.store(bucket="elsewhere").bucket.check()
    with pytest.raises(StoreAccessError):
        object_store_server.store(object_store_server.reader).bucket.put_bytes("k", b"v")
    assert httpx.get(f"http://127.0.0.1:{object_store_server.port}/genai/k").status_code == 403


class CarelessServer(BaseHTTPRequestHandler):
    """An S3 endpoint that takes every write, whatever its condition."""

    def do_PUT(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        self.send_response(200)
        self.send_header("ETag", '"1"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    def do_POST(self) -> None:
        self.rfile.read(int(self.headers["Content-Length"]))
        body = b"<DeleteResult/>"
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


def test_an_endpoint_that_ignores_conditions_is_refused(object_store_server: ObjectStoreServer) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), CarelessServer)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    careless = object_store_server.store(endpoint=f"127.0.0.1:{server.server_port}").bucket
    with pytest.raises(StoreAccessError, match="refuses If-None-Match where there is one; it refuses If-Match"):
        check_conditions(careless)
    server.shutdown()
    server.server_close()


def test_the_object_store_honours_conditions_and_keeps_nothing_of_the_check(store: ArtifactStore) -> None:
    check_conditions(store.bucket)
    assert store.bucket.keys("probes/") == []
    assert store.bucket.put_bytes("never/written.json", b"1", if_match="0" * 32) is None


def test_a_dead_store_is_transient(object_store_server: ObjectStoreServer) -> None:
    with pytest.raises(StoreUnavailableError, match="did not answer"):
        object_store_server.store(endpoint="127.0.0.1:9").bucket.check()


def test_a_document_changes_by_compare_and_swap(store: ArtifactStore) -> None:
    document = Document(store.bucket, "aliases/test.json")
    assert document.read() == (None, None)
    assert document.swap({"n": 0}, None)
    assert not document.swap({"n": 99}, None)

    def count() -> None:
        for _ in range(10):
            while True:
                value, version = document.read()
                assert value
                if document.swap({"n": int(str(value["n"])) + 1}, version):
                    break

    threads = [threading.Thread(target=count) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert document.read()[0] == {"n": 40}


def test_a_damaged_record_does_not_stand_in_the_way(store: ArtifactStore) -> None:
    sample_step.run(store, {"text": "hinted"}, place=place("hint", 1))
    store.bucket.put_bytes(place("hint", 1).key, b"\xff no json")
    assert sample_step.run(store, {"text": "other"}, place=place("hint", 2)).reason == "ran: first run"
    again = sample_step.run(store, {"text": "again"}, place=place("hint", 3))
    history = History(store.bucket)
    for day in range(1, 5):
        newest = history.newest("sample", place("hint", day).as_of)
        assert newest["hint", -1] == history.before(place("hint", day))
    assert again.reason == "ran: text other -> again (since run day-2)"


def test_a_damaged_document_is_named(store: ArtifactStore) -> None:
    store.bucket.put_bytes("aliases/damaged.json", b"[1")
    with pytest.raises(CorruptedArtifactError, match=r"aliases/damaged\.json .*Delete it"):
        Document(store.bucket, "aliases/damaged.json").read()


def test_a_damaged_manifest_is_named_and_a_forced_run_mends_it(store: ArtifactStore) -> None:
    ref = sample_step(store, text="mended")
    store.bucket.put_bytes(f"{ref.prefix}/manifest.json", b"{")
    with pytest.raises(CorruptedArtifactError, match="force_rerun"):
        sample_step(store, text="mended")
    assert sample_step.run(store, {"text": "mended"}, force=True).ref == ref
    assert sample_step.run(store, {"text": "mended"}).reused
