"""Texts from templates and from a real server that speaks the protocol, well and badly."""

import json
import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr, ValidationError

from include.artifacts.store import ArtifactStore
from include.core.errors import ConfigurationError, GenaiError, ServerUnavailableError, SourceError
from include.core.settings import PROJECT_ROOT, read_settings, settings
from include.data_preparation.aggregate import aggregate
from include.data_preparation.config import AggregateConfig, GenerateTextsConfig, SplitConfig
from include.data_preparation.division.questions import question_of
from include.data_preparation.documents import Document, read_all
from include.data_preparation.generate_texts import generate_texts
from include.data_preparation.synthesis.text_endpoint import Address, TextEndpoint
from tests.conftest import ObjectStoreServer
from tests.data_preparation.chat_server import KEY, ChatServer, Handler, Reply, serving
from tests.data_preparation.conftest import LATER

TEMPLATES = {
    "slots": {
        "tool": ["the {part} service", "the scheduler"],
        "part": ["build", "export"],
        "hour": ["six", "seven", "eight"],
    },
    "templates": [
        {"question": "When does {tool} start?", "answer": "At {hour}, {tool} starts on its own."},
        {"question": "Who looks after {tool}?", "answer": "The platform team looks after {tool}."},
    ],
}


def config(**changes: Any) -> GenerateTextsConfig:
    """One prompt, asked six times, with waits that a test can wait for."""
    base: dict[str, Any] = {
        "prompts": [{"name": "topics", "instruction": "Write about {topic}.", "count": 6}],
        "slots": {"topic": [f"topic {number}" for number in range(40)]},
        "license": "Apache-2.0",
        "timeout_seconds": 5,
        "max_wait_seconds": 1,
        "concurrency": 3,
    }
    return GenerateTextsConfig.model_validate(base | changes)


@pytest.fixture
def at(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[ChatServer], None]]:
    """Makes a server the endpoint that the settings name."""

    def use(server: ChatServer, key: str = KEY) -> None:
        values = {"GENAI_TEXT_ENDPOINT": server.url, "GENAI_TEXT_MODEL": "tiny", "GENAI_TEXT_API_KEY": key}
        for name, value in values.items():
            monkeypatch.setenv(name, value)
        settings.cache_clear()

    yield use
    monkeypatch.undo()
    settings.cache_clear()


def documents(store: ArtifactStore, ref: Any, folder: Path) -> list[Document]:
    return read_all(store.fetch(ref, folder))


def test_templates_give_different_questions_and_one_text_a_slot(store: ArtifactStore, tmp_path: Path) -> None:
    made = GenerateTextsConfig.model_validate(TEMPLATES)
    outcome = generate_texts.run(store, {"config": made})
    found = documents(store, outcome.ref, tmp_path / "one")

    assert {one.title for one in found} == {
        f"{start} {tool}{end}?"
        for start, end in (("When does", " start"), ("Who looks after", ""))
        for tool in ("the build service", "the export service", "the scheduler")
    }
    for one in found:
        tool = one.title.removeprefix("When does ").removeprefix("Who looks after ").removesuffix("?")
        assert tool.removesuffix(" start") in one.text and "{" not in one.text
        assert one.generated and one.source == "templates" and one.license == "Apache-2.0"
    assert outcome.metrics["documents"] == 6 and outcome.metrics["answers"] == 0
    assert generate_texts.run(store, {"config": made}, force=True).ref == outcome.ref


def test_without_templates_and_prompts_nothing_is_generated_and_no_endpoint_is_needed(store: ArtifactStore) -> None:
    assert generate_texts.run(store, {"config": GenerateTextsConfig()}).metrics["documents"] == 0


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"templates": [{"question": "{who}?", "answer": "x"}]}, "there is no slot who"),
        ({"slots": {"a": ["{b}"], "b": ["{a}"]}, "templates": [{"question": "{a}", "answer": "x"}]}, "one another"),
        ({"prompts": [{"name": "x", "instruction": "x", "count": 1}], "license": ""}, "prompts need a license"),
        ({"max_requests": 5}, "ask for 6 answers, and max_requests is 5"),
        ({"parameters": {"stream": True, "seed": 1}}, "parameters name stream, which the workflow sets itself"),
    ],
)
def test_a_wrong_grammar_is_refused(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValidationError, match=problem):
        config(**change)


