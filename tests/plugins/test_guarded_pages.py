"""Every address that the plugin adds to Airflow, whatever it is: nothing without a user, no page without its policy."""

import re
import sys
import uuid
from typing import Any

import pytest
from fastapi.routing import APIRoute

from include.artifacts.bucket import Bucket
from include.inferencing import champion
from include.inferencing.scaling.scale import Change, Scale, change_scale
from include.use_cases import load_use_case
from tests.conftest import ObjectStoreServer
from tests.plugins import made_cases
from tests.plugins.sample_workflow import connection_json

pytestmark = pytest.mark.usefixtures("airflow_database")

VALUES = {"dag_id": "python_assistant", "run_id": "manual", "task_id": "strategy.charter"}
ANOTHER = "request_routing"
# styles and scripts, the same for everybody
PUBLIC = "/genai/assets/"


@pytest.fixture(autouse=True)
def nothing_ran(object_store_server: ObjectStoreServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """An empty bucket behind the connection: what pages show then is no reason to show it otherwise."""
    address = object_store_server.address(bucket="guarded-pages")
    Bucket(address).ensure()
    monkeypatch.setenv("AIRFLOW_CONN_GENAI_STORE", connection_json(address))


def routes(found: Any) -> list[APIRoute]:
    """All of an application, those of routers that it includes among them."""
    inner = [one for route in getattr(found, "routes", []) for one in routes(getattr(route, "original_router", None))]
    return [route for route in getattr(found, "routes", []) if isinstance(route, APIRoute)] + inner


def addresses() -> list[tuple[str, str]]:
    """Method and address of each, with values for the names in its path."""
    import genai_plugin

    [plugged] = genai_plugin.GenaiPlugin().fastapi_apps
    return [
        (method, plugged["url_prefix"] + re.sub(r"\{(\w+)(:\w+)?\}", lambda name: VALUES.get(name[1], "x"), route.path))
        for route in routes(plugged["app"])
        for method in sorted(route.methods)
    ]


def test_no_address_answers_who_is_not_signed_in(client: Any) -> None:
    guarded = [(method, path) for method, path in addresses() if not path.startswith(PUBLIC)]
    known = {
        "/genai/workflow",
        "/genai/portfolio",
        "/genai/plan/python_assistant/page",
        "/genai/lineage/python_assistant",
    }
    assert known <= {path for _, path in guarded}
    answers = {(method, path): client.request(method, path).status_code for method, path in guarded}
    assert set(answers.values()) <= {401, 403}, answers


def test_no_page_runs_loads_or_is_framed_but_by_its_own_policy(client: Any, token: str) -> None:
    pages = 0
    for path in (path for method, path in addresses() if method == "GET"):
        answer = client.get(path, headers={"Authorization": f"Bearer {token}"})
        if "text/html" not in answer.headers.get("content-type", ""):
            continue
        pages += 1
        policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["Content-Security-Policy"].split(";"))
        assert policy["default-src"] == "'none'", path
        assert policy["base-uri"] == "'none'" and policy["frame-ancestors"] == "'self'", path
        assert "unsafe" not in policy.get("script-src", "") and "*" not in " ".join(policy.values()), path
        assert answer.headers["X-Content-Type-Options"] == "nosniff", path
        assert not re.search(r"""(src|action)=["']?(https?:)?//""", answer.text), path
    assert pages >= 5


def test_who_may_read_one_dag_sees_nothing_of_another_on_any_address(
    client: Any, token: str, object_store_server: ObjectStoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.api_fastapi.app import get_auth_manager

    store = object_store_server.store(bucket=f"apart-{uuid.uuid4().hex[:12]}")
    store.bucket.ensure()
    monkeypatch.setenv("AIRFLOW_CONN_GENAI_STORE", connection_json(store.bucket.address))
    closed, operations, run = "python_assistant", "python_assistant_operations", VALUES["run_id"]
    # runs of both DAGs may have the same name
    name = made_cases.run_name(closed, run)
    gate = made_cases.make_verdict(store, name, made_cases.make_charter(store, name))
    look = made_cases.commit(store, "report", "inferencing.operations.cost", {}, inputs={"gate": gate})
    made_cases.keep_record(store, made_cases.run_name(operations, run), "cost", look)
    alias, _ = champion.read_alias(store.bucket, closed)
    assert alias.champion
    served = alias.champion.model_name
    secrets = ("monthly cost 36.5", gate.fingerprint, alias.champion.package.fingerprint, served)
    secrets = (*secrets, load_use_case(closed).title)
    # all use cases share the servers
    reason = f"{served} 7.25/s by trend: 2 instances needed"
    change = Change(at="2026-11-28T03:00:00+00:00", servers=2, instances={served: 2}, reason=reason)
    scale = Scale(servers=2, wanted=2, instances={served: 2}, since=change.at, reason=reason, changes=(change,))
    change_scale(store.bucket, lambda _: scale)

    def seen(dag: str) -> dict[tuple[str, str], Any]:
        """The answer of each address, of the lineage for all that it may be asked of."""
        of = [(method, path.replace(closed, dag)) for method, path in addresses() if not path.startswith(PUBLIC)]
        more = [f"/genai/lineage/{dag}?run={run}", f"/genai/lineage/{dag}?artifact={gate.step}/{gate.fingerprint}"]
        headers = {"Authorization": f"Bearer {token}"}
        asked = [*of, *(("GET", path) for path in more)]
        return {(method, path): client.request(method, path, headers=headers) for method, path in asked}

    whole = "".join(answer.text for answer in seen(closed).values())
    assert [secret for secret in secrets if secret not in whole] == []

    def all_but_closed(*, method: str, user: Any, details: Any = None, access_entity: Any = None) -> bool:
        return details is None or details.id != closed

    monkeypatch.setattr(get_auth_manager(), "is_authorized_dag", all_but_closed)
    answers = seen(closed)
    named = {answer.status_code for (_, path), answer in answers.items() if closed in path}
    assert named == {403}, answers
    another = seen(ANOTHER)
    assert "2 servers" in another["GET", f"/genai/workflow/{ANOTHER}"].text
    for (method, path), answer in (answers | seen(operations) | another).items():
        # what was asked for may be said again
        told = [secret for secret in (*secrets, "7.25/s") if secret in answer.text and secret not in path]
        assert told == [], (method, path)


def test_pages_that_cannot_be_loaded_stop_no_api_server_and_say_so(
    client: Any, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    import genai_plugin
    from airflow import plugins_manager
    from airflow.api_fastapi.app import init_plugins
    from fastapi import FastAPI
    from fastapi.testclient import TestClient

    # as with a library that is gone
    monkeypatch.setitem(sys.modules, "genai_airflow.views.app", None)
    plugins_manager.get_fastapi_plugins.cache_clear()
    server = FastAPI()
    try:
        init_plugins(server)
    finally:
        plugins_manager.get_fastapi_plugins.cache_clear()

    with TestClient(server) as asked:
        answers = [asked.get(f"/genai{path}") for path in ("/workflow", "/reports/a/b/c?map_index=-1")]
    assert {answer.status_code for answer in answers} == {503}
    assert {answer.text for answer in answers} == {genai_plugin.UNLOADED}
    assert "genai_airflow.views.app" in caplog.text
