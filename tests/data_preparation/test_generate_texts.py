"""Texts from templates, and from a real server that speaks the protocol, each asked for once."""

import logging
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from include.artifacts.store import ArtifactStore
from include.core.errors import ConfigurationError, GenaiError
from include.core.settings import PROJECT_ROOT, read_settings
from include.data_preparation.aggregate import aggregate
from include.data_preparation.config import AggregateConfig, GenerateTextsConfig, SplitConfig
from include.data_preparation.division.questions import question_of
from include.data_preparation.generate_texts import generate_texts
from tests.conftest import ObjectStoreServer
from tests.data_preparation.asking import TEMPLATES, config, documents
from tests.data_preparation.chat_server import KEY, Handler, serving
from tests.data_preparation.conftest import LATER


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
