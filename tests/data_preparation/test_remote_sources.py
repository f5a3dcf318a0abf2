"""Collections behind addresses, in databases and in saved datasets: what is read, made anew, and refused."""

import gzip
import json
import sqlite3
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import ValidationError

from include.artifacts.store import ArtifactStore
from include.core import connections
from include.core.connections import from_environment
from include.core.errors import ConfigurationError, PrerequisiteError, ServerUnavailableError, SourceError
from include.core.settings import settings
from include.data_preparation.aggregate import aggregate
from include.data_preparation.config import AggregateConfig, CollectionConfig, ColumnsConfig
from include.data_preparation.locations.web import _may_have_secrets
from include.data_preparation.sources.undated_sources import Collection
from tests.conftest import free_ports
from tests.data_preparation.reading import PAGE, SAMPLES
from tests.data_preparation.test_collections import MOMENT, at, config, documents

SECRET = "s3cret-token"


class Site:
    """A web server of a test's own: path -> status, headers and body; keeps what was asked for."""

    def __init__(self) -> None:
        self.pages: dict[str, tuple[int, dict[str, str], bytes]] = {}
        self.asked: list[tuple[str, str | None]] = []
        site = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                site.asked.append((self.path, self.headers["Authorization"]))
                status, headers, body = site.pages.get(self.path.partition("?")[0], (404, {}, b""))
                self.send_response(status)
                for name, value in headers.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: Any) -> None:
                """It is quiet."""

        self.server = ThreadingHTTPServer(("127.0.0.1", free_ports(1)), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()


@pytest.fixture
def closed_site() -> Iterator[Site]:
    site = Site()
    yield site
    site.server.shutdown()
    site.server.server_close()


@pytest.fixture
def site(closed_site: Site, monkeypatch: pytest.MonkeyPatch) -> Iterator[Site]:
    """One that the settings let sources read."""
    monkeypatch.setenv("GENAI_PRIVATE_SOURCE_HOSTS", "wiki.example, 127.0.0.1")
    settings.cache_clear()
    yield closed_site
    monkeypatch.undo()
    settings.cache_clear()


def test_a_file_of_the_web_is_read_by_its_name_or_its_type(store: ArtifactStore, site: Site, tmp_path: Path) -> None:
    site.pages["/export.jsonl.gz"] = (200, {}, SAMPLES["a.jsonl.gz"])
    site.pages["/wiki/page"] = (200, {"Content-Type": "text/html; charset=utf-8"}, PAGE.encode())
    site.pages["/packed.csv"] = (200, {"Content-Encoding": "gzip"}, gzip.compress(SAMPLES["a.csv"]))
    found = documents(store, at(store, config(f"{site.url}/export.jsonl.gz")), tmp_path)
    assert sorted(found) == ["collection:manuals:export.jsonl.gz#1", "collection:manuals:export.jsonl.gz#2"]
    (page,) = documents(store, at(store, config(f"{site.url}/wiki/page")), tmp_path).values()
    assert page.title == "How to print" and page.id == "collection:manuals:page"
    assert len(documents(store, at(store, config(f"{site.url}/packed.csv")), tmp_path)) == 2


def test_an_address_is_read_again_where_its_tag_or_its_bytes_differ(store: ArtifactStore, site: Site) -> None:
    tagged, bare = config(f"{site.url}/tagged.txt"), config(f"{site.url}/bare.txt")
    site.pages["/tagged.txt"] = (200, {"ETag": '"one"'}, b"First text.")
    site.pages["/bare.txt"] = (
        200,
        {"ETag": 'W/"one"', "Last-Modified": "Mon, 01 Jan 2026 00:00:00 GMT"},
        b"First text.",
    )
    first = [at(store, one).ref for one in (tagged, bare)]
    assert [at(store, one).ref for one in (tagged, bare)] == first
    site.pages["/tagged.txt"] = (200, {"ETag": '"two"'}, b"Second text.")
    site.pages["/bare.txt"] = (200, *site.pages["/bare.txt"][1:2], b"Second text.")
    assert not any(at(store, one).reused for one in (tagged, bare))


@pytest.mark.parametrize(
    ("status", "headers", "error", "words"),
    [
        (403, {}, SourceError, "may not be read: status 403.*connection that may"),
        (404, {}, SourceError, "not there: status 404.*Correct the address"),
        (503, {}, ServerUnavailableError, "does not answer: status 503"),
        (302, {"Location": "/page.txt"}, SourceError, "more than 5 redirects"),
        (302, {"Location": "file:///etc/passwd"}, SourceError, "leads from http to file"),
        (302, {"Location": "http://localhost:1/"}, SourceError, "localhost is at a private address"),
    ],
)
def test_what_a_server_refuses_is_told_without_the_query(
    store: ArtifactStore, site: Site, status: int, headers: dict[str, str], error: type[Exception], words: str
) -> None:
    site.pages["/page.txt"] = (status, headers, b"")
    with pytest.raises(error, match=words) as caught:
        at(store, config(f"{site.url}/page.txt?key={SECRET}"))
    assert SECRET not in str(caught.value) and f"'{site.url}/page.txt'" in str(caught.value)


def test_a_server_that_is_not_there_may_be_later(store: ArtifactStore, site: Site) -> None:
    with pytest.raises(ServerUnavailableError, match="does not answer: ConnectError"):
        at(store, config(f"http://127.0.0.1:{free_ports(1)}/a.txt"))


def test_private_addresses_are_read_only_where_settings_name_them(store: ArtifactStore, closed_site: Site) -> None:
    closed_site.pages["/page.txt"] = (200, {}, b"Internal text.")
    port = closed_site.server.server_port
    for host in ("127.0.0.1", "localhost", "[::ffff:127.0.0.1]", "169.254.169.254", "10.0.0.1", "[::1]"):
        with pytest.raises(SourceError, match=r"at a private address.*GENAI_PRIVATE_SOURCE_HOSTS"):
            at(store, config(f"http://{host}:{port}/page.txt"))
    assert closed_site.asked == []


def test_a_redirect_is_followed_without_the_credentials_of_another_host(
    store: ArtifactStore, site: Site, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GENAI_PRIVATE_SOURCE_HOSTS", "localhost,127.0.0.1")
    settings.cache_clear()
    monkeypatch.setenv("AIRFLOW_CONN_WIKI", json.dumps({"conn_type": "http", "password": SECRET}))
    other = site.url.replace("127.0.0.1", "localhost")
    site.pages["/page.txt"] = (302, {"Location": f"{other}/moved.txt"}, b"")
    site.pages["/moved.txt"] = (200, {}, b"Moved text.")
    outcome = at(store, config(f"{site.url}/page.txt", connection="wiki"))
    assert [one.text for one in documents(store, outcome, tmp_path).values()] == ["Moved text."]
    assert set(site.asked) == {("/page.txt", f"Bearer {SECRET}"), ("/moved.txt", None)}
    stored = (
        store.manifest(outcome.ref).model_dump_json()
        + (tmp_path / outcome.ref.fingerprint[:12] / "report.html").read_text()
    )
    assert SECRET not in stored


def test_an_address_gives_no_more_than_a_file_may_have(store: ArtifactStore, site: Site) -> None:
    site.pages["/a.txt"] = (200, {}, b"x" * (2 << 20))
    small = config(f"{site.url}/a.txt")
    small = small.model_copy(update={"limits": small.limits.model_copy(update={"max_file_mb": 1})})
    with pytest.raises(SourceError, match="over 1048576 bytes"):
        at(store, small)


class Helpdesk:
    """A database with a table of notes."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "Helpdesk (1).db"
        self.run("create table notes (id integer, body text, subject text, secret text)")
        for number in range(5):
            self.run(f"insert into notes values ({number}, 'Note {number}: 50% of it', 'Subject {number}', 'x')")

    def run(self, statement: str) -> None:
        with sqlite3.connect(self.path) as database:
            database.execute(statement)

    def config(self, query: str = "select id, body, subject from notes order by id", **source: Any) -> Any:
        columns = ColumnsConfig(text="body", title="subject", id="id")
        return config("sql:helpdesk", **({"query": query, "columns": columns} | source))


@pytest.fixture
def helpdesk(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Helpdesk:
    found = Helpdesk(tmp_path)
    # another test of this process may have loaded Airflow's plugin, which looks them up there
    monkeypatch.setattr(connections, "_lookup", [from_environment])
    monkeypatch.setenv("AIRFLOW_CONN_HELPDESK", json.dumps({"conn_type": "sqlite", "host": str(found.path)}))
    return found


def test_the_rows_of_a_query_are_records(store: ArtifactStore, helpdesk: Helpdesk, tmp_path: Path) -> None:
    found = documents(store, at(store, helpdesk.config()), tmp_path)
    assert sorted(found) == [f"collection:manuals:{number}" for number in range(5)]
    assert (found["collection:manuals:3"].title, found["collection:manuals:3"].text) == (
        "Subject 3",
        "Note 3: 50% of it",
    )


def test_a_database_is_read_again_where_its_rows_differ_and_not_their_order(
    store: ArtifactStore, helpdesk: Helpdesk
) -> None:
    first = at(store, helpdesk.config())
    helpdesk.run("update notes set secret = 'y'")
    assert at(store, helpdesk.config()).ref == first.ref
    # the query is part of the configuration: only the state is compared here
    states = [
        aggregate.parts(store, {"as_of": MOMENT, "config": helpdesk.config(f"select * from notes order by id {way}")})
        for way in ("asc", "desc")
    ]
    assert states[0].config["observed"] == states[1].config["observed"]
    helpdesk.run("update notes set body = 'Other' where id = 2")
    assert not at(store, helpdesk.config()).reused
    quick = helpdesk.config(state_query="select count(*) from notes")
    at(store, quick)
    helpdesk.run("update notes set body = 'Another' where id = 2")
    assert at(store, quick).reused
    helpdesk.run("delete from notes where id = 2")
    assert at(store, quick).metrics["documents"] == 4


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ("select id, body from missing", "query fails: no such table: missing.*Correct the query"),
        ("with gone as (select 1) delete from notes returning id, body", "query fails: attempt to write a readonly"),
        ("select id, subject from notes", "gives no column body"),
        ("select 1 as id, body from notes", "two rows have the same id and differ.*unique"),
        ("select id, body from notes where id > 9", "there is no record in sql:helpdesk"),
    ],
)
def test_a_query_that_does_not_give_records_is_named(
    store: ArtifactStore, helpdesk: Helpdesk, query: str, words: str
) -> None:
    with pytest.raises(SourceError, match=rf"collections\.manuals\.location = 'sql:helpdesk'.*{words}"):
        at(store, helpdesk.config(query))


def test_a_row_that_is_no_record_is_quarantined(store: ArtifactStore, helpdesk: Helpdesk) -> None:
    helpdesk.run("insert into notes values (9, x'00ff', 'bytes', ''), (null, 'Nameless', '', ''), (10, null, '', '')")
    counts = at(store, helpdesk.config(share=1)).metrics["collections"]["collection manuals"]
    assert (counts["read"], counts["documents"], counts["quarantined"]) == (8, 5, 3)


def test_a_database_that_cannot_be_opened_is_named_without_its_password(
    store: ArtifactStore, helpdesk: Helpdesk, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    port = free_ports(1)
    for value, error, words in (
        (f"postgres://me:{SECRET}@127.0.0.1:{port}/notes", ServerUnavailableError, "does not answer"),
        (f"nosuch://me:{SECRET}@host/notes", PrerequisiteError, "no driver"),
        (f"sqlite:///{tmp_path}/none.db", SourceError, "cannot be opened: unable to open"),
        (f"{{{SECRET}", ConfigurationError, r"AIRFLOW_CONN_HELPDESK = '\*\*\*'"),
        ("", ConfigurationError, "no such connection"),
    ):
        monkeypatch.setenv("AIRFLOW_CONN_HELPDESK", value)
        with pytest.raises(error, match=words) as caught:
            at(store, helpdesk.config())
        assert SECRET not in str(caught.value) and not (tmp_path / "none.db").exists()


def test_a_connection_is_read_as_airflow_writes_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_A", f"postgres://me%40x:{SECRET}@Host:5433/notes?sslmode=require")
    found = from_environment("a")
    assert (found.kind, found.login, found.host, found.port) == ("postgres", "me@x", "Host", 5433)
    assert (found.database, found.extra) == ("notes", {"sslmode": "require"}) and SECRET not in repr(found)
    monkeypatch.setenv("AIRFLOW_CONN_A", "sqlite://%2Fdata%2FNotes.db")
    assert from_environment("a").host == "/data/Notes.db"


def test_a_saved_dataset_gives_its_rows_by_split(store: ArtifactStore, tmp_path: Path) -> None:
    import datasets

    datasets.disable_progress_bars()
    train = datasets.Dataset.from_dict({"text": ["One.", "Two.", None], "n": [1, 2, 3]})
    train.select([0, 1]).save_to_disk(tmp_path / "one")
    both = datasets.DatasetDict({"train": train, "test": train.select([1])})
    both.save_to_disk(tmp_path / "both")

    found = documents(store, at(store, config(f"dataset:{tmp_path}/one")), tmp_path)
    assert {name: one.text for name, one in found.items()} == {
        "collection:manuals:rows#1": "One.",
        "collection:manuals:rows#2": "Two.",
    }
    outcome = at(store, config(f"dataset:{tmp_path}/both", share=0.3))
    assert sorted(documents(store, outcome, tmp_path)) == [
        "collection:manuals:test#1", "collection:manuals:train#1", "collection:manuals:train#2",
    ]  # fmt: skip
    assert at(store, config(f"dataset:{tmp_path}/both", share=0.3)).reused
    assert outcome.metrics["collections"]["collection manuals"]["quarantined"] == 1

    arrow = next((tmp_path / "one").glob("*.arrow"))
    arrow.write_bytes(arrow.read_bytes()[:100])
    with pytest.raises(SourceError, match=r"rows:1 damaged: "):
        at(store, config(f"dataset:{tmp_path}/one"))
    for folder in ("none", "."):
        with pytest.raises(SourceError, match=r"no folder that `datasets` saved.*save_to_disk"):
            at(store, config(f"dataset:{tmp_path}/{folder}"))


@pytest.mark.parametrize(
    ("wrong", "words"),
    [
        ({"location": f"https://me:{SECRET}@wiki/a"}, "name an Airflow connection"),
        ({"location": "https:///a"}, "without a host"),
        ({"location": f"sql:postgres://me:{SECRET}@db/a", "query": "select 1"}, "the id of an Airflow connection"),
        ({"location": "sql:db"}, "needs query"),
        ({"location": "sql:db", "query": "select 1"}, "needs columns.id"),
        ({"location": "sql:db", "query": "drop table a"}, "not one SELECT"),
        ({"location": "sql:db", "query": "select 1; drop table a"}, "not one SELECT"),
        ({"location": "hub:acme/notes"}, "needs revision"),
        ({"location": "hub:../notes/a", "revision": "a" * 40}, "a dataset's name"),
        ({"location": "manuals", "query": "select 1"}, "query means nothing"),
    ],
)
def test_locations_that_cannot_be_meant_are_refused(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ValidationError, match=words):
        CollectionConfig(**{"name": "manuals", "license": "MIT"} | wrong)


@pytest.mark.parametrize(
    ("named", "address", "expected"),
    [
        ("https://a.org/x", "https://a.org:443/y", True),
        ("http://a.org/x", "https://a.org/y", True),
        ("https://a.org/x", "https://a.org:8443/y", False),
        ("http://a.org:8080/x", "http://a.org/y", False),
        ("https://a.org/x", "https://b.org/y", False),
    ],
)
def test_credentials_stay_with_the_server_that_was_named(named: str, address: str, expected: bool) -> None:
    assert _may_have_secrets(httpx.URL(address), named) is expected


def test_an_error_about_a_source_does_not_show_its_query() -> None:
    source = CollectionConfig(name="page", location="https://a.org/x.csv?token=k3y", license="MIT")
    collection = Collection(None, source, AggregateConfig(collections=(source,)))  # type: ignore[arg-type]
    with pytest.raises(SourceError) as raised:
        collection._require_enough()
    assert "k3y" not in str(raised.value) and "https://a.org/x.csv" in str(raised.value)
