"""The official client asks through a gateway in front of a real Triton."""

import asyncio
from collections.abc import Callable
from typing import Any

import openai
import pytest

from tests.inferencing.gateway.conftest import GatewayServer, accepted
from tests.tiny_model import TEXTS

MESSAGES: list[Any] = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": TEXTS[0]}]


@pytest.fixture
def key(gateway: GatewayServer, new_key: Callable[..., str]) -> str:
    return accepted(gateway, new_key("answers"))


def test_the_official_client_streams_what_it_also_gets_whole(gateway: GatewayServer, key: str, served: str) -> None:
    client = gateway.client(key)
    whole = client.chat.completions.with_raw_response.create(model=served, messages=MESSAGES, max_tokens=12)
    answer = whole.parse()
    chunks = list(
        client.chat.completions.create(
            model=served, messages=MESSAGES, max_tokens=12, stream=True, stream_options={"include_usage": True}
        )
    )

    assert answer.object == "chat.completion" and answer.model == served
    assert answer.choices[0].message.content and answer.choices[0].finish_reason in ("stop", "length")
    assert answer.usage and answer.usage.total_tokens == answer.usage.prompt_tokens + answer.usage.completion_tokens
    assert 0 < answer.usage.completion_tokens <= 12 < answer.usage.prompt_tokens
    assert whole.headers["x-genai-model"].startswith(f"{served}-")
    assert whole.headers["x-request-id"] == answer.id
    told = [chunk.choices[0] for chunk in chunks if chunk.choices]
    assert "".join(choice.delta.content or "" for choice in told) == answer.choices[0].message.content
    assert told[0].delta.role == "assistant"
    assert [choice.finish_reason for choice in told if choice.finish_reason] == [answer.choices[0].finish_reason]
    assert chunks[-1].usage == answer.usage and all(chunk.usage is None for chunk in chunks[:-1])
    assert len({chunk.id for chunk in chunks}) == 1


def test_prompts_without_a_conversation_are_continued(gateway: GatewayServer, key: str, served: str) -> None:
    client = gateway.client(key)
    answer = client.completions.create(model=served, prompt=TEXTS[1], max_tokens=8)
    stream = client.completions.create(model=served, prompt=[TEXTS[1]], max_tokens=8, stream=True)

    assert answer.object == "text_completion" and answer.choices[0].text
    assert "".join(chunk.choices[0].text for chunk in stream if chunk.choices) == answer.choices[0].text


def test_the_asynchronous_client_gets_many_answers_at_once(gateway: GatewayServer, key: str, served: str) -> None:
    client = openai.AsyncOpenAI(base_url=f"{gateway.url}/v1", api_key=key, max_retries=0, timeout=90)

    async def ask(number: int) -> str:
        messages: Any = [{"role": "user", "content": f"What is {number}?"}]
        stream: Any = await client.chat.completions.create(model=served, messages=messages, max_tokens=24, stream=True)
        return "".join([chunk.choices[0].delta.content or "" async for chunk in stream])

    async def both() -> tuple[list[str], list[str]]:
        return [await ask(number) for number in range(8)], list(await asyncio.gather(*map(ask, range(8))))

    alone, together = asyncio.run(both())
    assert together == alone


def test_models_are_listed_and_looked_up(gateway: GatewayServer, key: str, served: str) -> None:
    client = gateway.client(key)
    assert served in [model.id for model in client.models.list()]
    assert client.models.retrieve(served).created > 1_700_000_000
    with pytest.raises(openai.NotFoundError):
        client.models.retrieve("nothing")
