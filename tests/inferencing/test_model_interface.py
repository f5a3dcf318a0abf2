"""What a model on a real tritonserver takes and gives: tenants, sampling, stops, refusals, cancels, unloading."""

import json
import queue
import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import tritonclient.grpc as grpc

from include.artifacts.ref import ArtifactRef
from include.artifacts.store import ArtifactStore
from include.core.errors import ModelError
from include.inferencing.config import PackageConfig
from include.inferencing.package import package
from include.inferencing.publish import publish
from include.inferencing.triton_client import Piece, TritonClient
from tests.inferencing.conftest import TritonServer
from tests.inferencing.test_deploy import expected_answer
from tests.tiny_model import TEXTS, tiny_adapter, tiny_model

MODEL = "tenants"
TENANTS = {"acme": "lora", "bolt": "wide_lora", "crew": "prompt_tuning"}


@pytest.fixture(scope="module")
def tenants(store: ArtifactStore, triton: TritonServer) -> Iterator[ArtifactRef]:
    """One base with two LoRAs and a soft prompt beside it, loaded."""
    model = tiny_model(store, seed=0)
    refs = [tiny_adapter(store, model=model, technique=technique) for technique in TENANTS.values()]
    config = PackageConfig(
        weight_format="fp32", max_prompt_tokens=128, max_new_tokens=256, cache_tokens=4096, max_sequences=4
    )
    made = package(store, model=model, tenants=refs, names=list(TENANTS), config=config)
    publish(store, made, MODEL)
    with TritonClient(triton.address) as client:
        client.load(MODEL, 60)
        yield made
        client.unload(MODEL)


def ask(triton: TritonServer, question: str, tokens: int, adapter: str = "", **parameters: object) -> list[Piece]:
    with TritonClient(triton.address) as client:
        return list(client.stream(MODEL, question, tokens, 60, adapter, **parameters))


def text_of(pieces: list[Piece]) -> str:
    return "".join(piece.text for piece in pieces)


def readable(text: str) -> str:
    """Bytes that are no character: engines differ in how many signs they write for a run of them."""
    return re.sub("\ufffd+", "\ufffd", text)


def test_tenants_in_one_batch_get_the_answers_of_their_own_adapters(
    store: ArtifactStore, triton: TritonServer, tenants: ArtifactRef, tmp_path: Path
) -> None:
    expected = {
        name: readable(expected_answer(store, tmp_path / name, 0, technique, TEXTS[0], 24))
        for name, technique in TENANTS.items()
    }
    with ThreadPoolExecutor(9) as pool:
        asked = [(name, pool.submit(ask, triton, TEXTS[0], 24, name)) for name in [*TENANTS, ""] * 2]
        got = [(name, readable(text_of(answer.result()))) for name, answer in asked]

    plain = {text for name, text in got if not name}
    assert {(name, text) for name, text in got if name} == set(expected.items())
    assert len(plain) == 1 and plain.isdisjoint(expected.values())
    info = json.loads(store.read(tenants, "package_info.json"))
    assert {name: one["form"] for name, one in info["adapters"].items()} == {
        "acme": "lora",
        "bolt": "lora",
        "crew": "soft_prompt",
    }
    with pytest.raises(ModelError, match=r"\[invalid_request\] adapter: 'other' is not served"):
        ask(triton, TEXTS[0], 4, "other")


def test_sampling_stops_and_counts_are_what_clients_expect(triton: TritonServer, tenants: ArtifactRef) -> None:
    sampled = {"temperature": 1.5, "top_p": 0.95, "top_k": 50, "seed": 7}
    with ThreadPoolExecutor(4) as pool:
        same = list(pool.map(lambda _: text_of(ask(triton, "Why?", 24, **sampled)), range(3)))  # type: ignore[arg-type]
        other = pool.submit(ask, triton, "Why?", 24, **sampled | {"seed": 8}).result()  # type: ignore[arg-type]
    assert len(set(same)) == 1 and text_of(other) != same[0]

    # so cold that the engine, dividing by it, would write any token, those of other tenants' adapters too
    for adapter in ("", "acme"):
        cold, greedy = (text_of(ask(triton, "Why?", 16, adapter, temperature=value)) for value in (1e-42, 0))
        assert cold == greedy
    whole = ask(triton, TEXTS[0], 40, repetition_penalty=1.3)
    text = text_of(whole)
    assert sum(piece.tokens for piece in whole) == 40 and whole[-1].finish_reason == "length"
    assert {piece.finish_reason for piece in whole[:-1]} <= {""} and whole[0].prompt_tokens > len(TEXTS[0]) // 8
    # random weights write bytes that are no characters; none of what is one may be torn
    assert text.encode("utf-8").decode("utf-8") == text
    stop = next(text[at : at + 3] for at in range(4, len(text)) if text.find(text[at : at + 3]) == at)
    stopped = ask(triton, TEXTS[0], 40, repetition_penalty=1.3, stop=[stop, "never written"])
    assert text_of(stopped) == text[: text.index(stop)] and stopped[-1].finish_reason == "stop"
    assert sum(piece.tokens for piece in stopped) < 40


