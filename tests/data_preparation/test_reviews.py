"""What people say of documents: kept, both of two, read as of a moment, and taken over into the labels."""

import random
import uuid
from pathlib import Path

import pytest

from include.artifacts.history import Place
from include.artifacts.store import ArtifactStore
from include.core.errors import CorruptedArtifactError
from include.data_preparation.card import gates
from include.data_preparation.config import CheckConfig, LabelConfig
from include.data_preparation.documents import Document, read_all, text_digest
from include.data_preparation.label import label
from include.data_preparation.labelling.agreement import agreements, overall
from include.data_preparation.labelling.annotations import Annotation, keep, keys, read, record, standing
from include.data_preparation.labelling.review_queue import QUEUE_TASK, newest_queue
from include.data_preparation.queue_reviews import queue_reviews
from tests.data_preparation.conftest import LATER, Prepared

EARLY, LATE = "2026-03-01T00:00:00+00:00", "2026-05-01T00:00:00+00:00"


def _said(document: str, label: str, annotator: str, at: str = EARLY, digest: str = "d", **more: str) -> Annotation:
    told = {"document": document, "digest": digest, "label": label, "annotator": annotator, "via": "page"}
    return Annotation(**told, recorded_at=at, **more)


@pytest.fixture
def use_case() -> str:
    return f"reviewed_{uuid.uuid4().hex[:8]}"


def test_two_annotators_of_a_document_are_both_kept_and_the_last_word_of_each_counts(
    store: ArtifactStore, use_case: str
) -> None:
    said = [_said("a", "bug", "ann"), _said("a", "outage", "bob"), _said("a", "access", "ann", LATE)]
    assert record(store.bucket, use_case, said) == (3, 1)
    assert record(store.bucket, use_case, said[1:]) == (0, 0)
    assert not keep(store.bucket, use_case, said[0])

    found = read(store.bucket, use_case)
    assert found[2] == said[2] and {one.annotator: one for one in found[:2]} == {"ann": said[0], "bob": said[1]}
    assert [(one.annotator, one.label) for one in standing(said)] == [("ann", "access"), ("bob", "outage")]
    assert read(store.bucket, use_case, LATE) == found[:2] and read(store.bucket, use_case, EARLY) == []
    assert read(store.bucket, f"{use_case}_other") == []

    store.bucket.put_bytes(keys(store.bucket, use_case)[0], b"{}")
    with pytest.raises(CorruptedArtifactError, match=f"reviews/{use_case}/.*Delete it"):
        read(store.bucket, use_case)


def test_agreement_is_kappa_for_two_and_alpha_for_more() -> None:
    chance = random.Random(3)
    truth = [chance.choice(["bug", "access", "outage"]) for _ in range(200)]

    def said(name: str, right: float) -> list[Annotation]:
        labels = [one if chance.random() < right else chance.choice(["bug", "access", "outage"]) for one in truth]
        return [_said(f"{number:03d}", one, name) for number, one in enumerate(labels)]

    careful, other, guessing = said("ann", 0.95), said("bob", 0.95), said("eve", 0.0)
    (two,) = agreements([*careful, *other])
    assert two.measure == "Cohen's kappa" and two.value and two.value > 0.8 and two.documents == 200
    assert set(two.by_label) == {"bug", "access", "outage"}
    assert abs(agreements([*careful, *guessing])[0].value or 1) < 0.2
    (three,) = agreements([*careful, *other, *guessing])
    assert three.measure == "Krippendorff's alpha" and three.value and 0.1 < three.value < two.value

    (same,) = agreements([_said("a", "bug", "ann"), _said("a", "bug", "bob")])
    assert same.value is None and "not defined" in same.words
    assert agreements(careful) == [] and overall([]).words == "No document was labelled by two people."
    assert agreements([_said("a", "bug", "ann"), _said("a", "bug", "bob", digest="other")]) == []

    strict = CheckConfig(min_agreement=0.9)
    assert gates.agreement_gates(two.value, CheckConfig()) == []
    assert [gate.passed for gate in gates.agreement_gates(three.value, strict)] == [False]
    assert [gate.passed for gate in gates.agreement_gates(None, strict)] == [False]


def test_agreement_is_of_each_taxonomy_and_the_lowest_one_counts() -> None:
    said = [_said("a", "bug", "ann", taxonomy="one"), _said("a", "bug", "bob", taxonomy="one")]
    said += [_said("b", "fee", "ann", taxonomy="one"), _said("b", "fee", "bob", taxonomy="one")]
    said += [_said("c", "good", "ann", taxonomy="two"), _said("c", "bad", "bob", taxonomy="two")]
    said += [_said("d", "bad", "ann", taxonomy="two"), _said("d", "bad", "bob", taxonomy="two")]
    found = agreements(said)
    assert [(one.taxonomy, one.value, one.documents) for one in found] == [("one", 1.0, 2), ("two", 0.0, 2)]
    lowest = overall(found)
    assert (lowest.taxonomy, lowest.value) == ("two", 0.0)
    assert set(lowest.by_label) == {"one: bug", "one: fee", "two: good", "two: bad"}


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 1, 0), (1, 2, 0)])
def test_what_a_person_said_last_counts_whenever_it_is_imported(
    store: ArtifactStore, use_case: str, order: tuple[int, ...]
) -> None:
    page = _said("a", "access", "ann", "2026-04-01T00:00:00+00:00")
    old = _said("a", "bug", "ann", LATE, given_at="2026-03-01T00:00:00+00:00")
    older = _said("a", "outage", "ann", LATE, given_at="2026-02-01T00:00:00+00:00")
    said = [page, old, older]
    for place in order:
        record(store.bucket, use_case, [said[place]])
    assert standing(read(store.bucket, use_case)) == [page]
    again = [one.model_copy(update={"recorded_at": LATER}) for one in (old, older)]
    assert record(store.bucket, use_case, again) == (0, 2)

    ahead = _said("a", "other", "ann", "2026-03-15T00:00:00+00:00", given_at="2099-01-01T00:00:00+00:00")
    assert standing([ahead, page]) == [page]


