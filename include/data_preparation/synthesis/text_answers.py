"""Answers of a text endpoint, each asked for once, and the questions and answers that are read from them."""

import json
import logging
import re
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from include.artifacts.asked_once import answer_key, ask_once
from include.artifacts.bucket import Bucket
from include.data_preparation.config.texts import GenerateTextsConfig
from include.data_preparation.documents import rank
from include.data_preparation.synthesis.text_endpoint import Address, Answer, TextEndpoint
from include.data_preparation.synthesis.text_grammar import prompt_texts

ANSWERS = "generated_texts"
OVER_BUDGET = "not asked: over max_tokens"

# models that are asked for plain JSON often write it as a block of Markdown
_BLOCK = re.compile(r"\s*```(?:json)?\s*\n(.*?)\n\s*```\s*", re.DOTALL | re.IGNORECASE)

_Stripped = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1)]


class _Pair(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True)
    question: _Stripped
    answer: _Stripped


@dataclass
class Written:
    """What came of all requests."""

    pairs: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Digest of the request -> question and answer."""
    odd: Counter[str] = field(default_factory=Counter)
    """Reason -> answers that are not used."""
    answers: int = 0
    tokens: int = 0
    questions: set[str] = field(default_factory=set)
    """The questions of the pairs, casefolded."""


def requests(address: Address, config: GenerateTextsConfig) -> list[dict[str, Any]]:
    """Bodies of all requests, in order; each has a seed of its own."""
    bodies = []
    for index, (name, text) in enumerate(prompt_texts(config)):
        body: dict[str, Any] = {
            "model": address.model,
            "messages": [{"role": "system", "content": config.system}, {"role": "user", "content": text}],
            "temperature": config.temperature,
            "max_tokens": config.answer_tokens,
            "seed": int(rank(config.seed, f"{name}:{index}")[:7], 16),
        }
        if config.structured == "json_object":
            body["response_format"] = {"type": "json_object"}
        elif config.structured == "json_schema":
            schema = {"name": "pair", "strict": True, "schema": _Pair.model_json_schema()}
            body["response_format"] = {"type": "json_schema", "json_schema": schema}
        body |= config.parameters
        bodies.append({name: value for name, value in body.items() if value is not None})
    return bodies


def ask_all(bucket: Bucket, address: Address, config: GenerateTextsConfig, log: logging.Logger) -> Written:
    """Every request's answer, from the store or from the endpoint, until the tokens are spent.

    A batch ends before the next begins, so that what is asked depends on the answers and not on their timing. Where
    one request fails, the others of its batch are kept, and its error is raised.
    """
    written, bodies = Written(), requests(address, config)
    keys = [answer_key(ANSWERS, address, body) for body in bodies]
    there = set(bucket.keys(f"{ANSWERS}/")) if bodies else set()
    endpoint = TextEndpoint(address, config)
    log.info("%d of %d answers are there", len(there.intersection(keys)), len(keys))
    try:
        with ThreadPoolExecutor(config.concurrency) as pool:
            for start in range(0, len(bodies), config.concurrency):
                if written.tokens >= config.max_tokens:
                    written.odd[OVER_BUDGET] += len(bodies) - start
                    break
                stop = start + config.concurrency
                tasks = [
                    pool.submit(ask_once, bucket, endpoint, key, body, asked=key in there)
                    for key, body in zip(keys[start:stop], bodies[start:stop], strict=True)
                ]
                failed = [error for task in tasks if (error := task.exception())]
                if failed:
                    raise failed[0]
                for key, task in zip(keys[start:stop], tasks, strict=True):
                    _take(written, key, task.result(), config)
    finally:
        endpoint.close()
    return written


def _take(written: Written, key: str, answer: Answer, config: GenerateTextsConfig) -> None:
    written.answers += 1
    written.tokens += answer.tokens
    found = judge(answer, config)
    if isinstance(found, str):
        written.odd[found] += 1
    elif found[0].casefold() in written.questions:
        written.odd["repeats a question"] += 1
    else:
        written.questions.add(found[0].casefold())
        written.pairs[key.removeprefix(f"{ANSWERS}/").removesuffix(".json")] = found


def judge(answer: Answer, config: GenerateTextsConfig) -> tuple[str, str] | str:
    """Question and answer, or the reason why it is none."""
    if answer.refused:
        return "refused"
    if answer.finish == "length":
        return "cut off"
    if not answer.text.strip():
        return "empty"
    block = _BLOCK.fullmatch(answer.text)
    try:
        content = json.loads(block[1] if block else answer.text)
    except ValueError:
        return "not JSON"
    try:
        pair = _Pair.model_validate(content)
    except ValidationError:
        return "other fields than question and answer"
    texts = " ".join(pair.question.split()), pair.answer
    if any(not config.min_characters <= len(text) <= config.max_characters for text in texts):
        return "too short or too long"
    return texts


def check_usable(written: Written, config: GenerateTextsConfig) -> Sequence[str]:
    """Why too few answers are usable; empty where enough are."""
    used = len(written.pairs)
    if not written.answers or used >= config.min_accepted_share * written.answers:
        return ()
    return [f"{count} {reason}" for reason, count in written.odd.most_common()]
