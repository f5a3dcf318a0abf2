"""What is kept of use: only with consent, only scrubbed, never in the way of an answer; on a real S3 server."""

import asyncio
import json
import os
import signal
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from include.artifacts.store import ArtifactStore
from include.core.pseudonym_key import pseudonym_key
from include.core.settings import settings
from include.feedback.said import read_said, said_prefix
from include.inferencing.config.learning import LearningConfig
from include.inferencing.learning.capture import Capture
from include.inferencing.learning.exchanges import Consent, Exchange, exchanges_prefix, read_exchanges
from include.inferencing.learning.feedback import FeedbackDesk, FeedbackError, Speaker
from include.inferencing.learning.ids import new_id, opened
from include.inferencing.learning.recent import RecentExchanges
from include.inferencing.learning.rules import publish_rules
from include.privacy.policy import HidingConfig

QUESTION = "I am Anna Schmidt (anna.schmidt@acme.example, +49 30 1234567). What does len do?"
ANSWER = "Dear Anna Schmidt, len gives the number of items."
RAW = ("Schmidt", "acme.example", "1234567")
SOON = timedelta(days=1)


@asynccontextmanager
async def capturing(store: ArtifactStore, use_case: str, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Capture]:
    for name, value in store.bucket.address.environment().items():
        monkeypatch.setenv(name, value)
    publish_rules(store.bucket, use_case, LearningConfig(sample=1), HidingConfig(policy={"PERSON": "keep"}))
    capture = Capture(store.bucket, "gateway-1", pseudonym_key(settings()))
    await capture.start()
    try:
        yield capture
    finally:
        await capture.stop()


def exchange(use_case: str, tenant: str = "acme", **changes: Any) -> Exchange:
    name = new_id(pseudonym_key(settings()), tenant, use_case)
    asked = [{"role": "user", "content": QUESTION}]
    moment = datetime.now(UTC).isoformat()
    whole = Exchange(name, tenant, "opt_out", use_case, use_case, f"{use_case}-1", asked, ANSWER, "stop", at=moment)
    return replace(whole, **changes)


def speaker(tenant: str = "acme", consent: Consent = "opt_out") -> Speaker:
    return Speaker(tenant, consent, lambda _: True)


def body(**said: Any) -> bytes:
    return json.dumps(said).encode()


async def until(condition: Any) -> None:
    async with asyncio.timeout(60):
        while not condition():
            await asyncio.sleep(0.05)


def everything(store: ArtifactStore, use_case: str) -> str:
    return "\n".join(
        store.bucket.get_bytes(key)[0].decode()
        for prefix in (exchanges_prefix(use_case), said_prefix(use_case))
        for key in store.bucket.keys(prefix)
    )