def _arguments(prepared: Prepared, use_case: str, as_of: str) -> dict[str, object]:
    config = LabelConfig(review=20)
    return {"source": prepared.deduplicated, "use_case": use_case, "as_of": as_of, "config": config}


def test_the_review_feeds_back_as_of_its_moment(
    store: ArtifactStore, prepared: Prepared, use_case: str, tmp_path: Path
) -> None:
    folder = store.fetch(prepared.deduplicated, tmp_path / "sources")
    tickets = [document for document in read_all(folder) if document.source == "tickets"][:4]
    agreed, tied, changed, foreign = tickets

    def place(run: str) -> Place:
        return Place(use_case=use_case, run_id=run, as_of=LATER, task="data_preparation.label")

    first = label.run(store, _arguments(prepared, use_case, LATER), place=place("one"))
    said = [
        _said(agreed.id, "outage", "ann", digest=text_digest(agreed)),
        _said(agreed.id, "outage", "bob", digest=text_digest(agreed)),
        _said(tied.id, "other", "ann", digest=text_digest(tied)),
        _said(tied.id, "billing", "bob", LATE, digest=text_digest(tied)),
        _said(changed.id, "billing", "ann", digest="of another text"),
        _said(foreign.id, "cooking", "ann", digest=text_digest(foreign)),
        _said("erased", "bug", "ann"),
    ]
    record(store.bucket, use_case, said)

    assert label.run(store, _arguments(prepared, use_case, EARLY)).ref == first.ref
    path = "data_preparation.label"
    second = label.run(store, _arguments(prepared, use_case, LATER), place=place("two"), config_path=path)
    assert "data_preparation.label.observed.annotations none -> 7" in second.reason
    assert label.run(store, _arguments(prepared, use_case, "2026-05-09T00:00:00+00:00")).reused
    review = second.metrics["review"]
    assert (review["annotations"], review["documents"]) == (4, 2)
    assert (review["changed"], review["unknown_labels"], review["absent"]) == (1, 1, 1)
    assert review["agreement"]["documents"] == 2 and "agree too little" in review["warning"]

    folder = store.fetch(second.ref, tmp_path / "labelled")
    found = {document.id: document for document in read_all(folder)}
    before = {document.id: document for document in read_all(store.fetch(first.ref, tmp_path / "before"))}
    assert (found[agreed.id].label, found[agreed.id].label_confidence) == ("outage", 1.0)
    assert found[tied.id].label == before[tied.id].label == "access"
    assert found[changed.id].label == before[changed.id].label
    assert changed.id in (folder / "report.html").read_text()


def test_the_queue_tells_which_texts_are_anonymized_and_leaves_out_what_enough_people_saw(
    store: ArtifactStore, prepared: Prepared, use_case: str, tmp_path: Path
) -> None:
    place = Place(use_case=use_case, run_id="one", as_of=LATER, task=QUEUE_TASK)
    arguments = {"labelled": prepared.labelled, "anonymized": prepared.anonymized}
    made = queue_reviews.run(store, arguments, place=place)
    queue = newest_queue(store, use_case)
    assert len(queue.tasks) == made.metrics["tasks"] == LabelConfig().review

    anonymized: dict[str, Document] = {}
    for number, ref in enumerate(prepared.anonymized):
        anonymized |= {one.id: one for one in read_all(store.fetch(ref, tmp_path / str(number)))}
    assert all(task.text == anonymized[task.id].text for task in queue.tasks)
    assert all(task.label in task.described and task.suggested in task.described for task in queue.tasks)

    assert {(task.source == "tickets", task.anonymized) for task in queue.tasks} == {(True, True), (False, False)}
    assert "does not name them: docstrings" in (store.fetch(made.ref, tmp_path / "made") / "report.html").read_text()

    task = queue.tasks[0]
    said = [_said(task.id, task.label, name, digest=task.digest) for name in ("ann", "bob")]
    record(store.bucket, use_case, said)
    again = label(store, **_arguments(prepared, use_case, LATER))
    queue_reviews.run(store, {"labelled": again, "anonymized": prepared.anonymized}, place=place)
    assert task.id not in [one.id for one in newest_queue(store, use_case).tasks]
    assert store.manifest(again).metrics["review"]["documents"] == 1
