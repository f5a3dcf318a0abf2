"""The page on which people label documents, inside Airflow's own API server application."""

import uuid
from typing import Any

import pytest

from include.artifacts.history import Place
from include.artifacts.store import ArtifactStore
from include.data_preparation.labelling.annotations import read, standing
from include.data_preparation.labelling.review_queue import QUEUE_TASK
from tests.conftest import ObjectStoreServer
from tests.plugins.conftest import token_of
from tests.plugins.made_queue import made_queue
from tests.plugins.sample_workflow import connection_json

pytestmark = pytest.mark.usefixtures("airflow_database", "sample")
PAGE, SAVE = "/genai/review/sample/page", "/genai/review/sample/annotations"
TEXTS = ["It is slow", "<script>alert(1)</script>", "Refund, please"]
CHOICE = {"document": "d0", "shown": "shown0", "label": "access"}


@pytest.fixture
def place(object_store_server: ObjectStoreServer, monkeypatch: pytest.MonkeyPatch) -> ArtifactStore:
    """A bucket of the test's own, with a queue of three documents."""
    store = object_store_server.store(bucket=f"review-{uuid.uuid4().hex[:12]}")
    store.bucket.ensure()
    monkeypatch.setenv("AIRFLOW_CONN_GENAI_STORE", connection_json(store.bucket.address))
    queue(store, "one", TEXTS)
    return store


def queue(store: ArtifactStore, run: str, texts: list[str]) -> None:
    moment = f"2026-01-01T00:00:0{len(texts)}+00:00"
    made_queue.run(store, {"texts": texts}, place=Place(use_case="sample", run_id=run, as_of=moment, task=QUEUE_TASK))


def user(name: str, role: str = "user") -> dict[str, str]:
    return {"Authorization": f"Bearer {token_of(role, name)}"}


def test_a_person_labels_one_document_after_another(client: Any, place: ArtifactStore) -> None:
    first = client.get(PAGE, headers=user("ann"))
    assert first.status_code == 200 and "It is slow" in first.text and "ann: 0 of 3 labelled" in first.text
    assert 'data-label="billing"\n class="suggested ' in first.text and "(suggested)" in first.text

    saved = client.post(SAVE, json=CHOICE, headers=user("ann"))
    assert saved.status_code == 201 and saved.json()["annotator"] == "ann"
    (annotation,) = read(place.bucket, "sample")
    assert (annotation.document, annotation.label, annotation.annotator) == ("d0", "access", "ann")
    assert (annotation.digest, annotation.suggested, annotation.via) == ("digest0", "billing", "page")

    after = client.get(f"{PAGE}?start=1", headers=user("ann"))
    assert "ann: 1 of 3 labelled" in after.text and "It is slow" not in after.text
    assert "you said\n <b>access</b>" in client.get(f"{PAGE}?position=0", headers=user("ann")).text
    assert "bob: 0 of 3 labelled" in client.get(PAGE, headers=user("bob")).text

    for choice in (CHOICE | {"label": "bug"}, CHOICE | {"document": "d1", "shown": "shown1"}):
        assert client.post(SAVE, json=choice, headers=user("ann")).status_code == 201
    last = CHOICE | {"document": "d2", "shown": "shown2"}
    assert client.post(SAVE, json=last, headers=user("ann")).status_code == 201
    assert "Nothing is left for you" in client.get(PAGE, headers=user("ann")).text
    assert client.post(SAVE, json=CHOICE, headers=user("bob")).status_code == 201
    said = {(one.document, one.annotator): one.label for one in standing(read(place.bucket, "sample"))}
    assert (said["d0", "ann"], said["d0", "bob"]) == ("bug", "access") and len(said) == 4


def test_it_is_for_those_who_may_and_from_this_site_only(client: Any, place: ArtifactStore) -> None:
    assert client.get(PAGE).status_code == 401 and client.post(SAVE, json=CHOICE).status_code == 401
    assert client.get(PAGE, headers=user("eve", "viewer")).status_code == 200
    assert client.post(SAVE, json=CHOICE, headers=user("eve", "viewer")).status_code == 403
    foreign = user("ann") | {"Sec-Fetch-Site": "cross-site"}
    assert client.post(SAVE, json=CHOICE, headers=foreign).status_code == 403
    form = user("ann") | {"Content-Type": "text/plain"}
    assert client.post(SAVE, content='{"document":"d0"}', headers=form).status_code == 422
    assert read(place.bucket, "sample") == []


def test_a_text_is_shown_and_nothing_in_it_runs(client: Any, place: ArtifactStore) -> None:
    page = client.get(f"{PAGE}?position=1", headers=user("ann"))
    policy = page.headers["Content-Security-Policy"]
    nonce = policy.partition("script-src 'nonce-")[2].partition("'")[0]

    assert "&lt;script&gt;alert(1)" in page.text and "alert(1)</script>" not in page.text
    assert page.text.count("<script") == page.text.count(f'<script nonce="{nonce}"') == 1
    assert "default-src 'none'" in policy and "unsafe" not in policy and len(nonce) > 16
    again = client.get(f"{PAGE}?position=1", headers=user("ann"))
    assert again.headers["Content-Security-Policy"] != policy


def test_it_tells_what_a_label_means_and_whether_the_text_is_anonymized(client: Any, place: ArtifactStore) -> None:
    first, second = (client.get(f"{PAGE}?position={at}", headers=user("ann")).text for at in (0, 1))
    assert "<small>Cannot sign in.</small>" in first and "ticket_category" in first
    assert "what was not found\n is still there" in first and "shown as it is" not in first
    assert "This text is shown as it is" in second and "Personal data" not in second


def test_every_label_can_be_chosen_though_keys_run_out(client: Any, place: ArtifactStore) -> None:
    many = {f"label {number}": "" for number in range(40)}
    moment = "2026-02-01T00:00:00+00:00"
    arguments = {"texts": ["One of many"], "choices": many}
    made_queue.run(place, arguments, place=Place(use_case="sample", run_id="many", as_of=moment, task=QUEUE_TASK))
    page = client.get(PAGE, headers=user("ann")).text
    assert all(f'data-label="{name}"' in page for name in many) and page.count("<kbd></kbd>") == 0
    saved = client.post(SAVE, json=CHOICE | {"label": "label 39"}, headers=user("ann"))
    assert saved.status_code == 201


def test_what_cannot_be_said_is_told(client: Any, place: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = client.post(SAVE, json=CHOICE | {"label": "cooking"}, headers=user("ann"))
    assert wrong.status_code == 400 and "One of access, billing, bug, other" in wrong.json()["detail"]
    gone = client.post(SAVE, json=CHOICE | {"shown": "other"}, headers=user("ann"))
    assert gone.status_code == 400 and "Reload the page" in gone.json()["detail"]
    none = client.get("/genai/review/nothing/page", headers=user("ann"))
    assert none.status_code == 400 and "no run of it has queued" in none.text

    queue(place, "two", ["Another"] * 4)
    assert "Another" in client.get(PAGE, headers=user("ann")).text
    assert client.post(SAVE, json=CHOICE, headers=user("ann")).status_code == 201

    nowhere = place.bucket.address.model_copy(update={"endpoint": "127.0.0.1:1"})
    monkeypatch.setenv("AIRFLOW_CONN_GENAI_STORE", connection_json(nowhere))
    assert client.get(PAGE, headers=user("ann")).status_code == 503
    assert client.post(SAVE, json=CHOICE, headers=user("ann")).status_code == 503