def test_what_is_stored_was_consented_to_and_scrubbed(
    store: ArtifactStore, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    use_case = f"captured_{uuid.uuid4().hex[:8]}"
    an_hour_ago = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    kept = [exchange(use_case, at=an_hour_ago), exchange(use_case, consent="opt_in", store=True)]
    refused = [
        exchange(use_case, consent="none", store=True),
        exchange(use_case, consent="opt_in"),
        exchange(use_case, store=False),
        exchange(use_case, answer="word " * 5_000),
    ]

    async def scene() -> None:
        async with capturing(store, use_case, monkeypatch) as capture:
            for one in [*kept, *refused]:
                capture.offer(one)
            taken = await FeedbackDesk(capture).take(speaker(), body(id=kept[0].id, thumb="down", correction=QUESTION))
            assert taken["id"] == kept[0].id
            # the scrubber dies with exchanges that are not stored yet; they are handed over again
            await until(lambda: capture._pipe.process)
            assert capture._pipe.process
            os.kill(capture._pipe.process.pid, signal.SIGKILL)
            await until(lambda: capture.counts["stored"] == 3)
            # nobody else's answer may be spoken of
            for other in (speaker("globex"), speaker(consent="none")):
                with pytest.raises(FeedbackError) as error:
                    await FeedbackDesk(capture).take(other, body(id=kept[0].id, thumb="up"))
                assert error.value.status == (403 if other.consent == "none" else 404)

    asyncio.run(scene())
    now = datetime.now(UTC)
    found = list(read_exchanges(store.bucket, use_case, now - SOON, now + SOON))
    assert {one.id for one in found} == {one.id for one in kept}
    assert all(one.tenant != "acme" and "What does len do?" in one.question for one in found)
    (said,) = read_said(store.bucket, use_case, now + SOON)
    assert (said.thumb, said.told_by) == ("down", "gateway")
    # what lies under a day lies there for every gateway: the id's moment counts
    known = opened(pseudonym_key(settings()), kept[0].id, "acme", [use_case])
    assert known and said.answered_at == known[0].isoformat()
    # one person is one pseudonym in question, answer and correction, though the policy elsewhere keeps names
    person = said.question.split("<PERSON_")[1][:10]
    assert all(f"<PERSON_{person}>" in text for text in (said.answer, said.correction))
    stored = everything(store, use_case)
    logged = "".join(capfd.readouterr())
    for value in RAW:
        assert value not in stored
        assert value not in logged


def test_feedback_is_the_tenants_own_and_the_last_counts(store: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    use_case = f"said_{uuid.uuid4().hex[:8]}"
    name = new_id(pseudonym_key(settings()), "acme", use_case)
    told = {"messages": [{"role": "user", "content": "What is 2+2?"}], "answer": "5"}
    wrong: list[tuple[bytes, int, str]] = [
        (b"{", 400, "JSON"),
        (b'"text"', 400, ""),
        (body(id=name), 400, "thumb"),
        (body(id="../../x y", thumb="up"), 400, "id"),
        (body(id=name, thumb="sideways"), 400, "thumb"),
        (body(id=name, thumb="up", weight=9), 400, "weight"),
        (body(id=name, correction="x" * 200_000), 400, "correction"),
        (body(id=name, correction="x" * 600_000), 413, "bytes"),
        (body(id=name, correction="x" * 50_000, **told), 400, "correction"),
        (body(id=name, thumb="up"), 409, "messages"),
        (body(id="chatcmpl-" + "A" * 32, thumb="up"), 404, "id"),
        (body(id=name[:-1] + ("A" if name[-1] != "A" else "B"), thumb="up"), 404, "id"),
    ]

    async def scene() -> None:
        async with capturing(store, use_case, monkeypatch) as capture:
            desk = FeedbackDesk(capture)
            for sent, status, says in wrong:
                with pytest.raises(FeedbackError) as error:
                    await desk.take(speaker(), sent)
                assert (error.value.status, says in error.value.message) == (status, True), error.value.message
            with pytest.raises(FeedbackError) as error:
                await desk.take(speaker("globex"), body(id=name, thumb="up", **told))
            assert error.value.status == 404
            # another gateway gave the answer: the id says whose it is
            await desk.take(speaker(), body(id=name, thumb="up", **told))
            before = datetime.now(UTC)
            await desk.take(speaker(), body(id=name, thumb="down", correction="4", **told))
            (first,) = read_said(store.bucket, use_case, before)
            (last,) = read_said(store.bucket, use_case, datetime.now(UTC))
            assert (first.thumb, last.thumb, last.correction, last.told_by) == ("up", "down", "4", "client")
            await desk.take(speaker(), body(id=name, retract=True))
            # of no moment any more, and no text is left
            assert read_said(store.bucket, use_case, before) == []
            assert "2+2" not in everything(store, use_case)
            statuses = []
            for _ in range(80):
                try:
                    await desk.take(speaker(), body(id="chatcmpl-" + "A" * 32, thumb="up"))
                except FeedbackError as refused:
                    statuses.append(refused.status)
            assert 429 in statuses

    asyncio.run(scene())


def test_ids_tell_whose_they_are() -> None:
    key = b"k" * 32
    before = datetime.now(UTC) - timedelta(milliseconds=1)
    name = new_id(key, "acme", "assistant")
    found = opened(key, name, "acme", ["other", "assistant"])
    assert found and found[1] == "assistant" and before <= found[0] <= datetime.now(UTC)
    assert opened(key, name, "globex", ["assistant"]) is None
    assert opened(b"x" * 32, name, "acme", ["assistant"]) is None
    assert opened(key, "chatcmpl-no base64", "acme", ["assistant"]) is None
    # an answer has one name alone: each further one would be another answer to speak of
    prefix, _, body = new_id(key, "acme", "assistant", "cmpl-").partition("-")
    assert opened(key, f"{prefix}-{body}", "acme", ["assistant"])
    for alias in (
        f"chatcmpl-{body}",
        f"aa-{body}",
        f"-{body}",
        f"{prefix}{body}",
        f"{prefix}-{body}A",
        f"cmpl--{body}",
    ):
        assert opened(key, alias, "acme", ["assistant"]) is None


def test_recent_exchanges_are_few_and_go() -> None:
    clock = [0.0]
    recent = RecentExchanges(most=3, characters=400, seconds=60, clock=lambda: clock[0])
    some = [exchange("assistant") for _ in range(5)]
    for one in some:
        recent.add(one)
    assert len(recent) == 3
    assert recent.get(some[0].id, "acme") is None
    held = recent.get(some[4].id, "acme")
    assert held and (held.question, held.answer) == (QUESTION, ANSWER)
    assert recent.get(some[4].id, "globex") is None
    long_ago = {"role": "user", "content": "x" * 1_000}
    recent.add(exchange("assistant", answer="x" * 300, messages=[long_ago, {"role": "user", "content": "q"}]))
    assert len(recent) == 1
    assert "x" * 1_000 not in str(recent.__dict__)
    clock[0] = 61
    assert len(recent) and recent.get("none", "acme") is None and not len(recent)


def test_a_queue_that_is_full_drops_and_counts(store: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    use_case = f"full_{uuid.uuid4().hex[:8]}"
    monkeypatch.setattr("include.inferencing.learning.pipe.STOP_SECONDS", 0.1)

    async def scene() -> None:
        async with capturing(store, use_case, monkeypatch) as capture:
            capture._pipe._command = ("sleep", "60")
            for _ in range(2_000):
                capture.offer(exchange(use_case))
            assert capture.counts["dropped: queue full"] > 1_000
            assert capture.counts["sampled"] == 2_000
            with pytest.raises(FeedbackError) as error:
                name = new_id(capture.key, "acme", use_case)
                told = {"messages": [{"role": "user", "content": "q"}], "answer": "a"}
                await FeedbackDesk(capture, stored_seconds=0.1).take(speaker(), body(id=name, thumb="up", **told))
            assert (error.value.status, error.value.after) == (503, 5)

    asyncio.run(scene())
