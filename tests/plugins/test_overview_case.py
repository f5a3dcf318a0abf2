"""The page of one use case, inside Airflow's own API server application, on a real object store."""

import json
import re
import uuid
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from include.artifacts.store import ArtifactStore
from include.distributed.meter import CURVES
from include.inferencing import champion
from include.inferencing.traffic import Minute, ModelTraffic, TrafficReport, minute_of
from tests.plugins import made_cases, made_full_case, made_runs
from tests.plugins.conftest import token_of

pytestmark = pytest.mark.usefixtures("airflow_database")
HOSTILE = "<script>alert(1)</script>"
MISSING = {
    "h-indicators": "The task strategy.charter puts the targets here, customization.gate what was measured.",
    "h-funnel": "The task data_preparation.check counts the records after each stage.",
    "h-champion": "Nothing serves: the task inferencing.deploy makes a model that passed the gate the champion.",
    "h-curves": "Trainings draw them here from their first steps on",
    "h-race": "The techniques of customization race once a model is selected",
    "h-serving": "No question came in the last hour.",
    "h-said": "Nothing in the last 30 days.",
    "h-cost": "The task strategy.charter plans the cost",
    "h-tasks": "Airflow knows no task of it",
}


def user() -> dict[str, str]:
    return {"Authorization": f"Bearer {token_of('viewer')}"}


def a_name(told: str) -> str:
    return f"{told}_{uuid.uuid4().hex[:8]}"


def sections(page: str) -> dict[str, str]:
    """Id of the heading -> the section."""
    return {
        found[1]: found[0] for found in re.finditer(r'<section[^>]*aria-labelledby="([\w-]+)".*?</section>', page, re.S)
    }


def words(html: str) -> str:
    """What a person reads of it."""
    return " ".join(re.sub(r"<[^>]*>", " ", html).split())


