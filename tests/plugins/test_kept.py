"""What pages keep in memory between two looks."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from include.artifacts.bucket import Bucket
from include.artifacts.manifest import FingerprintParts
from include.feedback.said import Said, write_said
from include.overview.kept import Kept, Reader
from include.overview.said import read_feedback
from tests.conftest import ObjectStoreServer


def test_what_was_asked_for_last_is_kept_up_to_so_many_bytes() -> None:
    kept = Kept(11_000)
    made: list[str] = []

    def get(key: str, value: object) -> None:
        kept.get(key, lambda: made.append(key) or value)

    for key in "abcabd":
        get(key, bytes(3_000))
    assert made == ["a", "b", "c", "d"]
    get("larger than all", bytes(20_000))
    for key in "abd":
        get(key, b"")
    assert made == ["a", "b", "c", "d", "larger than all"]
    # parsed documents have a size, too
    parts = FingerprintParts(code={}, libraries={}, config={"words": "w" * 1_000}, inputs={})
    get("document", parts)
    get("a", bytes(3_000))
    assert made[-2:] == ["document", "a"]


def test_feedback_is_read_once_and_its_texts_are_not_kept(
    object_store_server: ObjectStoreServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    store, now, kept = object_store_server.store(bucket="feedback-once"), datetime.now(UTC), Kept()
    store.bucket.ensure()

    def say(name: str, **more: Any) -> None:
        told = {"tenant": "digest", "answered_at": now.isoformat(), "recorded_at": now.isoformat()}
        write_said(store.bucket, "once", Said(id=name, **told, **more))

    say("exchange-1", thumb="up", question="A secret?")
    say("exchange-2", thumb="down", correction="A secret.", answer="A secret!")
    store.bucket.put_bytes(f"feedback/once/said/{now.date()}/exchange-3.json", b"{}")
    read: list[str] = []
    real = Bucket.get_bytes
    monkeypatch.setattr(Bucket, "get_bytes", lambda self, key: read.append(key) or real(self, key))

    later = now + timedelta(minutes=1)
    first = read_feedback(Reader(store, kept), "once", later)
    assert (first.up, first.down, first.corrections, len(read)) == (1, 1, 1, 3)
    assert read_feedback(Reader(store, kept), "once", later) == first and len(read) == 3
    assert "secret" not in repr(kept.values).lower()
    say("exchange-1", erased=True)
    assert read_feedback(Reader(store, kept), "once", later).up == 0
