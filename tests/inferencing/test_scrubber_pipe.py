"""The way to the scrubber: one tenant, or one text, costs nobody else what they said."""

import asyncio
import sys
import uuid
from datetime import UTC, datetime

import pytest

from include.artifacts.store import ArtifactStore
from include.feedback.said import Said
from include.inferencing.learning.turns import Turns
from include.inferencing.learning.worker import Job
from include.privacy.policy import HidingConfig
from tests.inferencing.test_capture import capturing, exchange, until

# dies of the text "poison", talks on "chatter", and is silent on "stall"
HOSTILE = """
import json, sys, time
for line in sys.stdin:
    job = json.loads(line)
    question = job["exchange"]["question"]
    if "poison" in question:
        sys.exit(1)
    if "chatter" in question:
        print("not an outcome", flush=True)
    if "stall" in question:
        time.sleep(600)
    for outcome in ("scrubbed", "stored"):
        print(json.dumps({"number": job["number"], "outcome": outcome}), flush=True)
"""


def test_a_text_that_ends_the_scrubber_is_lost_alone(store: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    use_case = f"poison_{uuid.uuid4().hex[:8]}"
    monkeypatch.setattr("include.inferencing.learning.pipe.STALL_SECONDS", 1.0)
    monkeypatch.setattr("include.inferencing.learning.pipe.START_SECONDS", 5.0)
    monkeypatch.setattr("include.inferencing.learning.pipe.RESTART_SECONDS", 0.0)
    texts = ["fine", "poison", "fine", "chatter", "stall", "fine", "fine"]

    async def scene() -> None:
        async with capturing(store, use_case, monkeypatch) as capture:
            capture._pipe._command = (sys.executable, "-c", HOSTILE)
            for text in texts:
                capture.offer(exchange(use_case, messages=[{"role": "user", "content": text}]))
            await until(lambda: sum(capture.counts[name] for name in ("stored", "dropped: scrubber ended twice")) == 7)
            assert capture.counts["dropped: scrubber ended twice"] == 3
            assert capture.counts["stored"] == 4

    asyncio.run(scene())


def test_tenants_take_turns_and_whoever_floods_loses() -> None:
    async def scene() -> list[str]:
        turns = Turns(4)
        gone = [
            turns.put(Job(number=n, use_case="a", hiding=HidingConfig(), keep_days=1, said=words))
            for n, words in enumerate([said_by("flood"), *[said_by("flood")] * 5, said_by("acme"), said_by("globex")])
        ]
        assert [job.tenant for job in gone if job] == ["flood"] * 4
        return [(await turns.get()).tenant for _ in range(4)]

    assert asyncio.run(scene()) == ["flood", "acme", "globex", "flood"]


def test_more_tenants_than_places_leave_no_empty_line() -> None:
    async def scene() -> list[str]:
        turns = Turns(4)
        for number in range(6):
            words = said_by(f"tenant-{number}")
            turns.put(Job(number=number, use_case="a", hiding=HidingConfig(), keep_days=1, said=words))
        return [(await turns.get()).tenant for _ in range(len(turns))]

    assert len(set(asyncio.run(scene()))) == 4


class Torn(Turns):
    """Fails once, by no error that anybody expects."""

    torn = False

    async def get(self) -> Job:
        job = await super().get()
        if self.torn:
            return job
        self.torn = True
        self.put(job)
        raise IndexError


def test_a_feed_that_ends_is_begun_again(
    store: ArtifactStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    use_case = f"torn_{uuid.uuid4().hex[:8]}"
    monkeypatch.setattr("include.inferencing.learning.pipe.RESTART_SECONDS", 0.0)

    async def scene() -> None:
        async with capturing(store, use_case, monkeypatch) as capture:
            capture._pipe._command, capture._pipe._queue = (sys.executable, "-c", HOSTILE), Torn(4)
            for _ in range(3):
                capture.offer(exchange(use_case))
            await until(lambda: capture.counts["stored"] == 3)
            assert capture.counts["restarted"] == 1

    asyncio.run(scene())
    assert "what feeds the scrubber ended" in caplog.text and "IndexError" in caplog.text


def said_by(tenant: str) -> Said:
    moment = datetime.now(UTC).isoformat()
    return Said(id="chatcmpl-1", tenant=tenant, answered_at=moment, recorded_at=moment, thumb="up")