class Outline(HTMLParser):
    """What makes a page accessible and safe: ids, labels, pictures, scripts, styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.ids: list[str] = []
        self.named: list[str] = []
        self.pictures, self.inline, self.open_scripts = 0, [], 0
        self.feed(page)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        told = dict(attributes)
        self.ids += [told["id"] or ""] if "id" in told else []
        self.named += (told.get("aria-labelledby") or "").split()
        self.pictures += told.get("role") == "img"
        self.inline += [(tag, name) for name in told if name == "style" or name.startswith("on")]
        self.open_scripts += tag in ("script", "style") and "src" not in told


def test_everything_of_a_use_case_is_on_its_page(client: Any, cases: ArtifactStore, tmp_path: Path) -> None:
    name = a_name("full")
    made_cases.write_files(tmp_path, [name])
    made_full_case.make_full_case(cases, name, title="An assistant")

    answer = client.get(f"/genai/workflow/{name}", headers=user())
    page, found = answer.text, sections(answer.text)

    assert answer.status_code == 200 and "<title>An assistant" in page and 'class="problem"' not in page
    assert "Training running 0 of 6 tasks Customization waiting" in words(found["h-steps"])
    assert "answer_bits_per_char required at most 1.6 1.558 1.074 0.971 to 1.188 met" in words(found["h-indicators"])
    assert "Of an earlier run: scheduled__before." in words(found["h-indicators"])
    assert f"cleaned of {name} 5,438 154" in words(found["h-funnel"])
    assert "lora 2.973 -0.484 -0.577 to -0.400 0.012 selected" in words(found["h-race"])
    assert "prompt_tuning 3.2 3.2 to 3.4 goes on" in words(found["h-race"])
    assert "canary Its share 10% of the traffic" in words(found["h-champion"])
    candidate, best = (words(row) for row in found["h-champion"].split("<tbody>")[1].split("</tr>")[:2])
    assert candidate.startswith("candidate") and "125 0 164 ms" in candidate
    assert best.startswith("champion") and "1,148 0 222 ms" in best
    assert "2, 2 instances of the champion in each At once" in words(found["h-serving"])
    assert "4 answers under way, 2 waiting" in words(found["h-serving"])
    assert f"/genai/reports/{name}_operations/" in found["h-serving"]
    assert "Thumbs up 9 Thumbs down 3 Corrections 3" in words(found["h-said"])
    assert "41.20 of 100 EUR, a month at this pace" in words(found["h-cost"])
    assert "The race of techniques, EUR 0.0391 0.0412" in words(found["h-cost"])
    report = f"/genai/reports/{name}/scheduled__newest/data_preparation.check?map_index=-1"
    assert f'href="{report}">check</a>' in found["h-tasks"]
    assert "pretrain running" in words(found["h-tasks"]) and "deploy not begun" in words(found["h-tasks"])


def test_loss_curves_are_drawn_with_words_and_a_table_and_go_on_while_training(
    client: Any, cases: ArtifactStore, tmp_path: Path
) -> None:
    name = a_name("live")
    made_cases.write_files(tmp_path, [name])
    made_full_case.make_full_case(cases, name)
    path = f"/genai/workflow/{name}"

    page = client.get(path, headers=user()).text
    curves = sections(page)["h-curves"]
    assert f'data-live="{path}/live.json"' in curves
    assert "step 120 of 400, loss 5.593, 5,120 tokens/s, about 1 min 34 s left" in words(curves)
    assert curves.count("<polyline") == 6 and curves.count("<desc") == 3
    assert "training: from 8.992 at step 1 to 5.593 at 120, between 5.593 and 8.992" in words(curves)
    assert "120 5.593 5.873" in words(curves)

    first = client.get(f"{path}/live.json", headers=user()).json()
    (scratch,) = [one for one in first["curves"] if one["plot"]["title"] == "Training: from scratch"]
    assert first["live"] is True and scratch["words"].startswith("step 120 of 400")
    (key,) = [key for key in cases.bucket.keys("progress/training.pretrain/") if key.endswith(".curves.json")]
    made_full_case.write_curves(cases.bucket, key, made_full_case.losses(240, 9.1, 5.5), 400)
    again = client.get(f"{path}/live.json", headers=user()).json()
    (later,) = [one for one in again["curves"] if one["plot"]["title"] == "Training: from scratch"]
    assert later["words"].startswith("step 240 of 400") and later["plot"]["id"] == scratch["plot"]["id"]
    assert len(later["plot"]["lines"][0]["points"].split()) == 240


def test_each_part_of_which_nothing_is_known_says_what_will_put_it_there(
    client: Any, cases: ArtifactStore, tmp_path: Path
) -> None:
    name = a_name("new")
    made_cases.write_files(tmp_path, [name])

    answer = client.get(f"/genai/workflow/{name}", headers=user())
    found = sections(answer.text)

    assert answer.status_code == 200
    for section, told in MISSING.items():
        assert told in words(found[section]), section
    assert f"genai run {name}" in words(found["h-steps"])
    operations = client.get(f"/genai/workflow/{name}_operations", headers=user(), follow_redirects=False)
    assert operations.headers["Location"] == f"/genai/workflow/{name}"
    nobody = client.get("/genai/workflow/no_such_use_case", headers=user())
    assert nobody.status_code == 404 and "There is no use case no_such_use_case" in words(nobody.text)


def test_what_is_damaged_is_told_where_it_would_be_and_no_text_becomes_markup(
    client: Any, cases: ArtifactStore, tmp_path: Path
) -> None:
    name = a_name("damaged")
    made_cases.write_files(tmp_path, [name])
    run = made_cases.run_name(name)
    charter = made_cases.make_charter(cases, run)
    trial = {"name": HOSTILE, "mean": 1.0, "selected": True}
    made_cases.make_verdict(cases, run, charter, document={"indicator": HOSTILE, "trials": [trial]})
    card = made_cases.commit(cases, "dataset", "data_preparation.check", {"card.json": {"funnel": HOSTILE}})
    made_cases.keep_record(cases, run, "data_preparation.check", card)
    adapter = made_cases.commit(cases, "adapter", "customization.tune", {"adapter_info.json": {}})
    made_cases.keep_record(cases, run, "customization.tune", adapter, 0, technique=HOSTILE, steps=3)
    key = CURVES.format(step=adapter.step, fingerprint=adapter.fingerprint)
    cases.bucket.put_bytes(key, b'{"step": 3, "steps": 3, "losses": [[1, 2.5], [2, 1e400], [3, 2.0]]}')
    cases.bucket.put_bytes("serving/scale.json", b"[]")
    made_runs.airflow_run(name, made_runs.ALL_DONE, title=HOSTILE)

    answer = client.get(f"/genai/workflow/{name}", headers=user())
    found = sections(answer.text)

    assert answer.status_code == 200 and HOSTILE not in answer.text
    assert "This cannot be read. card.json" in words(found["h-funnel"])
    assert "serving/scale.json" in words(found["h-serving"]) and "This cannot be read." in words(found["h-champion"])
    assert "passed lora is better than the base" in words(found["h-indicators"])
    assert "&lt;script&gt;alert(1)&lt;/script&gt; 1" in words(found["h-race"])
    assert "Customization: &lt;script&gt;" in found["h-curves"] and "nan" not in found["h-curves"]


def test_numbers_and_moments_that_cannot_be_are_damage_of_their_part_alone(
    client: Any, cases: ArtifactStore, tmp_path: Path
) -> None:
    name = a_name("endless")
    made_cases.write_files(tmp_path, [name])
    made_full_case.make_full_case(cases, name)
    run, endless = made_cases.run_name(name, "scheduled__before", datetime.now(UTC)), 10**400
    stage = {"name": "collected", "records": endless, "lost": None, "note": ""}
    card = {"passed": True, "verdict": "passed", "funnel": [stage]}
    dataset = made_cases.commit(cases, "dataset", "data_preparation.check", {"card.json": card})
    made_cases.keep_record(cases, run, "data_preparation.check", dataset)
    (key,) = [key for key in cases.bucket.keys("progress/training.pretrain/") if key.endswith(".curves.json")]
    cases.bucket.put_bytes(key, json.dumps({"step": endless, "steps": 400}).encode())
    scale = json.loads(cases.bucket.get_bytes("serving/scale.json")[0])
    scale["changes"][0]["at"] = "2026-11-28T03:00:00"
    cases.bucket.put_bytes("serving/scale.json", json.dumps(scale).encode())
    (said, *_) = cases.bucket.keys(f"feedback/{name}/said/")
    told = json.loads(cases.bucket.get_bytes(said)[0])
    cases.bucket.put_bytes(said, json.dumps(told | {"recorded_at": told["recorded_at"][:19]}).encode())

    answer = client.get(f"/genai/workflow/{name}", headers=user())
    found = sections(answer.text)

    assert answer.status_code == 200
    for section in ("h-funnel", "h-curves", "h-serving"):
        assert "This cannot be read." in words(found[section]), section
    assert "a moment without a time zone" in words(found["h-serving"])
    assert "This cannot be read." not in words(found["h-indicators"]) + words(found["h-said"])
    assert client.get(f"/genai/workflow/{name}/live.json", headers=user()).status_code == 503
    # of minutes, too, and what is summed of them
    alias, _ = champion.read_alias(cases.bucket, name)
    scale["changes"] = []
    cases.bucket.put_bytes("serving/scale.json", json.dumps(scale).encode())
    assert alias.champion
    minute = Minute(at=minute_of(datetime.now(UTC)), models={alias.champion.model_name: ModelTraffic(requests=endless)})
    TrafficReport(gateway="two", minutes=[minute]).write(cases.bucket)
    assert client.get(f"/genai/workflow/{name}", headers=user()).status_code == 200


def test_pages_run_one_script_load_nothing_else_and_name_all_their_parts(
    client: Any, cases: ArtifactStore, tmp_path: Path
) -> None:
    name = a_name("safe")
    made_cases.write_files(tmp_path, [name])
    made_full_case.make_full_case(cases, name)

    for path in ("/genai/workflow", f"/genai/workflow/{name}"):
        answer = client.get(path, headers=user())
        outline, policy = Outline(answer.text), answer.headers["Content-Security-Policy"]
        nonce = re.search(r"script-src 'nonce-([\w-]+)'", policy)
        assert nonce and answer.text.count(f'nonce="{nonce[1]}"') == 2
        assert "default-src 'none'" in policy and "unsafe" not in policy and "frame-ancestors 'self'" in policy
        assert answer.headers["Cache-Control"] == "no-store" and answer.headers["X-Content-Type-Options"] == "nosniff"
        assert outline.inline == [] and outline.open_scripts == 0
        assert len(outline.ids) == len(set(outline.ids)) and set(outline.named) <= set(outline.ids)
        assert set(re.findall(r'(?:src|href)="(?!/|#|data:,")([^"]+)', answer.text)) == set()
    assert outline.pictures >= 6 and answer.text.count("As a table") == outline.pictures
    for asset in re.findall(r'(?:src|href)="(/genai/assets/[^"]+)"', answer.text):
        served = client.get(asset)
        assert served.status_code == 200 and "immutable" in served.headers["Cache-Control"]
        assert "http" not in served.text.replace("http://www.w3.org/2000/svg", "").replace('"HTTP', "")
        assert client.get(asset.replace("/assets/", "/assets/0")).headers["Cache-Control"] == "no-store"