HOSTILE: list[tuple[dict[str, bytes], str]] = [
    ({}, r"\[invalid_request\] messages and text_input: send exactly one"),
    ({"messages": b"[]", "text_input": b"x"}, r"send exactly one"),
    ({"messages": b"{torn"}, r"\[invalid_request\] messages: not JSON"),
    ({"messages": b"[" * 100_000}, r"\[(invalid_request|prompt_too_long)\]"),
    ({"messages": b"\xff\xfe"}, r"\[invalid_request\] messages: not UTF-8"),
    ({"messages": b'[{"role": "system", "content": "x"}]'}, r"none of them is the user's"),
    ({"messages": b'[{"role": "wizard", "content": "x"}]'}, r"'wizard' is none of system"),
    ({"messages": b'[{"role": ["user"], "content": "x"}]'}, r"\[invalid_request\]"),
    ({"messages": b'[{"role": "user", "content": 7}]'}, r"content: a string is wanted"),
    ({"text_input": b"x" * 10_000_000}, r"\[prompt_too_long\]"),
    ({"text_input": b"x " * 400}, r"\[prompt_too_long\] the prompt has \d+ tokens: at most 128"),
    ({"text_input": b"x", "parameters": b'{"temperature": NaN}'}, r"NaN is not a number"),
    ({"text_input": b"x", "parameters": b'{"temperature": "hot"}'}, r"a finite number is wanted"),
    ({"text_input": b"x", "parameters": b'{"temperature": 1e999}'}, r"a finite number is wanted"),
    ({"text_input": b"x", "parameters": b'{"temperature": %d}' % 10**400}, r"10{39} is not in its range"),
    ({"text_input": b"x", "parameters": b'{"max_tokens": true}'}, r"a whole number is wanted"),
    ({"text_input": b"x", "parameters": b'{"max_tokens": 1e9}'}, r"a whole number is wanted"),
    ({"text_input": b"x", "parameters": b'{"logit_bias": {}}'}, r"logit_bias: not known"),
    ({"text_input": b"x", "parameters": b'{"stop": [""]}'}, r"strings of 1 to 256"),
    ({"text_input": b"x", "parameters": b"[1]"}, r"a JSON object is wanted"),
]


def raw(triton: TritonServer, inputs: dict[str, bytes], deadline: float = 30) -> list[Any]:
    """All answers to a request as it is; its error is raised."""
    tensors = []
    for name, value in inputs.items():
        tensor = grpc.InferInput(name, [1], "BYTES")
        tensor.set_data_from_numpy(np.array([value], dtype=np.object_))
        tensors.append(tensor)
    found: queue.Queue[tuple[Any, Exception | None]] = queue.Queue()
    with closing(grpc.InferenceServerClient(triton.address)) as client:
        client.start_stream(lambda result, error: found.put((result, error)), stream_timeout=30)
        client.async_stream_infer(MODEL, tensors, enable_empty_final_response=True, timeout=int(deadline * 1e6))
        results = []
        while True:
            result, error = found.get(timeout=30)
            if error:
                raise error
            results.append(result)
            if result.get_response().parameters["triton_final_response"].bool_param:
                return results


def test_hostile_requests_get_a_code_and_harm_nobody(triton: TritonServer, tenants: ArtifactRef) -> None:
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(ask, triton, "Why?", 200)
        for inputs, reason in HOSTILE:
            with pytest.raises(Exception, match=reason):
                raw(triton, inputs)
        assert sum(piece.tokens for piece in other.result()) > 0
    with pytest.raises(Exception, match=r"\[deadline\]"):
        raw(triton, {"text_input": b"x", "parameters": b'{"max_tokens": 256}'}, deadline=0.02)
    # a user's text ends no turn: read as special tokens, both would be as long
    spelled, plain = (ask(triton, f"a{text}b", 1)[0].prompt_tokens for text in ("<|end|>", "=end="))
    assert spelled > plain


def test_a_cancelled_request_frees_its_place(triton: TritonServer, tenants: ArtifactRef) -> None:
    with TritonClient(triton.address) as client:
        streams = [
            client.stream(
                MODEL,
                f"Tell me {i}",
                256,
                60,
            )
            for i in range(4)
        ]
        for stream in streams:
            next(stream)
        for stream in streams:
            stream.close()
        started = time.monotonic()
        answer = list(client.stream(MODEL, "And me?", 8, 60))
    assert answer[-1].finish_reason and time.monotonic() - started < 30


def test_unloading_loses_no_answer_under_way(triton: TritonServer, tenants: ArtifactRef) -> None:
    with TritonClient(triton.address) as client:
        with ThreadPoolExecutor(8) as pool:
            before = list(pool.map(lambda i: text_of(ask(triton, f"Tell me {i}", 200)), range(8)))
            streams = [client.stream(MODEL, f"Tell me {i}", 200, 60) for i in range(8)]
            first = [next(stream) for stream in streams]
            client.unload(MODEL)
            rest = list(pool.map(list, streams))
        after = [text_of([one, *more]) for one, more in zip(first, rest, strict=True)]
        assert after == before
        client.load(MODEL, 60)
