"""Loss curves of a race while it goes on: what is live, what has ended, and what is of an earlier run."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from include.artifacts.manifest import RunName
from include.artifacts.store import ArtifactStore
from include.distributed.meter import CURVES
from include.overview.curves import TRAININGS, LiveTask, read_curves
from include.overview.kept import Kept, Reader
from include.overview.records import read_records
from tests.plugins import made_cases, made_runs
from tests.plugins.made_full_case import losses, write_curves
from tests.plugins.test_overview_case import a_name, sections, user

pytestmark = pytest.mark.usefixtures("airflow_database")
TUNE = "customization.tune"
TO_THE_RACE = {"strategy": "success", "data_preparation": "success", "training": "success"}


def trained(store: ArtifactStore, run: RunName, task: str, *techniques: str) -> None:
    """Trainings that have ended, of as many mapped instances."""
    for index, name in enumerate(techniques):
        ref = made_cases.commit(store, "adapter", TUNE, {"adapter_info.json": {"technique": name}})
        made_cases.keep_record(store, run, task, ref, index, technique=name, steps=60)
        key = CURVES.format(step=ref.step, fingerprint=ref.fingerprint)
        write_curves(store.bucket, key, losses(60, 4.2, 2.9), 60)


def shown(store: ArtifactStore, use_case: str, *live: LiveTask) -> set[tuple[str, str, bool]]:
    """Task, technique and whether it is live, of each curve."""
    reader = Reader(store, Kept())
    curves = read_curves(reader, read_records(reader, use_case, TRAININGS), live)
    return {(curve.task, curve.name, curve.live) for curve in curves}


def test_techniques_that_have_ended_stay_while_another_trains_and_earlier_races_do_not(cases: ArtifactStore) -> None:
    name, rung = a_name("race"), "customization.rung_1.tune"
    before = made_cases.run_name(name, "before", datetime.now(UTC) - timedelta(days=1))
    now = made_cases.run_name(name, "now", datetime.now(UTC))
    trained(cases, before, rung, "lora", "dpo", "prompt_tuning")
    trained(cases, before, TUNE, "lora", "dpo")
    last = {(TUNE, "lora", False), (TUNE, "dpo", False)}
    whole = last | {(rung, technique, False) for technique in ("lora", "dpo", "prompt_tuning")}
    assert shown(cases, name) == whole

    first = LiveTask("now", rung, 0, "lora", "")
    assert shown(cases, name, first) == {(rung, "lora", True)}
    trained(cases, now, rung, "lora")
    second = LiveTask("now", rung, 1, "dpo", "")
    assert shown(cases, name, second) == {(rung, "lora", False), (rung, "dpo", True)}
    # between two of them, too
    assert shown(cases, name) == {(rung, "lora", False)}
    # another step's are of the race that has ended
    assert shown(cases, name, LiveTask("later", "training.pretrain", -1, "", "")) == {
        (rung, "lora", False),
        ("training.pretrain", "from scratch", True),
    }


@pytest.mark.parametrize(
    ("state", "tune", "follows", "badge"),
    [
        ("running", "running", True, True),
        ("running", "queued", True, False),
        ("running", "", True, False),
        ("running", "success", False, False),
        ("failed", "", False, False),
    ],
)
def test_a_page_follows_a_run_until_its_last_training_has_ended(
    client: Any, cases: ArtifactStore, tmp_path: Path, state: str, tune: str, follows: bool, badge: bool
) -> None:
    name = a_name("between")
    made_cases.write_files(tmp_path, [name])
    made_runs.airflow_run(name, TO_THE_RACE | ({TUNE: tune} if tune else {}), state=state)
    path = f"/genai/workflow/{name}"

    curves = sections(client.get(path, headers=user()).text)["h-curves"]

    assert (f'data-live="{path}/live.json"' in curves, ">live<" in curves) == (follows, badge)
    assert client.get(f"{path}/live.json", headers=user()).json()["live"] is follows
