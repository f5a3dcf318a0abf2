"""Datasets of the hub, from a server that answers as it does: what is read, and what is told where nothing can be."""

import hashlib
import json
import re
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any
from urllib.parse import unquote

import pytest

from include.artifacts.store import ArtifactStore
from include.core import connections
from include.core.connections import from_environment
from include.core.errors import ServerUnavailableError, SourceError
from tests.conftest import free_ports
from tests.data_preparation.reading import json_lines, parquet
from tests.data_preparation.test_collections import at, config, documents

COMMIT, TOKEN = "a" * 40, "hub-t0ken"
FILES = "/{repo_id}/resolve/{revision}/{filename}"
CARD = b"""---
configs:
- config_name: first
  data_files: one/train.jsonl
- config_name: second
  data_files: [{split: train, path: two/train.jsonl}, {split: test, path: two/test.jsonl}]
---
"""


class Hub:
    """Datasets and models by name, each a mapping of paths to bytes; `cards` is what their cards say; `refuse` maps
    one to a status and error code."""

    def __init__(self) -> None:
        self.datasets: dict[str, dict[str, bytes]] = {}
        self.cards: dict[str, dict[str, Any]] = {}
        self.refuse: dict[str, tuple[int, str]] = {}
        self.asked: list[tuple[str, str | None]] = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                hub._answer(self)

            def do_HEAD(self) -> None:
                hub._answer(self)

            def do_POST(self) -> None:
                hub._answer(self, self.rfile.read(int(self.headers["Content-Length"])))

            def log_message(self, *_: Any) -> None:
                """It is quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", free_ports(1)), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        Thread(target=self.server.serve_forever, daemon=True).start()

    def _answer(self, request: BaseHTTPRequestHandler, body: bytes = b"") -> None:
        path = unquote(request.path.partition("?")[0])
        self.asked.append((path, request.headers["Authorization"]))
        named = re.match(r"/(?:api/models/|(?:api/)?datasets/)?([\w.-]+/[\w.-]+)(/.*|$)", path)
        name, rest = (named[1], named[2]) if named else ("", "")
        if name in self.refuse and request.headers["Authorization"] != f"Bearer {TOKEN}":
            self._send(request, self.refuse[name][0], b"", {"X-Error-Code": self.refuse[name][1]})
        elif name not in self.datasets:
            self._send(request, 404, b"", {"X-Error-Code": "RepoNotFound"})
        elif COMMIT not in rest:
            self._send(request, 404, b"", {"X-Error-Code": "RevisionNotFound"})
        elif rest.startswith("/resolve/"):
            self._file(request, self.datasets[name].get(rest.removeprefix(f"/resolve/{COMMIT}/")))
        else:
            self._send(request, 200, json.dumps(self._described(name, rest, body)).encode(), {})

    def _described(self, name: str, rest: str, body: bytes) -> Any:
        files = self.datasets[name]
        if rest.startswith("/revision/"):
            listed_files = [{"rfilename": path} for path in files]
            return {"id": name, "sha": COMMIT, "siblings": listed_files, "cardData": self.cards.get(name, {})}
        listed = [
            {"type": "file", "oid": "b" * 40, "size": len(data), "path": path} for path, data in sorted(files.items())
        ]
        folders = {path.rpartition("/")[0] for path in files} - {""}
        listed += [{"type": "directory", "oid": "c" * 40, "size": 0, "path": path} for path in sorted(folders)]
        if rest.startswith("/paths-info/"):
            asked = json.loads(body)["paths"]
            return [one for one in listed if one["path"] in asked]
        below = rest.removeprefix(f"/tree/{COMMIT}").strip("/")
        return [one for one in listed if str(one["path"]).startswith(below)]

    def _file(self, request: BaseHTTPRequestHandler, data: bytes | None) -> None:
        if data is None:
            self._send(request, 404, b"", {"X-Error-Code": "EntryNotFound"})
            return
        wanted = re.match(r"bytes=(\d+)-(\d*)", request.headers["Range"] or "")
        etag = f'"{hashlib.sha256(data).hexdigest()}"'
        tags = {"ETag": etag, "X-Repo-Commit": COMMIT, "Accept-Ranges": "bytes"}
        if not wanted:
            self._send(request, 200, data, tags)
            return
        start, end = int(wanted[1]), min(len(data) - 1, int(wanted[2] or len(data)))
        tags["Content-Range"] = f"bytes {start}-{end}/{len(data)}"
        self._send(request, 206, data[start : end + 1], tags)

    def _send(self, request: BaseHTTPRequestHandler, status: int, data: bytes, headers: dict[str, str]) -> None:
        request.send_response(status)
        for name, value in ({"Content-Length": str(len(data))} | headers).items():
            request.send_header(name, value)
        request.end_headers()
        if request.command != "HEAD":
            request.wfile.write(data)


@pytest.fixture
def hub(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Hub]:
    """A hub that the libraries ask, which read its address once, when they are imported."""
    import datasets
    import huggingface_hub

    found = Hub()
    found.datasets["acme/notes"] = {
        "train.jsonl": json_lines("First text.", "Second text."),
        "test.jsonl": json_lines("Held out."),
    }
    for module, name, value in (
        (datasets.config, "HF_ENDPOINT", found.url),
        (datasets.config, "HF_HUB_OFFLINE", False),
        (huggingface_hub.constants, "ENDPOINT", found.url),
        (huggingface_hub.constants, "HF_HUB_OFFLINE", False),
        (huggingface_hub.constants, "HF_HUB_CACHE", str(tmp_path / "cache")),
        (
            huggingface_hub.constants,
            "HUGGINGFACE_CO_URL_TEMPLATE",
            found.url + "/{repo_id}/resolve/{revision}/{filename}",
        ),
    ):
        monkeypatch.setattr(module, name, value)
    huggingface_hub.HfFileSystem.clear_instance_cache()
    yield found
    huggingface_hub.HfFileSystem.clear_instance_cache()
    found.server.shutdown()
    found.server.server_close()


def named(name: str = "acme/notes", **source: Any) -> Any:
    return config(f"hub:{name}", revision=COMMIT, **source)


def test_a_name_of_the_hub_is_read_as_a_stream(store: ArtifactStore, hub: Hub, tmp_path: Path) -> None:
    found = documents(store, at(store, named()), tmp_path)
    assert [one.text for one in found.values()] == ["First text.", "Second text."]
    held = documents(store, at(store, named(split="test")), tmp_path)
    assert [one.text for one in held.values()] == ["Held out."]
    asked = len(hub.asked)
    assert at(store, named()).reused and len(hub.asked) == asked, "a commit does not change"


def test_one_of_several_configurations_is_read(store: ArtifactStore, hub: Hub, tmp_path: Path) -> None:
    files = {"one/train.jsonl": json_lines("One."), "two/train.jsonl": json_lines("Two.")}
    hub.datasets["acme/many"] = files | {"README.md": CARD, "two/test.jsonl": json_lines("Held out.")}
    for configuration, split, text in (
        ("first", "train", "One."),
        ("second", "train", "Two."),
        ("second", "test", "Held out."),
    ):
        outcome = at(store, named("acme/many", configuration=configuration, split=split))
        assert [one.text for one in documents(store, outcome, tmp_path).values()] == [text]
    for wrong, words in (
        ({}, r"Config name is missing.*\['first', 'second'\].*Correct split or configuration"),
        ({"configuration": "third"}, r"'third' not found. Available: \['first', 'second'\]"),
        ({"configuration": "first", "split": "test"}, r"Bad split: test. Available splits: \['train'\]"),
    ):
        with pytest.raises(SourceError, match=rf"manuals.location = 'hub:acme/many': it cannot be read: .*{words}"):
            at(store, named("acme/many", **wrong))


def test_a_dataset_that_is_gated_is_read_with_a_token(
    store: ArtifactStore, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.datasets["acme/gated"] = hub.datasets["acme/notes"]
    hub.refuse["acme/gated"] = (401, "GatedRepo")
    with pytest.raises(SourceError, match=r"is a gated dataset.*must be authenticated.*connection whose password"):
        at(store, named("acme/gated"))
    monkeypatch.setattr(connections, "_lookup", [from_environment])
    monkeypatch.setenv("AIRFLOW_CONN_HUB", json.dumps({"conn_type": "http", "password": TOKEN}))
    outcome = at(store, named("acme/gated", connection="hub"))
    assert len(documents(store, outcome, tmp_path)) == 2 and TOKEN not in store.manifest(outcome.ref).model_dump_json()


def test_what_the_hub_does_not_have_or_show_is_named(
    store: ArtifactStore, hub: Hub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hub.datasets["acme/script"] = {"script.py": b"raise SystemExit", "train.jsonl": json_lines("One.")}
    hub.datasets["acme/empty"] = {"notes.bin": b"x"}
    hub.refuse["acme/private"] = (401, "RepoNotFound")
    for name, words in (
        ("acme/none", "Dataset 'acme/none' doesn't exist on the Hub or cannot be accessed.*Correct the name"),
        ("acme/private", "doesn't exist on the Hub or cannot be accessed"),
        ("acme/script", "Dataset scripts are no longer supported, but found script.py.*save the dataset to a folder"),
        ("acme/empty", "No .supported. data files found"),
    ):
        with pytest.raises(SourceError, match=rf"'hub:{name}': it cannot be read: .*{words}"):
            at(store, named(name))
    with pytest.raises(SourceError, match=rf"Revision '{'b' * 40}' doesn't exist for dataset 'acme/notes'"):
        at(store, config("hub:acme/notes", revision="b" * 40))

    (tmp_path / "acme" / "local").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        SourceError, match=r"a file or folder acme/local in the working directory has its name.*Move it"
    ):
        at(store, named("acme/local"))


def test_a_damaged_file_of_the_hub_is_quarantined_from_there_on(store: ArtifactStore, hub: Hub, tmp_path: Path) -> None:
    hub.datasets["acme/damaged"] = {"train-0.jsonl": json_lines("First text."), "train-1.jsonl": b'{"text": "cut'}
    outcome = at(store, named("acme/damaged", share=1))
    assert len(documents(store, outcome, tmp_path)) == 1
    counts = outcome.metrics["collections"]["collection manuals"]
    assert (counts["read"], counts["quarantined"], counts["broken_files"]) == (2, 1, 1)


def test_pictures_of_a_dataset_are_not_decoded(store: ArtifactStore, hub: Hub, tmp_path: Path) -> None:
    picture = [{"bytes": b"no picture", "path": "a.png"}]
    card = (
        b"---\ndataset_info:\n  features:\n  - name: text\n    dtype: string\n  - name: image\n    dtype: image\n---\n"
    )
    hub.datasets["acme/pictures"] = {"train.parquet": parquet(text=["First text."], image=picture), "README.md": card}
    assert [one.text for one in documents(store, at(store, named("acme/pictures")), tmp_path).values()] == [
        "First text."
    ]


def test_a_hub_that_is_not_asked_or_does_not_answer_is_told(
    store: ArtifactStore, hub: Hub, monkeypatch: pytest.MonkeyPatch
) -> None:
    import datasets

    # the library asks again and again, and waits between
    monkeypatch.setattr("huggingface_hub.utils._http.time.sleep", lambda seconds: None)
    hub.server.shutdown()
    hub.server.server_close()
    with pytest.raises(ServerUnavailableError, match=r"the hub does not answer: ConnectionError.*Try again"):
        at(store, named("acme/gone"))
    monkeypatch.setattr(datasets.config, "HF_HUB_OFFLINE", True)
    with pytest.raises(
        SourceError, match=r"HF_HUB_OFFLINE is set.*GENAI_READ_HUB=true\), or save the dataset to a folder"
    ):
        at(store, named("acme/gone"))
