"""What an endpoint answers, in forms that are used, counted by reason, or asked for otherwise."""

import json
from collections.abc import Callable
from typing import Any

import pytest

from include.artifacts.store import ArtifactStore
from include.core.errors import ConfigurationError, SourceError
from include.data_preparation.generate_texts import generate_texts
from tests.data_preparation.asking import config
from tests.data_preparation.chat_server import Handler, serving


def test_answers_that_are_none_are_counted_by_reason(store: ArtifactStore, at: Callable[..., None]) -> None:
    odd = [
        lambda handler: handler.say(None, refusal="I cannot help with that."),
        lambda handler: handler.say('{"question": "What is', finish="length"),
        lambda handler: handler.say("Sure! Here is your JSON."),
        lambda handler: handler.say('{"question": "What is it?", "answer": "That.", "score": 3}'),
        lambda handler: handler.say('{"question": "What is it?", "answer": 42}'),
        lambda handler: handler.say(""),
        lambda handler: handler.say('{"question": "What?", "answer": "A much longer answer."}'),
        lambda handler: handler.say("", finish="content_filter"),
    ]
    with serving(lambda handler, _: odd[server.asked.total() - 1](handler)) as server:
        at(server)
        asked = [{"name": "odd", "instruction": "Odd {topic}.", "count": len(odd)}]
        outcome = generate_texts.run(store, {"config": config(prompts=asked, min_accepted_share=0, concurrency=1)})
        assert outcome.metrics["odd"] == {
            "cut off": 1,
            "empty": 1,
            "not JSON": 1,
            "other fields than question and answer": 2,
            "refused": 2,
            "too short or too long": 1,
        }
        with pytest.raises(SourceError, match=r"0 of 8 answers.*fewer than 50% are usable: 2 refused"):
            generate_texts(store, config=config(prompts=asked, concurrency=1))
        assert server.asked.total() == len(odd)


def test_an_answer_in_a_block_of_markdown_is_used_and_one_with_words_around_it_is_not(
    store: ArtifactStore, at: Callable[..., None]
) -> None:
    def reply(handler: Handler, _: int) -> None:
        number = server.asked.total()
        pair = f'{{"question": "What is number {number}?", "answer": "It is number {number}."}}'
        forms = [f"```json\n{pair}\n```\n", f"```\n{pair}\n```", f"Here you are:\n```json\n{pair}\n```"]
        handler.say(forms[number % 3])

    with serving(reply) as server:
        at(server)
        asked = [{"name": "blocks", "instruction": "Blocks {topic}.", "count": 6}]
        outcome = generate_texts.run(store, {"config": config(prompts=asked)})
    assert outcome.metrics["documents"] == 4 and outcome.metrics["odd"] == {"not JSON": 2}


def test_a_request_takes_the_form_that_its_endpoint_knows(store: ArtifactStore, at: Callable[..., None]) -> None:
    def reply(handler: Handler, _: int) -> None:
        if "max_tokens" in handler.body:
            handler.send(400, {"error": {"message": "Unsupported parameter: 'max_tokens'"}})
        else:
            handler.pair()

    with serving(reply) as server:
        at(server)
        asked = [{"name": "forms", "instruction": "Forms {topic}.", "count": 2}]
        with pytest.raises(ConfigurationError, match=r"HTTP 400.*'max_tokens'.*generate_texts \(parameters: "):
            generate_texts(store, config=config(prompts=asked))
        known = {"max_tokens": None, "max_completion_tokens": 300, "temperature": 1}
        outcome = generate_texts.run(store, {"config": config(prompts=asked, parameters=known)})
        assert outcome.metrics["documents"] == 2
        assert server.bodies[-1].items() >= {"max_completion_tokens": 300, "temperature": 1}.items()
        assert "max_tokens" not in server.bodies[-1]


@pytest.mark.parametrize("usage", [None, {}, {"total_tokens": None}, {"total_tokens": 0}])
def test_tokens_that_an_endpoint_does_not_count_are_estimated(
    store: ArtifactStore, at: Callable[..., None], usage: dict[str, Any] | None
) -> None:
    content = json.dumps({"question": f"What is {usage}?", "answer": "Not counted."})
    found: dict[str, Any] = {"choices": [{"message": {"content": content}}]} | (
        {} if usage is None else {"usage": usage}
    )

    with serving(lambda handler, _: handler.send(200, found)) as server:
        at(server)
        asked = [{"name": "uncounted", "instruction": f"Uncounted {usage}.", "count": 1}]
        outcome = generate_texts.run(store, {"config": config(prompts=asked)})
    assert outcome.metrics["documents"] == 1 and 50 < outcome.metrics["tokens"] < 200
