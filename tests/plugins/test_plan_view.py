"""What people and the command line get where a plan cannot be made, and what making the real one costs."""

import json
import os
import subprocess
import sys
from typing import Any

import pytest

from include.artifacts.store import ArtifactStore
from include.core.settings import PROJECT_ROOT
from tests.plugins.conftest import token_of
from tests.plugins.sample_workflow import connection_json


@pytest.mark.parametrize(
    ("dag", "options", "message"),
    [
        ("broken", {}, "customization.lora.rnk = 8: unknown key. Did you mean rank?"),
        ("sample", {"overrides": {"customization.lora.rank": "<script>"}}, "<script>"),
        ("sample", {"as_of": "<b>"}, "not a moment"),
        ("sample", {"as_of": "2100-01-01"}, "lies in the future"),
    ],
)
def test_a_wrong_option_is_a_400(
    client: Any, token: str, plans: ArtifactStore, dag: str, options: dict[str, Any], message: str
) -> None:
    answer = client.post(f"/genai/plan/{dag}", json=options, headers={"Authorization": f"Bearer {token_of('user')}"})

    assert answer.status_code == 400 and message in answer.json()["detail"]
    assert answer.headers["Content-Type"] == "application/json"
    page = client.get("/genai/plan/broken/page", headers={"Authorization": f"Bearer {token}"})
    assert page.status_code == 400 and "<script>" not in page.text


def test_an_unreachable_store_is_a_503(
    client: Any, token: str, plans: ArtifactStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    nowhere = plans.bucket.address.model_copy(update={"endpoint": "127.0.0.1:1"})
    monkeypatch.setenv("AIRFLOW_CONN_GENAI_STORE", connection_json(nowhere))
    answer = client.post("/genai/plan/sample", json={}, headers={"Authorization": f"Bearer {token_of('user')}"})

    assert answer.status_code == 503 and "did not answer" in answer.json()["detail"]


REAL = """
import json, sys, time
from tests.plugins import airflow_home
from genai_airflow.plan import plan
from genai_airflow.planned_run import read_dag
from genai_airflow.store_connection import open_store
store = open_store()
started = time.process_time()
told = plan(read_dag("python_assistant"), store)
heavy = ["torch", "transformers", "deepspeed", "peft", "datasets", "presidio_analyzer", "spacy", "sdv", "pandas",
         "pyarrow", "openvino"]
print(json.dumps({"seconds": time.process_time() - started, "heavy": [name for name in heavy if name in sys.modules],
                  "tasks": len(told.tasks), "states": sorted({task.state for task in told.tasks})}))
"""


def test_planning_the_real_workflow_is_quick_and_imports_nothing_heavy(plans: ArtifactStore) -> None:
    environment = os.environ | {"PYTHONPATH": str(PROJECT_ROOT)}
    line = [sys.executable, "-c", REAL]
    done = subprocess.run(line, cwd=PROJECT_ROOT, capture_output=True, text=True, env=environment)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout.splitlines()[-1])

    assert found["heavy"] == []
    assert found["tasks"] > 20
    assert found["seconds"] < 4, "seconds of the processor: a page that people wait for"


def test_the_plugin_adds_tabs_to_the_dag(client: Any, token: str) -> None:
    found = client.get("/api/v2/plugins", headers={"Authorization": f"Bearer {token_of('admin')}"}).json()
    (genai,) = [plugin for plugin in found["plugins"] if plugin["name"] == "genai"]
    tabs = {view["name"]: view["href"] for view in genai["external_views"] if view["destination"] == "dag"}
    assert tabs == {
        "Workflow": "/genai/workflow/{DAG_ID}",
        "Lineage": "/genai/lineage/{DAG_ID}",
        "Plan": "/genai/plan/{DAG_ID}/page",
        "Review": "/genai/review/{DAG_ID}/page",
    }
