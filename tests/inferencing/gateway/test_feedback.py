"""An answer is spoken of through the gateway, and the gateway is killed in the middle of it."""

import signal
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import psutil

from include.artifacts.store import ArtifactStore
from include.feedback.said import read_said, said_prefix
from include.inferencing.config.learning import LearningConfig
from include.inferencing.learning.exchanges import exchanges_prefix, read_exchanges
from include.inferencing.learning.rules import publish_rules
from include.privacy.policy import HidingConfig
from tests.inferencing.gateway.conftest import GatewayServer, accepted, eventually

QUESTION = "I am Anna Schmidt, anna.schmidt@acme.example. What does len do?"
CORRECTION = "Anna Schmidt, len returns the number of items of a container."


def test_an_answer_is_spoken_of_by_whoever_got_it(
    store: ArtifactStore, served: str, new_gateway: Callable[..., GatewayServer], new_key: Callable[..., str]
) -> None:
    publish_rules(store.bucket, served, LearningConfig(sample=1), HidingConfig())
    gateway = new_gateway()
    mine, other = (accepted(gateway, new_key(f"speaks-{name}", consent="opt_out")) for name in ("mine", "other"))
    silent = accepted(gateway, new_key("speaks-silent"))

    def ask(key: str) -> str:
        asked = [{"role": "user", "content": QUESTION}]
        return str(gateway.post({"model": served, "messages": asked, "max_tokens": 4}, key).json()["id"])

    def say(key: str, **said: str) -> tuple[int, str]:
        answer = gateway.post(said, key, "/v1/feedback")
        body = answer.json()
        return answer.status_code, body["error"]["code"] if "error" in body else body["id"]

    told, untold = ask(mine), ask(silent)
    assert say("genai-nobody", id=told, thumb="up") == (401, "invalid_api_key")
    assert say(other, id=told, thumb="up") == (404, "answer_not_found")
    assert say(silent, id=untold, thumb="up") == (403, "no_consent")
    assert say(mine, id=told, thumb="down", correction=CORRECTION) == (200, told)
    day, later = timedelta(days=1), datetime.now(UTC) + timedelta(days=1)
    (said,) = [one for one in read_said(store.bucket, served, later) if one.id == told]
    assert said.thumb == "down" and "number of items" in said.correction and said.answer
    # the exchange's file is written with the gateway's last breath: its process ends with what it had read
    assert gateway.process
    scrubber = [
        one for one in psutil.Process(gateway.process.pid).children() if "learning.worker" in str(one.cmdline())
    ]
    assert len(scrubber) == 1
    gateway.stop(signal.SIGKILL)
    eventually(lambda: not scrubber[0].is_running())
    assert [one.id for one in read_exchanges(store.bucket, served, later - 2 * day, later)] == [told]
    keys = [key for prefix in (exchanges_prefix(served), said_prefix(served)) for key in store.bucket.keys(prefix)]
    kept = "".join([store.bucket.get_bytes(key)[0].decode() for key in keys]) + gateway.log.read_text()
    assert "Schmidt" not in kept and "acme.example" not in kept
