"""What a gateway refuses: the right status, OpenAI's error body, nothing leaked."""

import json
from collections.abc import Callable
from typing import Any

import openai
import pytest

from include.artifacts.store import ArtifactStore
from include.inferencing.access.keys import new_key, revoke_key
from tests.inferencing.gateway.conftest import GatewayServer, accepted, eventually

ASKED: list[Any] = [{"role": "user", "content": "Why?"}]


@pytest.fixture
def key(gateway: GatewayServer, new_key: Callable[..., str]) -> str:
    return accepted(gateway, new_key("refused", max_prompt_chars=2_000, max_body_bytes=9_000))


@pytest.mark.parametrize(
    ("body", "status", "param", "code"),
    [
        (b"{", 400, None, "invalid_json"),
        (b'{"model": "\xff"}', 400, None, "invalid_json"),
        (b'{"model": "m", "seed": NaN}', 400, None, "invalid_json"),
        (b"[" * 8_000, 400, None, "invalid_json"),
        (b'{"a": "\\ud800"}', 400, None, "invalid_json"),
        (b"[]", 400, None, "invalid_json"),
        ({"messages": ASKED}, 400, "model", None),
        ({"model": "served"}, 400, "messages", None),
        ({"model": "served", "messages": []}, 400, "messages", "invalid_value"),
        ({"model": "served", "messages": [{"role": "tool", "content": ""}]}, 400, "messages[0].role", "invalid_value"),
        ({"model": "served", "messages": [{"role": "user"}]}, 400, "messages[0].content", "invalid_type"),
        (
            {"model": "served", "messages": [{"role": "user", "content": [{"type": "image_url"}]}]},
            400,
            "messages[0].content",
            "unsupported_parameter",
        ),
        ({"model": "served", "messages": ASKED, "n": 2}, 400, "n", "unsupported_parameter"),
        ({"model": "served", "messages": ASKED, "logprobs": True}, 400, "logprobs", "unsupported_parameter"),
        ({"model": "served", "messages": ASKED, "tools": [{}]}, 400, "tools", "unsupported_parameter"),
        (
            {"model": "served", "messages": ASKED, "response_format": {"type": "json_object"}},
            400,
            "response_format",
            "unsupported_parameter",
        ),
        ({"model": "served", "messages": ASKED, "temprature": 1}, 400, "temprature", "unknown_parameter"),
        ({"model": "served", "messages": ASKED, "temperature": 3}, 400, "temperature", "invalid_value"),
        ({"model": "served", "messages": ASKED, "temperature": 10**400}, 400, "temperature", "invalid_value"),
        ({"model": "served", "messages": ASKED, "top_p": 0}, 400, "top_p", "invalid_value"),
        ({"model": "served", "messages": ASKED, "max_tokens": 1.5}, 400, "max_tokens", "invalid_type"),
        ({"model": "served", "messages": ASKED, "max_tokens": 65}, 400, "max_tokens", "invalid_value"),
        ({"model": "served", "messages": ASKED, "stream_options": {"a": 1}}, 400, "stream_options", None),
        ({"model": "served", "messages": [{"role": "user", "content": " "}]}, 400, None, "invalid_value"),
        (
            {"model": "served", "messages": [{"role": "user", "content": "why " * 400}]},
            400,
            "messages",
            "context_length_exceeded",
        ),
        (
            {"model": "served", "messages": [{"role": "user", "content": "x" * 3_000}]},
            400,
            "messages",
            "context_length_exceeded",
        ),
        ({"model": "served", "messages": [{"role": "user", "content": "x" * 9_000}]}, 413, None, "request_too_large"),
        ({"model": "unknown", "messages": ASKED}, 404, "model", "model_not_found"),
        ({"model": "served:unknown", "messages": ASKED}, 404, "model", "model_not_found"),
    ],
)
def test_a_bad_request_is_told_what_is_wrong_with_it(
    gateway: GatewayServer, key: str, body: Any, status: int, param: str | None, code: str | None
) -> None:
    response = gateway.post(body, key)
    error = response.json()["error"]

    assert (response.status_code, error["param"], error["code"]) == (status, param, code), error
    assert error["message"] and error["type"] == "invalid_request_error"
    assert response.headers["x-request-id"]


