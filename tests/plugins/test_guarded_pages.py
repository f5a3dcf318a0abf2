"""Every address that the plugin adds to Airflow, whatever it is: nothing without a user, no page without its policy."""

import re
from typing import Any

import pytest
from fastapi.routing import APIRoute

from include.artifacts.bucket import Bucket
from tests.conftest import ObjectStoreServer
from tests.plugins.sample_workflow import connection_json

pytestmark = pytest.mark.usefixtures("airflow_database")

VALUES = {"dag_id": "python_assistant", "run_id": "manual", "task_id": "strategy.charter"}
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

    [plugged] = genai_plugin.GenaiPlugin.fastapi_apps
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