def test_answers_are_asked_for_once_and_are_the_same_ever_after(
    store: ArtifactStore, at: Callable[..., None], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    with serving(lambda handler, _: handler.pair()) as server:
        at(server)
        outcome = generate_texts.run(store, {"config": config()})
        assert server.asked.total() == 6 and server.most <= 3
        again = generate_texts.run(store, {"config": config()}, force=True)
        assert again.ref == outcome.ref and server.asked.total() == 6
        other = generate_texts.run(store, {"config": config(seed=8)})
        assert server.asked.total() == 12 and other.ref != outcome.ref
        fewer = config(prompts=[{"name": "topics", "instruction": "Write about {topic}.", "count": 4}])
        generate_texts.run(store, {"config": fewer})
        assert server.asked.total() == 12, "what was asked is not asked again"

    found = documents(store, outcome.ref, tmp_path / "texts")
    assert len(found) == 6 == len({one.id for one in found})
    assert all(one.generated and one.source == "endpoint" and one.license == "Apache-2.0" for one in found)
    assert outcome.metrics["model"] == "tiny" and outcome.metrics["tokens"] == 120
    everything = caplog.text + repr(store.manifest(outcome.ref))
    everything += "".join(
        store.bucket.get_bytes(key)[0].decode("latin-1") for key in store.bucket.keys("generated_texts/")
    )
    everything += "".join(path.read_text("latin-1") for path in (tmp_path / "texts").iterdir())
    assert KEY not in everything


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


def test_a_busy_endpoint_is_asked_again_after_the_time_it_names(store: ArtifactStore, at: Callable[..., None]) -> None:
    times: dict[str, list[float]] = {}

    def busy(handler: Handler, count: int) -> None:
        times.setdefault(f"{handler.prompt}{handler.body['seed']}", []).append(time.monotonic())
        if count == 1:
            handler.send(429, {"error": {"message": "slow down"}}, Retry_After="1")
        elif count < 4:
            handler.send((503, 408)[count - 2], b"<html>down</html>", Retry_After="0")
        else:
            handler.pair()

    with serving(busy) as server:
        at(server)
        asked = [{"name": "busy", "instruction": "Busy {topic}.", "count": 3}]
        assert generate_texts.run(store, {"config": config(prompts=asked)}).metrics["documents"] == 3
    assert all(len(moments) == 4 and moments[1] - moments[0] >= 1 for moments in times.values())


def _garbage(handler: Handler, _: int) -> None:
    handler.send(200, b'{"choices": [{"message"')


def _wrong(handler: Handler, _: int) -> None:
    handler.send(200, {"choices": []})


def _hanging(handler: Handler, _: int) -> None:
    handler.server.hang()


def _trickling(handler: Handler, _: int) -> None:
    handler.server.trickle(handler)


def _truncated(handler: Handler, _: int) -> None:
    handler.send_response(200)
    handler.send_header("Content-Length", "5000")
    handler.end_headers()
    handler.wfile.write(b'{"choices": [')
    handler.close_connection = True


def _huge(handler: Handler, _: int) -> None:
    handler.send(200, b" " * (5 << 20))


def _always_500(handler: Handler, _: int) -> None:
    handler.send(500, {"error": f"no json_schema here, {KEY}"}, Retry_After="0")


def _long_wait(handler: Handler, _: int) -> None:
    handler.send(429, {}, Retry_After="3600")


def _odd_wait(handler: Handler, _: int) -> None:
    handler.send(503, {}, Retry_After="\u00b2")


def _moved(handler: Handler, _: int) -> None:
    handler.send(302, b"", Location="http://127.0.0.1:1/v1")


@pytest.mark.parametrize(
    ("reply", "problem", "asked"),
    [
        (_garbage, "no chat completion", 1),
        (_wrong, "no chat completion", 1),
        (_hanging, r"no answer in 0\.5 s", 1),
        (_trickling, r"no whole answer in 0\.5 s", 1),
        (_truncated, "the connection failed", 1),
        (_huge, "larger than", 1),
        (_always_500, r"after 3 attempts: .*no json_schema here, \*\*\*", 3),
        (_odd_wait, "after 3 attempts", 3),
        (_long_wait, "it asks to wait 3600 s", 1),
    ],
)
def test_an_endpoint_that_fails_is_a_transient_error_and_nothing_is_kept(
    store: ArtifactStore, at: Callable[..., None], reply: Reply, problem: str, asked: int
) -> None:
    before = set(store.bucket.keys("generated_texts/"))
    with serving(reply) as server:
        at(server)
        one = config(
            prompts=[{"name": "one", "instruction": reply.__name__, "count": 1}], timeout_seconds=0.5, attempts=3
        )
        with pytest.raises(ServerUnavailableError, match=problem) as caught:
            generate_texts(store, config=one)
        assert server.asked.total() == asked and KEY not in str(caught.value)
    assert set(store.bucket.keys("generated_texts/")) == before


def _unknown_model(handler: Handler, _: int) -> None:
    handler.send(404, {"error": f"model not found for {KEY}"})


@pytest.mark.parametrize(
    ("reply", "key", "problem"),
    [
        (_unknown_model, KEY, r"refuses a request to tiny \(HTTP 404\).*not found for \*\*\*"),
        (_moved, KEY, r"it leads requests elsewhere \(HTTP 302\)"),
        (_garbage, "wrong", r"GENAI_TEXT_API_KEY = '\*\*\*': the endpoint refuses the key"),
    ],
)
def test_a_request_that_is_refused_fails_at_once_and_names_the_setting(
    store: ArtifactStore, at: Callable[..., None], reply: Reply, key: str, problem: str
) -> None:
    with serving(reply) as server:
        at(server, key)
        with pytest.raises(ConfigurationError, match=problem) as caught:
            generate_texts(store, config=config(concurrency=1))
        assert server.asked.total() == 1 and KEY not in str(caught.value) and "wrong" not in str(caught.value)


def test_a_key_from_a_file_loses_its_newline_and_one_that_no_header_holds_is_not_shown(
    store: ArtifactStore, at: Callable[..., None]
) -> None:
    with serving(lambda handler, _: handler.pair()) as server:
        at(server, f" {KEY}\n")
        asked = [{"name": "key", "instruction": "Key of {topic}.", "count": 1}]
        assert generate_texts.run(store, {"config": config(prompts=asked)}).metrics["documents"] == 1
        for key in ("sk-sch\u00f6n", "sk-sch\non", "sk-sch on", "sk-sch\x7fon"):
            at(server, key)
            with pytest.raises(ConfigurationError, match=r"GENAI_TEXT_API_KEY = '\*\*\*'") as caught:
                generate_texts(store, config=config(prompts=[{**asked[0], "name": "other"}]))
            assert "sch" not in str(caught.value)
        assert server.asked.total() == 1


def test_an_error_of_the_connection_shows_its_type_alone() -> None:
    with serving(lambda handler, _: handler.pair()) as server:
        # a key that did not come from the settings, which would have refused it
        endpoint = TextEndpoint(Address(url=server.url, model="tiny", key=SecretStr(f"{KEY}\n")), config())
        with pytest.raises(ServerUnavailableError, match=r"= 'LocalProtocolError': the connection failed\.") as caught:
            endpoint.ask({"messages": []})
        endpoint.close()
    assert KEY not in str(caught.value)
    assert caught.value.__cause__ is None and caught.value.__suppress_context__


def test_one_that_fails_does_not_cost_the_others(store: ArtifactStore, at: Callable[..., None]) -> None:
    broken = True

    def reply(handler: Handler, _: int) -> None:
        if broken and sum(server.asked.values()) == 2:
            handler.send(200, b"?")
        else:
            handler.pair()

    with serving(reply) as server:
        at(server)
        asked = config(prompts=[{"name": "some", "instruction": "Some {topic}.", "count": 6}])
        with pytest.raises(ServerUnavailableError):
            generate_texts(store, config=asked)
        assert server.asked.total() == 3, "the batch ends, and no other begins"
        broken = False
        assert generate_texts.run(store, {"config": asked}).metrics["documents"] == 6
        assert server.asked.total() == 7


def test_the_budget_of_tokens_ends_the_asking(store: ArtifactStore, at: Callable[..., None]) -> None:
    with serving(lambda handler, _: handler.pair()) as server:
        at(server)
        asked = [{"name": "dear", "instruction": "Dear {topic}.", "count": 6}]
        outcome = generate_texts.run(store, {"config": config(prompts=asked, max_tokens=50)})
        assert server.asked.total() == 3 == outcome.metrics["documents"]
    assert outcome.metrics["odd"] == {"not asked: over max_tokens": 3} and outcome.metrics["tokens"] == 60


CHILD = """
from include.artifacts.bucket import StoreAddress
from include.artifacts.store import ArtifactStore
from include.core.settings import settings
from include.data_preparation.generate_texts import generate_texts
from tests.data_preparation.test_generate_texts import killed
print(generate_texts(ArtifactStore(StoreAddress.of(settings())), config=killed()))
"""


def killed() -> GenerateTextsConfig:
    """What the process that is killed asks."""
    return config(prompts=[{"name": "killed", "instruction": "Killed {topic}.", "count": 12}], timeout_seconds=60)


def test_a_killed_writer_is_resumed_without_asking_again(
    store: ArtifactStore,
    object_store_server: ObjectStoreServer,
    at: Callable[..., None],
    tmp_path: Path,
) -> None:
    def reply(handler: Handler, _: int) -> None:
        if not resumed and server.asked.total() > 7:
            server.hang()
        else:
            handler.pair()

    resumed = False
    with serving(reply) as server:
        at(server)
        environment = os.environ | object_store_server.address().environment() | {"GENAI_STATE_FOLDER": str(tmp_path)}
        child = subprocess.Popen([sys.executable, "-c", CHILD], cwd=PROJECT_ROOT, env=environment)
        deadline = time.monotonic() + 120
        while len(kept := _kept(store, "Killed")) < 7 or server.asked.total() < 9:
            assert time.monotonic() < deadline and child.poll() is None
            time.sleep(0.05)
        child.send_signal(signal.SIGKILL)
        child.wait()
        resumed = True
        outcome = generate_texts.run(store, {"config": killed()})

        # the nine of three batches, two of which hung when it died, and the last three
        assert outcome.metrics["documents"] == 12 and len(kept) == 7
        assert server.asked.total() == 14 and sorted(server.asked.values()) == [1] * 10 + [2, 2]
        assert _kept(store, "Killed").items() >= kept.items()


def _kept(store: ArtifactStore, word: str) -> dict[str, bytes]:
    found = {key: store.bucket.get_bytes(key)[0] for key in store.bucket.keys("generated_texts/")}
    return {key: data for key, data in found.items() if word.encode() in data}


def test_prompts_without_an_endpoint_and_addresses_with_a_password_are_refused(store: ArtifactStore) -> None:
    with pytest.raises(ConfigurationError, match=r"GENAI_TEXT_ENDPOINT = '': the use case has prompts"):
        generate_texts(store, config=config())
    with pytest.raises(GenaiError) as caught:
        read_settings({"GENAI_TEXT_ENDPOINT": "https://me:secret@example.com/v1"})
    assert "GENAI_TEXT_ENDPOINT" in str(caught.value) and "secret" not in str(caught.value)


def test_generated_texts_join_the_sources_and_are_asked_as_they_are(store: ArtifactStore, tmp_path: Path) -> None:
    made = generate_texts(store, config=GenerateTextsConfig.model_validate(TEMPLATES))
    bare = AggregateConfig(tickets=0, standard_library=False, packages=(), shards=2)
    outcome = aggregate.run(store, {"as_of": LATER, "config": bare, "generated": made})
    mine = [one for one in documents(store, outcome.ref, tmp_path / "all") if one.generated]

    assert len(mine) == 6 and {one.source for one in mine} == {"templates"}
    (row,) = [row for row in outcome.metrics["provenance"] if row["name"] == "generated by templates"]
    assert row["licences"] == {"Apache-2.0": 6} and row["location"] == "the use case"
    asked = question_of(mine[0], SplitConfig())
    assert asked and (asked.question, asked.answer, asked.generated) == (mine[0].title, mine[0].text, True)
