"""The page of one run's results: the last try of each task, whatever the try before has left."""

import re
from typing import Any

import pytest

from include.artifacts.store import ArtifactStore
from tests.plugins import made_cases, made_runs
from tests.plugins.test_overview_case import a_name, user, words

pytestmark = pytest.mark.usefixtures("airflow_database")
STATES = {
    "data_preparation.clean": "success",
    "data_preparation.label": "failed",
    "training.pretrain": "running",
    "training.evaluate": "up_for_retry",
    "customization.gate": "failed",
}


def test_a_task_that_was_cleared_is_as_airflow_says_and_a_gate_that_does_not_pass_as_its_record_says(
    client: Any, cases: ArtifactStore
) -> None:
    name = a_name("results")
    made_runs.airflow_run(name, STATES, state="running")
    run = made_cases.run_name(name)
    for task in STATES:
        ref = made_cases.commit(cases, "report", task, {})
        passed = {"passed": False} if task in ("customization.gate", "training.evaluate") else {}
        made_cases.keep_record(cases, run, task, ref, **passed)

    page = client.get(f"/genai/runs/{name}/{made_runs.RUN}", headers=user()).text
    found = dict(re.findall(r'<th scope="row">(.*?)</th><td>(.*?)</td>', page, re.S))

    assert {task: words(state) for task, state in found.items()} == {
        "data_preparation.clean": "ran",
        "data_preparation.label": "failed",
        "training.pretrain": "running",
        "training.evaluate": "up for retry",
        "customization.gate": "not passed",
    }
    assert "2 ran in 19.0 s of work" in words(page) and page.count("/genai/reports/") == 2
