"""Every address that the plugin adds to Airflow, whatever it is: nothing without a user, no page without its policy."""

import re
from typing import Any

import pytest
from fastapi.routing import APIRoute

pytestmark = pytest.mark.usefixtures("airflow_database", "sample")

VALUES = {"dag_id": "sample", "run_id": "manual", "task_id": "strategy.charter"}


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
    assert {"/genai/portfolio", "/genai/plan/sample/page", "/genai/review/sample/page"} <= {
        path for _, path in addresses()
    }
    answers = {(method, path): client.request(method, path).status_code for method, path in addresses()}
    assert set(answers.values()) <= {401, 403}, answers


def test_no_page_runs_loads_or_is_framed_but_by_its_own_policy(client: Any, token: str, first_run: Any) -> None:
    pages = 0
    for method, path in addresses():
        if method != "GET":
            continue
        answer = client.get(path.replace("manual", first_run.run_id), headers={"Authorization": f"Bearer {token}"})
        if "text/html" not in answer.headers.get("content-type", ""):
            continue
        pages += 1
        policy = dict(part.strip().partition(" ")[::2] for part in answer.headers["Content-Security-Policy"].split(";"))
        assert policy["default-src"] == "'none'", path
        assert policy["base-uri"] == "'none'" and policy["frame-ancestors"] == "'self'", path
        assert "unsafe" not in policy.get("script-src", "") and "*" not in answer.headers["Content-Security-Policy"], (
            path
        )
        assert answer.headers["X-Content-Type-Options"] == "nosniff", path
        assert not re.search(r"""(src|href|action)=["']?(https?:)?//""", answer.text), path
    assert pages >= 3