def test_harmless_parameters_and_what_changes_nothing_are_accepted(
    gateway: GatewayServer, key: str, served: str
) -> None:
    body: dict[str, Any] = {"model": served, "messages": [{"role": "user", "content": [{"type": "text", "text": "a"}]}]}
    body |= {"user": "u", "metadata": {"a": "b"}, "store": False, "n": 1, "tools": [], "logprobs": False, "seed": 1}
    body |= {"response_format": {"type": "text"}, "stop": ["zz"], "temperature": 0.5, "top_p": 0.9, "logit_bias": None}
    assert gateway.post(body | {"max_completion_tokens": 2}, key).status_code == 200


def test_official_error_classes_are_raised(gateway: GatewayServer, key: str, served: str) -> None:
    client, stranger = gateway.client(key), gateway.client(new_key())
    with pytest.raises(openai.AuthenticationError):
        stranger.models.list()
    with pytest.raises(openai.NotFoundError):
        client.chat.completions.create(model="unknown", messages=ASKED)
    with pytest.raises(openai.BadRequestError, match="'n' is not supported") as raised:
        client.chat.completions.create(model=served, messages=ASKED, n=2)
    assert raised.value.param == "n" and raised.value.type == "invalid_request_error"
    with pytest.raises(openai.NotFoundError, match="Invalid URL"):
        client.embeddings.create(model=served, input="a", encoding_format="float")


def test_every_key_that_does_not_count_gets_the_same_answer(
    gateway: GatewayServer, store: ArtifactStore, new_key: Callable[..., str], served: str
) -> None:
    good = accepted(gateway, new_key("revoked"))
    short = new_key("expired", days=1e-7)
    wrong = good[:-4] + ("aaaa" if good[-4:] != "aaaa" else "bbbb")
    keys = [wrong, short, "genai-0123456789ab-" + "a" * 43, "sk-something", "", good.upper(), "~" * 500]
    told = {response.content for one in keys if (response := gateway.get("/v1/models", one))}
    statuses = {gateway.get("/v1/models", one).status_code for one in keys}
    assert (len(told), statuses) == (1, {401})

    revoke_key(store.bucket, good)
    eventually(lambda: gateway.get("/v1/models", good).status_code == 401, 2, gateway.told)
    assert {gateway.get("/v1/models", good).content} == told
    log, page = gateway.log.read_text(), gateway.get("/metrics").text
    for one in (good, short, wrong):
        assert one.rpartition("-")[2][:12] not in log + page


def test_another_tenants_model_is_as_unknown_as_one_that_does_not_exist(
    gateway: GatewayServer, new_key: Callable[..., str], served: str
) -> None:
    other = accepted(gateway, new_key("other", models=["something:acme"]))
    refused = gateway.post({"model": served, "messages": ASKED}, other)
    unknown = gateway.post({"model": "nothing", "messages": ASKED}, other)

    assert refused.status_code == unknown.status_code == 404
    assert refused.text.replace(served, "nothing") == unknown.text
    assert gateway.get("/v1/models", other).json()["data"] == []
    assert gateway.get(f"/v1/models/{served}", other).status_code == 404


def test_rates_end_in_429_and_say_when_to_come_again(
    gateway: GatewayServer, new_key: Callable[..., str], served: str
) -> None:
    key = accepted(gateway, new_key("hasty", requests_per_minute=3))
    body = {"model": served, "messages": ASKED, "max_tokens": 1}
    statuses = [gateway.post(body, key).status_code for _ in range(4)]
    last = gateway.post(body, key)
    assert statuses == [200, 200, 200, 429]
    assert 1 <= int(last.headers["retry-after"]) <= 60
    with pytest.raises(openai.RateLimitError):
        gateway.client(key).chat.completions.create(model=served, messages=ASKED)
    talker = accepted(gateway, new_key("talker", tokens_per_minute=10))
    statuses = [gateway.post(body, talker).status_code for _ in range(2)]
    assert statuses == [200, 429]
    assert json.loads(last.text)["error"]["code"] == "rate_limit_exceeded"


def test_a_deadline_of_the_client_s_own_burns_no_budget(gateway: GatewayServer, new_key: Callable[..., str]) -> None:
    key = accepted(gateway, new_key("brisk"))
    hasty = gateway.post({"model": "served", "messages": ASKED}, key, **{"x-request-timeout": "0.001"})
    assert (hasty.status_code, hasty.json()["error"]["code"]) == (504, "deadline_exceeded")
    counted = 'genai_gateway_requests_total{model="served",status="499",tenant="brisk"} 1.0'
    eventually(lambda: counted in gateway.get("/metrics").text, 10, gateway.told)
