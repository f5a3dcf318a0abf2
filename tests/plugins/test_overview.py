"""The page with all use cases, inside Airflow's own API server application, on a real object store."""

import re
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from include.artifacts.bucket import Bucket
from include.artifacts.store import ArtifactStore
from include.inferencing import champion
from tests.plugins import made_cases, made_full_case, made_runs
from tests.plugins.conftest import token_of
from tests.plugins.sample_workflow import connection_json

pytestmark = pytest.mark.usefixtures("airflow_database")
PAGE = "/genai/workflow"
MANY = 100


def user(role: str | None = "viewer") -> dict[str, str]:
    return {"Authorization": f"Bearer {token_of(role)}"}


def names(*told: str) -> list[str]:
    """Names that no other test's use cases have: Airflow's database is one."""
    return [f"{name}_{uuid.uuid4().hex[:8]}" for name in told]


def rows(page: str) -> dict[str, str]:
    """Use case -> its row, without marks."""
    body = page[page.index("<tbody>") : page.index("</tbody>")]
    found = {}
    for row in body.split("<tr ")[1:]:
        name = re.search(r'href="/genai/workflow/([^"]+)"', row)
        assert name
        found[name[1]] = row
    return found


def words(row: str) -> str:
    """What a person reads of it."""
    return " ".join(re.sub(r"<[^>]*>", " ", row[row.index(">") + 1 :]).split())


@contextmanager
def queries() -> Iterator[list[str]]:
    """What Airflow's database is asked meanwhile."""
    from airflow.settings import get_engine
    from sqlalchemy import event

    made: list[str] = []

    def note(*told: Any) -> None:
        made.append(told[2])

    event.listen(get_engine(), "before_cursor_execute", note)
    yield made
    event.remove(get_engine(), "before_cursor_execute", note)


def test_each_use_case_has_a_row_with_its_steps_champion_indicators_and_cost(
    client: Any, cases: ArtifactStore, tmp_path: Path
) -> None:
    done, running, asking, broken = names("done", "running", "asking", "broken")
    made_cases.write_files(tmp_path, [done, running, asking, broken])
    made_cases.make_case(cases, done, title="Answers <b>fast</b>")
    states = {"strategy": "success", "data_preparation": "success", "training.pretrain": "running"}
    made_cases.make_case(cases, running, states=states, state="running", bits=1.9)
    made_runs.airflow_run(asking, {"strategy": "awaiting_input"}, state="running")

    page = client.get(PAGE, headers=user())
    found = rows(page.text)

    assert page.status_code == 200 and found.keys() == {done, running, asking, broken}
    assert "Answers &lt;b&gt;fast&lt;/b&gt;" in found[done] and "<b>" not in found[done]
    run = "scheduled__2026-11-28T03%3A00%3A00%2B00%3A00"
    assert f'href="/dags/{done}/runs/{run}"' in found[done]
    alias, _ = champion.read_alias(cases.bucket, done)
    assert alias.champion and alias.champion.model_name in found[done]
    told = words(found[done])
    assert "newest run done done done done done 1 of 1 " in told and "36.51 of 100 EUR 37%, planned" in told
    told = words(found[running])
    assert "done done running waiting waiting 0 of 1 answer_bits_per_char none" in told
    assert 'data-tags="running missed unserved"' in found[running]
    # of its last task, not of its beginning
    assert '<time datetime="2026-11-28T03:02:30+00:00"' in found[running]
    assert "asks a person waiting waiting waiting waiting not judged none not known" in words(found[asking])
    assert "not run not run not run not run not run" in words(found[broken])
    assert f"{broken}.yaml: strategy" in words(found[broken]) and 'data-tags="unserved problem"' in found[broken]


def test_what_is_damaged_is_told_in_its_row_and_hides_nothing_else(
    client: Any, cases: ArtifactStore, tmp_path: Path
) -> None:
    well, alias, charter = names("well", "alias", "charter")
    made_cases.write_files(tmp_path, [well, alias, charter])
    for name in (well, alias, charter):
        made_cases.make_case(cases, name)
    cases.bucket.put_bytes(f"aliases/{alias}/champion.json", b'{"champion": "<script>alert(1)</script>"}')
    document = cases.bucket.keys("strategy/charter/")
    gate = champion.read_alias(cases.bucket, charter)[0].verdict
    assert gate
    behind = cases.manifest(gate.report).inputs["charter"]
    cases.bucket.delete([key for key in document if key.startswith(f"{behind.prefix}/")])  # type: ignore[union-attr]

    page = client.get(PAGE, headers=user())
    found = rows(page.text)

    assert page.status_code == 200 and "Something cannot be read" not in found[well]
    assert "1 of 1" in words(found[well]) and "36.51 of 100 EUR" in words(found[well])
    assert f"aliases/{alias}/champion.json" in words(found[alias]) and "<script>alert" not in page.text
    assert "done done done done done not judged none" in words(found[alias])
    assert "no such artifact is committed" in words(found[charter]) and "36.51 of" not in words(found[charter])


