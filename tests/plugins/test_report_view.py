"""The report view inside Airflow's own API server application."""

from typing import Any

import pytest

pytestmark = pytest.mark.usefixtures("airflow_database", "sample")


def test_a_report_is_served_to_a_user_only(client: Any, token: str, first_run: Any) -> None:
    from genai_airflow.report_link import report_path

    path = report_path("sample", first_run.run_id, "strategy.charter")
    mapped = report_path("sample", first_run.run_id, "data_preparation.clean", 1)
    user = {"Authorization": f"Bearer {token}"}

    assert client.get(path).status_code == 401
    assert client.get(path, headers={"Authorization": "Bearer nonsense"}).status_code in (401, 403)
    page = client.get(path, headers=user)
    assert page.status_code == 200 and "<h1>strategy.charter</h1>" in page.text
    assert "<script" not in page.text
    assert "default-src 'none'" in page.headers["Content-Security-Policy"]
    assert page.headers["X-Content-Type-Options"] == "nosniff"
    assert client.get(path.replace("map_index=-1", "map_index={MAP_INDEX}"), headers=user).text == page.text
    assert "data_preparation.clean" in client.get(mapped, headers=user).text


@pytest.mark.parametrize(
    "path",
    [
        "/genai/reports/sample/no-such-run/strategy.charter",
        "/genai/reports/sample/manual/no_such_task?map_index=3",
        "/genai/reports/sample/manual/..%2F..%2Fetc%2Fpasswd",
        "/genai/reports/sample/..%2f..%2f/strategy.charter",
        "/genai/reports/<script>/x/y",
    ],
)
def test_what_is_not_there_is_a_404(client: Any, token: str, path: str) -> None:
    answer = client.get(path, headers={"Authorization": f"Bearer {token}"})

    assert answer.status_code == 404
    assert "<script>" not in answer.text


@pytest.mark.parametrize("index", [-2, 2**31, 10**20])
def test_an_index_that_no_task_has_is_refused(client: Any, token: str, index: int) -> None:
    path = f"/genai/reports/sample/r/t?map_index={index}"
    assert client.get(path, headers={"Authorization": f"Bearer {token}"}).status_code == 422
