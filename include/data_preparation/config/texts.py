"""Texts that are written for the dataset: from templates, and by a model behind an OpenAI-compatible endpoint."""

import re
from collections.abc import Iterable, Iterator
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator

from include.data_preparation.config.base import StepConfig

SLOT = re.compile(r"\{([a-z][a-z0-9_]*)\}")
# of a request: what is asked and of whom, and that one whole answer comes
FIXED = frozenset(("model", "messages", "stream", "n"))
Text = Annotated[str, Field(min_length=1, max_length=20_000)]
Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,62}$")]


class TextTemplate(StepConfig):
    """A question and its answer; {slot} stands for one of the slot's texts, the same in both."""

    question: Text = Field(description="The question, with slots.")
    answer: Text = Field(description="Its answer, with slots.")


class TextPrompt(StepConfig):
    """What the endpoint's model is asked to write a question and an answer about."""

    name: Name = Field(description="What reports call it.")
    instruction: Text = Field(description="What to write, with slots.")
    count: int = Field(ge=1, le=100_000, description="How often it is asked, with other texts in its slots.")


class GenerateTextsConfig(StepConfig):
    """Questions and answers from templates and prompts; without any, nothing is generated."""

    slots: dict[Name, Annotated[tuple[Text, ...], Field(min_length=1)]] = Field(
        {}, description="Slot -> its texts, which may have slots in turn."
    )
    templates: tuple[TextTemplate, ...] = Field((), description="What is put together here, without any model.")
    template_texts: int = Field(200, ge=0, le=100_000, description="Most texts from templates; equal ones count once.")
    template_license: str = Field("Apache-2.0", min_length=1, description="SPDX name of their licence.")
    prompts: tuple[TextPrompt, ...] = Field((), description="What the model at GENAI_TEXT_ENDPOINT is asked.")
    system: Text = Field(
        "You write examples for an assistant. Answer with one JSON object that has the keys question and answer, both "
        "plain text, and with nothing else.",
        description="Instruction that goes before each prompt.",
    )
    license: str = Field("", description="SPDX name of the licence that the model's answers may be used under.")
    structured: Literal["prompt", "json_object", "json_schema"] = Field(
        "prompt", description="How the endpoint is told the form of an answer: by the instruction, or by its API too."
    )
    temperature: float = Field(0.8, ge=0, le=2, description="Temperature of the answers.")
    answer_tokens: int = Field(300, ge=16, le=32_768, description="Tokens of the longest answer.")
    parameters: dict[str, Any] = Field(
        {},
        description="What the endpoint's API has beside or in place of the usual fields of a request; null leaves one "
        "out: {max_tokens: null, max_completion_tokens: 300, seed: null}.",
    )
    max_requests: int = Field(1000, ge=1, le=1_000_000, description="Most requests; the counts of all prompts fit in.")
    max_tokens: int = Field(
        1_000_000, ge=1, description="Tokens, of prompts and answers, after which no more is asked."
    )
    concurrency: int = Field(4, ge=1, le=64, description="Requests at a time.")
    timeout_seconds: float = Field(60, gt=0, le=3600, description="Time that one answer may take.")
    attempts: int = Field(
        5, ge=1, le=20, description="Times that a request is sent while the endpoint is busy or down."
    )
    max_wait_seconds: float = Field(
        60,
        ge=0,
        le=3600,
        description="Longest wait between two attempts; an endpoint that asks for more fails the step.",
    )
    min_accepted_share: float = Field(
        0.5, ge=0, le=1, description="Share of the answers that have to be usable, or the step fails."
    )
    min_characters: int = Field(8, ge=1, description="Shortest question or answer of the model that is taken.")
    max_characters: int = Field(
        4000, ge=16, le=500_000, description="Longest question or answer of the model that is taken."
    )
    seed: int = Field(7, ge=0, description="Decides which texts fill the slots; another one asks for other answers.")

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        texts = [text for template in self.templates for text in (template.question, template.answer)]
        for slot in _slots_of([*texts, *(prompt.instruction for prompt in self.prompts)]):
            self._require(slot, ())
        if fixed := sorted(FIXED.intersection(self.parameters)):
            raise ValueError(f"parameters name {', '.join(fixed)}, which the workflow sets itself")
        names = [prompt.name for prompt in self.prompts]
        if len(set(names)) < len(names):
            raise ValueError("two prompts have the same name")
        asked = sum(prompt.count for prompt in self.prompts)
        if asked > self.max_requests:
            raise ValueError(f"the prompts ask for {asked} answers, and max_requests is {self.max_requests}")
        if self.prompts and not self.license:
            raise ValueError("prompts need a license: under which one may the model's answers be used?")
        return self

    def _require(self, slot: str, inside: tuple[str, ...]) -> None:
        if slot not in self.slots:
            raise ValueError(f"there is no slot {slot}")
        if slot in inside:
            raise ValueError(f"the slots {' and '.join(inside)} contain one another")
        for name in _slots_of(self.slots[slot]):
            self._require(name, (*inside, slot))


def _slots_of(texts: Iterable[str]) -> Iterator[str]:
    return (slot for text in texts for slot in SLOT.findall(text))
