"""Which of a use case's runs its pages tell of, and what anybody's conf and XComs may do to them."""

import uuid
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from include.artifacts.store import ArtifactStore
from tests.plugins import made_cases, made_full_case, made_runs
from tests.plugins.test_overview import PAGE, names, rows, user, words

pytestmark = pytest.mark.usefixtures("airflow_database")


def set_run(use_case: str, run_id: str, **values: Any) -> None:
    """A run with other columns."""
    from airflow.models.dagrun import DagRun
    from airflow.utils.session import create_session
    from sqlalchemy import update

    with create_session() as session:
        session.execute(update(DagRun).where(DagRun.dag_id == use_case, DagRun.run_id == run_id).values(**values))


def run_told(use_case: str, as_of: str, state: str = "failed") -> str:
    """A run by hand, later than all others, that was told its moment; its id."""
    run_id = f"manual__{uuid.uuid4().hex}"
    later = made_runs.MOMENT + timedelta(hours=1)
    made_runs.airflow_run(use_case, {"strategy": "failed"}, state=state, run_id=run_id, as_of=later)
    undated = dict.fromkeys(("logical_date", "data_interval_start", "data_interval_end"))
    set_run(use_case, run_id, conf={"as_of": as_of, "force_rerun": False}, **undated)
    return run_id


def statuses(client: Any, *use_cases: str) -> Sequence[int]:
    """Of all pages that tell of runs."""
    paths = [PAGE, *(f"{PAGE}/{name}{rest}" for name in use_cases for rest in ("", "/live.json"))]
    return [client.get(path, headers=user()).status_code for path in paths]


@pytest.mark.parametrize(
    "moment", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-14:00", "9999-01-01", "now", "0001-01-01"]
)
def test_no_moment_that_a_run_is_told_takes_a_page_down_or_hides_the_present(
    client: Any, cases: ArtifactStore, tmp_path: Path, moment: str
) -> None:
    well, hostile, alone = names("well", "hostile", "alone")
    made_cases.write_files(tmp_path, [well, hostile, alone])
    for name in (well, hostile):
        made_cases.make_case(cases, name)
    run_told(hostile, moment)
    run_told(alone, moment)

    assert set(statuses(client, hostile, alone)) == {200}
    found = rows(client.get(PAGE, headers=user()).text)
    assert f"/runs/{made_runs.RUN.replace(':', '%3A').replace('+', '%2B')}" in found[hostile]
    assert "done done done done done 1 of 1" in words(found[well])
    assert "failed" in words(found[alone])


def test_the_newest_run_is_that_of_the_newest_moment_however_many_look_at_others(
    client: Any, cases: ArtifactStore, tmp_path: Path
) -> None:
    (name,) = names("told")
    made_cases.write_files(tmp_path, [name])
    made_runs.airflow_run(name, made_runs.ALL_DONE)
    for day in range(1, 26):
        run_told(name, f"2024-01-{day:02}")
    assert "newest run done done done done done" in words(rows(client.get(PAGE, headers=user()).text)[name])

    # of a moment after that of the scheduled run, and an hour before the run itself was made
    newer = run_told(name, (made_runs.MOMENT + timedelta(minutes=1)).isoformat())
    run_told(name, "2024-01-26")
    row = rows(client.get(PAGE, headers=user()).text)[name]
    assert newer in row and "newest run failed" in words(row)


def test_a_damaged_record_is_told_in_its_row(client: Any, cases: ArtifactStore, tmp_path: Path) -> None:
    well, damaged = names("well", "damaged")
    made_cases.write_files(tmp_path, [well, damaged])
    made_cases.make_case(cases, well)
    for moment in ("yesterday", "0001-01-01T00:00:00+14:00"):
        run = made_cases.run_name(damaged)
        charter = made_cases.make_charter(cases, run)
        (key,) = cases.bucket.keys(f"runs/{damaged}/strategy.charter/")
        record = cases.bucket.get_bytes(key)[0].decode().replace(run.as_of, moment)
        assert moment in record and charter
        cases.bucket.put_bytes(key, record.encode())

        page = client.get(PAGE, headers=user())
        assert page.status_code == 200
        found = rows(page.text)
        assert "done done done done done 1 of 1" in words(found[well])
        assert 'data-tags="unserved problem"' in found[damaged]


def test_a_look_without_a_logical_date_is_shown_and_an_older_one_is_not(
    client: Any, cases: ArtifactStore, tmp_path: Path
) -> None:
    (name,) = names("looks")
    made_cases.write_files(tmp_path, [name])
    made_runs.airflow_run(name, made_runs.ALL_DONE)
    operations, undated = f"{name}_operations", dict.fromkeys(("logical_date", "data_interval_start"))
    made_full_case.looked(cases, name, month=41.2, budget=100.0)
    set_run(operations, made_runs.RUN, **undated, data_interval_end=None)

    assert "41.20 of 100 EUR" in words(rows(client.get(PAGE, headers=user()).text)[name])
    report = f"/genai/reports/{operations}/"
    assert report in client.get(f"{PAGE}/{name}", headers=user()).text

    # a later run by hand ends before it has looked at the cost
    later = datetime.now(UTC)
    made_runs.airflow_run(operations, {}, tasks=("cost",), run_id="manual__later", as_of=later)
    set_run(operations, "manual__later", **undated, data_interval_end=None)
    assert "41.20 of 100 EUR" not in words(rows(client.get(PAGE, headers=user()).text)[name])
    assert report not in client.get(f"{PAGE}/{name}", headers=user()).text


@pytest.mark.parametrize(
    "edited",
    [
        {"kind": "nothing", "step": "x", "fingerprint": "../..", "digest": 3},
        '{"__type": "os.system", "__var": "true"}',
        [{"kind": 1, "step": 2, "fingerprint": 3, "digest": 4}],
        None,
    ],
)
def test_an_edited_value_is_no_reference(client: Any, cases: ArtifactStore, tmp_path: Path, edited: Any) -> None:
    from airflow.models.xcom import XComModel
    from airflow.utils.session import create_session
    from sqlalchemy import update

    (name,) = names("edited")
    made_cases.write_files(tmp_path, [name])
    made_runs.airflow_run(name, made_runs.ALL_DONE)
    made_full_case.looked(cases, name, month=41.2, budget=100.0)
    with create_session() as session:
        session.execute(update(XComModel).where(XComModel.dag_id == f"{name}_operations").values(value=edited))

    assert set(statuses(client, name)) == {200}
    report = client.get(f"/genai/reports/{name}_operations/{made_runs.RUN}/cost", headers=user())
    assert report.status_code == 404 and "has no report" in report.text
