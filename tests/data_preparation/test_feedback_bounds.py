"""Who says how much: a tenant that floods displaces nobody's words, in what is read and in what is trained on."""

import uuid
from datetime import UTC, datetime, timedelta
from pathlib import Path

from include.artifacts.store import ArtifactStore
from include.data_preparation.config import SplitConfig
from include.data_preparation.config.sources import FEEDBACK, FeedbackConfig
from include.data_preparation.division.questions import Question
from include.data_preparation.division.said import Correction, bounded
from include.data_preparation.sources.feedback import FeedbackSource
from include.feedback.said import Said, write_said

AT = datetime(2026, 11, 20, tzinfo=UTC)


def correction(number: int, author: str, answer: str = "right") -> Correction:
    question = Question(f"{author}{number}", f"What is {number}?", answer, FEEDBACK, "", "MIT", False)
    return Correction(question, "", author)


def test_what_is_beyond_a_tenants_bound_displaces_nobodys_words() -> None:
    flood = [correction(number, "flood", "wrong") for number in range(100)]
    others = [correction(number, "acme") for number in range(90, 95)]
    config = SplitConfig(feedback_share=0.5, tenant_share=0.1)
    found = bounded([*flood, *others], 100, config)
    assert {one.question.id for one in others} <= {one.question.id for one in found}
    assert 0 < sum(one.author == "flood" for one in found) <= 12
    # of those within their bounds, the newest counts
    newest = bounded([correction(1, "flood", "wrong"), correction(1, "acme")], 100, config)
    assert [one.author for one in newest] == ["flood"]


def test_tenants_are_read_in_turn(store: ArtifactStore, tmp_path: Path) -> None:
    use_case = f"flooded_{uuid.uuid4().hex[:8]}"
    for number, tenant in enumerate(["acme", *["flood"] * 5]):
        moment = (AT + timedelta(minutes=number)).isoformat()
        said = Said(id=f"chatcmpl-{number}", tenant=tenant, answered_at=moment, recorded_at=moment, thumb="up")
        write_said(store.bucket, use_case, said)
    source = FeedbackSource(store, use_case, AT + timedelta(days=1), FeedbackConfig(most=2))
    seen = [one.content.tenant for one in source.visible(tmp_path, lambda *_: None) if one.content]
    assert sorted(seen) == ["acme", "flood"]


def test_what_was_taken_back_stays_so_where_it_is_written_late(store: ArtifactStore) -> None:
    use_case = f"late_{uuid.uuid4().hex[:8]}"
    common = {"id": "chatcmpl-1", "tenant": "acme", "answered_at": AT.isoformat()}
    taken_back = Said.model_validate(common | {"recorded_at": (AT + timedelta(minutes=5)).isoformat(), "erased": True})
    write_said(store.bucket, use_case, taken_back)
    late = Said.model_validate(common | {"recorded_at": AT.isoformat(), "correction": "My name is in it"})
    write_said(store.bucket, use_case, late)
    (key,) = store.bucket.keys(f"feedback/{use_case}/said/")
    assert b"My name" not in store.bucket.get_bytes(key)[0]
