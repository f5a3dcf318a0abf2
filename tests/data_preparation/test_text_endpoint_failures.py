"""An endpoint that is busy, broken, or refuses: what is asked again, what fails, and what is shown of it."""

import time
from collections.abc import Callable

import pytest
from pydantic import SecretStr

from include.artifacts.store import ArtifactStore
from include.core.errors import ConfigurationError, ServerUnavailableError
from include.data_preparation.generate_texts import generate_texts
from include.data_preparation.synthesis.text_endpoint import Address, TextEndpoint
from tests.data_preparation.asking import config
from tests.data_preparation.chat_server import KEY, Handler, Reply, serving


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
