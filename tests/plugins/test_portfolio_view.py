"""The comparison of all use cases inside Airflow's own API server application."""

from pathlib import Path
from typing import Any

import pytest

from include.core.settings import PROJECT_ROOT, settings
from tests.plugins.conftest import token_of

SAMPLE = PROJECT_ROOT / "include" / "use_cases" / "python_assistant.yaml"
PAGE = "/genai/portfolio"


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("GENAI_USE_CASES_FOLDER", str(tmp_path))
    settings.cache_clear()
    (tmp_path / "assistant.yaml").write_text(SAMPLE.read_text())
    (tmp_path / "secret.yaml").write_text(SAMPLE.read_text().replace("An assistant for", "A secret of"))
    (tmp_path / "broken.yaml").write_text("<script>alert(1)</script>")
    yield tmp_path
    settings.cache_clear()


def test_the_page_is_for_signed_in_users_who_may_read_dags(client: Any, token: str, folder: Path) -> None:
    assert client.get(PAGE).status_code == client.get(f"{PAGE}.json").status_code == 401
    nobody = {"Authorization": f"Bearer {token_of(None)}"}
    assert client.get(PAGE, headers=nobody).status_code == 403
    page = client.get(PAGE, headers={"Authorization": f"Bearer {token}"})

    assert page.status_code == 200 and '<a href="/dags/assistant">' in page.text
    assert "<script>" not in page.text and "broken" in page.text
    policy = page.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy and "script-src 'nonce-" in policy
    assert page.headers["Cache-Control"] == "no-store"
    told = client.get(f"{PAGE}.json", headers={"Authorization": f"Bearer {token}"}).json()
    assert [one["name"] for one in told["ranked"]] == ["assistant", "secret"]


def test_nobody_sees_a_use_case_whose_dag_they_may_not_read(
    client: Any, token: str, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.api_fastapi.app import get_auth_manager

    def only_one(*, method: str, user: Any, details: Any = None, access_entity: Any = None) -> bool:
        return details is None or details.id in (None, "assistant")

    monkeypatch.setattr(get_auth_manager(), "is_authorized_dag", only_one)
    page = client.get(PAGE, headers={"Authorization": f"Bearer {token}"})

    assert page.status_code == 200 and "An assistant for" in page.text
    assert "secret" not in page.text and "broken" not in page.text


def test_the_page_is_in_the_menu(client: Any) -> None:
    found = client.get("/api/v2/plugins", headers={"Authorization": f"Bearer {token_of('admin')}"}).json()
    (genai,) = [plugin for plugin in found["plugins"] if plugin["name"] == "genai"]
    entries = {view["name"]: view for view in genai["external_views"] if view["destination"] == "nav"}
    assert (entries["Portfolio"]["href"], entries["Portfolio"].get("url_route")) == (PAGE, None)