def test_it_is_for_users_who_may_read_and_shows_them_no_other_use_case(
    client: Any, cases: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from airflow.api_fastapi.app import get_auth_manager

    mine, secret = names("mine", "secret")
    made_cases.write_files(tmp_path, [mine, secret])
    made_runs.airflow_run(mine, made_runs.ALL_DONE)
    made_runs.airflow_run(secret, made_runs.ALL_DONE, title="A secret")
    made_full_case.looked(cases, mine, month=41.2, budget=100.0)
    assert "41.20 of 100 EUR 41%, a month at this pace" in words(client.get(PAGE, headers=user()).text)
    one = f"{PAGE}/{mine}"
    assert [client.get(path).status_code for path in (PAGE, one, f"{one}/live.json")] == [401, 401, 401]
    assert [client.get(path, headers=user(None)).status_code for path in (PAGE, one)] == [403, 403]

    def only_mine(*, method: str, user: Any, details: Any = None, access_entity: Any = None) -> bool:
        return details is None or details.id in (None, mine)

    monkeypatch.setattr(get_auth_manager(), "is_authorized_dag", only_mine)
    page = client.get(PAGE, headers=user())

    assert rows(page.text).keys() == {mine} and "secret" not in page.text
    # of its operations they may read nothing
    assert "41.20 of 100" not in page.text and "41.20 of 100" not in client.get(one, headers=user()).text
    for path in (f"{PAGE}/{secret}", f"{PAGE}/{secret}/live.json"):
        assert client.get(path, headers=user()).status_code == 403


def test_a_run_that_airflow_has_forgotten_is_told_by_its_records(
    client: Any, cases: ArtifactStore, tmp_path: Path
) -> None:
    (name,) = names("forgotten")
    made_cases.write_files(tmp_path, [name])
    run = made_cases.run_name(name)
    made_cases.make_verdict(cases, run, made_cases.make_charter(cases, run), bits=1.9)

    told = words(rows(client.get(PAGE, headers=user()).text)[name])

    # neither dataset nor model are on record
    assert "done not reached not reached failed not reached 0 of 1" in told and "36.51 of 100 EUR" in told


def test_where_the_store_does_not_answer_airflow_s_part_is_shown(
    client: Any, cases: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (name,) = names("alone")
    made_cases.write_files(tmp_path, [name])
    made_runs.airflow_run(name, made_runs.ALL_DONE)
    nobody = cases.bucket.address.model_copy(update={"endpoint": "127.0.0.1:9"})
    monkeypatch.setenv("AIRFLOW_CONN_GENAI_STORE", connection_json(nobody))

    page = client.get(PAGE, headers=user())

    assert page.status_code == 200 and "The artifact store told nothing." in page.text
    assert "done done done done done" in words(rows(page.text)[name])


def test_a_hundred_use_cases_cost_one_listing_once_they_are_known(
    client: Any, cases: ArtifactStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    many = names(*["many"] * MANY)
    made_cases.write_files(tmp_path, many)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda name: made_cases.make_results(cases, name), many))
    made_runs.airflow_runs(many, made_runs.ALL_DONE)
    asked: Counter[str] = Counter()
    for method in ("objects", "get_bytes"):
        real = getattr(Bucket, method)

        def counted(self: Bucket, key: str, method: str = method, real: Any = real) -> Any:
            asked[method] += 1
            return real(self, key)

        monkeypatch.setattr(Bucket, method, counted)

    first = client.get(PAGE, headers=user())
    assert len(rows(first.text)) == MANY and words(first.text).count(" 1 of 1 ") == MANY
    assert asked["objects"] == 1 and asked["get_bytes"] <= 4 * MANY
    asked.clear()
    with queries() as made:
        again = client.get(PAGE, headers=user())
    assert rows(again.text).keys() == set(many)
    assert asked == {"objects": 1} and 0 < len(made) <= 5, made
    # what has changed is read again, and nothing else
    asked.clear()
    champion.change(cases.bucket, many[0], lambda alias: alias.model_copy(update={"champion": None}))
    asked.clear()
    assert "unserved" in rows(client.get(PAGE, headers=user()).text)[many[0]]
    assert asked == {"objects": 1, "get_bytes": 1}
