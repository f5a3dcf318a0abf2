"""OpenLineage events of tasks, as Airflow's own provider sends them to a catalogue; and none where there is none."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest

from include.core.errors import ConfigurationError
from include.core.settings import PROJECT_ROOT, Settings, read_settings
from include.local.airflow import lineage_events, variables
from tests.conftest import ObjectStoreServer
from tests.plugins import one_run, sample_workflow

LISTENERS = """
from airflow.providers.openlineage.plugins.openlineage import OpenLineageProviderPlugin
print(len(OpenLineageProviderPlugin.listeners))
"""


class Catalogue:
    """Keeps the events that it is sent."""

    def __init__(self) -> None:
        events: list[dict[str, Any]] = []

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                events.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
                self.send_response(201)
                self.end_headers()

            def log_message(self, format: str, *arguments: object) -> None:
                """Quiet."""

        self.events, self.server = events, ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        Thread(target=self.server.serve_forever, daemon=True).start()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server.server_port}"

    def of(self, task: str, kind: str) -> list[dict[str, Any]]:
        """A task's events of a kind."""
        job = f"sample.{task}"
        return [event for event in self.events if event["job"]["name"] == job and event["eventType"] == kind]


def python(url: str, *arguments: str, **extra: str) -> str:
    """What a Python prints whose Airflow is configured as the local stack's is with this setting."""
    options = variables({"openlineage": lineage_events(Settings(openlineage_url=url))})
    environment = os.environ | options | extra
    environment.pop("PYTEST_VERSION", None)
    line = [sys.executable, *arguments]
    done = subprocess.run(line, cwd=PROJECT_ROOT, env=environment, capture_output=True, text=True, timeout=300)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    return done.stdout


@pytest.fixture(scope="module")
def catalogue(object_store_server: ObjectStoreServer, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Catalogue]:
    """A catalogue after a run to a gate that is not passed."""
    found = Catalogue()
    connection = sample_workflow.connection_json(object_store_server.address())
    state = str(tmp_path_factory.mktemp("events"))
    python(found.url, "-m", one_run.__name__, AIRFLOW_CONN_GENAI_STORE=connection, GENAI_STATE_FOLDER=state)
    yield found
    found.server.shutdown()


def test_a_task_s_events_name_its_artifacts(catalogue: Catalogue) -> None:
    (aggregated,) = catalogue.of("data_preparation.aggregate", "COMPLETE")[0]["outputs"]
    cleaned = catalogue.of("data_preparation.clean", "COMPLETE")

    assert len(catalogue.of("data_preparation.clean", "START")) == len(cleaned) == 3
    assert aggregated["namespace"] == "s3://genai"
    assert aggregated["name"].startswith("data_preparation/aggregate/")
    known = aggregated["facets"]["genai_artifact"]
    assert (known["kind"], known["step"]) == ("dataset", "data_preparation.aggregate")
    assert known["fingerprint"] in aggregated["name"]
    assert known["digest"] == aggregated["facets"]["version"]["datasetVersion"]
    assert isinstance(known["reused"], bool)
    (repeated,) = catalogue.of("data_preparation.find_boilerplate", "COMPLETE")[0]["outputs"]
    for event in cleaned:
        assert {source["name"] for source in event["inputs"]} == {aggregated["name"], repeated["name"]}
    assert len({event["outputs"][0]["name"] for event in cleaned}) == 3


def test_a_gate_that_is_not_passed_names_what_it_read_and_its_report(catalogue: Catalogue) -> None:
    (failed,) = catalogue.of(one_run.LAST, "FAIL")

    (deduplicated,) = catalogue.of("data_preparation.deduplicate", "COMPLETE")[0]["outputs"]
    assert [source["name"] for source in failed["inputs"]] == [deduplicated["name"]]
    assert failed["outputs"][0]["name"].startswith("data_preparation/label/")


def test_no_secret_is_in_any_event(catalogue: Catalogue, object_store_server: ObjectStoreServer) -> None:
    text = json.dumps(catalogue.events)
    address = object_store_server.address()
    assert address.access_key not in text
    assert address.secret_key.get_secret_value() not in text


def test_without_a_catalogue_nothing_listens() -> None:
    assert python("", "-c", LISTENERS).split()[-1] == "0"
    assert python("http://127.0.0.1:1", "-c", LISTENERS).split()[-1] == "1"


def test_a_catalogue_is_an_address() -> None:
    with pytest.raises(ConfigurationError, match="GENAI_OPENLINEAGE_URL"):
        read_settings({"GENAI_OPENLINEAGE_URL": "catalogue:5000"})
